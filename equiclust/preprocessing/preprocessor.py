"""`Preprocessor`: from images of any size and unit to images of one size in [0, 1], and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images import Image, ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.preprocessing.batch import (
    DEPROJECTED,
    Outcome,
    Record,
    Settings,
    Unusable,
    batches,
    process_batch,
)
from equiclust.preprocessing.stretch import STRETCHES, stretch_named
from equiclust.validation import check_choice, check_whole, is_auto, is_real, shown

__all__ = ["Preprocessor", "Processed"]

BACKGROUNDS = ("border", "none", "median")
CENTERS = ("none", "centroid", "peak")
EQUALIZERS = ("none", "clahe")
CANONICALS = ("none", "scale", *DEPROJECTED)
# The corners lie the root of 2 half sides from the middle.
MAX_RADIUS = 1.5
# Pixels of a side, and channels.
MAX_SIZE = 32768


class Processed(NamedTuple):
    """Result of preprocessing an image set.

    Attributes
    ----------
    images : ImageSet
        Processed images.
    records : tuple of dict
        One for each processed image; see `Preprocessor.describe`.
    unusable : tuple of Unusable
        Images that were left out, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import ImageSet, Preprocessor
    >>> pixels = np.random.default_rng(0).random((2, 40, 40))
    >>> pixels[1] = np.nan
    >>> processed = Preprocessor(size=32).process(ImageSet.from_array(pixels, ids=["a", "b"]))
    >>> processed.images.ids, len(processed.records)
    (('a',), 1)
    >>> [(image.id, reason) for image, reason in processed.unusable]
    [('b', 'every pixel is masked or not a number')]
    """

    images: ImageSet
    records: tuple[Record, ...]
    unusable: tuple[Unusable, ...]


class Preprocessor(TakesImages, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # both are untyped
    """Bring images to one square size and to values in [0, 1].

    Nothing is learned: every image is treated by itself, so new images are treated like old ones.
    All steps commute with quarter turns and reflections of the image, for every size and shape.

    Parameters
    ----------
    size : int, default 128
        Side of the new images in pixels. The longer side of an image fills it, the shorter one is
        centred and what it leaves empty is masked. Shrinking averages over areas, enlarging
        interpolates linearly.
    background : {"border", "none", "median"}, default "border"
        Level that becomes black. "border" is the median of the outer tenth of the valid pixels,
        "median" that of all of them. It is taken where the image rises at least three times as far
        above it as it falls below: for an object on a sky, but neither for a texture nor for
        something dark, which keep the lower percentile, as with "none".
    stretch : {"linear", "sqrt", "asinh", "log"}, default "linear"
        Curve from the limits to [0, 1]. "asinh" is linear up to a tenth of the range, "log" up to
        a thousandth.
    percentiles : sequence of two floats, default (1.0, 99.9)
        Limits of the values, over the valid pixels and all channels of the new image. The default
        clips a hundredth at the dark end, where the noise is, and only a thousandth at the bright
        end, enough for a few hot pixels, since a compact core is a small part of the image.
    center : {"none", "centroid", "peak"}, default "none"
        What is moved to the centre of the new image: nothing, the centre of light above the
        border, or the brightest pixel. Use "none" for images of several objects.
    canonical : {"none", "scale", "inclination", "affine"}, default "scale"
        "scale" enlarges or shrinks every object on a sky to the same apparent size, the radius of
        gyration of its light, since distance says nothing of its shape. "inclination" shows flat
        discs face-on, at the size that they have, with their centre in the middle whatever `center`
        is; see `equiclust.preprocessing.inclination`. "affine" does both. Textures and
        dark objects are left as they are; so are, with the last two, objects that go on beyond the
        image.
    circular_mask : float, optional
        Radius in half sides of the new image beyond which everything is masked.
    channels : "auto" or int, default "auto"
        Channels of the new images. "auto" keeps them, or averages them to one where their number
        differs within the set. 1 always averages; more than 1 also repeats single channels.
    equalize : {"none", "clahe"}, default "none"
        Last step. "clahe" evens out the contrast within an image (Pizer et al. 1990), so that
        exposure and illumination matter less than texture; see `equiclust.preprocessing.equalize`.
        It cannot be undone.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.preprocessing import Preprocessor
    >>> y, x = np.mgrid[-20:21, -30:31]
    >>> disc = np.exp(-(x**2 + y**2) / 50)
    >>> Preprocessor(size=32).fit_transform(disc[None]).pixels.shape
    (1, 1, 32, 32)
    """

    def __init__(
        self,
        *,
        size: int = 128,
        background: str = "border",
        stretch: str = "linear",
        percentiles: Sequence[float] = (1.0, 99.9),
        center: str = "none",
        canonical: str = "scale",
        circular_mask: float | None = None,
        channels: str | int = "auto",
        equalize: str = "none",
    ) -> None:
        self.size = size
        self.background = background
        self.stretch = stretch
        self.percentiles = percentiles
        self.center = center
        self.canonical = canonical
        self.circular_mask = circular_mask
        self.channels = channels
        self.equalize = equalize

    def __sklearn_tags__(self) -> Any:
        """Tags of the estimator, as scikit-learn asks for them.

        Returns
        -------
        sklearn.utils.Tags
        """
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, images: ImagesLike, y: object = None) -> Self:
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            Ignored.
        y : object, optional
            Ignored.

        Returns
        -------
        Preprocessor
            Itself.

        Raises
        ------
        InputError
            When a parameter has a value it cannot have.
        """
        self._check()
        return self

    def transform(self, images: ImagesLike) -> ImageSet:
        """Process images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ImageSet
            Images `(c, size, size)`, float32 in [0, 1] and 0 under the mask. Coordinates and beam
            are kept where no pixel moves, and left out elsewhere.

        Raises
        ------
        InputError
            When a parameter is illegal, or an image is constant or wholly masked; `usable` leaves
            such images out.
        """
        return self._process_all(images).images

    def describe(self, images: ImagesLike) -> tuple[Record, ...]:
        """Records of what is done to every image, as plain numbers for JSON.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        tuple of dict
            `id`; `height`, `width` of the image in pixels; `scale`, width of a new pixel in old
            pixels; `center_y`, `center_x`, the new centre in old pixels from the old one;
            `axis_ratio`, minor over major axis of the ellipse that was made round, 1 for none;
            `background`, `lower` and `upper` in the unit of the image; `stretch`; `equalize`.

        Raises
        ------
        InputError
            As `transform`.
        """
        return self._process_all(images).records

    def usable(self, images: ImagesLike) -> tuple[ImageSet, tuple[Unusable, ...]]:
        """Separate the images that can be processed from the others.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        images : ImageSet
            Those that `transform` accepts, unprocessed.
        unusable : tuple of Unusable
            The others, with the reason.

        Raises
        ------
        InputError
            When a parameter is illegal.
        """
        images = as_image_set(images)
        left_out = self.process(images).unusable
        names = {image.id for image, _ in left_out}
        return ImageSet(tuple(image for image in images if image.id not in names)), left_out

    def process(self, images: ImagesLike) -> Processed:
        """Process images and leave out those that cannot be used.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        Processed
            Images, their records, and what was left out.

        Raises
        ------
        InputError
            When a parameter is illegal, but never because of a single image.
        """
        self._check()
        images = as_image_set(images)
        channels = self._channels_of(images)
        settings = self._settings()
        outcomes: dict[int, Outcome] = {}
        for batch in batches(images, self.size):
            done = process_batch([images[i] for i in batch], settings, channels=channels)
            outcomes.update(zip(batch, done, strict=True))
        ordered = [outcomes[i] for i in range(len(images))]
        treated = [outcome for outcome in ordered if not isinstance(outcome, Unusable)]
        return Processed(
            ImageSet(tuple(image for image, _ in treated)),
            tuple(record for _, record in treated),
            tuple(outcome for outcome in ordered if isinstance(outcome, Unusable)),
        )

    def inverse_transform(
        self, images: ImagesLike, records: Sequence[Mapping[str, Any]]
    ) -> ImageSet:
        """Return processed images to their original units, at the processed size.

        Exact to float32 for values between the limits; what was clipped stays at the limit.

        Parameters
        ----------
        images : ImageSet, array-like (n, c, size, size), or another of `ImagesLike`
            In [0, 1], as from `transform` or from a network that imitates it.
        records : sequence of mapping
            From `describe`, in the same order.

        Returns
        -------
        ImageSet
            Images `(c, size, size)`, 0 under the mask.

        Raises
        ------
        InputError
            When there is not one record for every image, or contrast was equalised.
        """
        images = as_image_set(images)
        if len(images) != len(records):
            raise InputError(
                f"records must describe {len(images)} images, got {len(records)} records"
            )
        return ImageSet(
            tuple(_restored(image, record) for image, record in zip(images, records, strict=True))
        )

    def _process_all(self, images: ImagesLike) -> Processed:
        processed = self.process(images)
        if processed.unusable:
            image, reason = processed.unusable[0]
            raise InputError(f"image {image.id!r} cannot be used: {reason}")
        return processed

    def _settings(self) -> Settings:
        low, high = self.percentiles
        return Settings(
            size=int(self.size),
            background=self.background,
            stretch=self.stretch,
            percentiles=(float(low), float(high)),
            center=self.center,
            circular_mask=self.circular_mask,
            canonical=self.canonical,
            equalize=self.equalize,
        )

    def _channels_of(self, images: ImageSet) -> int | None:
        counts = {channels for channels, _, _ in images.shapes}
        if self.channels == "auto":
            return 1 if len(counts) > 1 else None
        wanted = int(self.channels)
        for image in images if wanted > 1 else ():
            if image.shape[0] not in (1, wanted):
                raise InputError(
                    f"image {image.id!r} has {image.shape[0]} channels, which cannot become "
                    f"{wanted}; set channels to 1 or to the images' own number"
                )
        return wanted

    def _check(self) -> None:
        check_whole("size", self.size, largest=MAX_SIZE)
        check_choice("background", self.background, BACKGROUNDS)
        check_choice("stretch", self.stretch, STRETCHES)
        check_choice("center", self.center, CENTERS)
        check_choice("canonical", self.canonical, CANONICALS)
        check_choice("equalize", self.equalize, EQUALIZERS)
        if not is_auto(self.channels):
            check_whole("channels", self.channels, largest=MAX_SIZE)
        _check_percentiles(self.percentiles)
        radius = self.circular_mask
        if radius is not None and not (is_real(radius) and 0 < radius <= MAX_RADIUS):
            raise InputError(
                f"circular_mask must be None or a radius above 0 and up to {MAX_RADIUS} half "
                f"sides, got {shown(radius)}"
            )


def _check_percentiles(percentiles: Sequence[float]) -> None:
    pair = tuple(percentiles) if isinstance(percentiles, Sequence) else ()
    if len(pair) != 2 or not all(map(is_real, pair)) or not 0 <= pair[0] < pair[1] <= 100:
        raise InputError(
            "percentiles must be two numbers with 0 <= lower < upper <= 100, got "
            f"{shown(percentiles)}"
        )


def _restored(image: Image, record: Mapping[str, Any]) -> Image:
    if record.get("equalize", "none") != "none":
        raise InputError(
            f"image {image.id!r} was equalised by {record['equalize']!r}, which cannot be undone"
        )
    lower, upper = record["lower"], record["upper"]
    part = stretch_named(record["stretch"]).inverse(image.pixels.astype(float), clip=False)
    values = (lower + (upper - lower) * part).astype(np.float32)
    return image.with_pixels(np.where(image.mask, np.float32(0), values), image.mask)
