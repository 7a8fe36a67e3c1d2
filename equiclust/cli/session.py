"""What the user sees while a command works, and what is written down of it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

from equiclust.exceptions import EquiclustWarning

__all__ = ["Outcome", "Session", "Update"]

Update = Callable[[int, int, str], None]
"""Takes how many are done, of how many, and what to say of it."""

_LOGGERS = ("equiclust", "data_adapters")
_SECONDS_BETWEEN_LINES = 15.0
_KEPT_RECORDS = 10_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a command has to say at its end.

    Parameters
    ----------
    record : mapping
        For `--json`.
    text : str
        For people.
    status : int
        Exit status.
    """

    record: Mapping[str, Any]
    text: str
    status: int = 0


class Session:
    """Standard error for progress and notes, standard output for the result, a file for the log.

    Used as a context manager: within it, warnings of this package become notes, and other warnings
    and the library's log go to the log file once there is one.

    Parameters
    ----------
    words : sequence of str
        The command line without the program's name.
    json : bool
        Whether the result is printed as one JSON object.
    """

    def __init__(self, words: Sequence[str], *, json: bool = False) -> None:
        self.words = tuple(words)
        self.json = json
        self.log_path: Path | None = None
        self._memory = MemoryHandler(_KEPT_RECORDS, flushLevel=logging.CRITICAL + 1)
        self._levels: dict[str, int] = {}
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> Session:
        for name in _LOGGERS:
            self._levels[name] = logging.getLogger(name).level
            logging.getLogger(name).setLevel(logging.INFO)
            logging.getLogger(name).addHandler(self._memory)
        self._warnings.__enter__()
        warnings.simplefilter("always", EquiclustWarning)
        warnings.showwarning = self._on_warning
        return self

    def __exit__(self, *exception: object) -> None:
        self._warnings.__exit__(None, None, None)
        for name, level in self._levels.items():
            logging.getLogger(name).removeHandler(self._memory)
            logging.getLogger(name).setLevel(level)
        target = self._memory.target
        self._memory.close()
        if target is not None:
            target.close()

    def log_to(self, path: Path) -> None:
        """Write the log into this file, with all that has been logged until now."""
        if path == self.log_path:
            return
        handler = logging.FileHandler(path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self._memory.setTarget(handler)
        self._memory.flush()
        self._memory.flushLevel = logging.NOTSET
        self.log_path = path

    def write_traceback(self) -> Path:
        """Log the exception that is being handled, in a temporary file if there is no log yet."""
        path = self.log_path or _temporary_log()
        self.log_to(path)
        logger.exception("this should not have happened")
        return path

    def note(self, text: str) -> None:
        """Say something on the way, on one line."""
        self._write(f"equiclust: {' '.join(text.split())}")
        logger.info("%s", text)

    def fail(self, text: str) -> None:
        """Say in one line why it cannot go on."""
        line = " ".join(text.split())
        self._write(f"equiclust: error: {line}")
        logger.error("%s", line)

    def conclude(self, outcome: Outcome) -> int:
        """Print the result and give the exit status."""
        plain = json.dumps(dict(outcome.record), allow_nan=False)
        print(plain if self.json else outcome.text, flush=True)
        return outcome.status

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """Progress of one piece of work: a bar on a terminal, else a line now and then."""
        logger.info("%s", title)
        if not sys.stderr.isatty():
            yield _Lines(title, self._write).update
            return
        with _bar() as bar:
            task = bar.add_task(title, total=None, note="")

            def update(done: int, total: int, note: str = "") -> None:
                bar.update(task, completed=done, total=total, note=note)

            yield update

    def _write(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def _on_warning(
        self, message: Warning | str, category: type[Warning], *where: object, **more: object
    ) -> None:
        if issubclass(category, EquiclustWarning):
            self.note(f"note: {message}")
        else:
            logger.warning("%s: %s", category.__name__, message)


def _temporary_log() -> Path:
    with tempfile.NamedTemporaryFile(prefix="equiclust-", suffix=".log", delete=False) as file:
        return Path(file.name)


class _Lines:
    """Progress in plain lines, none for what is over in a moment."""

    def __init__(self, title: str, write: Callable[[str], None]) -> None:
        self.title = title
        self.write = write
        self._last = time.monotonic()

    def update(self, done: int, total: int, note: str = "") -> None:
        """Print a line if the last one is long ago."""
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self.write(f"equiclust: {self.title} {done}/{total}{f' ({note})' if note else ''}")


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
