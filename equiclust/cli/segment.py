"""`equiclust segment`: from a FITS map or cube to a label map on the same sky."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from data_adapters.sky.sky_map import SkyMap, open_sky_map
from ensembles.backend import check_scheduler, training_backend
from equiclust import __version__
from equiclust.cli.messages import cluster_sizes, format_sizes
from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import EquiclustError, InputError, OutputError
from equiclust.io.atomic import read_json, replace_folder, write_json
from equiclust.io.catalogue import write_table
from equiclust.io.output_checks import check_writable
from equiclust.progress import Update
from equiclust.segmentation.figure import draw_segment_map
from equiclust.segmentation.label_maps import (
    read_segment_map,
    segments,
    write_regions,
    write_segment_map,
)
from equiclust.segmentation.mask_options import MaskOptions, read_mask
from equiclust.segmentation.memory import check_memory
from equiclust.segmentation.segment import Segmentation, SegmentOptions, segment_sky_map
from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap

__all__ = ["SegmentJob", "automatic_tile", "run_segment"]

logger = logging.getLogger(__name__)

_CONFIG = "config.json"
# p-value of the dip test from which there is no gap between the kinds.
_CONTINUOUS = 0.02
# Smaller pieces are in the map, but not in the table and the regions.
_FEWEST_PIXELS = 16
_USUAL_TILE, _SMALL_TILE = 32, 16
_WIDE_MAP = 128


class StageClock:
    """Stages of a session, and how long each took.

    Parameters
    ----------
    stage : callable
        As in `Session.stage`.
    """

    def __init__(self, stage: Callable[[str], AbstractContextManager[Update]]) -> None:
        self._stage = stage
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """One stage."""
        started = perf_counter()
        with self._stage(title) as update:
            yield update
        self.seconds[title] = perf_counter() - started


@dataclass(frozen=True)
class SegmentJob:
    """What `equiclust segment` was asked for; see the command for each.

    Parameters
    ----------
    map : str
    output : str
    options : SegmentOptions
    masks : MaskOptions
    run : str, optional
        An earlier segment map, whose networks and clusters are used.
    max_memory : str
    device : str
    n_jobs : int, optional
    scheduler : str, optional
    """

    map: str
    output: str
    options: SegmentOptions
    masks: MaskOptions
    run: str | None = None
    max_memory: str = "auto"
    device: str = "auto"
    n_jobs: int | None = None
    scheduler: str | None = None

    def beside(self, ending: str) -> Path:
        """A file or folder beside the label map: ``labels.reg`` by ``labels.fits``."""
        return Path(self.output).with_suffix(ending)

    @property
    def folder(self) -> Path:
        """Where the work lies until it is done."""
        return Path(f"{self.output}.partial")


def run_segment(session: Session, job: SegmentJob) -> Outcome:
    """Segment a map; goes on where a stopped call was.

    Raises
    ------
    InputError
        When an option or the map cannot be used.
    OutputError
        When the place cannot be written, or holds something else.
    """
    _check_output(job)
    check_scheduler(job.scheduler)
    model = None if job.run is None else _model_of(job.run)
    sky = open_sky_map(job.map)
    need = check_memory(sky, job.options, job.max_memory, job.n_jobs)
    session.note(need.told)
    _open_folder(session, job, sky)
    session.log_to(job.folder / "segment.log")
    clock = StageClock(session.stage)
    with clock.stage("masking") as update:
        mask = read_mask(sky, job.masks, update)
    done = segment_sky_map(
        sky,
        job.options,
        job.folder,
        mask=mask,
        model=model,
        device=job.device,
        n_jobs=need.n_jobs,
        stage=clock.stage,
        engine=partial(training_backend, job.scheduler),
    )
    with session.stage("writing"):
        record = _write(job, done, sky, clock.seconds)
    shutil.rmtree(job.folder, ignore_errors=True)
    return _outcome(job, record)


def _check_output(job: SegmentJob) -> None:
    output = Path(job.output)
    if output.suffix != ".fits":
        raise InputError(f"--output must end in .fits, got {job.output!r}")
    check_writable(output)
    if output.exists():
        try:
            read_segment_map(output)
        except EquiclustError as error:
            raise OutputError(
                f"cannot write to {job.output!r}: it is there already and is no segment map; "
                "choose another output"
            ) from error


def _model_of(run: str) -> Path:
    """The folder of networks and clusters of an earlier segment map."""
    place = Path(run)
    folder = place if place.is_dir() else place.with_suffix(".model")
    if not (folder / "textures.json").is_file():
        raise InputError(
            f"--run must be a label map of `equiclust segment` with its .model folder, got {run!r}"
        )
    return folder


def _open_folder(session: Session, job: SegmentJob, sky: SkyMap) -> None:
    """The working folder of this very job; what another has left is removed."""
    config = _config(job, sky)
    path = job.folder / _CONFIG
    if job.folder.is_dir():
        if path.is_file() and read_json(path) == config:
            session.note(f"going on with the work in {job.folder}")
            return
        if not path.is_file() and os.listdir(job.folder):
            raise OutputError(
                f"cannot work in {str(job.folder)!r}: it holds something else; remove it"
            )
        shutil.rmtree(job.folder)
    job.folder.mkdir(parents=True)
    write_json(path, config)


def _config(job: SegmentJob, sky: SkyMap) -> dict[str, Any]:
    """What makes the work what it is, as JSON gives it back."""
    files = [sky.path, job.masks.mask, job.masks.weights, job.masks.region, job.run]
    content = {
        "equiclust": __version__,
        "files": [_fingerprint(name) for name in files if name is not None],
        "masks": asdict(job.masks),
        "options": asdict(job.options),
    }
    again: dict[str, Any] = json.loads(json.dumps(content))
    return again


def _fingerprint(name: str) -> list[Any]:
    path = Path(name.split("[")[0] or name)
    if not path.is_file():
        return [name]
    stat = path.stat()
    text = f"{os.path.abspath(path)} {stat.st_size} {stat.st_mtime_ns}"
    return [name, hashlib.sha256(text.encode()).hexdigest()]


def _write(
    job: SegmentJob, done: Segmentation, sky: SkyMap, seconds: Mapping[str, float]
) -> dict[str, Any]:
    """Everything beside the label map, and that last: its presence says that all is there."""
    segment_map = done.segment_map
    data = _data_of(done)
    write_table(
        segments(segment_map, data, min_pixels=_FEWEST_PIXELS), job.beside(".segments.ecsv")
    )
    write_regions(segment_map, job.beside(".reg"), min_pixels=_FEWEST_PIXELS)
    if job.run is None:
        with replace_folder(job.beside(".model")) as draft:
            shutil.copytree(done.model, draft, dirs_exist_ok=True)
    draw_segment_map(segment_map, data, job.beside(".png"))
    record = {**_record(job, done, sky), "seconds": dict(seconds)}
    write_json(job.beside(".json"), record)
    write_segment_map(segment_map, job.output)
    return record


def _data_of(done: Segmentation) -> npt.NDArray[np.float32]:
    if done.segment_map.labels.ndim == 2:
        return done.planes.read(0)
    return np.stack([done.planes.read(number) for number in range(done.planes.count)])


def _record(job: SegmentJob, done: Segmentation, sky: SkyMap) -> dict[str, Any]:
    segment_map = done.segment_map
    sizes = cluster_sizes(segment_map.labels, segment_map.n_clusters)
    choice = done.choice
    return {
        "version": __version__,
        "map": sky.path,
        "labels": job.output,
        "shape": list(segment_map.labels.shape),
        "n_clusters": segment_map.n_clusters,
        "sizes": sizes,
        "n_masked": int(np.sum(segment_map.labels == MASKED)),
        "n_unsure": int(np.sum(segment_map.labels == UNSURE)),
        "mean_confidence": _mean(segment_map),
        **done.counts,
        "unimodal_p": None if choice is None else choice.unimodal_p,
        "votes": {} if choice is None else dict(choice.votes),
        "candidates": [] if choice is None else [dict(row) for row in choice.scores],
        "options": asdict(job.options),
        "masks": asdict(job.masks),
        "histories": [[dict(epoch) for epoch in history] for history in done.histories],
    }


def _mean(segment_map: SegmentMap) -> float | None:
    seen = np.isfinite(segment_map.confidence)
    return float(segment_map.confidence[seen].mean()) if seen.any() else None


def _outcome(job: SegmentJob, record: Mapping[str, Any]) -> Outcome:
    sizes, unsure = record["sizes"], record["n_unsure"]
    lines = [format_sizes(sizes, unsure, what="pixels")]
    lines.append(
        f"{record['n_masked']} pixels are masked, and {record['n_tiles_left_out']} of "
        f"{record['n_tiles']} tiles left out, which are constant or more than half masked"
    )
    if len(sizes) > 1 and (record["unimodal_p"] or 0.0) > _CONTINUOUS:
        lines.append(
            "The textures shade into each other without a gap between the kinds: where one ends "
            "and the next begins is a matter of the method"
        )
    lines.append(f"Labels: {job.output}")
    lines += [
        f"{title}: {job.beside(ending)}"
        for title, ending in (
            ("Segments", ".segments.ecsv"),
            ("Regions", ".reg"),
            ("Picture", ".png"),
        )
    ]
    shown = {key: value for key, value in record.items() if key not in ("histories", "candidates")}
    return Outcome(shown, "\n".join(lines))


def automatic_tile(path: str) -> int:
    """Side of the tiles for this map: 32 pixels, 16 where it is narrower than 128."""
    narrowest = min(open_sky_map(path).shape[1:])
    return _USUAL_TILE if narrowest >= _WIDE_MAP else _SMALL_TILE
