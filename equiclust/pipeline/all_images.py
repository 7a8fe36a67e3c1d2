"""Labels of all images, where a run learned from some of them."""

from __future__ import annotations

from equiclust._version import __version__
from equiclust.encoders.latent_files import read_latent_file
from equiclust.io.atomic import read_json, write_json
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import make_rejected, write_table
from equiclust.io.notes import collected_notes
from equiclust.io.run_folder import RunFolder
from equiclust.io.table_parts import PARTS, MemoryParts, Parts, TableParts
from equiclust.nn.allocator import return_freed_memory
from equiclust.pipeline.inputs import Rejection
from equiclust.pipeline.latent_prediction import label_latents
from equiclust.pipeline.prediction_parts import LabelOptions, label_stream
from equiclust.pipeline.prediction_source import PredictionSource
from equiclust.pipeline.reading_limits import ReadingLimits
from equiclust.pipeline.run_files import RunFiles
from equiclust.pipeline.sampling_record import SamplingRecord
from equiclust.pipeline.settings import RunSettings
from equiclust.progress import Progress, start_stage

__all__ = ["label_all_images"]


def label_all_images(
    folder: RunFolder, settings: RunSettings, on_progress: Progress | None = None
) -> None:
    """Label all images by the model of the run, and write them into ``all_images.fits``.

    What is labelled is kept in the folder until all is, and the same call goes on there when it was
    stopped.

    Parameters
    ----------
    folder : RunFolder
        Of which the model and everything about the images that it learned from is written.
    settings : RunSettings
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Raises
    ------
    InputError
        When the images are no longer there, or more memory is needed.
    OutputError
        When the images have changed, or the folder cannot be written.

    Warns
    -----
    EquiclustWarning
        When inputs are rejected.
    """
    record = SamplingRecord.read(folder)
    if record is not None:
        record.check_inputs(folder, settings)
    run = RunFiles(folder)
    # Of the images that were learned from.
    return_freed_memory()
    # They were told when images were drawn.
    with collected_notes(warn=False):
        table, rejected, parts = _labelled(run, settings, on_progress)
    start_stage(on_progress, "writing")
    labels = parts.counts("label")
    found = {
        "n_images": len(table),
        "sizes": [labels[k] for k in range(run.n_clusters)],
        "n_unassigned": labels[-1],
    }
    # Last the table, with which the run is finished.
    written = (folder.rejected_ecsv, folder.metrics_json, folder.all_images_fits)
    with folder.outputs.replaced([path.name for path in written]) as drafts:
        draft = RunFolder(drafts)
        write_table(make_rejected(rejected), draft.rejected_ecsv)
        write_json(draft.metrics_json, {**read_json(folder.metrics_json), "all_images": found})
        table.write(draft.all_images_fits)
    parts.remove()


def _labelled(
    run: RunFiles, settings: RunSettings, on_progress: Progress | None
) -> tuple[BlockTable, tuple[Rejection, ...], Parts]:
    """Labels of all images or vectors, the inputs that were left out, and what is kept of both."""
    if not settings.has_images:
        found = read_latent_file(settings.latents, numbered=True)
        parts = _parts(run.folder, found.digest)
        return (*label_latents(run.model, found, parts, on_progress=on_progress), parts)
    source = PredictionSource.of(run, settings.inputs, settings.axes, on_progress)
    parts = _parts(run.folder, source.digest)
    options = LabelOptions(ReadingLimits.of(settings.max_memory), scheduler=settings.scheduler)
    return (*label_stream(run.model, source, parts, options, on_progress), parts)


def _parts(folder: RunFolder, digest: str) -> Parts:
    """Where labelled images are kept until all are: on disk, if a stopped call can go on there."""
    if not digest:
        return MemoryParts()
    path = folder.all_images_fits
    job = {"version": __version__, "inputs": digest}
    return TableParts(path.with_name(path.name + PARTS), job)
