"""`SegmentMap`: which kind of structure is where, on the sky of the map it was found in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from equiclust._deprecated import FormerAttribute
from equiclust.exceptions import InputError
from equiclust.images import Beam

if TYPE_CHECKING:
    from astropy.io.fits import Header

from equiclust.typing import BoolArray, Float32Array, Float64Array

__all__ = ["MASKED", "SPECTRAL_KINDS", "UNSURE", "SegmentMap"]

UNSURE = -1
"""Label of pixels of which the clusterer says "don't know"."""

MASKED = -2
"""Label of pixels that were masked in the input, and of no others."""

SPECTRAL_KINDS = ("velocity", "frequency", "wavelength", "energy", "spectral", "channel")
"""What the spectral values of a cube can be; "spectral" is an axis of another sort."""


@dataclass(frozen=True, eq=False)
class SegmentMap:
    """Label of every pixel of a map or cube, with how clearly it belongs there.

    Rows and columns are those of the input: the map of a field turned by a quarter is this map
    turned, apart from the names of the clusters. The arrays are read-only.

    Parameters
    ----------
    labels : ndarray (h, w) or (g, h, w), int16
        Cluster from 0; -1 = "don't know"; -2 = masked in the input.
    membership : ndarray, float32
        Membership of the pixel in its cluster, 0 to 1: the mean over the tiles that see it and
        over the base clusterings. It is not the probability that the label is right. Of the shape
        of `labels`; NaN where masked.
    coverage : ndarray, float32 or int32
        How many tiles saw the pixel, of the shape of `labels`; 0 where none did.
    header : astropy.io.fits.Header, default field(repr=False)
        Cards of the coordinates of `labels`, of as many axes; empty when there are none.
    unit : str, default ''
        Unit of the data the labels were found in, in FITS notation; empty when unknown.
    beam : Beam, optional
        Resolution of the data.
    velocity_low, velocity_high : ndarray (h, w), float32 or float64, optional
        Range of velocities with signal behind a pixel of a two-dimensional map; NaN where none.
    velocity_unit : str, default 'km/s'
        Unit of these, in FITS notation.
    spectral_kind : str, default 'velocity'
        What they are where the header has no velocities: "frequency", "wavelength", "energy",
        "spectral" or "channel" (counted from 0). Columns and extensions are named after it.

    Raises
    ------
    InputError
        When the arrays do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import MASKED, SegmentMap
    >>> labels = np.zeros((32, 32), np.int16)
    >>> labels[:, 16:] = 1
    >>> labels[:4] = MASKED
    >>> membership = np.where(labels == MASKED, np.nan, 0.9).astype(np.float32)
    >>> coverage = np.where(labels == MASKED, 0, 5).astype(np.int32)
    >>> segment_map = SegmentMap(labels, membership, coverage, fits.Header(), unit="K")
    >>> [int((segment_map.labels == label).sum()) for label in (MASKED, 0, 1)]
    [128, 448, 448]
    """

    labels: npt.NDArray[np.int16]
    membership: Float32Array
    coverage: npt.NDArray[Any]
    header: Header = field(repr=False)
    unit: str = ""
    beam: Beam | None = None
    velocity_low: Float32Array | Float64Array | None = None
    velocity_high: Float32Array | Float64Array | None = None
    velocity_unit: str = "km/s"
    spectral_kind: str = "velocity"

    confidence = FormerAttribute("membership")

    def __post_init__(self) -> None:
        self._check_labels()
        self._check("membership", self.membership, ("float32",))
        self._check("coverage", self.coverage, ("float32", "int32"))
        self._check_velocities()
        if not np.all(np.isnan(self.membership[self.mask])):
            raise InputError("membership must be NaN where labels are -2, which means masked")
        arrays = (self.labels, self.membership, self.coverage, self.velocity_low)
        for array in (*arrays, self.velocity_high):
            if array is not None:
                array.setflags(write=False)
        object.__setattr__(self, "header", self.header.copy())

    def _check_labels(self) -> None:
        if self.labels.ndim not in (2, 3) or 0 in self.labels.shape:
            raise InputError(
                "labels must have shape (h, w) or (g, h, w) and at least one pixel, "
                f"got shape {self.labels.shape}"
            )
        if self.labels.dtype != np.int16:
            raise InputError(f"labels must be int16, got {self.labels.dtype}")
        if self.labels.min() < MASKED:
            raise InputError(
                f"labels must be clusters from 0, {UNSURE} or {MASKED}, got {self.labels.min()}"
            )

    def _check(self, name: str, array: npt.NDArray[Any], dtypes: tuple[str, ...]) -> None:
        if array.shape != self.labels.shape or array.dtype.name not in dtypes:
            raise InputError(
                f"{name} must have shape {self.labels.shape} and dtype {' or '.join(dtypes)}, "
                f"got {array.shape} and {array.dtype}"
            )

    def _check_velocities(self) -> None:
        if self.spectral_kind not in SPECTRAL_KINDS:
            raise InputError(
                f"spectral_kind must be one of {', '.join(SPECTRAL_KINDS)}, "
                f"got {self.spectral_kind!r}"
            )
        if (self.velocity_low is None) != (self.velocity_high is None):
            raise InputError("velocity_low and velocity_high must be given together, got one")
        if self.velocity_low is None or self.velocity_high is None:
            return
        if self.labels.ndim == 3:
            raise InputError("velocity_low must be left out for labels with an axis of their own")
        self._check("velocity_low", self.velocity_low, ("float32", "float64"))
        self._check("velocity_high", self.velocity_high, ("float32", "float64"))

    @property
    def mask(self) -> BoolArray:
        """Pixels that were masked in the input, bool of the shape of `labels`; `True` = ignore."""
        masked: BoolArray = self.labels == MASKED
        return masked

    @property
    def n_clusters(self) -> int:
        """One more than the highest label; 0 when no pixel has one."""
        return max(int(self.labels.max()) + 1, 0)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Pixels of every cluster, `(n_clusters,)` int64."""
        labelled = self.labels[self.labels >= 0]
        return np.bincount(labelled, minlength=self.n_clusters).astype(np.int64)
