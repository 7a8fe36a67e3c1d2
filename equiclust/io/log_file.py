"""The log of one piece of work, kept in memory until its file can be made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path

from equiclust.exceptions import EquiclustError

__all__ = ["LogFile", "logged"]

_LOGGERS = ("equiclust", "data_adapters", "ensembles")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_MAX_RECORDS = 10_000

logger = logging.getLogger(__name__)


class _Handler(logging.FileHandler):
    """A file whose failures, such as a full disk, do not stop or disturb the work."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the record out."""

    def close(self) -> None:
        """Close the file, whatever cannot be written any more."""
        with suppress(OSError):
            super().close()


class LogFile:
    """Records of the package's loggers; get one from `logged`.

    Attributes
    ----------
    path : Path or None
        The file, once `write_to` has named it.
    """

    def __init__(self) -> None:
        self.path: Path | None = None
        self._memory = MemoryHandler(_MAX_RECORDS, flushLevel=logging.CRITICAL + 1)

    def write_to(self, path: Path) -> None:
        """Append to this file from now on, with all that has been logged until now.

        Parameters
        ----------
        path : Path
            Its folder exists.

        Raises
        ------
        OutputError
            When the file cannot be made.
        """
        if path == self.path:
            return
        # Not above: the command line shows its help without loading NumPy.
        from equiclust.io.staging import refused

        with refused(path):
            handler = _Handler(path, encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter(_FORMAT))
        self._memory.setTarget(handler)
        self._memory.flush()
        self._memory.flushLevel = logging.NOTSET
        self.path = path

    def _close(self) -> None:
        target = self._memory.target
        self._memory.close()
        if target is not None:
            target.close()


@contextmanager
def logged() -> Iterator[LogFile]:
    """Collect the package's log from INFO upwards; the loggers are left as they were.

    An error that is not one of the package's own is logged with its traceback, and a note on the
    exception (`BaseException.add_note`) names the file.

    Yields
    ------
    LogFile
    """
    log = LogFile()
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).addHandler(log._memory)
    try:
        yield log
    except EquiclustError as error:
        logger.error("%s", error)
        raise
    except Exception as error:
        logger.exception("unexpected error")
        if log.path is not None:
            error.add_note(str(log.path))
        raise
    finally:
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(log._memory)
            logging.getLogger(name).setLevel(level)
        log._close()
