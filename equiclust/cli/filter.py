"""`equiclust filter`: detector frames that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError

if TYPE_CHECKING:
    from equiclust.filtering.job import FilterResult
    from equiclust.filtering.watch import Watched

__all__ = ["filter"]


def filter(
    session: Session,
    inputs: Annotated[tuple[str, ...], "FRAMES"] = (),
    *,
    output: Annotated[str, "KEPT"],
    dataset: Annotated[str | None, "PATH"] = None,
    reference: Annotated[str | None, "FRAME"] = None,
    labels: Annotated[str | None, "CSV"] = None,
    model: Annotated[str | None, "MODEL"] = None,
    method: Literal["hdbscan", "dbscan", "kmeans"] = "hdbscan",
    tolerance: Annotated[float, "T"] = 0.15,
    confidence: Annotated[float, "P"] = 0.9,
    mask_value: Annotated[float | None, "V"] = None,
    saturation: Annotated[float | None, "V"] = None,
    watch: Annotated[str | None, "FOLDER"] = None,
    poll: Annotated[float, "S"] = 2.0,
    timeout: Annotated[float | None, "S"] = None,
    seed: Annotated[int, "S"] = 0,
) -> Outcome:
    """Tell usable frames of a detector from others, without labels.

    A sample of the frames is clustered, one cluster is taken for that of the usable frames, and a
    classifier learned from it judges every frame: usable, not usable, or uncertain. Frames are
    read once and in pieces, so that memory does not grow with their size. A call that was stopped
    goes on when it is repeated.

    Parameters
    ----------
    inputs
        HDF5 and NeXus files, CBF, EDF, TIFF or FITS files, folders or globs; not needed with
        --model and --watch.
    output
        Result: .h5, .hdf5 or .nxs with the mask /entry/keep and links to the kept frames, or a
        table in .ecsv, .csv, .fits or .vot. KEPT.report.html and KEPT.model lie beside it.
    dataset
        Data set within HDF5 files; by default that of the NeXus file, else the largest.
    reference
        A usable frame, by which the cluster is chosen: its index, FILE:INDEX, or a file.
    labels
        Table with the columns index (file) and usable of frames that are known; by default the
        cluster with the highest flux that is not saturated is that of the usable frames.
    model
        Folder KEPT.model of an earlier call, by which these frames are judged too.
    method
        How the sample is clustered.
    tolerance
        Relative difference below which frames are alike.
    confidence
        Least probability of a label; other frames are uncertain and not kept.
    mask_value
        Value of pixels that measured nothing; by default the largest of unsigned types, values
        below zero of signed ones, and NaN.
    saturation
        Count from which pixels are saturated; by default as the file says.
    watch
        Go on to judge the frames that are written into this folder, into KEPT.watch.csv, until
        Ctrl-C or --timeout.
    poll
        Seconds between two looks at the folder.
    timeout
        Seconds after which the watch ends.
    seed
        Chooses the sample.

    Examples
    --------
    equiclust filter scan.nxs --output kept.h5
    equiclust filter run1/*.cbf --reference run1/good_0042.cbf --output kept.ecsv
    equiclust filter --model kept.model --watch incoming --output live.csv
    """
    from equiclust.filtering.job import KeptFiles, filter_frames
    from equiclust.filtering.watch import watch_frames
    from equiclust.io.output_checks import output_path

    if not inputs and (model is None or watch is None):
        raise InputError("FRAMES must be named, but with --model and --watch")
    files = KeptFiles(output_path(output))
    result = watched = None
    if inputs:
        result = filter_frames(
            inputs,
            output,
            dataset=dataset,
            reference=reference,
            labels=labels,
            model=model,
            method=method,
            tolerance=tolerance,
            confidence=confidence,
            mask_value=mask_value,
            saturation=saturation,
            random_state=seed,
            on_progress=session.on_progress,
        )
    if watch is not None:
        learned = files.model if model is None else model
        watched = watch_frames(
            watch, learned, files.watched, dataset=dataset, poll=poll, timeout=timeout
        )
    return _describe(result, watched)


def _describe(result: FilterResult | None, watched: Watched | None) -> Outcome:
    record: dict[str, Any] = {}
    lines = []
    if result is not None:
        record |= result.record
        lines += [result.headline, f"Mask: {result.files.main}", f"Report: {result.files.report}"]
        if result.rejected:
            lines.insert(1, f"{len(result.rejected)} inputs could not be used")
    if watched is not None:
        numbers = {"n_usable": 1, "n_unusable": 0, "n_uncertain": -1}
        record["watched"] = {name: watched.labels[label] for name, label in numbers.items()}
        record["watched"]["table"] = str(watched.table)
        usable, unusable, uncertain = (watched.labels[label] for label in numbers.values())
        lines.append(
            f"Watched: {usable} usable, {unusable} not, {uncertain} uncertain; {watched.table}"
        )
    return Outcome(record, "\n".join(lines))
