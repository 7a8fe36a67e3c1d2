"""A segmentation from files to files, in one call that can be resumed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from data_adapters.sky.sky_map import SkyMap, open_sky_map
from ensembles.backend import check_scheduler, training_backend
from equiclust import __version__
from equiclust.exceptions import InputError
from equiclust.io.catalogue import write_table
from equiclust.io.locks import exclusive
from equiclust.io.log_file import LogFile, logged
from equiclust.io.manifest import write_manifest
from equiclust.io.notes import Notes, collected_notes
from equiclust.io.output_checks import check_writable
from equiclust.io.staging import recover
from equiclust.optional import check_installed
from equiclust.progress import Progress, start_stage
from equiclust.segmentation.figure import draw_segment_map
from equiclust.segmentation.label_maps import write_segment_map
from equiclust.segmentation.mask_options import read_mask
from equiclust.segmentation.memory import estimate_memory
from equiclust.segmentation.model_folder import check_model
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.outputs import SegmentFiles, WorkingFolder
from equiclust.segmentation.regions import write_regions
from equiclust.segmentation.segment import Segmentation, segment_sky_map
from equiclust.segmentation.segment_job import SegmentJob
from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap
from equiclust.segmentation.segment_table import segments
from equiclust.typing import Float32Array

__all__ = ["SegmentJob", "SegmentResult", "run_segment_job"]

logger = logging.getLogger(__name__)

# Smaller segments are in the label map, but not in the table and the regions.
_MIN_PIXELS = 16


@dataclass(frozen=True)
class SegmentResult:
    """Files and figures of a segmentation, as `run_segment_job` returns them.

    Parameters
    ----------
    files : SegmentFiles
        Paths of the label map and of what belongs to it.
    record : mapping, default field(repr=False)
        Figures of the result, as in the file ``.json``: sizes of the clusters, pixels masked and
        without a label, tiles, options, seconds of every stage, and so on.

    Examples
    --------
    >>> from equiclust.segmentation import SegmentJob, SegmentOptions, run_segment_job
    >>> from equiclust.simulation import write_cloud_map
    >>> truth = write_cloud_map("sky.fits", (64, 64), scale=16.0, random_state=0)
    >>> job = SegmentJob("sky.fits", "kinds.fits", SegmentOptions(tile=16, n_clusters=2), n_jobs=1)
    >>> result = run_segment_job(job)
    >>> result.record["n_clusters"], result.record["n_masked"]
    (2, 0)
    >>> result.files.segments.name, result.files.regions.name
    ('kinds.segments.ecsv', 'kinds.reg')
    """

    files: SegmentFiles
    record: Mapping[str, Any] = field(repr=False)

    @property
    def labels(self) -> Path:
        """The label map; read it by `read_segment_map`."""
        return self.files.labels

    @property
    def sizes(self) -> tuple[int, ...]:
        """Pixels of every cluster."""
        return tuple(self.record["sizes"])


def run_segment_job(job: SegmentJob, *, on_progress: Progress | None = None) -> SegmentResult:
    """Segment a map and write labels, table, regions, picture and model.

    The same job again resumes a call that was stopped, and reads the result of one that is
    finished. Only files that an earlier call of the same job wrote are ever overwritten: their
    SHA-256 is in the file ``.json``. Two processes never write the same output.

    Parameters
    ----------
    job : SegmentJob
        What to do.
    on_progress : callable, optional
        Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

    Returns
    -------
    SegmentResult
        Paths and figures.

    Raises
    ------
    InputError
        When an option or the map cannot be used.
    OutputError
        When the output cannot be written, is an input, was not written by this job, or another
        process is writing it.
    MissingPackageError
        When a package for tables or regions of the segments is not installed.

    Examples
    --------
    >>> from equiclust.segmentation import SegmentJob, SegmentOptions, run_segment_job
    >>> from equiclust.simulation import write_cloud_map
    >>> truth = write_cloud_map("cloud.fits", (64, 64), scale=16.0, random_state=0)
    >>> options = SegmentOptions(tile=16, n_clusters=2)
    >>> job = SegmentJob("cloud.fits", "labels.fits", options, n_jobs=1)
    >>> result = run_segment_job(job)
    >>> result.labels.exists(), len(result.sizes), sum(result.sizes)
    (True, 2, 4096)

    The clusters can label another map, of which nothing is learned:

    >>> truth = write_cloud_map("other.fits", (64, 64), scale=16.0, random_state=1)
    >>> other = run_segment_job(SegmentJob("other.fits", "same.fits", run="labels.fits", n_jobs=1))
    >>> other.record["n_clusters"]
    2
    """
    check_installed("contourpy", "radio_beam", "regions", extra="maps", purpose="a segmentation")
    files = job.files
    files.check_inputs(job.inputs)
    check_writable(files.labels)
    working = WorkingFolder(files.working)
    with exclusive(files.labels):
        recover(files.labels.parent)
        try:
            with logged() as log, collected_notes() as notes:
                record = _run_segment_job(job, files, working, log, notes, on_progress)
        except InputError:
            if not working.has_work:
                working.remove()
            raise
        working.remove()
    return SegmentResult(files, record)


def _run_segment_job(
    job: SegmentJob,
    files: SegmentFiles,
    working: WorkingFolder,
    log: LogFile,
    notes: Notes,
    on_progress: Progress | None,
) -> dict[str, Any]:
    check_scheduler(job.scheduler)
    model = None if job.run is None else check_model(job.run, job.options)
    sky = open_sky_map(job.map, stokes=job.stokes)
    options = job.options.for_shape(sky.shape[1:])
    encoder = options.tile_encoder(job.device)
    need = estimate_memory(sky, options, job.max_memory, job.n_jobs, learns=model is None)
    described = job.describe(options, encoder)
    known = files.read_result(described)
    if known is not None:
        working.adopt(described)
        logger.info("%s was written by this job already", files.labels)
        return known
    working.open(described)
    log.write_to(working.log)
    logger.info("%s", need.summary)
    if working.has_work:
        logger.info("resuming the work in %s", working.path)
    times = _StageTimes(on_progress)
    mask = read_mask(sky, job.masks, on_progress=times)
    done = segment_sky_map(
        sky,
        options,
        working.path,
        mask=mask,
        model=model,
        device=job.device,
        n_jobs=need.n_jobs,
        on_progress=times,
        backend=lambda: training_backend(job.scheduler),
    )
    seconds = times.stop()
    figures = {**_figures(job, options, done, sky), "seconds": seconds}
    start_stage(on_progress, "writing")
    with files.published(figures, described) as drafts:
        _write_drafts(SegmentFiles(drafts / files.labels.name, files.with_model), done)
        # Writing has its notes too.
        figures["notes"] = notes.record
    return figures


class _StageTimes:
    """Passes progress on, and measures how many seconds each stage takes."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._on_progress = on_progress
        self._seconds: dict[str, float] = {}
        self._stage, self._started = "", perf_counter()

    def __call__(self, stage: str, done: int, total: int | None, remark: str) -> None:
        if stage != self._stage:
            self.stop()
            self._stage, self._started = stage, perf_counter()
        if self._on_progress is not None:
            self._on_progress(stage, done, total, remark)

    def stop(self) -> dict[str, float]:
        """Seconds of the stages until now."""
        if self._stage:
            now = perf_counter()
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._started
            self._stage = ""
        return self._seconds


def _write_drafts(files: SegmentFiles, done: Segmentation) -> None:
    """All results but the record."""
    segment_map = done.segment_map
    data = _data_of(done)
    write_table(segments(segment_map, data, min_pixels=_MIN_PIXELS), files.segments)
    write_regions(segment_map, files.regions, min_pixels=_MIN_PIXELS)
    draw_segment_map(segment_map, data, files.picture)
    write_segment_map(segment_map, files.labels)
    if files.with_model:
        shutil.copytree(done.model, files.model)
        write_manifest(files.model)


def _data_of(done: Segmentation) -> Float32Array:
    if done.segment_map.labels.ndim == 2:
        return done.planes.read(0)
    return np.stack([done.planes.read(number) for number in range(done.planes.count)])


def _figures(
    job: SegmentJob, options: SegmentOptions, done: Segmentation, sky: SkyMap
) -> dict[str, Any]:
    segment_map, choice = done.segment_map, done.choice
    return {
        "version": __version__,
        "map": sky.path,
        "labels": job.output,
        "shape": list(segment_map.labels.shape),
        "n_clusters": segment_map.n_clusters,
        "sizes": segment_map.sizes.tolist(),
        "n_masked": int(np.sum(segment_map.labels == MASKED)),
        "n_unsure": int(np.sum(segment_map.labels == UNSURE)),
        "mean_membership": _mean_membership(segment_map),
        **done.counts,
        "unimodal_p": None if choice is None else choice.unimodal_p,
        "votes": {} if choice is None else dict(choice.votes),
        "candidates": [] if choice is None else [dict(row) for row in choice.scores],
        "options": job.settings(options),
        "encoder": done.encoder,
        "masks": asdict(job.masks),
        "histories": [[dict(epoch) for epoch in history] for history in done.histories],
    }


def _mean_membership(segment_map: SegmentMap) -> float | None:
    seen = np.isfinite(segment_map.membership)
    return float(segment_map.membership[seen].mean()) if seen.any() else None
