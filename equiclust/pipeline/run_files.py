"""The files of a finished run, read when they are first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.io.former_names import read_catalogue, read_metrics
from equiclust.io.run_folder import RunFolder
from equiclust.typing import Float32Array, IntArray

if TYPE_CHECKING:
    from astropy.table import Table

    from equiclust.pipeline.model import Model

__all__ = ["RunFiles"]


def _damaged(path: Path, entry: str) -> InputError:
    return InputError(f"{str(path)!r} has no usable entry {entry!r}; restore the file")


def _with_columns(table: Table, path: Path, *names: str) -> Table:
    for name in names:
        if name not in table.colnames:
            raise InputError(f"{str(path)!r} must have a column {name!r}; restore the file")
    return table


class RunFiles:
    """Results of a finished run as they lie on disk.

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
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.folder.path

    @cached_property
    def catalogue(self) -> Table:
        """Catalogue, an astropy `Table` with one row per image.

        Columns: `id`, `path`, `label` (-1 = don't know), `label_coarse` and `label_fine` (levels
        above and below it), `label_2` and `label_3` (other partitions, where they differ),
        `stability` and `agreement` (0 to 1), `outlier_score`, one `label_fold_NN` per network, and
        RA and Dec in degrees where known.
        """
        table = read_catalogue(self.folder.catalogue_ecsv)
        return _with_columns(table, self.folder.catalogue_ecsv, "id", "path", "label")

    @cached_property
    def all_images(self) -> Table:
        """Labels of all images, an astropy `Table`, where the run learned from some of them.

        Columns as of `catalogue`, without `agreement_held_out`; else it is the catalogue. Of a run
        that was taught there are none but by `predict`.
        """
        path = self.folder.all_images_fits
        if path.is_file():
            return read_table(path)
        provenance = self.metrics.get("provenance", {})
        if provenance.get("n_left"):
            raise InputError(
                f"{str(path)!r} is missing: the run learned from some of its "
                f"{provenance.get('n_read')} images, and `predict` labels all"
            )
        return self.catalogue

    @property
    def labels(self) -> IntArray:
        """Cluster of every image, `(n,)` int, in the order of the catalogue; -1 = don't know."""
        return np.asarray(self.catalogue["label"], dtype=np.int64)

    @cached_property
    def latents(self) -> Float32Array:
        """Rotation-invariant latents `(n, d)` float32, in the order of the catalogue."""
        path = self.folder.latents_fits
        table = _with_columns(read_table(path), path, "id", "latent")
        # FITS strips blanks at the end of text.
        if [str(name).rstrip() for name in self.catalogue["id"]] != list(table["id"]):
            raise InputError(
                f"{str(self.folder.catalogue_ecsv)!r} must have the rows of "
                f"{str(self.folder.latents_fits)!r} in their order; restore both files"
            )
        return np.asarray(table["latent"], dtype=np.float32)

    @cached_property
    def confounders(self) -> Table:
        """Measures of each image that should not determine its cluster, an astropy `Table`.

        Columns as of `measure_confounders`, in the order of the catalogue.
        """
        path = self.folder.confounders_ecsv
        table = _with_columns(read_table(path), path, "id")
        if list(self.catalogue["id"]) != list(table["id"]):
            raise InputError(
                f"{str(self.folder.catalogue_ecsv)!r} must have the rows of "
                f"{str(path)!r} in their order; restore both files"
            )
        return table

    @cached_property
    def rejected(self) -> Table:
        """Inputs that could not be used, an astropy `Table` with the columns `path`, `reason`."""
        return read_table(self.folder.rejected_ecsv)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Content of `metrics.json`: training, reconstruction, stability, confounders."""
        return read_metrics(self.folder.metrics_json)

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        try:
            return int(self.metrics["clusters"]["n_clusters"])
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(self.folder.metrics_json, "clusters.n_clusters") from error

    @property
    def is_invariant(self) -> bool | None:
        """Whether quarter turns and mirrors leave the latents unchanged up to rounding.

        None where that was not measured, since the latents are from a table made elsewhere.
        """
        if not self.folder.invariance_json.exists() and not self.model.sees_pixels:
            return None
        passed = read_json(self.folder.invariance_json).get("passed")
        if not isinstance(passed, bool):
            raise _damaged(self.folder.invariance_json, "passed")
        return passed

    @property
    def has_images(self) -> bool:
        """Whether it is a run of images, and not of vectors that were made elsewhere alone."""
        return bool(self.folder.read_config().get("inputs", True))

    @property
    def axes(self) -> str:
        """Letters that the run was given for the axes of arrays; empty when it was given none."""
        return self.folder.axes

    @cached_property
    def model(self) -> Model:
        """Preprocessing, networks and clusters of the run."""
        from equiclust.pipeline.model import Model

        return Model.load(self.folder.model)
