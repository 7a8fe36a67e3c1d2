"""`Run`: the results of a finished run, and what can be done with them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.inputs import Inputs
from equiclust.progress import Progress, start_stage
from equiclust.typing import Float32Array, IntArray, PathLike

if TYPE_CHECKING:
    from astropy.table import Table

    from equiclust.pipeline.model import Model
    from equiclust.pipeline.model_certificate import ModelCertificate

__all__ = ["Run", "open_run"]


def open_run(folder: PathLike) -> Run:
    """Open the folder of a finished run.

    Parameters
    ----------
    folder : str or path
        Folder that `equiclust.run` or ``equiclust run`` wrote.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        When the folder holds no run, or one that is not finished.

    Examples
    --------
    >>> import equiclust
    >>> run = equiclust.open_run("sorted")  # doctest: +SKIP
    >>> run.predict("new/*.fits")["label"]  # doctest: +SKIP
    """
    return Run(RunFolder.open(folder))


class Run:
    """Results of a finished run; get one from `equiclust.run` or `equiclust.open_run`.

    What lies on disk is read when it is first asked for.

    Parameters
    ----------
    folder : RunFolder
        Of a finished run.

    Attributes
    ----------
    folder : RunFolder
        Path of every file of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.folder.path

    @cached_property
    def catalogue(self) -> Table:
        """Catalogue, an astropy `Table` with one row per image.

        Columns: `id`, `path`, `label` (-1 = don't know), `confidence` and `agreement` (0 to 1),
        `outlier_score`, one `label_fold_NN` per network, and RA and Dec in degrees where known.
        """
        return read_table(self.folder.catalogue_ecsv)

    @property
    def labels(self) -> IntArray:
        """Cluster of every image, `(n,)` int, in the order of the catalogue; -1 = don't know."""
        return np.asarray(self.catalogue["label"], dtype=np.int64)

    @cached_property
    def latents(self) -> Float32Array:
        """Rotation-invariant latents `(n, d)` float32, in the order of the catalogue."""
        return np.asarray(read_table(self.folder.latents_fits)["latent"], dtype=np.float32)

    @cached_property
    def rejected(self) -> Table:
        """Inputs that could not be used, an astropy `Table` with the columns `path`, `reason`."""
        return read_table(self.folder.rejected_ecsv)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`: training, reconstruction, confidence, confounders."""
        return read_json(self.folder.metrics_json)

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.metrics["clusters"]["n_clusters"])

    @property
    def is_invariant(self) -> bool:
        """Whether quarter turns and mirrors leave the latents unchanged up to rounding."""
        return bool(read_json(self.folder.invariance_json)["passed"])

    @cached_property
    def _model(self) -> Model:
        from equiclust.pipeline.model import Model

        return Model.load(self.folder.model)

    def predict(
        self,
        inputs: Inputs,
        *,
        output: PathLike | None = None,
        on_progress: Progress | None = None,
    ) -> Table:
        """Sort new images into the clusters of the run; nothing is fitted.

        Parameters
        ----------
        inputs : str, path, sequence of them, or ImageSet
            Files, folders or globs, or images in memory.
        output : str or path, optional
            File to write the catalogue to: .ecsv, .fits, .vot or .csv. Rejected inputs are listed
            beside it, in a file that ends in ``.rejected.ecsv``.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        astropy.table.Table
            Catalogue with the columns of `catalogue`, without `agreement_held_out`.

        Raises
        ------
        InputError
            When no input can be used.
        OutputError
            When the output exists and is not a catalogue, or cannot be written.

        Warns
        -----
        EquiclustWarning
            When inputs are rejected.
        """
        from equiclust.pipeline.prediction import predict_catalogue

        return predict_catalogue(self, inputs, output=output, on_progress=on_progress).catalogue

    def similar(
        self,
        inputs: Inputs,
        n: int = 10,
        *,
        on_progress: Progress | None = None,
    ) -> Table:
        """Find the images of the run that are most similar to given ones, at any orientation.

        An image of the run is not its own neighbour.

        Parameters
        ----------
        inputs : str, path, sequence of them, or ImageSet
            Files, folders or globs, or images in memory.
        n : int, default 10
            Number of neighbours per image.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        astropy.table.Table
            Columns `id`, `rank` (1 = nearest), `similar`, `path`, `distance`, `label`.

        Raises
        ------
        InputError
            When `n` is below 1, or no input can be used.
        """
        from equiclust.pipeline.similar import find_similar

        return find_similar(self, inputs, n=n, on_progress=on_progress).table

    def check(
        self, inputs: Inputs | None = None, *, on_progress: Progress | None = None
    ) -> ModelCertificate:
        """Measure how much latents and labels change when images are rotated or mirrored.

        The certificate in the folder, and its summary in `metrics.json`, are replaced.

        Parameters
        ----------
        inputs : str, path, sequence of them, or ImageSet, optional
            Images to rotate; default those of the run.
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        ModelCertificate
            `certificate.passed` says whether quarter turns and mirrors change nothing.

        Raises
        ------
        InputError
            When the images of the run are no longer where they were, or no input can be used.
        """
        from equiclust.pipeline.model_certificate import certify_run

        certified = certify_run(self.folder, self._model, inputs, on_progress=on_progress)
        self.__dict__.pop("metrics", None)
        return certified

    def report(self, *, on_progress: Progress | None = None) -> Path:
        """Write the HTML report, over an older one.

        Parameters
        ----------
        on_progress : callable, optional
            Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

        Returns
        -------
        Path
            Of the report, one file that loads nothing from elsewhere.

        Raises
        ------
        InputError
            When a file of the run is missing or damaged.
        """
        from equiclust.report import write_report

        start_stage(on_progress, "report")
        return write_report(self.folder)
