"""`Image` and `ImageSet`: what travels through the house. Read-only, and free of torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputError

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["Beam", "Image", "ImageSet"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


class Beam(NamedTuple):
    """Synthesised beam: full widths at half maximum and position angle, all in degrees."""

    major: float
    minor: float
    position_angle: float


@dataclass(frozen=True, eq=False)
class Image:
    """One image with what is known of it.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32
        Channels first. Values under the mask are finite but mean nothing.
    mask : ndarray (h, w), bool
        `True` = ignore this pixel.
    id : str
        Name of the image in every table.
    path : str, optional
        The file it came from.
    wcs : astropy.wcs.WCS, optional
        Celestial coordinates of the pixels of the file, two axes.
    unit : str
        Unit of the pixel values in FITS notation; empty when unknown.
    beam : Beam, optional
        The instrument's resolution.
    """

    pixels: FloatArray
    mask: BoolArray
    id: str
    path: str | None = None
    wcs: WCS | None = field(default=None, repr=False)
    unit: str = ""
    beam: Beam | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or 0 in self.pixels.shape:
            raise InputError(
                f"image {self.id!r}: pixels must have shape (c, h, w) and at least one pixel, "
                f"got shape {self.pixels.shape}"
            )
        if self.mask.shape != self.pixels.shape[1:]:
            raise InputError(
                f"image {self.id!r}: mask must have shape {self.pixels.shape[1:]}, "
                f"got {self.mask.shape}"
            )
        self.pixels.setflags(write=False)
        self.mask.setflags(write=False)

    @classmethod
    def from_values(
        cls,
        values: npt.ArrayLike,
        id: str,
        *,
        mask: npt.ArrayLike | None = None,
        path: str | None = None,
        wcs: WCS | None = None,
        unit: str = "",
        beam: Beam | None = None,
    ) -> Image:
        """Image from raw values `(h, w)` or `(c, h, w)`; what is not finite is masked and set 0."""
        array = np.array(values, dtype=np.float32)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3:
            raise InputError(f"image {id!r}: values must have two or three axes, got {array.ndim}")
        finite = np.isfinite(array)
        hidden: BoolArray = ~np.all(finite, axis=0)
        if mask is not None:
            given = np.asarray(mask, dtype=bool)
            if given.shape != hidden.shape:
                raise InputError(
                    f"image {id!r}: mask must have shape {hidden.shape}, got {given.shape}"
                )
            hidden = hidden | given
        array[~finite] = 0.0
        return cls(array, hidden, id, path=path, wcs=wcs, unit=unit, beam=beam)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.pixels.shape
        return channels, height, width

    def with_pixels(self, pixels: FloatArray, mask: BoolArray) -> Image:
        """The same object with other pixels; the WCS, which no longer fits, is left out."""
        return replace(self, pixels=pixels, mask=mask, wcs=None)


@dataclass(frozen=True, eq=False)
class ImageSet(Sequence[Image]):
    """Images in order, of one size or of many.

    Parameters
    ----------
    images : tuple of Image
        Their ids must differ.
    """

    images: tuple[Image, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for image in self.images:
            if image.id in seen:
                raise InputError(f"image ids must differ, got {image.id!r} more than once")
            seen.add(image.id)

    @classmethod
    def from_array(
        cls,
        pixels: npt.ArrayLike,
        *,
        mask: npt.ArrayLike | None = None,
        ids: Sequence[str] | None = None,
    ) -> ImageSet:
        """Set from an array `(n, h, w)` or `(n, c, h, w)`.

        Parameters
        ----------
        pixels : array-like (n, h, w) or (n, c, h, w)
            What is not finite is masked.
        mask : array-like (n, h, w), bool, optional
            `True` = ignore.
        ids : sequence of str, optional
            By default the index, padded with zeros.

        Raises
        ------
        InputError
            When the number of axes, the mask or the ids do not fit.
        """
        array = np.asarray(pixels)
        if array.ndim not in (3, 4):
            raise InputError(
                "pixels must have shape (n, h, w) or (n, c, h, w), "
                f"got an array of shape {array.shape}"
            )
        if array.dtype.kind not in "biuf":
            raise InputError(f"pixels must be real numbers, got dtype {array.dtype}")
        names = [f"{i:05d}" for i in range(len(array))] if ids is None else list(ids)
        if len(names) != len(array):
            raise InputError(f"ids must name {len(array)} images, got {len(names)} names")
        masks = [None] * len(array) if mask is None else list(np.asarray(mask, dtype=bool))
        if len(masks) != len(array):
            raise InputError(f"mask must cover {len(array)} images, got {len(masks)}")
        return cls(
            tuple(
                Image.from_values(values, name, mask=hidden)
                for values, name, hidden in zip(array, names, masks, strict=True)
            )
        )

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> ImageSet: ...
    def __getitem__(self, index: int | slice) -> Image | ImageSet:
        if isinstance(index, slice):
            return ImageSet(self.images[index])
        return self.images[index]

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def take(self, indices: npt.ArrayLike) -> ImageSet:
        """The images at these indices, in this order."""
        return ImageSet(tuple(self.images[int(i)] for i in np.asarray(indices).ravel()))

    @property
    def ids(self) -> tuple[str, ...]:
        """Name of every image."""
        return tuple(image.id for image in self.images)

    @property
    def shapes(self) -> frozenset[tuple[int, int, int]]:
        """The sizes `(c, h, w)` that occur."""
        return frozenset(image.shape for image in self.images)

    @cached_property
    def pixels(self) -> FloatArray:
        """All pixels, `(n, c, h, w)` float32.

        Raises
        ------
        InputError
            When the images differ in size, or there are none.
        """
        self._check_uniform()
        return np.stack([image.pixels for image in self.images])

    @cached_property
    def mask(self) -> BoolArray:
        """All masks, `(n, h, w)` bool, `True` = ignore; raises like `pixels`."""
        self._check_uniform()
        return np.stack([image.mask for image in self.images])

    def _check_uniform(self) -> None:
        if len(self.shapes) != 1:
            found = ", ".join(str(shape) for shape in sorted(self.shapes)[:4]) or "no image"
            raise InputError(
                f"images must have one common shape (c, h, w) to be stacked, got {found}"
            )
