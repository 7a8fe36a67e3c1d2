"""One process at a time on one output."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from equiclust.exceptions import OutputError
from equiclust.typing import PathLike

__all__ = ["LOCK_NAME", "exclusive"]

LOCK_NAME = ".lock"
"""Name of the lock file inside a locked folder."""

# What this thread holds, with the process that it was in: a fork holds nothing.
_held = threading.local()

# Some platforms lack it.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

# Each attempt fails only if another process finished in the microseconds it took.
_ATTEMPTS = 100


@contextmanager
def exclusive(path: PathLike, *, inside: bool = False) -> Iterator[None]:
    """Hold an output for this thread; others that ask for it are refused at once.

    The thread that holds an output may ask for it again, as a job that calls another one does.
    The lock is held by the operating system (`filelock`), which releases it when the process ends,
    even when it is killed. The lock file is ``.NAME.lock`` beside `path`, or ``.lock`` in the
    folder `path`. It is removed at the end of the block; a killed process leaves it behind, empty
    and without effect, and the next process to lock `path` removes it. Folders that had to be made
    for the lock file are removed too if they are still empty.

    Parameters
    ----------
    path : path-like
        File or folder to write; it may be missing. Symbolic links are followed, so that one output
        under two names has one lock.
    inside : bool, default False
        Whether `path` is a folder and holds the lock file. It is made if missing.

    Yields
    ------
    None

    Raises
    ------
    OutputError
        When another process or thread holds `path`, or the lock file cannot be written or is a
        symbolic link.
    """
    target = Path(os.path.realpath(path))
    lock_path = target / LOCK_NAME if inside else target.with_name(f".{target.name}.lock")
    held = _held.__dict__.setdefault("paths", set())
    if (os.getpid(), lock_path) in held:
        yield
        return
    try:
        made = _make_folders(lock_path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with _hold(lock_path, path):
            held.add((os.getpid(), lock_path))
            try:
                yield
            finally:
                held.discard((os.getpid(), lock_path))
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder with its parents; return those that were missing, innermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


@contextmanager
def _hold(lock_path: Path, path: PathLike) -> Iterator[None]:
    for _ in range(_ATTEMPTS):
        try:
            file = _opened(lock_path, path)
        except FileNotFoundError:
            # Another process had made the folder, and removed it again.
            lock_path.parent.mkdir(parents=True, exist_ok=True)
            continue
        except OutputError:
            raise
        except OSError as error:
            raise _unwritable(path, error) from error
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            os.close(file)
            raise OutputError(
                f"cannot write to {os.fspath(path)!r}: another process is writing it; wait until "
                "that has ended or choose another output"
            ) from error
        except OSError as error:
            os.close(file)
            raise _unwritable(path, error) from error
        # Whoever held the lock before may have removed the file between opening and locking it.
        if _is_at(file, lock_path):
            break
        lock.release()
        os.close(file)
    else:
        raise OutputError(f"cannot lock {os.fspath(path)!r}: {str(lock_path)!r} keeps vanishing")
    try:
        yield
    finally:
        # While it is held, so that no other process can hold the file that is removed.
        with suppress(OSError):
            lock_path.unlink()
        lock.release()
        os.close(file)


def _opened(lock_path: Path, path: PathLike) -> int:
    """The lock file, made if missing, and never what a link of its name leads to."""
    try:
        if not lock_path.is_symlink():
            return os.open(lock_path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
    except OSError:
        # It has become one meanwhile.
        if not lock_path.is_symlink():
            raise
    raise OutputError(
        f"cannot write to {os.fspath(path)!r}: its lock file {str(lock_path)!r} is a symbolic "
        "link; remove the link or choose another output"
    )


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one that the path names."""
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def _unwritable(path: PathLike, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {os.fspath(path)!r}: {error.strerror or error}; "
        "choose an output that is writable"
    )
