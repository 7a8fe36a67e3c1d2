"""A whole filtering: from the inputs of a user to the files of the result."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.frames import FrameSeries, open_frames
from data_adapters.frames.crashes import crashing_frame
from equiclust.argument_types import checks_types
from equiclust.exceptions import EquiclustWarning, InputError, UnreadableFileError
from equiclust.filtering.averages import average_frames
from equiclust.filtering.calibration import calibrate
from equiclust.filtering.clusters import Method
from equiclust.filtering.feature_store import FeatureStore
from equiclust.filtering.features import FrameFeatures, Measure
from equiclust.filtering.frame_filter import REASONS, UNCERTAIN, FrameFilter, Judgement
from equiclust.filtering.kept_file import HDF5_SUFFIXES, OUTPUT_SUFFIXES, write_kept
from equiclust.filtering.known_frames import find_frame, read_labels
from equiclust.filtering.measuring import measure_series, n_ahead
from equiclust.filtering.page import Confusion, confusion_of, headline_of, write_page
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.outputs import Outputs
from equiclust.optional import check_installed
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike
from equiclust.validation import check_positive

__all__ = ["FilterResult", "KeptFiles", "filter_frames"]

logger = logging.getLogger(__name__)

# Of the layout of the features.
_VERSION = 1
# Share of uncertain frames above which there is a warning.
_MANY = 0.05
_NAMES = {"hdbscan": "HDBSCAN", "dbscan": "DBSCAN", "kmeans": "k-means"}


@dataclass(frozen=True)
class KeptFiles:
    """Paths of everything that one filtering writes, named after its main file.

    Parameters
    ----------
    main : Path
        HDF5 file or table.
    """

    main: Path

    @property
    def report(self) -> Path:
        """The report, ``.report.html``."""
        return self.main.with_suffix(".report.html")

    @property
    def model(self) -> Path:
        """Folder of what was learned, ``.model``."""
        return self.main.with_suffix(".model")

    @property
    def watched(self) -> Path:
        """Table of the frames that were judged as they came, ``.watch.csv``."""
        return self.main.with_suffix(".watch.csv")

    @property
    def working(self) -> Path:
        """Folder of unfinished work, hidden."""
        return self.main.with_name(f".{self.main.name}.partial")

    @property
    def outputs(self) -> Outputs:
        """What is written together."""
        return Outputs.beside(self.main, self.report, self.model, command="filter")


@dataclass(frozen=True, eq=False)
class FilterResult:
    """Files and judgements of a filtering, as `filter_frames` returns them.

    Parameters
    ----------
    files : KeptFiles
    judgement : Judgement
        Of all frames.
    frame_filter : FrameFilter
        What was learned, or was given.
    rejected : tuple of (str, str)
        Path and reason of every input that could not be used.
    confusion : Confusion or None
        `None` without labels.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from equiclust.filtering import filter_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(100, size=64, bad_fraction=0.2, random_state=0)
    >>> fits.writeto("scan.fits", frames)
    >>> result = filter_frames("scan.fits", "judged.csv")
    >>> len(result.judgement.label), result.rejected, result.confusion is None
    (100, (), True)
    >>> result.headline
    '80 of 100 frames are usable and 20 are not'
    """

    files: KeptFiles
    judgement: Judgement
    frame_filter: FrameFilter
    rejected: tuple[tuple[str, str], ...]
    confusion: Confusion | None

    @property
    def record(self) -> dict[str, Any]:
        """Figures of the result, as JSON holds them."""
        label, reason = self.judgement.label, self.judgement.reason
        found = {
            "output": str(self.files.main),
            "report": str(self.files.report),
            "model": str(self.files.model),
            "n_frames": len(label),
            "n_usable": int(np.sum(label == 1)),
            "n_unusable": int(np.sum(label == 0)),
            "n_uncertain": int(np.sum(label == UNCERTAIN)),
            "n_rejected": len(self.rejected),
            "reasons": {
                name: int(np.sum((reason == i) & (label == 0)))
                for i, name in enumerate(REASONS)
                if i
            },
        }
        if self.confusion is not None:
            found["confusion"] = [list(row) for row in self.confusion.counts]
        return found

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        return headline_of(self.judgement)


@checks_types
def filter_frames(
    inputs: PathLike | Sequence[PathLike],
    output: PathLike,
    *,
    dataset: str | None = None,
    reference: str | int | None = None,
    labels: PathLike | None = None,
    model: PathLike | None = None,
    method: Method = "hdbscan",
    tolerance: float = 0.15,
    confidence: float = 0.9,
    mask_value: float | None = None,
    saturation: float | None = None,
    random_state: int = 0,
    on_progress: Progress | None = None,
) -> FilterResult:
    """Tell usable frames from others, and write a mask, a report and what was learned.

    Memory does not grow with the frames but for a kilobyte each. A call that was stopped goes on
    where it was when it is repeated, and ends with the same mask.

    Parameters
    ----------
    inputs : path-like or sequence of path-like
        See `data_adapters.frames.open_frames`.
    output : path-like
        Ends in .h5, .hdf5 or .nxs for an HDF5 file with ``/entry/keep``, ``probability``,
        ``label``, ``reason``, ``flux``, ``file`` and ``index``, and the kept frames as the virtual
        data set ``/entry/data/kept``; or in .ecsv, .csv, .fits or .vot for a table. The report and
        the model lie beside it.
    dataset : str, optional
        Path of the data set within HDF5 files.
    reference : str or int, optional
        A usable frame: its index, or ``FILE:INDEX``.
    labels : path-like, optional
        Table of frames that are known to be usable or not; see `read_labels`.
    model : path-like, optional
        Folder that an earlier call wrote: nothing is learned, and its labels mean the same.
    method, tolerance, confidence, random_state : str, float or int, optional
        See `FrameFilter`; not used with a model.
    mask_value, saturation : float, optional
        See `Measure`; not used with a model.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    FilterResult

    Raises
    ------
    InputError
        When an argument or all inputs cannot be used.
    MissingPackageError
        When a package that reads the inputs is not installed.
    OutputError
        When the output cannot be written, or something else lies there.

    Examples
    --------
    >>> import h5py
    >>> from equiclust.filtering import filter_frames
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(200, size=64, bad_fraction=0.2, random_state=0)
    >>> with h5py.File("scan.nxs", "w") as file:
    ...     file["entry/data/data"] = frames
    >>> result = filter_frames("scan.nxs", "kept.h5")
    >>> with h5py.File("kept.h5") as kept:
    ...     keep = kept["entry/keep"][()]
    >>> keep.shape, bool((keep == truth["usable"]).mean() > 0.9)
    ((200,), True)
    """
    files = KeptFiles(output_path(output))
    chosen = FrameFilter(
        method=method, tolerance=tolerance, confidence=confidence, random_state=random_state
    )
    chosen._check_parameters()
    if saturation is not None:
        check_positive("saturation", saturation)
    if mask_value is not None and not np.isfinite(mask_value):
        raise InputError(
            f"mask_value must be finite, got {mask_value}: what is not finite is masked anyway"
        )
    _check_output(files.main)
    opened = open_frames(inputs, dataset=dataset, find_crashes=True)
    series = opened.series
    _warn_of(opened.rejected)
    known = read_labels(labels, series) if labels is not None else {}
    frame = find_frame(series, reference) if reference is not None else None
    with files.outputs.held():
        files.outputs.check_free()
        if model is not None:
            chosen = FrameFilter.load(model)
            _check_shape(chosen, series, model)
            measure = chosen.measure_
        else:
            measure = calibrate(
                series, mask_value=mask_value, saturation=saturation, random_state=random_state
            )
        store = FeatureStore(files.working, _job(series, measure))
        features, failures = _measure_all(series, measure, store, on_progress)
        if model is None:
            start_stage(on_progress, "learning")
            chosen.fit(features, measure, reference=frame, labels=known)
            _warn_of_empty(chosen)
        judgement = chosen.predict(features)
        confusion = confusion_of(known, judgement) if known else None
        result = FilterResult(files, judgement, chosen, opened.rejected, confusion)
        start_stage(on_progress, "writing")
        _write(result, series, features, failures)
        store.remove()
    return result


def _check_output(path: Path) -> None:
    if path.suffix not in OUTPUT_SUFFIXES:
        known = ", ".join(OUTPUT_SUFFIXES)
        raise InputError(f"output must end in one of {known}, got {str(path)!r}")
    if path.suffix in HDF5_SUFFIXES:
        check_installed("h5py", extra="frames", purpose="an HDF5 output")
    check_writable(path)


def _warn_of(rejected: Sequence[tuple[str, str]]) -> None:
    for _, reason in rejected[:3]:
        warnings.warn(reason, EquiclustWarning, stacklevel=3)
    if len(rejected) > 3:
        more = f"{len(rejected) - 3} more inputs cannot be used"
        warnings.warn(more, EquiclustWarning, stacklevel=3)


def _warn_of_empty(chosen: FrameFilter) -> None:
    if not chosen.core_.usual.any():
        warnings.warn(
            "the frames that were taken for usable ones are empty; name one that is usable "
            "(--reference) if there is any",
            EquiclustWarning,
            stacklevel=3,
        )


def _check_shape(model: FrameFilter, series: FrameSeries, path: PathLike) -> None:
    expected = model.measure_.limits.shape
    if series.frame_shape != expected:
        raise InputError(
            f"model {str(path)!r} is for frames of {expected[0]} x {expected[1]} pixels, got "
            f"{series.frame_shape[0]} x {series.frame_shape[1]}"
        )


def _job(series: FrameSeries, measure: Measure) -> Mapping[str, Any]:
    """What decides the features, so that those of other frames are not taken up."""
    digest = hashlib.sha256(measure.limits.tobytes())
    digest.update(repr((measure.mask_value, measure.saturation)).encode())
    for stack in series.stacks:
        status = stack.path.stat()
        state = (str(stack.path.absolute()), stack.part, stack.n_frames)
        digest.update(repr((*state, status.st_size, status.st_mtime_ns)).encode())
    return {"version": _VERSION, "n_frames": len(series), "digest": digest.hexdigest()}


def _measure_all(
    series: FrameSeries, measure: Measure, store: FeatureStore, on_progress: Progress | None
) -> tuple[FrameFeatures, list[str]]:
    """Features of all frames, and why some could not be read."""
    n, failures = len(series), []
    start = min(store.open(), n)
    if store.is_taken_up:
        logger.info("going on after %d of %d frames", start, n)
        # Perhaps it was these frames that ended the call before.
        if failure := crashing_frame(series, start, start + n_ahead(series)):
            store.close()
            raise UnreadableFileError(failure)
    update = start_stage(on_progress, "reading frames")
    try:
        for measured in measure_series(series, measure, start=start):
            store.append(measured.features.values)
            failures += [measured.failure] if measured.failure else []
            update(measured.stop, n, "")
    finally:
        store.close()
    return store.read(), failures


def _write(
    result: FilterResult, series: FrameSeries, features: FrameFeatures, failures: Sequence[str]
) -> None:
    files, judgement, chosen = result.files, result.judgement, result.frame_filter
    averages = average_frames(series, judgement, chosen.measure_.mask_value)
    with files.outputs.replaced() as drafts:
        chosen.save(drafts / files.model.name)
        write_page(
            drafts / files.report.name,
            features=features,
            judgement=judgement,
            averages=averages,
            sentences=_sentences(chosen),
            notes=_notes(result, failures),
            confusion=result.confusion,
        )
        write_kept(drafts / files.main.name, files.main.parent, series, features, judgement)


def _sentences(chosen: FrameFilter) -> list[str]:
    found = []
    if hasattr(chosen, "clusters_"):
        sizes = chosen.clusters_.sizes
        alone = int(np.sum(chosen.clusters_.labels < 0))
        n = len(chosen.clusters_.labels)
        which = "one cluster" if len(sizes) == 1 else f"{len(sizes)} clusters"
        found.append(
            f"A sample of {n:,} frames lies in {which} by {_NAMES[chosen.method]} (of "
            f"{', '.join(f'{size:,}' for size in sizes)} frames; {alone:,} in none). The cluster "
            f"of the usable frames was chosen by {chosen.chosen_by_}."
        )
    if chosen.n_surely_bad_:
        found.append(
            f"{chosen.n_surely_bad_:,} frames surely differ from the usable ones and served as "
            f"examples for the classifier; {chosen.classifier_.n_dropped:,} labels of examples "
            "were dropped since the others contradict them."
        )
    else:
        found.append("No frame surely differs from the usable ones.")
    percent = f"{100 * chosen.confidence:.3g} %"
    found.append(
        f"A frame whose probability of being usable lies below {percent} and that of not being "
        "usable too is uncertain; it is not kept."
    )
    return found


def _notes(result: FilterResult, failures: Sequence[str]) -> list[str]:
    notes = [reason for _, reason in result.rejected[:5]]
    notes += failures[:5]
    if not result.frame_filter.core_.usual.any():
        notes.append("The frames that were taken for usable ones are empty.")
    uncertain = float(np.mean(result.judgement.label == UNCERTAIN))
    if uncertain > _MANY:
        notes.append(
            f"{100 * uncertain:.0f} % of the frames are uncertain: label some of them (--labels)"
        )
    return notes
