"""Folders in which outputs are made, and from which they take their places together."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from equiclust.exceptions import EquiclustError, InputError, OutputError
from equiclust.io.moving_journal import check_places, read_journal
from equiclust.typing import PathLike

__all__ = [
    "PREFIX",
    "content_digest",
    "digest_of",
    "recover",
    "refused",
    "staged",
    "staged_together",
    "sync",
]

logger = logging.getLogger(__name__)

PREFIX = ".partial-"
"""How the names of these folders begin."""

# Every one holds this file, which its process keeps locked: without it a folder is not ours, and
# as long as it is locked it is in use.
_MARKER = ".equiclust-unfinished"
_JOURNAL = ".equiclust-moving.json"
_NEW, _OLD = "new", "old"
_ATTEMPTS = 100
# Of `tempfile.mkdtemp`.
_NAME = re.compile(re.escape(PREFIX) + "[a-z0-9_]{8}")


@contextmanager
def staged(target: PathLike) -> Iterator[Path]:
    """Empty folder on the file system of `target`, which is removed at the end.

    Parameters
    ----------
    target : path-like
        File or folder that is to be written. Its parents are made when missing.

    Yields
    ------
    Path
        A folder beside `target`. If its process is killed it stays, and `recover` removes it.

    Raises
    ------
    OutputError
        When the folder cannot be made, or the block fails to write for lack of space or rights.
    """
    place = Path(target)
    with _room(place.parent, place) as room:
        draft = room / _NEW
        with refused(place):
            draft.mkdir()
            yield draft


@contextmanager
def staged_together(
    folder: PathLike, names: Sequence[str] | None, *, obsolete: Iterable[str] = ()
) -> Iterator[Path]:
    """Folder whose files and folders take their places together when the block ends.

    Whatever fails, afterwards all of `names` are the old ones or all the new ones. If the process
    is killed while they are moved, the last of `names` is missing or whole with all others, and
    `recover` puts the old ones back.

    Parameters
    ----------
    folder : path-like
        Where they are to lie; made with its parents when missing.
    names : sequence of str, or None
        Files and folders, as paths relative to `folder`; those that the block writes replace older
        ones. The last one is moved away first and comes into place last. None stands for every
        file that the block writes.
    obsolete : iterable of str, optional
        Files and folders that are removed at the same time.

    Yields
    ------
    Path
        The folder to write them to.

    Raises
    ------
    OutputError
        When they cannot be written, or the old ones cannot even be put back; the error then says
        where they are.
    """
    place = Path(folder)
    target = place / names[-1] if names else place
    with _room(place, target) as room:
        draft = room / _NEW
        with refused(target):
            draft.mkdir()
            yield draft
            sync(draft)
            chosen = _files(draft) if names is None else names
            written = [name for name in chosen if os.path.lexists(draft / name)]
            gone = [name for name in obsolete if name not in written]
            _put_in_place(room, place, written, gone)


@contextmanager
def refused(target: PathLike) -> Iterator[None]:
    """Turn errors of the operating system into an `OutputError` that names the output.

    Parameters
    ----------
    target : path-like
        The output.

    Yields
    ------
    None

    Raises
    ------
    OutputError
        In place of any other `OSError` of the block.
    """
    try:
        yield
    except EquiclustError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {os.fspath(target)!r}: {reason}; choose an output that is writable and "
            "has space"
        ) from error


def recover(folder: PathLike, *, below: bool = False) -> None:
    """Remove what killed processes have left in a folder, and put back what they had moved away.

    Only folders that this package made are touched, and only if no process uses them. As they may
    come from elsewhere, nothing is moved through symbolic links or out of `folder`; such folders
    are left alone, and the log says so.

    Parameters
    ----------
    folder : path-like
        It may be missing, or not writable.
    below : bool, default False
        Whether the folders in it are searched too.
    """
    for room in _left_over(Path(folder), below):
        with suppress(OSError):
            # Nobody's; a process that has just made it makes another one.
            room.rmdir()
            continue
        marker = room / _MARKER
        if not marker.is_file() or marker.is_symlink():
            continue
        # Names that no file can have are a ValueError, folders nested too deep a RecursionError.
        with (
            suppress(OSError, Timeout, EquiclustError, ValueError, RecursionError),
            FileLock(marker).acquire(timeout=0),
        ):
            if _is_restored(room):
                shutil.rmtree(room, ignore_errors=True)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a folder.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    if path.is_dir() and not path.is_symlink():
        parts = sorted(part for part in path.rglob("*") if part.is_symlink() or not part.is_dir())
        lines = [f"{part.relative_to(path).as_posix()}\0{digest_of(part)}\n" for part in parts]
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
    if path.is_symlink():
        return hashlib.sha256(b"link to " + os.fsencode(os.readlink(path))).hexdigest()
    return content_digest(path)


def content_digest(path: Path) -> str:
    """SHA-256 of what a file holds, or the file that a link leads to.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _room(home: Path, target: Path) -> Iterator[Path]:
    with refused(target):
        room, lock = _new_room(home)
    try:
        yield room
    finally:
        # What could not be put back stays where the error says it is.
        if not _has_entries(room / _OLD) or not (room / _JOURNAL).exists():
            shutil.rmtree(room, ignore_errors=True)
        lock.release()


def _new_room(home: Path) -> tuple[Path, FileLock]:
    for _ in range(_ATTEMPTS):
        home.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix=PREFIX, dir=home))
        lock = FileLock(room / _MARKER)
        try:
            lock.acquire(timeout=0)
            if (room / _MARKER).exists():
                return room, lock
            lock.release()
        except (FileNotFoundError, Timeout):
            # `recover` of another process came between.
            continue
        except BaseException:
            shutil.rmtree(room, ignore_errors=True)
            raise
    raise OutputError(f"cannot write in {str(home)!r}: its new folders keep vanishing")


def _put_in_place(room: Path, folder: Path, names: Sequence[str], obsolete: list[str]) -> None:
    _write_journal(room, folder, names)
    old = room / _OLD
    old.mkdir()
    try:
        for name in (*reversed(names), *obsolete):
            if os.path.lexists(folder / name):
                _move(folder / name, old / name)
        for name in names:
            _move(room / _NEW / name, folder / name)
    except BaseException:
        _roll_back(room, folder, names)
        raise
    # From here on the old ones are not needed.
    (room / _JOURNAL).unlink()


def _move(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(destination):
        raise OutputError(
            f"cannot write {str(destination)!r}: it has been made by something else meanwhile; "
            "move it away or choose another output"
        )
    os.replace(source, destination)


def _roll_back(room: Path, folder: Path, names: Sequence[str]) -> None:
    """The old files and folders, as long as not all of the new ones are in place."""
    new, old = room / _NEW, room / _OLD
    placed = [name for name in names if not os.path.lexists(new / name)]
    if len(placed) == len(names):
        (room / _JOURNAL).unlink(missing_ok=True)
        return
    try:
        for name in placed:
            if os.path.lexists(folder / name):
                _move(folder / name, new / name)
        _put_back(old, folder)
    except OSError as error:
        kept = sorted(old.iterdir())
        where = kept[0] if len(kept) == 1 else old
        raise OutputError(
            f"cannot write {str(folder / names[-1])!r}: {error.strerror or error}; what was there "
            f"is kept as {str(where)!r}, move it back"
        ) from error


def _put_back(old: Path, folder: Path) -> None:
    """Move everything from `old` to where it was; folders that are there still are filled."""
    for path in sorted(old.iterdir()) if old.is_dir() else ():
        target = folder / path.name
        if path.is_dir() and not path.is_symlink() and target.is_dir():
            _put_back(path, target)
            path.rmdir()
        elif not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)


def _write_journal(room: Path, folder: Path, names: Sequence[str]) -> None:
    content = {
        "folder": os.path.relpath(folder, room.parent),
        "parts": {name: digest_of(room / _NEW / name) for name in names},
    }
    (room / _JOURNAL).write_text(json.dumps(content), encoding="utf-8")


def _is_restored(room: Path) -> bool:
    """Whether nothing that a killed process had moved away is left in its folder."""
    if not os.path.lexists(room / _OLD) or not os.path.lexists(room / _JOURNAL):
        # Nothing has been moved yet, or everything has.
        return True
    try:
        name, parts = read_journal(room / _JOURNAL)
        # The folder that was asked for may itself be a link.
        folder = room.parent if name == "." else room.parent / name
        check_places(folder, room / _NEW, room / _OLD, parts)
    except InputError as error:
        logger.warning("leaving the unfinished output %r alone: %s", str(room), error)
        return False
    if not any(os.path.lexists(room / _NEW / name) for name in parts):
        return True
    for name, digest in parts.items():
        lost = not os.path.lexists(room / _NEW / name) and os.path.lexists(folder / name)
        # What has been changed since is the user's.
        if lost and digest_of(folder / name) != digest:
            return not _has_entries(room / _OLD)
    _roll_back(room, folder, list(parts))
    return not _has_entries(room / _OLD) or not (room / _JOURNAL).exists()


def _left_over(folder: Path, below: bool) -> list[Path]:
    found: list[Path] = []
    for place, folders, _ in os.walk(folder):
        rooms = [name for name in folders if _NAME.fullmatch(name)]
        found += [Path(place, name) for name in rooms if not Path(place, name).is_symlink()]
        folders[:] = [name for name in folders if name not in rooms] if below else []
    return found


def _has_entries(folder: Path) -> bool:
    try:
        return any(part.is_symlink() or not part.is_dir() for part in folder.rglob("*"))
    except OSError:
        return True


def _files(folder: Path) -> list[str]:
    """Paths of all files below a folder, and of folders without any."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() or not any(path.iterdir())
    )


def sync(folder: Path) -> None:
    """Have the operating system write all files: some report only now that there is no space.

    Parameters
    ----------
    folder : Path
    """
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())
