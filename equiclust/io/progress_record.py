"""`progress.json`: how far a run is, for whoever watches it from another process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.run_folder import RunFolder
from equiclust.typing import PathLike

__all__ = ["ProgressRecord", "ProgressWriter", "read_progress"]

_SECONDS_BETWEEN_WRITES = 0.5


@dataclass(frozen=True)
class ProgressRecord:
    """How far a run is.

    Parameters
    ----------
    stage : str, default ""
        Such as "training"; empty when nothing is known.
    done : int, default 0
        Units of the stage that are done.
    total : int, optional
        Units of the stage, where they are known.
    remark : str, default ""
    pid : int, optional
        Process of the run.
    host : str, default ""
        Name of its machine.
    started, updated, finished : str, optional
        Times in ISO 8601, UTC: when this process took up the run, when this was written, and when
        the run was complete.
    error : str, optional
        Why the run ended before it was complete.
    stopped : bool, default False
        Whether it was ended on request or by an interrupt, so that it can be resumed.
    command : tuple of str, optional
        Arguments of ``equiclust`` that repeat the run; empty for a run of images in memory.
    """

    stage: str = ""
    done: int = 0
    total: int | None = None
    remark: str = ""
    pid: int | None = None
    host: str = ""
    started: str | None = None
    updated: str | None = None
    finished: str | None = None
    error: str | None = None
    stopped: bool = False
    command: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether the process of the run is still at it, as far as can be said from here."""
        if self.pid is None or self.finished or self.error is not None:
            return False
        return self.host != socket.gethostname() or _is_alive(self.pid)


def read_progress(run_folder: PathLike) -> ProgressRecord:
    """Read how far a run is.

    Parameters
    ----------
    run_folder : path-like
        Folder of the run.

    Returns
    -------
    ProgressRecord
        One that knows nothing when the file is missing or damaged; a value of another type than it
        should have is left out.
    """
    try:
        found = read_json(RunFolder(Path(run_folder)).progress_json)
    except InputError:
        return ProgressRecord()
    known = {name: found[name] for name in asdict(ProgressRecord()) if _fits(name, found.get(name))}
    return ProgressRecord(**{**known, "command": tuple(known.get("command", ()))})


class ProgressWriter:
    """Writes `progress.json` at most twice a second; what cannot be written is left out.

    Only the beginning of a stage and the end of the run are written at once.

    Parameters
    ----------
    command : sequence of str
        Arguments of ``equiclust`` that repeat the run, if there are such.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._path: Path | None = None
        self._last_write = 0.0
        self._content: dict[str, Any] = {
            **asdict(ProgressRecord()),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": _now(),
            "command": list(command),
        }

    def write_to(self, path: Path) -> None:
        """Write to this file from now on.

        Parameters
        ----------
        path : Path
            Its folder exists.
        """
        self._path = path
        self._write({})

    def update(self, stage: str, done: int, total: int | None, remark: str) -> None:
        """Take over what a run reports; see `equiclust.progress.Progress`.

        Parameters
        ----------
        stage : str
        done : int
        total : int or None
        remark : str
        """
        begins = stage != self._content["stage"]
        self._content |= {"stage": stage, "done": done, "total": total, "remark": remark}
        if begins or time.monotonic() - self._last_write >= _SECONDS_BETWEEN_WRITES:
            self._write({})

    def finish(self) -> None:
        """Say that the run is complete."""
        self._write({"finished": _now()})

    def fail(self, error: str, *, stopped: bool) -> None:
        """Say why the run ended before it was complete.

        Parameters
        ----------
        error : str
        stopped : bool
            Whether that was asked for.
        """
        self._write({"error": error, "stopped": stopped})

    def _write(self, more: Mapping[str, Any]) -> None:
        self._content |= {"updated": _now(), **more}
        self._last_write = time.monotonic()
        if self._path is not None:
            # A run goes on when nobody can see how far it is.
            with suppress(OSError):
                write_json(self._path, self._content)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        # There a signal would end the process.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _fits(name: str, value: object) -> bool:
    if name in ("done", "total", "pid"):
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if name == "stopped":
        return isinstance(value, bool)
    if name == "command":
        return isinstance(value, list) and all(isinstance(word, str) for word in value)
    return isinstance(value, str)
