"""From the inputs that a user names to the files to read."""

from __future__ import annotations

import glob
import itertools
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data_adapters.own_outputs import is_own_folder, is_record, own_output
from data_adapters.registry import known_suffix
from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable
from equiclust.typing import PathLike

__all__ = ["Found", "discover", "split_part"]

logger = logging.getLogger(__name__)

_MAX_EXAMPLES = 3
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
    identity : tuple of int, default ()
        Device and number of a regular file, the same under whatever name or link; empty when it
        has none.
    """

    path: Path
    part: str = ""
    reason: str = ""
    identity: tuple[int, ...] = ()


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
    """Files that the inputs name, in order, each once; what is passed over is logged.

    Parameters
    ----------
    inputs : sequence of str or Path
        Files, ``file.fits[EXT]``, folders (searched to the bottom, in alphabetical order, without
        hidden files and what equiclust itself wrote) or globs (``**`` for any depth).
    suffixes : iterable of str
        Endings of names that can be read. In a folder other files are passed over; a file that is
        named but cannot be read is returned with the reason.

    Returns
    -------
    tuple of Found

    Raises
    ------
    InputError
        When an input does not exist, matches nothing, or is the folder of a run or one without a
        readable file.
    """
    if not inputs:
        raise InputError("no input was given; name files, folders or globs")
    known = tuple(suffixes)
    found: dict[tuple[object, str], Found] = {}
    again: list[Path] = []
    for name in inputs:
        for item in _expand(os.path.expanduser(os.fspath(name)), known):
            key = item.identity or os.path.realpath(item.path), item.part
            if found.setdefault(key, item) is not item:
                again.append(item.path)
    if again:
        logger.warning(
            "inputs that are named before, under this or another name, are used once: %s",
            _examples(again),
        )
    return tuple(found.values())


def _examples(paths: Sequence[Path]) -> str:
    shown = ", ".join(printable(str(path)) for path in paths[:_MAX_EXAMPLES])
    return shown + (f", ... ({len(paths)} in all)" if len(paths) > _MAX_EXAMPLES else "")


def _expand(name: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    if "\0" in name:
        raise InputError(f"input {name!r} holds a null character, which no path does")
    path = Path(name)
    file, part = split_part(name)
    # An empty name, as from a variable that is not set, would be the current folder.
    if name and os.path.isdir(name):
        yield from _folder_or_error(path, suffixes)
    elif os.path.lexists(name):
        yield _named(path, suffixes)
    elif part and os.path.isfile(file):
        yield _checked(Path(file), suffixes)._replace(part=part)
    elif glob.has_magic(name):
        yield from _matches(name, suffixes)
    else:
        raise InputError(f"input {name!r} does not exist")


def _folder_or_error(folder: Path, suffixes: tuple[str, ...]) -> list[Found]:
    if is_own_folder(folder):
        raise InputError(
            f"folder {str(folder)!r} is one that equiclust wrote; name the folder of the images"
        )
    found = list(_in_folder(folder, suffixes))
    if not found:
        raise InputError(
            f"folder {str(folder)!r} holds no file that can be read ({', '.join(sorted(suffixes))})"
        )
    return found


def _matches(pattern: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]
    if not matches:
        raise InputError(f"input {pattern!r} matches no file")
    own = _own_folders(pattern, matches)
    passed_over = _PassedOver()
    passed_over.own += sorted(own)
    for match in matches:
        if match in own or not own.isdisjoint(match.parents):
            continue
        if not match.is_dir():
            found = _checked(match, suffixes)
            if found.identity and own_output(match):
                passed_over.own.append(match)
            else:
                yield found
        elif known_suffix(match, suffixes):
            yield Found(match, reason="it is a folder, not a file")
        elif "**" not in pattern:
            # With ** the files within have been matched themselves.
            yield from _in_folder(match, suffixes)
    passed_over.log(pattern)


def _own_folders(pattern: str, matches: Sequence[Path]) -> set[Path]:
    """Folders that equiclust wrote, among the matches and the folders that they lie in."""
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
    start = len(tuple(plain))
    folders = {folder for match in matches for folder in (match, *match.parents)}
    return {
        folder
        for folder in folders
        if len(folder.parts) > start and folder.is_dir() and is_own_folder(folder)
    }


@dataclass
class _PassedOver:
    """What lies in a folder and is not read."""

    others: list[Path] = field(default_factory=list)
    own: list[Path] = field(default_factory=list)
    again: list[Path] = field(default_factory=list)

    def log(self, place: PathLike) -> None:
        """Warn in one line a kind."""
        where = printable(str(place))
        for kind, paths in (
            ("files in %s that are no images", self.others),
            ("outputs of equiclust in %s", self.own),
            ("links in %s to folders that are read already", self.again),
        ):
            if paths:
                logger.warning(f"passed over {kind}: %s", where, _examples(paths))


def _in_folder(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Found]:
    failed: list[Found] = []

    def note(error: OSError) -> None:
        failed.append(Found(Path(error.filename), reason=error.strerror or str(error)))

    passed_over = _PassedOver()
    seen = {_identity(folder)}
    for parent, folders, files in os.walk(folder, onerror=note, followlinks=True):
        folders[:] = [
            name
            for name in sorted(folders)
            if not name.startswith(".") and _is_entered(Path(parent, name), seen, passed_over)
        ]
        paths = [Path(parent, name) for name in sorted(files)]
        wanted = [path for path in paths if _is_wanted(path, suffixes)]
        others = set(paths).difference(wanted)
        passed_over.others += sorted(path for path in others if not is_record(path))
        found = [_checked(path, suffixes) for path in wanted]
        written = {item.path for item in found if item.identity and own_output(item.path)}
        passed_over.own += sorted(written)
        yield from (item for item in found if item.path not in written)
    yield from failed
    passed_over.log(folder)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_entered(folder: Path, seen: set[tuple[int, int]], passed_over: _PassedOver) -> bool:
    """Whether a folder is walked: not one of ours, nor one that links lead to once more."""
    if is_own_folder(folder):
        passed_over.own.append(folder)
        return False
    try:
        identity = _identity(folder)
    except OSError:
        # A link to nothing, or a folder that is closed to us: the walk says which.
        return True
    if identity in seen:
        passed_over.again.append(folder)
        return False
    seen.add(identity)
    return True


def _is_wanted(path: Path, suffixes: tuple[str, ...]) -> bool:
    return not path.name.startswith(".") and bool(known_suffix(path, suffixes))


def _named(path: Path, suffixes: tuple[str, ...]) -> Found:
    """A file that a user names himself."""
    found = _checked(path, suffixes)
    own = own_output(path) if found.identity else ""
    return found._replace(reason=f"it is {own}") if own else found


def _checked(path: Path, suffixes: tuple[str, ...]) -> Found:
    try:
        status = path.stat()
    except FileNotFoundError:
        return Found(path, reason="it is a link to a file that does not exist")
    except OSError as error:
        return Found(path, reason=error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):
        return Found(path, reason="it is not a regular file")
    if not known_suffix(path, suffixes):
        return Found(path, reason=f"its name must end in one of {', '.join(sorted(suffixes))}")
    return Found(path, identity=(status.st_dev, status.st_ino))
