"""What a process notes before it moves outputs, read as if a stranger had written it.

A folder that comes from elsewhere may hold such a note to have files moved that are not in it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath

from equiclust.exceptions import InputError
from equiclust.io.regular_files import read_regular

__all__ = ["check_places", "is_plain", "read_journal"]

_MOST_BYTES = 1 << 26


def read_journal(path: Path) -> tuple[str, dict[str, str]]:
    """Read which files and folders a process was about to move.

    Parameters
    ----------
    path : Path
        Of the note.

    Returns
    -------
    folder : str
        Where they belong, "." or the name of a folder beside the one of the note.
    parts : dict of str to str
        SHA-256 by path in `folder`, with ``/`` between its parts.

    Raises
    ------
    InputError
        When it cannot be read, or names anything that is not in the folder.
    """
    if path.is_symlink():
        raise InputError(f"{str(path)!r} must be a file, got a symbolic link; remove it")
    content = read_regular(path, _MOST_BYTES)
    try:
        found = json.loads(content)
        folder, parts = found["folder"], found["parts"]
        is_near = folder == "." or (is_plain(folder) and PurePath(folder).name == folder)
        if is_near and isinstance(parts, dict) and all(map(is_plain, parts)):
            return folder, parts
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is damaged ({error!r}); remove it") from error
    raise InputError(f"{str(path)!r} names files that are not in its folder; remove it")


def check_places(folder: Path, new: Path, old: Path, parts: Mapping[str, str]) -> None:
    """Refuse to move files through symbolic links, and what is neither file nor folder.

    Parameters
    ----------
    folder : Path
        Where the files and folders belong.
    new, old : Path
        Folders of those that were to take their places, and of those that were there.
    parts : mapping of str to str
        By path in `folder` and in `new`.

    Raises
    ------
    InputError
        When one of them lies behind a link, or is a pipe, a socket or a device.
    """
    # The folder that holds all of this is what the user asked for, under whatever name.
    home = new.parent.parent
    for place in (folder, new, old, *_passed(folder, new, old, parts)):
        if place != home and place.is_symlink():
            raise InputError(f"nothing is moved through the symbolic link {str(place)!r}")
    for name in parts:
        for path in _all_in(folder / name):
            if not _is_ordinary(path):
                raise InputError(f"{str(path)!r} is neither a file nor a folder; remove it")


def _passed(folder: Path, new: Path, old: Path, parts: Mapping[str, str]) -> Iterator[Path]:
    """Folders in which something would be moved or made."""
    for name in parts:
        for above in PurePosixPath(name).parents:
            yield folder / above
            yield new / above
    for place, names, _ in os.walk(old):
        inside = (Path(place, name) for name in names)
        yield from (folder / path.relative_to(old) for path in inside if not path.is_symlink())


def _all_in(path: Path) -> list[Path]:
    if not os.path.lexists(path):
        return []
    return [path] if path.is_symlink() else [path, *path.rglob("*")]


def _is_ordinary(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def is_plain(name: str) -> bool:
    """Whether a name is a path that stays in its folder.

    Parameters
    ----------
    name : str
        With ``/`` between its parts.

    Returns
    -------
    bool
        False also where it names nothing.
    """
    # As a journal has it, and as the operating system takes it.
    paths = (PurePosixPath(name), PurePath(name))
    return "\0" not in name and all(
        bool(path.parts) and not path.anchor and ".." not in path.parts for path in paths
    )
