"""The process of a run that is watched: a request to stop, and the same command once more."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from equiclust.app.run_command import why_not_started
from equiclust.exceptions import InputError
from equiclust.io.progress_record import ProgressRecord
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import refused

__all__ = ["TrainingProcess"]

_LONGEST_MESSAGE = 2000
# Exit statuses of the command line: done, and stopped or interrupted.
_EXPECTED = (0, 130)


class TrainingProcess:
    """Stops a run and goes on with it.

    Parameters
    ----------
    folder : RunFolder
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None
        self._failure = ""

    @property
    def is_running(self) -> bool:
        """Whether the process that `resume` started is at work."""
        # Asked for its status it leaves no zombie, which would look alive to others.
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        with self._lock:
            self._keep_last_words()
        return False

    @property
    def failure(self) -> str:
        """Last words of the process that `resume` started, where it failed; empty otherwise."""
        return "" if self.is_running else self._failure

    def _keep_last_words(self) -> None:
        if self._process is None or self._messages is None:
            return
        with self._messages as file:
            file.seek(0)
            lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
        self._messages = None
        status = self._process.returncode
        words = lines[-1][:_LONGEST_MESSAGE] if lines else f"exit status {status}"
        self._failure = "" if status in _EXPECTED else words

    def stop(self, progress: ProgressRecord) -> None:
        """Ask the run to end after the epochs that have begun.

        Parameters
        ----------
        progress : ProgressRecord

        Raises
        ------
        InputError
            When the run is not in progress.
        OutputError
            When the folder cannot be written.
        """
        if not progress.is_running and not self.is_running:
            raise InputError("the run is not in progress, so that there is nothing to stop")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with refused(self.folder.stop_request), suppress(FileExistsError):
            # Not through a link, which may lead anywhere.
            os.close(os.open(self.folder.stop_request, flags, 0o666))

    def resume(self, progress: ProgressRecord, confirmed: Sequence[str]) -> None:
        """Start the command of the run once more, in a process of its own.

        Parameters
        ----------
        progress : ProgressRecord
        confirmed : sequence of str
            The command that the user was shown, and agreed to.

        Raises
        ------
        InputError
            When the run is in progress or finished, its command may not be started from here, or it
            is another one than the user has seen.
        """
        # Outside of the lock too: it clears up after the last process.
        is_running = progress.is_running or self.is_running
        with self._lock:
            if is_running or (self._process is not None and self._process.poll() is None):
                raise InputError("the run is in progress already")
            if self.folder.is_finished:
                raise InputError("the run is finished already")
            if why := self.why_not(progress):
                raise InputError(f"cannot go on with the run from here: {why}")
            if tuple(confirmed) != progress.command:
                raise InputError("the recorded command has changed since it was shown; look again")
            self._start(progress.command)

    def _start(self, command: Sequence[str]) -> None:
        self._failure = ""
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process
        # It goes on when the application ends.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "equiclust", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
            start_new_session=True,
            # Nothing is imported from where the user happens to be, such as a folder of somebody
            # else's.
            env={**os.environ, "PYTHONSAFEPATH": "1"},
        )

    def why_not(self, progress: ProgressRecord) -> str:
        """Why the command of the run cannot be started from here; empty when it can.

        Only ``equiclust run`` into the folder itself is ever started, and only on the machine that
        wrote it down; see `equiclust.app.run_command`.

        Parameters
        ----------
        progress : ProgressRecord

        Returns
        -------
        str
        """
        if not progress.command:
            return "its command is not recorded; repeat the call or command that started it"
        if progress.host != socket.gethostname():
            return "it was started on another machine; repeat its command there"
        why = why_not_started(progress.command, self.folder)
        return f"{why}; repeat it in a terminal if it is yours" if why else ""
