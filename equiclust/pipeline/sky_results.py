"""`SkyResults`: what goes from a finished run to other programs, and comes from other tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

    from equiclust.io.export_files import ExportedFiles

__all__ = ["SkyResults"]


class SkyResults(RunFiles):
    """A finished run among the catalogues and programs of astronomers.

    Parameters
    ----------
    folder : RunFolder
        Of a finished run.

    Attributes
    ----------
    folder : RunFolder
        Path of every file of the run.
    """

    def export(
        self,
        output: PathLike,
        *,
        kind: str | None = None,
        label: int | None = None,
        min_stability: float = 0.0,
        min_probability: float = 0.0,
        each: bool = False,
        radius: str | Quantity | None = None,
        order: int | None = None,
        on_progress: Progress | None = None,
    ) -> ExportedFiles:
        """Write the images as a table, as regions, as a list of files, or as coverage.

        Parameters
        ----------
        output : str or path
            Its ending tells the format: a table (.vot, .xml, .parquet, .ecsv, .fits, .csv), regions
            of DS9 (.reg), paths one a line (.txt), or a multi-order coverage map (.moc.fits,
            .moc.json, .moc.txt). Only a file that was written so is ever replaced.
        kind : str, optional
            Images of one kind, in a run that was taught.
        label : int, optional
            Images of one label; -1 = "don't know".
        min_stability, min_probability : float, default 0.0
            Images whose label is at least as stable, or whose kind is at least as probable.
        each : bool, default False
            Whether every label has a file of its own, ``NAME.label_0.vot`` and so on.
        radius : str or astropy.units.Quantity, optional
            For coverage: that of a circle about the centre of each image, such as "10arcsec". By
            default the frames of the images, which are read again for that.
        order : int, optional
            For coverage: of the smallest cells, 0 to 29; by default their sides are at most a
            sixteenth of the frame's shorter side, or an eighth of the radius.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        ExportedFiles

        Raises
        ------
        InputError
            When an argument cannot be used, or no image is chosen.
        OutputError
            When something else is there, or the file cannot be written.

        Examples
        --------
        >>> import equiclust
        >>> import numpy as np
        >>> from astropy.table import Table
        >>> latents = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0)
        >>> latents += np.random.default_rng(0).normal(size=(40, 2))
        >>> ids = [f"disc_{i}" for i in range(40)]
        >>> ra = 83.6 + 0.01 * np.arange(40)
        >>> table = Table({"id": ids, "ra": ra, "dec": np.full(40, -5.4), "latent": latents})
        >>> table.write("latents.ecsv")
        >>> run = equiclust.run(latents="latents.ecsv", output="sorted", n_clusters=2, n_folds=2)
        >>> files = run.export("first.vot", label=0)
        >>> len(Table.read("first.vot"))
        20
        """
        from equiclust.pipeline.run_export import export_run

        return export_run(
            self, output,
            kind=kind, label=label, min_stability=min_stability, min_probability=min_probability,
            each=each, radius=radius, order=order, on_progress=on_progress,
        )  # fmt: skip

    def match(
        self,
        table: Table | PathLike,
        *,
        radius: str | Quantity | None = None,
        by: Literal["position", "id"] = "position",
        one_to_one: bool = False,
        all_images: bool = False,
        ra: str = "",
        dec: str = "",
        output: PathLike | None = None,
    ) -> Table:
        """Find the row of another table that belongs to each image.

        Parameters
        ----------
        table : astropy.table.Table, str or path
            Any table, or its file: .fits, .vot, .xml, .ecsv, .csv or .parquet.
        radius : str or astropy.units.Quantity, optional
            Farthest separation on the sky, such as "1arcsec"; needed to match by position.
        by : {"position", "id"}, default "position"
            The nearest position, or the same text in a column of ids.
        one_to_one : bool, default False
            Whether a row may belong to one image only, the nearest.
        all_images : bool, default False
            Whether images without a match are listed too, the other columns masked.
        ra, dec : str, default ""
            Columns of positions in the table, where they are not found by UCD or usual names.
        output : str or path, optional
            File to write: .ecsv, .fits, .vot, .xml, .csv or .parquet.

        Returns
        -------
        astropy.table.Table
            The columns of the catalogue, `separation` in arcsec, `n_within`, `match_row`, and those
            of the table. Its metadata count the matches, and those expected by chance.

        Raises
        ------
        InputError
            When an argument or the table cannot be used.
        OutputError
            When something else is at the output, or it cannot be written.

        Examples
        --------
        >>> import equiclust
        >>> import numpy as np
        >>> from astropy.table import Table
        >>> latents = np.repeat([[0.0, 0.0], [9.0, 0.0]], 20, axis=0)
        >>> latents += np.random.default_rng(0).normal(size=(40, 2))
        >>> ids = [f"disc_{i}" for i in range(40)]
        >>> ra = 83.6 + 0.01 * np.arange(40)
        >>> table = Table({"id": ids, "ra": ra, "dec": np.full(40, -5.4), "latent": latents})
        >>> table.write("latents.ecsv", overwrite=True)
        >>> run = equiclust.run(latents="latents.ecsv", output="sorted", n_clusters=2, n_folds=2)
        >>> sources = Table({"ra": ra[:2], "dec": [-5.4, -5.4], "flux": [1.0, 2.0]})
        >>> print(run.match(sources, radius="1arcsec")["id", "flux"])
          id   flux
        ------ ----
        disc_0  1.0
        disc_1  2.0
        """
        from equiclust.pipeline.matching import match_run

        return match_run(
            self, table, radius=radius, by=by,
            one_to_one=one_to_one, all_images=all_images, ra=ra, dec=dec, output=output,
        )  # fmt: skip
