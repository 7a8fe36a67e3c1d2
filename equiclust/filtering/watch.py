"""Frames judged as they are written into a folder."""

from __future__ import annotations

import csv
import io
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data_adapters.frames import FRAME_SUFFIXES, FrameSeries, open_stacks
from data_adapters.frames.crashes import crashing_files
from data_adapters.frames.opening import is_hdf5
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, OutputError
from equiclust.filtering.frame_filter import FrameFilter
from equiclust.filtering.kept_file import make_table
from equiclust.filtering.measuring import measure_series
from equiclust.io.locks import exclusive
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.staging import refused
from equiclust.typing import PathLike
from equiclust.validation import check_positive

__all__ = ["Watched", "watch_frames"]

logger = logging.getLogger(__name__)

_COLUMNS = ("file", "index", "usable", "label", "probability", "flux", "reason")


@dataclass
class Watched:
    """What was judged.

    Parameters
    ----------
    table : Path
        One line for each frame.
    labels : Counter, optional
        Numbers of frames that were judged in this call by their label.
    """

    table: Path
    labels: Counter[int] = field(default_factory=Counter)


@checks_types
def watch_frames(
    folder: PathLike,
    model: PathLike,
    output: PathLike,
    *,
    dataset: str | None = None,
    poll: float = 2.0,
    timeout: float | None = None,
) -> Watched:
    """Judge the frames of a folder, those there and those that come, until the time is over.

    A file is judged when it has not changed for one poll, and again when it has grown: then only
    its further frames. What the table holds already is not judged again, so that a stopped call
    goes on when it is repeated. Files that cannot be read are tried again when they change. Ctrl-C
    ends the watch.

    Parameters
    ----------
    folder : path-like
        Files in it and in its folders are watched.
    model : path-like
        Folder that `filter_frames` has written.
    output : path-like
        Ends in .csv: a table to which one line for each frame is added.
    dataset : str, optional
        Path of the data set within HDF5 files.
    poll : float, default 2.0
        Seconds between two looks at the folder.
    timeout : float, optional
        Seconds after which the watch ends; default never.

    Returns
    -------
    Watched

    Raises
    ------
    InputError
        When an argument cannot be used, or there is no such folder or model.
    OutputError
        When the table cannot be written, or is another file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from astropy.io import fits
    >>> from equiclust.filtering import filter_frames, watch_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(120, size=64, bad_fraction=0.2, random_state=0)
    >>> Path("incoming").mkdir()
    >>> fits.writeto("first.fits", frames[:100])
    >>> fits.writeto("incoming/next.fits", frames[100:])
    >>> learned = filter_frames("first.fits", "first.csv")
    >>> watched = watch_frames("incoming", "first.model", "live.csv", poll=0.1, timeout=0.5)
    >>> watched.table.name, sum(watched.labels.values())
    ('live.csv', 20)
    """
    check_positive("poll", poll)
    if timeout is not None:
        check_positive("timeout", timeout)
    place, table = Path(folder).expanduser(), output_path(output)
    if not place.is_dir():
        raise InputError(f"watch must be a folder, got {str(folder)!r}")
    if table.suffix != ".csv":
        raise InputError(f"output must end in .csv, got {str(table)!r}")
    chosen = FrameFilter.load(model)
    check_writable(table)
    with exclusive(table):
        watch = _Watch(place, chosen, Watched(table), dataset)
        watch.run(poll, timeout)
    return watch.watched


class _Watch:
    """The state of a watch: which files have been seen, and how many frames of them judged."""

    def __init__(
        self, folder: Path, chosen: FrameFilter, watched: Watched, dataset: str | None
    ) -> None:
        self.folder, self.chosen, self.watched = folder, chosen, watched
        self.dataset = dataset
        self.n_judged = _judged(watched.table)
        self._seen: dict[Path, tuple[int, int]] = {}
        self._finished: dict[Path, tuple[int, int]] = {}

    def run(self, poll: float, timeout: float | None) -> None:
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        try:
            while True:
                self._look()
                left = end - time.monotonic()
                if left <= 0:
                    return
                time.sleep(min(poll, left))
        except KeyboardInterrupt:
            logger.info("the watch was stopped")

    def _look(self) -> None:
        ready = list(self._ready())
        crashes = crashing_files([one for one in ready if is_hdf5(one)], self.dataset)
        for path in ready:
            if path in crashes:
                logger.warning("left out: %s", crashes[path])
            else:
                self._judge(path)

    def _ready(self) -> Iterator[Path]:
        """Files that have not changed since the last look, nor been finished as they are."""
        for path in _files_in(self.folder):
            try:
                status = path.stat()
            except OSError:
                continue
            state = status.st_size, status.st_mtime_ns
            if self._seen.get(path) != state:
                self._seen[path] = state
            elif self._finished.get(path) != state:
                self._finished[path] = state
                yield path

    def _judge(self, path: Path) -> None:
        try:
            series = FrameSeries(tuple(open_stacks(path, dataset=self.dataset)))
            expected = self.chosen.measure_.limits.shape
            if series.frame_shape != expected:
                raise InputError(
                    f"{str(path)!r} holds frames of {series.frame_shape} pixels, the model is for "
                    f"{expected}"
                )
        except InputError as error:
            logger.info("left out for now: %s", error)
            return
        found: Counter[int] = Counter()
        for lines, labels in self._lines(path, series):
            with refused(self.watched.table), self.watched.table.open("a", newline="") as file:
                file.write(lines)
            found += labels
        if found:
            self.watched.labels += found
            logger.info(
                "%s: %d usable, %d not, %d uncertain", path.name, found[1], found[0], found[-1]
            )

    def _lines(self, path: Path, series: FrameSeries) -> Iterator[tuple[str, Counter[int]]]:
        """Lines of the table for the frames that are not judged yet, with their labels."""
        start = self.n_judged[str(path)]
        for measured in measure_series(series, self.chosen.measure_, start=start):
            judgement = self.chosen.predict(measured.features)
            buffer = io.StringIO()
            writer = csv.writer(buffer, lineterminator="\n")
            table = make_table(series, measured.features, judgement, start=start)
            for row in table:
                writer.writerow([row[name] for name in _COLUMNS])
            start = measured.stop
            self.n_judged[str(path)] = start
            yield buffer.getvalue(), Counter(judgement.label.tolist())


def _files_in(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(names)
            if not name.startswith(".") and name.lower().endswith(FRAME_SUFFIXES)
        ]
    return found


def _judged(table: Path) -> Counter[str]:
    """Numbers of frames that a table holds already, by file; a new table gets its first line."""
    header = ",".join(_COLUMNS) + "\n"
    with refused(table):
        if not os.path.lexists(table):
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_text(header)
            return Counter()
        content = table.read_bytes()
        if not content.startswith(header.encode()) or table.is_symlink():
            raise OutputError(
                f"cannot write to {str(table)!r}: it is no table of a watch; choose another output"
            )
        # A line that was being written when the watch was stopped.
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(table, len(whole))
    rows = csv.reader(io.StringIO(whole.decode(errors="surrogateescape")))
    next(rows)
    return Counter(row[0] for row in rows if row)
