"""`equiclust run --watch`: the web application in a thread of its own while a run goes on."""

from __future__ import annotations

import threading
import time
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.cli.session import Session
from equiclust.io.output_checks import output_path
from equiclust.io.run_folder import RunFolder

if TYPE_CHECKING:
    from equiclust.app.explorer import Explorer

__all__ = ["WatchedRun"]

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_START = 60.0


class WatchedRun:
    """Opens the page of a run as soon as its folder is there, and keeps it open afterwards.

    Used as a context manager around the run: when that fails or is stopped, the page ends with it.
    Whatever goes wrong with the page is a note: the run goes on without it.

    Parameters
    ----------
    session : Session
    output : path-like
        Folder of the run.
    """

    def __init__(self, session: Session, output: str) -> None:
        self._session = session
        self._folder = RunFolder(Path(output_path(output)))
        self._explorer: Explorer | None = None
        self._opening: threading.Thread | None = None
        self._last_look = 0.0
        # What is said here and the progress of the run come from two threads.
        self._saying = threading.Lock()

    def __enter__(self) -> WatchedRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        # Without its process the run has no page either.
        if kind is not None and self._explorer is not None:
            self._explorer.stop()

    def on_progress(self, stage: str, done: int, total: int | None, remark: str) -> None:
        """Show progress, and open the page once there is something to see.

        Parameters
        ----------
        stage : str
        done : int
        total : int or None
        remark : str
        """
        with self._saying:
            self._session.on_progress(stage, done, total, remark)
            now = time.monotonic()
            if self._opening is None and now - self._last_look > _SECONDS_BETWEEN_LOOKS:
                self._last_look = now
                if self._folder.is_run:
                    self._open()

    def stay(self) -> None:
        """Keep the page until Ctrl-C; return at once where there is none."""
        if self._opening is None:
            # The run was finished already.
            self._open()
        try:
            if self._opening is not None:
                self._opening.join(_SECONDS_TO_START)
            if self._explorer is not None:
                self._say(f"the page stays at {self._explorer.url}\nCtrl-C ends it.")
                _wait()
        except KeyboardInterrupt:
            if self._explorer is not None:
                self._explorer.stop()

    def _open(self) -> None:
        # Importing the application takes a moment, and a browser may take longer.
        self._opening = threading.Thread(target=self._start, name="equiclust watch", daemon=True)
        self._opening.start()

    def _start(self) -> None:
        try:
            from equiclust.app.explorer import Explorer

            explorer = Explorer(self._folder.path).start()
            # No other page shows it within its own.
            explorer.is_in_notebook = False
            url = explorer.url
        except Exception as error:
            self._say(f"equiclust: note: the page could not be opened: {_sentence(error)}")
            return
        self._explorer = explorer
        self._say(f"equiclust explore: {url}")
        with suppress(Exception):
            webbrowser.open(explorer.make_browser_url())

    def _say(self, text: str) -> None:
        with self._saying:
            self._session.show(text)


def _wait() -> None:
    """Until Ctrl-C."""
    threading.Event().wait()


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
