"""What a run tells of itself while it goes on, and the request to stop that it heeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from equiclust.exceptions import StoppedError
from equiclust.io.progress_record import ProgressWriter
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.settings import RunSettings
from equiclust.pipeline.timing import RunClock
from equiclust.progress import Progress

__all__ = ["RunReporter", "reported"]

_TRAINING = "training"


class RunReporter:
    """Passes progress on, writes it into the run's folder, and ends the run when that is asked for.

    Parameters
    ----------
    settings : RunSettings
    on_progress : callable or None
        Of the caller.

    Attributes
    ----------
    clock : RunClock
        Begins a part of the run at every new stage.
    """

    def __init__(self, settings: RunSettings, on_progress: Progress | None) -> None:
        self.folder: RunFolder | None = None
        self.clock = RunClock()
        self._of_caller = on_progress
        self._writer = ProgressWriter(settings.arguments)
        self._stage = ""

    def write_to(self, folder: RunFolder) -> None:
        """Write into this folder from now on, and forget an earlier request to stop.

        Parameters
        ----------
        folder : RunFolder
            Created.
        """
        if self.folder is None:
            self.folder = folder
            self._forget_request()
            self._writer.write_to(folder.progress_json)

    def on_progress(self, stage: str, done: int, total: int | None, remark: str) -> None:
        """Report progress; see `equiclust.progress.Progress`.

        Parameters
        ----------
        stage : str
        done : int
        total : int or None
        remark : str

        Raises
        ------
        StoppedError
            When that is asked for. Within the training the networks themselves heed it, which
            first complete the epoch.
        """
        begins, self._stage = stage != self._stage, stage
        if begins:
            self.clock.begin(stage)
        self._writer.update(stage, done, total, remark)
        if self._of_caller is not None:
            self._of_caller(stage, done, total, remark)
        if self.folder is None or (stage == _TRAINING and not begins):
            return
        if self.folder.stop_request.exists():
            raise StoppedError(f"the run was stopped, as {str(self.folder.stop_request)!r} asks")

    def end(self, error: BaseException | None) -> None:
        """Say how the run ended.

        Parameters
        ----------
        error : BaseException or None
            What ended it before it was complete.
        """
        if error is None:
            self._writer.finish()
            return
        # Lightning turns an interrupt into an exit.
        stopped = isinstance(error, StoppedError | KeyboardInterrupt | SystemExit)
        text = " ".join(str(error).split()) or type(error).__name__
        self._writer.fail(text, stopped=stopped)
        if isinstance(error, StoppedError):
            self._forget_request()

    def _forget_request(self) -> None:
        if self.folder is not None:
            with suppress(OSError):
                self.folder.stop_request.unlink()


@contextmanager
def reported(settings: RunSettings, on_progress: Progress | None) -> Iterator[RunReporter]:
    """Report a run, and how it ends.

    Parameters
    ----------
    settings : RunSettings
    on_progress : callable or None

    Yields
    ------
    RunReporter
    """
    reporter = RunReporter(settings, on_progress)
    try:
        yield reporter
    except BaseException as error:
        reporter.end(error)
        raise
    reporter.end(None)
