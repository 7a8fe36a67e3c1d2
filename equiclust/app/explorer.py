"""`Explorer`: the web application on a run or a label map, from its start to its end."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.catalogue import printable
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.results import Run
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from equiclust.app.map_view import MapView
    from equiclust.app.run_view import RunView
    from equiclust.app.training_view import TrainingView

__all__ = ["Explorer", "explore"]

_HOST = "127.0.0.1"
_N_WORKERS = 4
_SECONDS_TO_START = 30.0


class Explorer:
    """A running or stopped server of the application; get one from `explore` or `Run.explore`.

    Parameters
    ----------
    path : Path
        Folder of a run, finished or not, or a label map that ends in ``.fits``.
    labels : path-like, optional
        File of the labels; default ``labels.csv`` in the folder of the run.
    compare : path-like, optional
        Folder of a second run of the same images.
    data : path-like, optional
        The map that a label map was made of, where it is not any more where it was.

    Attributes
    ----------
    run : RunView or None
        Where the run is finished.
    training : TrainingView or None
        Where it is a run.
    map : MapView or None
        Where it is a label map.
    token : str
        Secret in the address; without it nothing is answered.
    report_token : str
        Secret in the address of the report, with which nothing else is answered: its scripts may be
        somebody else's.
    port : int or None
        While the server runs.
    is_in_notebook : bool
        Whether pages of other servers of this machine, such as a notebook, may frame the page.

    Examples
    --------
    >>> import equiclust
    >>> import numpy as np
    >>> from equiclust.app import explore
    >>> latents = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0)
    >>> np.save("latents.npy", latents + np.random.default_rng(0).normal(size=(40, 2)))
    >>> run = equiclust.run(latents="latents.npy", output="sorted", n_clusters=2, n_folds=2)
    >>> explorer = explore("sorted").start()
    >>> explorer.url
    'http://127.0.0.1:...'
    >>> explorer.stop()
    """

    def __init__(
        self,
        path: Path,
        *,
        labels: PathLike | None = None,
        compare: PathLike | None = None,
        data: PathLike | None = None,
    ) -> None:
        self.path = path
        self.run: RunView | None = None
        self.training: TrainingView | None = None
        self.map: MapView | None = None
        self._workers: ThreadPoolExecutor | None = None
        self.token = secrets.token_urlsafe(24)
        self.report_token = secrets.token_urlsafe(24)
        self.port: int | None = None
        self.is_in_notebook = False
        self._code = ""
        self._labels = labels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._listeners: set[Callable[[], None]] = set()
        self._opening = threading.Lock()
        if path.is_dir():
            self._open_run(compare)
        elif path.suffix == ".fits":
            from equiclust.app.map_view import MapView

            self.map = MapView(path, data=data)
        else:
            raise InputError(
                f"run must be the folder of a run, or a label map that ends in .fits, got "
                f"{str(path)!r}"
            )

    def _open_run(self, compare: PathLike | None) -> None:
        from equiclust.app.training_view import TrainingView

        folder = RunFolder(self.path)
        if not folder.is_run:
            raise InputError(f"{str(self.path)!r} is not the folder of a run; name one")
        other = None if compare is None else RunFolder(Path(compare).expanduser())
        if other is not None and not other.is_run:
            raise InputError(f"compare must be the folder of a run, got {str(compare)!r}")
        self.training = TrainingView(folder, other)
        self.open_if_finished()

    def open_if_finished(self) -> bool:
        """Open the results of a run that has finished meanwhile.

        Returns
        -------
        bool
            Whether there are results.
        """
        with self._opening:
            if self.run is None and self.map is None and RunFolder(self.path).is_finished:
                from equiclust.app.run_view import RunView

                self.run = RunView(Run(RunFolder.open(self.path)), self._labels)
        return self.run is not None

    @property
    def name(self) -> str:
        """Name of the run or the label map, as it can be shown."""
        return printable(self.path.resolve().name)

    @property
    def url(self) -> str:
        """Address of the page, with the token.

        Raises
        ------
        InputError
            When the server is not running.
        """
        if self.port is None:
            raise InputError("the application is stopped; start it by `start`")
        return f"http://{_HOST}:{self.port}/{self.token}/"

    def make_browser_url(self) -> str:
        """Make an address that leads to the page once, to start a browser with.

        Other users of the machine may see what a browser is started with.

        Returns
        -------
        str

        Raises
        ------
        InputError
            When the server is not running.
        """
        page = self.url
        self._code = secrets.token_urlsafe(24)
        return page.replace(f"/{self.token}/", f"/open/{self._code}")

    def take_code(self, code: str) -> bool:
        """Use up the code of the address that a browser is started with.

        Parameters
        ----------
        code : str

        Returns
        -------
        bool
            Whether it was right, and not used before.
        """
        wanted, is_right = self._code, secrets.compare_digest(code.encode(), self._code.encode())
        if wanted and is_right:
            self._code = ""
        return bool(wanted) and is_right

    @property
    def workers(self) -> ThreadPoolExecutor:
        """Threads for what takes long.

        Raises
        ------
        InputError
            When the server is not running.
        """
        if self._workers is None:
            raise InputError("the application is stopped; start it by `start`")
        return self._workers

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called in the server's thread when labels or kinds have changed.

        Parameters
        ----------
        listener : callable

        Returns
        -------
        callable
            Ends it.
        """
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def changed(self) -> None:
        """Tell all pages that labels or kinds have changed; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def serve(self, *, port: int = 0, on_start: Callable[[str], Any] | None = None) -> None:
        """Answer in this thread until `stop` is called from another one, or Ctrl-C.

        Parameters
        ----------
        port : int, default 0
            0 = any that is free.
        on_start : callable, optional
            Gets the address.

        Raises
        ------
        InputError
            When the port is taken or not allowed.
        """
        try:
            asyncio.run(self._serve(port, on_start))
        finally:
            self.port = None
            self._loop = None

    async def _serve(self, port: int, on_start: Callable[[str], Any] | None) -> None:
        from equiclust.app.server import listening

        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        workers = self._workers = ThreadPoolExecutor(_N_WORKERS, thread_name_prefix="equiclust")
        try:
            async with listening(self, _HOST, port) as bound:
                self.port = bound
                if on_start is not None:
                    on_start(self.url)
                await self._stopped.wait()
        finally:
            # What waits is of no use to anybody any more, and what is computed now cannot be ended.
            workers.shutdown(wait=False, cancel_futures=True)

    def start(self, *, port: int = 0) -> Explorer:
        """Answer in a thread of its own, as a notebook needs it.

        Parameters
        ----------
        port : int, default 0
            0 = any that is free.

        Returns
        -------
        Explorer
            Itself.

        Raises
        ------
        InputError
            When the port is taken or not allowed, or it is started already.
        """
        if self._thread is not None and self._thread.is_alive():
            raise InputError("the application is started already; stop it by `stop`")
        self.is_in_notebook = True
        started = threading.Event()
        failures: list[BaseException] = []

        def serve() -> None:
            try:
                self.serve(port=port, on_start=lambda url: started.set())
            except BaseException as error:
                failures.append(error)
                started.set()

        self._thread = threading.Thread(target=serve, name="equiclust explore", daemon=True)
        self._thread.start()
        started.wait(_SECONDS_TO_START)
        if failures:
            raise failures[0]
        return self

    def stop(self) -> None:
        """End the server; nothing is lost, since labels are written when they are given."""
        loop, stopped = self._loop, self._stopped
        if loop is not None and stopped is not None:
            loop.call_soon_threadsafe(stopped.set)
        if self._thread is not None:
            self._thread.join(_SECONDS_TO_START)
            self._thread = None
        if self.map is not None:
            self.map.close()

    def _repr_html_(self) -> str:
        """The page within a notebook."""
        if self.port is None:
            return "<p>equiclust explore: stopped</p>"
        return (
            f'<iframe src="{self.url}" title="equiclust explore" width="100%" height="820" '
            'style="border:1px solid #ccc"></iframe>'
        )


@checks_types
def explore(
    path: PathLike,
    *,
    labels: PathLike | None = None,
    compare: PathLike | None = None,
    data: PathLike | None = None,
) -> Explorer:
    """Open a run or a label map in the web application; the server is not started yet.

    Parameters
    ----------
    path : str or path
        Folder of a run, finished or in progress, or a label map of `equiclust segment`.
    labels : str or path, optional
        CSV file of the labels; default ``labels.csv`` in the folder of the run.
    compare : str or path, optional
        Folder of a second run of the same images, to see what differs.
    data : str or path, optional
        The map that a label map was made of, where it is not any more where it was.

    Returns
    -------
    Explorer
        `Explorer.start` answers in a thread of its own, `Explorer.serve` in this one.

    Raises
    ------
    InputError
        When the path is no run and no label map, or the file of labels cannot be read.

    Examples
    --------
    >>> import equiclust
    >>> import numpy as np
    >>> from equiclust.app import explore
    >>> latents = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0)
    >>> np.save("latents.npy", latents + np.random.default_rng(0).normal(size=(40, 2)))
    >>> run = equiclust.run(latents="latents.npy", output="sorted", n_clusters=2, n_folds=2)
    >>> explorer = explore("sorted")
    >>> explorer.name, explorer.port is None
    ('sorted', True)
    """
    return Explorer(Path(path).expanduser(), labels=labels, compare=compare, data=data)
