"""Where the time of a run goes, part by part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from equiclust.io.atomic import read_json, write_json
from equiclust.io.run_folder import RunFolder

__all__ = ["RunClock", "describe_timing", "write_timing"]

logger = logging.getLogger(__name__)

Record = dict[str, Any]

_START = "start-up"
# Stages of the work by the part of the run that they belong to, where it has another name.
_PARTS = {
    "pictures": "reconstruction",
    "baseline network": "invariance",
    "encoder without averaging": "invariance",
    "rotation": "invariance",
    "perturbation": "confounders",
}
# What a run is for: vectors of the images, and clusters of these.
_LEARNING = ("training", "encoding", "number of clusters", "clustering")


class RunClock:
    """Measures how long each part of a run takes: one ends where the next begins.

    Parameters
    ----------
    now : callable, default `time.perf_counter`
        Gives the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = perf_counter) -> None:
        self._now = now
        self._seconds: dict[str, float] = {}
        self._part, self._since = _START, now()

    def begin(self, stage: str = _START) -> None:
        """End the part that runs, and begin another one or the same again.

        Parameters
        ----------
        stage : str, default "start-up"
            Stage of the work as in `equiclust.progress.start_stage`. "start-up" is what a run does
            before it reads images: loading libraries.
        """
        now = self._now()
        self._seconds[self._part] = self._seconds.get(self._part, 0.0) + now - self._since
        self._part, self._since = _PARTS.get(stage, stage), now

    def record(self, *, resumed: bool) -> Record:
        """What was measured until now.

        Parameters
        ----------
        resumed : bool
            Whether an earlier process had begun the run, whose time is not known here.

        Returns
        -------
        dict
            `parts`, seconds by part in the order in which they began; `total`, their sum in
            seconds; `learning`, the share of training, encoding and clustering, 0 to 1; `resumed`.
        """
        self.begin(self._part)
        total = sum(self._seconds.values())
        learning = sum(self._seconds.get(part, 0.0) for part in _LEARNING)
        return {
            "parts": {part: round(seconds, 3) for part, seconds in self._seconds.items()},
            "total": round(total, 3),
            "learning": round(learning / total, 4) if total else 0.0,
            "resumed": resumed,
        }


def describe_timing(record: Mapping[str, Any]) -> str:
    """Say in one line where the time of a run went, the longest part first.

    Parameters
    ----------
    record : mapping
        As from `RunClock.record`.

    Returns
    -------
    str
    """
    total, parts = record["total"], record["parts"]
    longest = sorted(parts.items(), key=lambda part: -part[1])
    listed = ", ".join(
        f"{part} {seconds:.1f} s ({seconds / total:.0%})"
        for part, seconds in longest
        if seconds >= 0.005 * total
    )
    since = " since it was resumed" if record["resumed"] else ""
    return (
        f"Time{since}: {total:.1f} s, of which network and clusters {record['learning']:.0%}: "
        f"{listed}"
    )


def write_timing(folder: RunFolder, record: Record) -> None:
    """Write into the log, and as `timing` into the metrics of a run, where its time went.

    Parameters
    ----------
    folder : RunFolder
        Of a run that has just been finished.
    record : dict
        As from `RunClock.record`.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    """
    logger.info("%s", describe_timing(record))
    name = folder.metrics_json.name
    metrics = read_json(folder.metrics_json)
    with folder.outputs.replaced([name]) as drafts:
        write_json(drafts / name, {**metrics, "timing": record})
