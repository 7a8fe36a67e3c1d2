"""Labels of new images by the model of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ensembles.backend import check_scheduler
from equiclust._version import __version__
from equiclust.encoders.latent_files import LatentFile
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import make_rejected, write_table
from equiclust.io.notes import collected_notes
from equiclust.io.output_checks import check_catalogue_output, output_path
from equiclust.io.outputs import Outputs
from equiclust.io.staging import digest_of
from equiclust.io.table_parts import PARTS, MemoryParts, Parts, TableParts
from equiclust.memory import parse_bytes
from equiclust.pipeline.inputs import Inputs, Rejection
from equiclust.pipeline.latent_prediction import label_latents, read_latent_inputs
from equiclust.pipeline.prediction_parts import LabelOptions, label_stream
from equiclust.pipeline.prediction_source import PredictionSource
from equiclust.pipeline.reading_limits import ReadingLimits
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike
from equiclust.validation import is_auto

if TYPE_CHECKING:
    from astropy.table import Table


__all__ = ["Prediction", "predict_catalogue"]


@dataclass(frozen=True)
class Prediction:
    """Labels of new images.

    Parameters
    ----------
    catalogue : astropy.table.Table
        One row per image; without rows where it was not to be kept.
    rejected : tuple of (str, str)
        Path and reason of every input that could not be used.
    rejected_path : Path or None
        Where these are listed; None where there are none, or nothing was written.
    labels : mapping of int to int
        Number of images by label.
    kinds : mapping of str to int
        Number of images by the kind that labels taught; empty where none did.
    """

    catalogue: Table
    rejected: tuple[Rejection, ...]
    rejected_path: Path | None
    labels: Mapping[int, int]
    kinds: Mapping[str, int]


def predict_catalogue(
    run: RunFiles,
    inputs: Inputs,
    *,
    output: PathLike | None = None,
    axes: str | None = None,
    max_memory: str = "auto",
    latents: bool = False,
    scheduler: str | None = None,
    keep_table: bool = True,
    on_progress: Progress | None = None,
) -> Prediction:
    """Label images by the model of a run, and write the catalogue if `output` is given.

    Images are read, encoded and labelled some at a time, so that they need not fit into memory.
    What is labelled lies in the folder ``OUTPUT.partial`` until all is, and the same call goes on
    there when it was stopped.

    Parameters
    ----------
    run : RunFiles
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them
        Files, folders, globs or ``@lists``, or images in memory.
    output : str or path, optional
        Catalogue to write, outside the folder of the run: .ecsv, .fits, .vot, .csv or .parquet.
    axes : str, optional
        Letters for the axes of arrays; see `data_adapters.read`. By default those of the run.
    max_memory : str, default "auto"
        Memory of the process, such as "2GB"; "auto" sets no limit but that parts are small.
    latents : bool, default False
        Whether the catalogue has a column of latents, which .csv cannot hold.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers encode the images.
    keep_table : bool, default True
        Whether the whole catalogue is returned, which is held in memory for that.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        When no input can be used, more memory is needed, or the scheduler does not answer.
    OutputError
        When the output exists and was not written by this function, cannot be written, or beside it
        lies the unfinished work of another call.
    MissingPackageError
        When pyarrow is missing for a Parquet file, or zarr for a store.
    """
    if not is_auto(max_memory):
        parse_bytes(max_memory)
    check_scheduler(scheduler)
    if output is None:
        with collected_notes():
            source = _source(run, inputs, axes, on_progress)
            parts = MemoryParts()
            call = _Call(None, max_memory, latents, scheduler, True, on_progress)
            return _predict(run, source, parts, call)
    target = output_path(output)
    check_catalogue_output(target, run.path, vectors=latents)
    outputs = Outputs.beside(target, _rejected_path(target), command="predict")
    with outputs.held():
        outputs.check_free()
        with collected_notes():
            source = _source(run, inputs, axes, on_progress)
            kept = _parts(run, source, target, latents)
            call = _Call(outputs, max_memory, latents, scheduler, keep_table, on_progress)
            return _predict(run, source, kept, call)


class _Call(NamedTuple):
    """What `predict_catalogue` is asked for besides the images."""

    outputs: Outputs | None
    max_memory: str
    latents: bool
    scheduler: str | None
    keep_table: bool
    on_progress: Progress | None


def _source(
    run: RunFiles, inputs: Inputs, axes: str | None, on_progress: Progress | None
) -> PredictionSource | LatentFile:
    if run.has_images:
        return PredictionSource.of(run, inputs, axes, on_progress)
    start_stage(on_progress, "reading")
    return read_latent_inputs(inputs)


def _parts(
    run: RunFiles, source: PredictionSource | LatentFile, target: Path, latents: bool
) -> Parts:
    """Where labelled images are kept until all are: on disk, if the same call could go on there."""
    if not source.digest:
        return MemoryParts()
    job = {
        "version": __version__,
        "inputs": source.digest,
        "model": digest_of(run.folder.model),
        **({"latents": "true"} if latents else {}),
    }
    return TableParts(target.with_name(target.name + PARTS), job)


def _predict(
    run: RunFiles, source: PredictionSource | LatentFile, parts: Parts, call: _Call
) -> Prediction:
    outputs = call.outputs
    if isinstance(source, LatentFile):
        whole, rejected = label_latents(
            run.model, source, parts, with_latents=call.latents, on_progress=call.on_progress
        )
    else:
        options = LabelOptions(ReadingLimits.of(call.max_memory), call.latents, call.scheduler)
        whole, rejected = label_stream(run.model, source, parts, options, call.on_progress)
    if outputs is not None:
        start_stage(call.on_progress, "writing")
        _write(whole, rejected, outputs)
    listed = outputs.folder / outputs.names[0] if outputs and rejected else None
    table = whole.joined() if call.keep_table else next(whole.blocks())[:0]
    labels, kinds = parts.counts("label"), parts.counts("kind")
    parts.remove()
    return Prediction(table, rejected, listed, labels, kinds)


def _rejected_path(target: Path) -> Path:
    return target.with_name(f"{target.stem}.rejected.ecsv")


def _write(whole: BlockTable, rejected: tuple[Rejection, ...], outputs: Outputs) -> None:
    """Write the catalogue and, where there are any, the rejected inputs beside it."""
    listed, catalogue = outputs.names
    with outputs.replaced() as drafts:
        if rejected:
            write_table(make_rejected(rejected), drafts / listed)
        whole.write(drafts / catalogue)
