"""From the inputs that a user names to the files to read."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data_adapters.registry import known_suffix
from equiclust.exceptions import InputError
from equiclust.io.run_folder import RunFolder
from equiclust.typing import PathLike

__all__ = ["Found", "discover", "split_part"]

logger = logging.getLogger(__name__)

_PART = re.compile(r"(?P<file>.+)\[(?P<part>[^\[\]]+)\]")


class Found(NamedTuple):
    """A file to read, a part of one, or a file that cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    part : str, default ""
        Text in brackets behind its name.
    reason : str, default ""
        Why it cannot be read; empty when it can.
    """

    path: Path
    part: str = ""
    reason: str = ""


def split_part(name: PathLike) -> tuple[str, str]:
    """File and part of a name such as ``file.fits[SCI]`` or ``file.npz[images]``.

    Parameters
    ----------
    name : str or Path
        A leading ``~`` is the user's home folder. A file that is really called so, brackets
        included, has no part.

    Returns
    -------
    file : str
    part : str
        Without the brackets; empty when there is none.
    """
    path = os.path.expanduser(os.fspath(name))
    found = _PART.fullmatch(path)
    if found and not os.path.lexists(path):
        return found["file"], found["part"].strip()
    return path, ""


def discover(inputs: Sequence[str | Path], suffixes: Iterable[str]) -> tuple[Found, ...]:
    """Files that the inputs name, in order, each once.

    Parameters
    ----------
    inputs : sequence of str or Path
        Files, ``file.fits[EXT]``, folders (searched to the bottom, in alphabetical order, without
        hidden files) or globs (``**`` for any depth).
    suffixes : iterable of str
        Endings of names that can be read. In a folder other files are passed over; a file that is
        named but cannot be read is returned with the reason.

    Returns
    -------
    tuple of Found

    Raises
    ------
    InputError
        When an input does not exist, matches nothing, or is a folder without a readable file.
    """
    if not inputs:
        raise InputError("no input was given; name files, folders or globs")
    known = tuple(suffixes)
    found: dict[tuple[str, str], Found] = {}
    for name in inputs:
        for item in _expand(os.path.expanduser(os.fspath(name)), known):
            found.setdefault((os.path.realpath(item.path), item.part), item)
    return tuple(found.values())


def _expand(name: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    path = Path(name)
    file, part = split_part(name)
    # An empty name, as from a variable that is not set, would be the current folder.
    if name and path.is_dir():
        yield from _folder_or_error(path, suffixes)
    elif os.path.lexists(name):
        yield _checked(path, suffixes)
    elif part and os.path.isfile(file):
        yield _checked(Path(file), suffixes)._replace(part=part)
    elif glob.has_magic(name):
        yield from _matches(name, suffixes)
    else:
        raise InputError(f"input {name!r} does not exist")


def _folder_or_error(folder: Path, suffixes: tuple[str, ...]) -> list[Found]:
    found = list(_in_folder(folder, suffixes))
    if not found:
        raise InputError(
            f"folder {str(folder)!r} holds no file that can be read ({', '.join(sorted(suffixes))})"
        )
    return found


def _matches(pattern: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    matches = sorted(glob.glob(pattern, recursive=True))
    if not matches:
        raise InputError(f"input {pattern!r} matches no file")
    for match in map(Path, matches):
        if not match.is_dir():
            yield _checked(match, suffixes)
        elif known_suffix(match, suffixes):
            yield Found(match, reason="it is a folder, not a file")
        elif "**" not in pattern:
            # With ** the files within have been matched themselves.
            yield from _in_folder(match, suffixes)


def _in_folder(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Found]:
    failed: list[Found] = []

    def note(error: OSError) -> None:
        failed.append(Found(Path(error.filename), reason=error.strerror or str(error)))

    passed_over = 0
    seen = {_identity(folder)}
    for parent, folders, files in os.walk(folder, onerror=note, followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not _is_output(Path(parent, name))
            and _is_new(Path(parent, name), seen)
        )
        paths = [Path(parent, name) for name in sorted(files)]
        readable = [path for path in paths if _is_wanted(path, suffixes)]
        passed_over += len(paths) - len(readable)
        yield from (_checked(path, suffixes) for path in readable)
    yield from failed
    if passed_over:
        logger.warning("passed over %d files in %s that are no images", passed_over, folder)


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def _is_new(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was not walked before, as happens where links go round in a circle."""
    try:
        identity = _identity(folder)
    except OSError:
        # A link to nothing, or a folder that is closed to us: the walk says which.
        return True
    if identity in seen:
        logger.warning("passed over %s, a link to a folder that is read already", folder)
        return False
    seen.add(identity)
    return True


def _is_output(folder: Path) -> bool:
    """Whether a folder is one of ours, whose previews and tables are no images of the user."""
    if RunFolder(folder).is_run:
        logger.warning("passed over %s, the folder of a run", folder)
        return True
    return False


def _is_wanted(path: Path, suffixes: tuple[str, ...]) -> bool:
    return not path.name.startswith(".") and bool(known_suffix(path, suffixes))


def _checked(path: Path, suffixes: tuple[str, ...]) -> Found:
    try:
        path.stat()
    except FileNotFoundError:
        return Found(path, reason="it is a link to a file that does not exist")
    except OSError as error:
        return Found(path, reason=error.strerror or str(error))
    if not path.is_file():
        return Found(path, reason="it is not a regular file")
    if not known_suffix(path, suffixes):
        return Found(path, reason=f"its name must end in one of {', '.join(sorted(suffixes))}")
    return Found(path)
