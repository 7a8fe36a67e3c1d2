"""Every write of a command fails once, or its process is killed there, in a forked child."""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Fault", "Outcome", "count_writes", "run_with_fault"]

Kind = Literal["fails", "full", "killed"]
"""One write fails; all from it on fail, as on a full disk; the process is killed at it."""

KILLED = 137
_SECONDS = 300
# Renaming and removing need no space.
_NEED_SPACE = ("open", "write", "mkdir", "sendfile", "fsync")
_FAIL = (*_NEED_SPACE, "replace", "rename")


@dataclass
class Fault:
    """Counts what is written below a folder, and strikes at the n-th time.

    Parameters
    ----------
    folder : Path
        Elsewhere nothing is counted.
    n : int, default 0
        From 1; 0 never strikes.
    kind : {"fails", "full", "killed"}, default "fails"
    """

    folder: Path
    n: int = 0
    kind: Kind = "fails"
    count: int = 0

    def at(self, event: str, path: object) -> None:
        """Called before every event."""
        if not self._is_below(path) or (self.kind != "killed" and event not in _FAIL):
            return
        self.count += 1
        if not self.n or self.count < self.n:
            return
        if self.kind == "killed":
            os._exit(KILLED)
        if self.count == self.n or (self.kind == "full" and event in _NEED_SPACE):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def _is_below(self, path: object) -> bool:
        if isinstance(path, int):
            try:
                path = os.readlink(f"/proc/self/fd/{path}")
            except OSError:
                return False
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(f"{self.folder}{os.sep}")

    def install(self) -> None:
        """Stand in for the functions that write, until the process ends."""
        for name in ("replace", "rename", "mkdir", "unlink", "remove", "rmdir", "fsync"):
            setattr(os, name, self._watched(name, getattr(os, name)))
        os.sendfile = self._watched("sendfile", os.sendfile)  # type: ignore
        os.open = self._watched_os_open(os.open)  # type: ignore
        builtins.open = io.open = self._watched_open(io.open)  # type: ignore

    def _watched(self, event: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(path: Any, *arguments: Any, **options: Any) -> Any:
            place = path
            if options.get("dir_fd") is not None:
                place = os.path.join(os.readlink(f"/proc/self/fd/{options['dir_fd']}"), path)
            self.at(event, place)
            return function(path, *arguments, **options)

        return watched

    def _watched_os_open(self, function: Callable[..., int]) -> Callable[..., int]:
        def watched(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
                self.at("open", path)
            return function(path, flags, *arguments, **options)

        return watched

    def _watched_open(self, function: Callable[..., Any]) -> Callable[..., Any]:
        fault = self

        class Raw(io.FileIO):
            written = 0

            def write(self, data: Any) -> int:
                # A large file has thousands: the first, the second, the fourth, ...
                self.written += 1
                if self.written.bit_count() == 1:
                    fault.at("write", self.fileno())
                return super().write(data)

        def watched(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            options = (buffering, encoding, errors, newline, closefd, opener)
            if not set(mode) & set("wax+") or not fault._is_below(file) or opener is not None:
                return function(file, mode, *options)
            fault.at("open", file)
            raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd)
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)

        return watched


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Parameters
    ----------
    status : int
        Exit status; 137 when it was killed.
    said : str
        What it wrote on standard error.
    count : int
        Events until then; 0 when it was killed.
    """

    status: int
    said: str
    count: int


def run_with_fault(work: Callable[[], int], fault: Fault, scratch: Path) -> Outcome:
    """Call a function in a forked child, in which the fault strikes.

    Of a process with threads a child can hang for ever, so this belongs into one of its own.

    Parameters
    ----------
    work : callable
        Returns an exit status.
    fault : Fault
    scratch : Path
        Folder for what the child says, outside of that of the fault.

    Returns
    -------
    Outcome
    """
    said, counted = scratch / "said", scratch / "count"
    counted.write_text("0")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            # What hangs is killed, and told by its status.
            signal.alarm(_SECONDS)
            stream = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(stream, 1)
            os.dup2(stream, 2)
            sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            fault.install()
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            counted.write_text(str(fault.count))
            os._exit(status)
    _, state = os.waitpid(child, 0)
    return Outcome(
        os.waitstatus_to_exitcode(state),
        said.read_text(errors="replace"),
        int(counted.read_text() or 0),
    )


def count_writes(work: Callable[[], int], folder: Path, scratch: Path, kind: Kind) -> int:
    """Number of events of a call in which nothing fails.

    Parameters
    ----------
    work : callable
    folder : Path
    scratch : Path
    kind : {"fails", "full", "killed"}

    Returns
    -------
    int
    """
    outcome = run_with_fault(work, Fault(folder, kind=kind), scratch)
    assert outcome.status == 0, outcome.said
    return outcome.count
