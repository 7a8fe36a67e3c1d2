"""The figure of a finished run: its map of the latents, with the command that makes it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from equiclust.io.output_checks import check_outside_runs, output_path
from equiclust.io.outputs import Outputs
from equiclust.pipeline.run_files import RunFiles
from equiclust.report.figures.projections import ProjectionMethod
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["figure_table", "write_run_figure"]


def write_run_figure(
    run: RunFiles,
    output: PathLike,
    *,
    projection: ProjectionMethod = "pca",
    colour: str | None = None,
    width: float = 12.0,
    labels: Sequence[PathLike] = (),
    named: PathLike | None = None,
) -> str:
    """Write the map of the latents of a run; only a figure of this command is ever replaced.

    Parameters
    ----------
    run : RunFiles
    output : str or path
        Ends in .pdf, .svg or .png.
    projection : {"pca", "umap", "tsne"}, default "pca"
    colour : str, optional
        Column of the catalogue or of the confounders. Default: "kind" where there are kinds, else
        "label".
    width : float, default 12.0
        Of the figure in centimetres.
    labels : sequence of path-like, default ()
        Files of labels.
    named : path-like, optional
        The run as the command in the metadata names it; by default its path.

    Returns
    -------
    str
        The command that makes the figure again, which its metadata has too.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When something else is there, or the file cannot be written.
    """
    from equiclust.report.latent_figure import figure_command, figure_format, write_latent_figure
    from equiclust.teaching.labels import gather_labels

    path = output_path(output)
    figure_format(path)
    check_outside_runs(path, run.path)
    outputs = Outputs.beside(path, command="figure")
    outputs.check_free()
    table = figure_table(run)
    ids = [str(name) for name in table["id"]]
    kinds = gather_labels(list(labels), ids).kinds if labels else None
    command = figure_command(
        run.path if named is None else named, output,
        projection=projection, colour=colour, width=width, labels=labels,
    )  # fmt: skip
    with outputs.held(), outputs.replaced() as drafts:
        write_latent_figure(
            table, run.latents, drafts / path.name,
            projection=projection, colour=colour, width=width, labels=kinds, command=command,
        )  # fmt: skip
    return command


def figure_table(run: RunFiles) -> Table:
    """The catalogue of a run, with the columns of its confounders.

    Parameters
    ----------
    run : RunFiles

    Returns
    -------
    astropy.table.Table
        A new table. A run without confounders has the catalogue alone.

    Raises
    ------
    InputError
        When a table of the run is damaged.
    """
    table = run.catalogue.copy()
    if not run.folder.confounders_ecsv.is_file():
        return table
    for column in run.confounders.itercols():
        if column.name not in table.colnames:
            table[column.name] = column
    return table
