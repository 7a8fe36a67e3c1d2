"""From the inputs that a user names to the files to read."""

from __future__ import annotations

import glob
import itertools
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from data_adapters.own_outputs import is_own_folder, is_record, own_output
from data_adapters.registry import is_folder_of_images, known_suffix
from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable
from equiclust.typing import PathLike

__all__ = ["LIST", "Found", "discover", "split_part"]

logger = logging.getLogger(__name__)

LIST = "@"
"""Before the name of a text file with one input a line."""

_MAX_EXAMPLES = 3
_PART = re.compile(r"(?P<file>.+)\[(?P<part>[^\[\]]+)\]")


class Found(NamedTuple):
    """A file to read, a part of one, or a file that cannot be read.

    Parameters
    ----------
    name : str
        Path of the file.
    part : str, default ""
        Text in brackets behind its name.
    reason : str, default ""
        Why it cannot be read; empty when it can.
    identity : tuple of int, default ()
        Device and number of a regular file, the same under whatever name or link; empty when it
        has none.
    """

    name: str
    part: str = ""
    reason: str = ""
    identity: tuple[int, ...] = ()

    @property
    def path(self) -> Path:
        """The file. It is not kept: millions of names take less memory than as many paths."""
        return Path(self.name)


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
        hidden files and what equiclust itself wrote), globs (``**`` for any depth), or
        ``@list.txt``, a text file with one of these a line, relative to its own folder.
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
        readable file. A line of a list that does not exist is returned with the reason instead.
    """
    if not inputs:
        raise InputError("no input was given; name files, folders or globs")
    known = tuple(suffixes)
    found: list[Found] = []
    seen: set[tuple[object, ...]] = set()
    again: list[str] = []
    for name in inputs:
        for item in _expand(os.path.expanduser(os.fspath(name)), known):
            key = (*(item.identity or (os.path.realpath(item.name),)), item.part)
            if key in seen:
                again.append(item.name)
            else:
                seen.add(key)
                found.append(item)
    if again:
        logger.warning(
            "inputs that are named before, under this or another name, are used once: %s",
            _examples(again),
        )
    return tuple(found)


def _examples(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_MAX_EXAMPLES]))
    return shown + (f", ... ({len(names)} in all)" if len(names) > _MAX_EXAMPLES else "")


def _expand(name: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    if "\0" in name:
        raise InputError(f"input {name!r} holds a null character, which no path does")
    file, part = split_part(name)
    # An empty name, as from a variable that is not set, would be the current folder.
    if name and os.path.isdir(name) and not is_folder_of_images(name, suffixes):
        yield from _folder_or_error(Path(name), suffixes)
    elif os.path.lexists(name):
        yield _named(name, suffixes)
    elif part and (os.path.isfile(file) or is_folder_of_images(file, suffixes)):
        yield _checked(file, suffixes)._replace(part=part)
    elif name.startswith(LIST) and os.path.isfile(name[len(LIST) :]):
        yield from _listed(name[len(LIST) :], suffixes)
    elif glob.has_magic(name):
        yield from _matches(name, suffixes)
    else:
        raise InputError(f"input {name!r} does not exist")


def _listed(path: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    """What the lines of a text file name; one that names nothing does not stop the others."""
    folder = os.path.dirname(path)
    with open(path, "rb") as lines:
        for line in lines:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if not name.strip():
                continue
            place = os.path.join(folder, os.path.expanduser(name))
            try:
                yield from _expand(place, suffixes)
            except InputError as error:
                yield Found(place, reason=f"listed in {printable(os.path.basename(path))}: {error}")


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
    matches = [str(Path(match)) for match in sorted(glob.glob(pattern, recursive=True))]
    if not matches:
        raise InputError(f"input {pattern!r} matches no file")
    folders = {match for match in matches if os.path.isdir(match)}
    stores = {folder for folder in folders if is_folder_of_images(folder, suffixes)}
    own = _own_folders(pattern, matches, folders)
    passed_over = _PassedOver()
    passed_over.own += sorted(own)
    within = _within(own | stores)
    for match in matches:
        if match in own or within(os.path.dirname(match)):
            continue
        if match in stores or match not in folders:
            found = _checked(match, suffixes)
            if found.identity and own_output(Path(match)):
                passed_over.own.append(match)
            else:
                yield found
        elif known_suffix(match, suffixes):
            yield Found(match, reason="it is a folder, not a file")
        elif "**" not in pattern:
            # With ** the files within have been matched themselves.
            yield from _in_folder(Path(match), suffixes)
    passed_over.log(pattern)


def _within(folders: set[str]) -> Callable[[str], bool]:
    """Whether a folder is, or lies in, one of these."""
    places = {folder.rstrip(os.sep) for folder in folders}

    @cache
    def is_within(folder: str) -> bool:
        parent = os.path.dirname(folder)
        return folder in places or (parent != folder and is_within(parent))

    return is_within


def _own_folders(pattern: str, matches: Sequence[str], folders: set[str]) -> set[str]:
    """Folders that equiclust wrote, among the matches and the folders that they lie in."""
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
    start = len(tuple(plain))
    parents: set[str] = set()
    for match in matches:
        folder = os.path.dirname(match)
        while folder and folder not in parents:
            parents.add(folder)
            folder = os.path.dirname(folder)
    candidates = {str(Path(folder)) for folder in folders | parents}
    return {
        folder
        for folder in candidates
        if len(Path(folder).parts) > start and os.path.isdir(folder) and is_own_folder(Path(folder))
    }


@dataclass
class _PassedOver:
    """What lies in a folder and is not read."""

    others: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

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
        failed.append(Found(str(error.filename), reason=error.strerror or str(error)))

    passed_over = _PassedOver()
    seen = {_identity(folder)}
    for parent, folders, files in os.walk(folder, onerror=note, followlinks=True):
        stores = [
            one for one in folders if is_folder_of_images(os.path.join(parent, one), suffixes)
        ]
        folders[:] = [
            name
            for name in sorted(set(folders).difference(stores))
            if not name.startswith(".") and _is_entered(Path(parent, name), seen, passed_over)
        ]
        for name in sorted([*files, *stores]):
            path = os.path.join(parent, name)
            if name.startswith(".") or not known_suffix(name, suffixes):
                passed_over.others += [] if is_record(Path(path)) else [path]
                continue
            found = _checked(path, suffixes)
            if found.identity and own_output(Path(path)):
                passed_over.own.append(path)
            else:
                yield found
    yield from failed
    passed_over.log(folder)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_entered(folder: Path, seen: set[tuple[int, int]], passed_over: _PassedOver) -> bool:
    """Whether a folder is walked: not one of ours, nor one that links lead to once more."""
    if is_own_folder(folder):
        passed_over.own.append(str(folder))
        return False
    try:
        identity = _identity(folder)
    except OSError:
        # A link to nothing, or a folder that is closed to us: the walk says which.
        return True
    if identity in seen:
        passed_over.again.append(str(folder))
        return False
    seen.add(identity)
    return True


def _named(name: str, suffixes: tuple[str, ...]) -> Found:
    """A file that a user names himself."""
    found = _checked(name, suffixes)
    own = own_output(found.path) if found.identity else ""
    return found._replace(reason=f"it is {own}") if own else found


def _checked(name: str, suffixes: tuple[str, ...]) -> Found:
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return Found(name, reason="it is a link to a file that does not exist")
    except OSError as error:
        return Found(name, reason=error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode) and not is_folder_of_images(name, suffixes):
        return Found(name, reason="it is not a regular file")
    if not known_suffix(name, suffixes):
        return Found(name, reason=f"its name must end in one of {', '.join(sorted(suffixes))}")
    return Found(name, identity=(status.st_dev, status.st_ino))
