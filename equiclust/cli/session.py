"""What the user sees while a command works: progress and notes, the result, one line on errors."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equiclust.cli.streams import mute
from equiclust.exceptions import EquiclustWarning, OutputError
from equiclust.io.log_file import LogFile, logged

__all__ = ["Outcome", "Session"]

# What these loggers have to say from INFO upwards is shown.
_SHOWN = ("equiclust.filtering", "equiclust.pipeline", "equiclust.segmentation")
_SECONDS_BETWEEN_LINES = 15.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Result of a command.

    Parameters
    ----------
    record : mapping
        For `--json`.
    text : str
        For people.
    status : int, default 0
        Exit status.
    afterwards : callable, optional
        What is to be done when the result is printed.
    """

    record: Mapping[str, Any]
    text: str
    status: int = 0
    afterwards: Callable[[], None] | None = None


class Session(logging.Handler):
    """Standard error for progress and notes, standard output for the result.

    Used as a context manager: within it, warnings and log messages of the package become notes.

    Parameters
    ----------
    json : bool, default False
        Whether the result is printed as one JSON object.
    """

    def __init__(self, *, json: bool = False) -> None:
        super().__init__(logging.INFO)
        self.json = json
        self._stage: _Bar | _Lines | None = None
        self._stack = ExitStack()
        self._log = LogFile()

    def __enter__(self) -> Session:
        self._stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always", EquiclustWarning)
        warnings.showwarning = self._on_warning
        self._log = self._stack.enter_context(logged())
        for name in _SHOWN:
            logging.getLogger(name).addHandler(self)
            self._stack.callback(logging.getLogger(name).removeHandler, self)
        self._stack.callback(self._end_stage)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def emit(self, record: logging.LogRecord) -> None:
        """Show a log record on one line; called by `logging`.

        Parameters
        ----------
        record : LogRecord
        """
        self._write(f"equiclust: {' '.join(record.getMessage().split())}")

    def _on_warning(
        self, message: Warning | str, category: type[Warning], *where: object, **more: object
    ) -> None:
        if issubclass(category, EquiclustWarning):
            text = " ".join(str(message).split())
            self._write(f"equiclust: note: {text}")
            logger.info("note: %s", text)
        else:
            logger.warning("%s: %s", category.__name__, message)

    def on_progress(self, stage: str, done: int, total: int | None, remark: str) -> None:
        """Show progress: a bar on a terminal, else a line now and then.

        Parameters
        ----------
        stage : str
            Stage of the work; a new one ends the last.
        done : int
            Units done.
        total : int or None
            Units to be done, where known.
        remark : str
        """
        if self._stage is None or self._stage.stage != stage:
            self._end_stage()
            self._stage = _Bar(stage) if _can_draw() else _Lines(stage)
        self._stage.update(done, total, remark)

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._stage.close()
            self._stage = None

    def show(self, text: str) -> None:
        """Say something while the command goes on, on standard error.

        Parameters
        ----------
        text : str
        """
        self._end_stage()
        self._write(text)

    def fail(self, text: str) -> None:
        """Say in one line why the command cannot go on.

        Parameters
        ----------
        text : str
        """
        self._end_stage()
        line = " ".join(text.split())
        self._write(f"equiclust: error: {line}")
        logger.error("%s", line)

    def write_traceback(self, error: BaseException) -> Path | None:
        """Write the traceback of an unexpected error where the run has not logged it already.

        When no file can be written it is printed on standard error.

        Parameters
        ----------
        error : BaseException
            The exception that is being handled.

        Returns
        -------
        Path or None
            Of the log file, if there is one.
        """
        logged_in = getattr(error, "__notes__", [])
        if logged_in:
            return Path(logged_in[-1])
        try:
            path = self._temporary_log()
        except OSError:
            traceback.print_exception(error)
            return None
        logger.exception("unexpected error")
        return path

    def _temporary_log(self) -> Path:
        with tempfile.NamedTemporaryFile(prefix="equiclust-", suffix=".log", delete=False) as file:
            path = Path(file.name)
        self._log.write_to(path)
        return path

    def conclude(self, outcome: Outcome) -> int:
        """Print the result.

        Parameters
        ----------
        outcome : Outcome

        Returns
        -------
        int
            Exit status.

        Raises
        ------
        OutputError
            When standard output cannot be written to.
        """
        self._end_stage()
        plain = json.dumps(dict(outcome.record), allow_nan=False)
        try:
            print(plain if self.json else outcome.text, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            mute(sys.stdout)
            raise OutputError(
                f"cannot write the result to standard output: {error.strerror}; the files are "
                "written"
            ) from error
        return outcome.status

    def _write(self, line: str) -> None:
        _say(line)


def _say(line: str) -> None:
    """Print a line on standard error if anybody reads it: the work goes on without."""
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        mute(sys.stderr)


class _Lines:
    """Progress as plain lines; none for what takes a moment."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._last = time.monotonic()
        # What a resumed job has done already says nothing of its speed.
        self._first: tuple[float, int] | None = None

    def update(self, done: int, total: int | None, remark: str) -> None:
        """Print a line if the last one is long ago."""
        now = time.monotonic()
        if total is None:
            return
        if self._first is None:
            self._first = now, done
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            notes = "; ".join(filter(None, (remark, _time_left(*self._first, now, done, total))))
            _say(f"equiclust: {self.stage} {done}/{total}" + (f" ({notes})" if notes else ""))

    def close(self) -> None:
        """Nothing is left open."""


def _time_left(started: float, before: int, now: float, done: int, total: int) -> str:
    """The time that the rest takes at the speed until now, in words; empty where none is known."""
    if done <= before or now <= started:
        return ""
    seconds = (now - started) / (done - before) * max(0, total - done)
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return f"{seconds:.0f} s left"
    return f"{minutes:.0f} min left" if hours < 1 else f"{hours:.1f} h left"


def _can_draw() -> bool:
    """Whether standard error is a terminal on which a line can be drawn anew.

    `TERM=dumb` says that it cannot. Behind ``!`` of a notebook there is one that nobody sees: all
    that is drawn stays in the page.
    """
    hidden = os.environ.get("TERM") == "dumb" or "JPY_PARENT_PID" in os.environ
    return sys.stderr.isatty() and not hidden


class _Bar:
    """Progress as a bar on a terminal."""

    def __init__(self, stage: str) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self.stage = stage
        self._bar = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[remark]}"),
            console=Console(stderr=True),
        )
        self._bar.start()
        self._task = self._bar.add_task(stage, total=None, remark="")

    def update(self, done: int, total: int | None, remark: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total, remark=remark)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()
