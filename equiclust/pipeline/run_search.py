"""Searches in a finished run: for what is like an image, and for what is unlike the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from equiclust.pipeline.inputs import Inputs
from equiclust.pipeline.run_files import RunFiles
from equiclust.progress import Progress

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.units import Quantity

    from equiclust.pipeline.teaching import LabelInputs

__all__ = ["RunSearch"]


class RunSearch(RunFiles):
    """Searches in a run, for `equiclust.Run`, which inherits from it.

    Parameters
    ----------
    folder : RunFolder
        Of a finished run.
    """

    def similar(
        self,
        inputs: Inputs = (),
        n: int = 10,
        *,
        ids: Sequence[str] = (),
        others: Sequence[RunFiles] = (),
        near: tuple[float, float] | None = None,
        radius: str | Quantity | None = None,
        on_progress: Progress | None = None,
    ) -> Table:
        """Find the images of the run that are most similar to given ones, at any orientation.

        An image of the run is not its own neighbour.

        Parameters
        ----------
        inputs : str, path, sequence of them, or ImageSet, default ()
            Files, folders or globs, or images in memory; of a run of vectors a file of them.
        n : int, default 10
            Number of neighbours per image.
        ids : sequence of str, default ()
            Images of the run to ask about, in place of `inputs`.
        others : sequence of Run, default ()
            Further runs to search, each by its own model: distances compare within one run alone.
        near : (float, float), optional
            Right ascension and declination in degrees (ICRS), around which images are looked for.
        radius : str or astropy.units.Quantity, optional
            How far from there at most, such as "30arcmin".
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        astropy.table.Table
            Columns `id`, `rank` (1 = nearest), `similar`, `path`, `distance`, `label`, and `run`
            where several were searched.

        Raises
        ------
        InputError
            When `n` is below 1, no input can be used, or no image lies in that part of the sky.
        """
        from equiclust.pipeline.similar import find_similar

        return find_similar(
            self,
            inputs,
            n=n,
            ids=ids,
            others=others,
            near=near,
            radius=radius,
            on_progress=on_progress,
        ).table

    def anomalies(
        self,
        n: int = 50,
        *,
        marks: LabelInputs | None = None,
        interesting: str | Sequence[str] = "interesting",
        on_progress: Progress | None = None,
    ) -> Table:
        """List the images that are unlike the others, with reasons, and refine it by a few marks.

        Parameters
        ----------
        n : int, default 50
            Number of images without a mark.
        marks : mapping of str to str, path-like, or sequence of path-like, optional
            Marks by id, such as "interesting", "artefact" and "usual", or files with the columns
            `id` and `kind`; see `equiclust.teaching.rank_anomalies`.
        interesting : str or sequence of str, default "interesting"
            The marks that are looked for.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        astropy.table.Table
            Columns `id`, `path`, `kind` (the mark), `rank`, `probability`, `outlier_score`, `label`
            and `reason`: first those marked interesting, then `n` others, then those marked
            otherwise.

        Raises
        ------
        InputError
            When `n` is below 1, or the marks cannot be used.
        """
        from equiclust.pipeline.anomalies import find_anomalies

        return find_anomalies(
            self, n, marks=marks, interesting=interesting, on_progress=on_progress
        ).table
