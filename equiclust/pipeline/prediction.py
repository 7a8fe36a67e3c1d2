"""Labels of new images by the model of a finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from equiclust.io.catalogue import make_rejected, write_table
from equiclust.io.output_checks import check_catalogue_output, output_path
from equiclust.io.outputs import Outputs
from equiclust.pipeline.inputs import Inputs, Rejection, load_images
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from astropy.table import Table


__all__ = ["Prediction", "predict_catalogue"]


@dataclass(frozen=True)
class Prediction:
    """Labels of new images.

    Parameters
    ----------
    catalogue : astropy.table.Table
        One row per image.
    rejected : tuple of (str, str)
        Path and reason of every input that could not be used.
    rejected_path : Path or None
        Where these are listed; None where there are none, or nothing was written.
    """

    catalogue: Table
    rejected: tuple[Rejection, ...]
    rejected_path: Path | None


def predict_catalogue(
    run: RunFiles,
    inputs: Inputs,
    *,
    output: PathLike | None = None,
    axes: str | None = None,
    on_progress: Progress | None = None,
) -> Prediction:
    """Label images by the model of a run, and write the catalogue if `output` is given.

    Parameters
    ----------
    run : RunFiles
    inputs : str, path, sequence of them, or ImageSet
        Files, folders or globs, or images in memory.
    output : str or path, optional
        Catalogue to write, outside the folder of the run: .ecsv, .fits, .vot or .csv.
    axes : str, optional
        Letters for the axes of arrays; see `data_adapters.read`. By default those of the run.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Prediction

    Raises
    ------
    InputError
        When no input can be used.
    OutputError
        When the output exists and was not written by this function, or cannot be written.
    """
    if output is None:
        return _predict(run, inputs, None, axes, on_progress)
    target = output_path(output)
    check_catalogue_output(target, run.path)
    outputs = Outputs.beside(target, _rejected_path(target), command="predict")
    with outputs.held():
        outputs.check_free()
        return _predict(run, inputs, outputs, axes, on_progress)


def _predict(
    run: RunFiles,
    inputs: Inputs,
    outputs: Outputs | None,
    axes: str | None,
    on_progress: Progress | None,
) -> Prediction:
    model = run.model
    loaded = load_images(
        inputs,
        model.preprocessor.get_params(),
        axes=run.axes if axes is None else axes,
        on_progress=on_progress,
    )
    update = start_stage(on_progress, "encoding")
    table = model.predict_catalogue(loaded.originals, loaded.images, update)
    if outputs is not None:
        _write(table, loaded.rejected, outputs)
    listed = outputs.folder / outputs.names[0] if outputs and loaded.rejected else None
    return Prediction(table, loaded.rejected, listed)


def _rejected_path(target: Path) -> Path:
    return target.with_name(f"{target.stem}.rejected.ecsv")


def _write(table: Table, rejected: tuple[Rejection, ...], outputs: Outputs) -> None:
    """Write the catalogue and, where there are any, the rejected inputs beside it."""
    listed, catalogue = outputs.names
    with outputs.replaced() as drafts:
        if rejected:
            write_table(make_rejected(rejected), drafts / listed)
        write_table(table, drafts / catalogue)
