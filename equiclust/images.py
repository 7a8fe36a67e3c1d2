"""`Image` and `ImageSet`: pixels with masks and what is known of them, read-only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.frozen_arrays import frozen
from equiclust.precision import as_float32
from equiclust.typing import BoolArray, Float32Array, Float64Array
from equiclust.validation import check_array

if TYPE_CHECKING:
    from astropy.wcs import WCS

__all__ = ["Beam", "Image", "ImageSet"]


class Beam(NamedTuple):
    """Beam of an interferometer or telescope: a Gaussian.

    Attributes
    ----------
    major, minor : float
        Full widths at half maximum along both axes, in degrees.
    position_angle : float
        Of the major axis, in degrees east of north.
    """

    major: float
    minor: float
    position_angle: float


@checks_types
@dataclass(frozen=True, eq=False)
class Image:
    """One image with what is known of it.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32
        Channels first. Values under the mask are finite but mean nothing. An array that can be
        written to is copied.
    mask : ndarray (h, w), bool
        `True` = ignore this pixel.
    id : str
        Name of the image in every table.
    path : str, optional
        File that the image came from.
    wcs : astropy.wcs.WCS, optional
        Celestial coordinates of the pixels, two axes.
    unit : str, default ""
        Unit of the pixel values in FITS notation; empty when unknown.
    beam : Beam, optional
        Resolution of the instrument.
    offset, scale : float, default 0.0 and 1.0
        A pixel stands for ``offset + scale * pixel`` in `unit`; other than 0 and 1 where float32
        cannot hold the values themselves.

    Raises
    ------
    InputError
        When the pixels have not three axes, the mask does not fit, or `offset` or `scale` is not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import Image
    >>> values = np.ones((48, 64))
    >>> values[0, 0] = np.nan
    >>> image = Image.from_values(values, "disc_1", unit="Jy/beam")
    >>> image.shape, int(image.mask.sum())
    ((1, 48, 64), 1)
    """

    pixels: Float32Array
    mask: BoolArray
    id: str
    path: str | None = None
    wcs: WCS | None = field(default=None, repr=False)
    unit: str = ""
    beam: Beam | None = None
    offset: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        # A frozen dataclass can only be completed so.
        object.__setattr__(self, "pixels", frozen(self.pixels, np.float32))
        object.__setattr__(self, "mask", frozen(self.mask, np.bool_))
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
        if not (math.isfinite(self.offset) and math.isfinite(self.scale) and self.scale > 0.0):
            raise InputError(
                f"image {self.id!r}: offset must be finite and scale above 0, "
                f"got {self.offset} and {self.scale}"
            )

    @classmethod
    @checks_types
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
        """Image from values of any number type, some of which may not be finite.

        Parameters
        ----------
        values : array-like (h, w) or (c, h, w)
            Copied as float32, relative to an `offset` and a `scale` where float32 cannot hold them.
            What is not finite in any channel is masked, and set 0 where it is not finite.
        id : str
            Name of the image in every table.
        mask : array-like (h, w), bool, optional
            `True` = ignore, besides what is not finite.
        path : str, optional
            File that the image came from.
        wcs : astropy.wcs.WCS, optional
            Celestial coordinates of the pixels.
        unit : str, default ""
            Unit of the values in FITS notation; empty when unknown.
        beam : Beam, optional
            Resolution of the instrument.

        Returns
        -------
        Image

        Raises
        ------
        InputError
            When the values have neither two nor three axes, or the mask does not fit.
        """
        given = check_array("values", values)
        if given.ndim not in (2, 3):
            raise InputError(f"image {id!r}: values must have two or three axes, got {given.ndim}")
        ignored: BoolArray | None = None
        if mask is not None:
            ignored = check_array("mask", mask).astype(bool)
            if ignored.shape != given.shape[-2:]:
                raise InputError(
                    f"image {id!r}: mask must have shape {given.shape[-2:]}, got {ignored.shape}"
                )
        array, offset, scale = as_float32(given, ignored)
        finite = np.isfinite(array)
        array[~finite] = 0.0
        hidden: BoolArray = ~finite if array.ndim == 2 else ~np.all(finite, axis=0)
        if ignored is not None:
            hidden = hidden | ignored
        # Arrays that nobody can write to are not copied again.
        array.setflags(write=False)
        hidden.setflags(write=False)
        pixels = array if array.ndim == 3 else array[None]
        return cls(pixels, hidden, id, path, wcs, unit, beam, offset, scale)

    @property
    def values(self) -> Float64Array:
        """What the pixels stand for, in `unit`: `(c, h, w)` float64, anything under the mask."""
        return self.offset + self.scale * self.pixels.astype(np.float64)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of channels, height and width in pixels."""
        channels, height, width = self.pixels.shape
        return channels, height, width

    def with_pixels(self, pixels: Float32Array, mask: BoolArray) -> Image:
        """Image of the same object with other pixels.

        Parameters
        ----------
        pixels : ndarray (c, h, w), float32
            With the height and width of the old ones they are taken to lie at the same places:
            coordinates and beam are kept. With others, both are left out.
        mask : ndarray (h, w), bool
            `True` = ignore.

        Returns
        -------
        Image
            With the same id, path and unit.

        Raises
        ------
        InputError
            When the shapes do not fit each other.
        """
        if np.shape(pixels)[1:] == self.pixels.shape[1:]:
            return replace(self, pixels=pixels, mask=mask)
        return replace(self, pixels=pixels, mask=mask, wcs=None, beam=None)


@checks_types
@dataclass(frozen=True, eq=False)
class ImageSet(Sequence[Image]):
    """Images in order, of one size or of many.

    Parameters
    ----------
    images : tuple of Image, default ()
        No two of them may have the same id.

    Raises
    ------
    InputError
        When an id occurs twice.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import ImageSet
    >>> images = ImageSet.from_array(np.zeros((3, 32, 32)), ids=["a", "b", "c"])
    >>> len(images), images.pixels.shape
    (3, (3, 1, 32, 32))
    >>> images.take([2, 0]).ids
    ('c', 'a')
    """

    images: tuple[Image, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for image in self.images:
            if image.id in seen:
                raise InputError(f"image ids must differ, got {image.id!r} more than once")
            seen.add(image.id)

    @classmethod
    @checks_types
    def from_array(
        cls,
        pixels: npt.ArrayLike,
        *,
        mask: npt.ArrayLike | None = None,
        ids: Sequence[str] | None = None,
    ) -> ImageSet:
        """Image set from an array.

        Parameters
        ----------
        pixels : array-like (n, h, w) or (n, c, h, w)
            Real numbers, copied as float32. What is not finite is masked.
        mask : array-like (n, h, w), bool, optional
            `True` = ignore.
        ids : sequence of str, optional
            Names of the images. By default their indices with at least five digits, "00000" first.

        Returns
        -------
        ImageSet

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
        masks = (
            [None] * len(array)
            if mask is None
            else list(np.atleast_1d(check_array("mask", mask).astype(bool)))
        )
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
        """Select images by their indices.

        Parameters
        ----------
        indices : array-like (m,), int
            In the order wanted; negative ones count from the end.

        Returns
        -------
        ImageSet
            Of `m` images.
        """
        return ImageSet(tuple(self.images[int(i)] for i in np.asarray(indices).ravel()))

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the images, in order."""
        return tuple(image.id for image in self.images)

    @property
    def shapes(self) -> frozenset[tuple[int, int, int]]:
        """Shapes `(c, h, w)` that occur among the images."""
        return frozenset(image.shape for image in self.images)

    @cached_property
    def pixels(self) -> Float32Array:
        """Pixels of all images, `(n, c, h, w)` float32.

        Raises
        ------
        InputError
            When the images differ in shape, or there are none.
        """
        self._check_uniform()
        return np.stack([image.pixels for image in self.images])

    @cached_property
    def mask(self) -> BoolArray:
        """Masks of all images, `(n, h, w)` bool, `True` = ignore.

        Raises
        ------
        InputError
            When the images differ in shape, or there are none.
        """
        self._check_uniform()
        return np.stack([image.mask for image in self.images])

    def _check_uniform(self) -> None:
        if len(self.shapes) != 1:
            found = ", ".join(str(shape) for shape in sorted(self.shapes)[:4]) or "no image"
            raise InputError(
                f"images must have one common shape (c, h, w) to be stacked, got {found}"
            )
