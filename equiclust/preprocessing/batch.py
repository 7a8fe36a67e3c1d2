"""Preprocessing of many images at once: those that share a shape and a mask form batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from equiclust.images import Image, ImageSet
from equiclust.preprocessing.background import border, border_level, limits
from equiclust.preprocessing.canonical import Frames, canonical_zooms, deprojected_frames
from equiclust.preprocessing.center import centroid_offsets, peak_offsets
from equiclust.preprocessing.ellipse import measure_ellipses
from equiclust.preprocessing.equalize import equalized
from equiclust.preprocessing.resize import positions, resize
from equiclust.preprocessing.sky import beam_moments
from equiclust.preprocessing.stretch import stretch_named
from equiclust.preprocessing.warp import warp
from equiclust.typing import Array, BoolArray, Float32Array, Float64Array

__all__ = ["DEPROJECTED", "Outcome", "Record", "Settings", "Unusable", "batches", "process_batch"]

Record = dict[str, Any]

DEPROJECTED = ("inclination", "affine")
"""Canonical frames in which discs are shown face-on."""

_ROUNDING = 1e-14
# Numbers held at once in double precision.
BATCH_NUMBERS = 4_000_000


class Settings(NamedTuple):
    """Checked parameters of a `Preprocessor`, which documents them.

    Attributes
    ----------
    size : int
    background : str
    stretch : str
    percentiles : tuple of two floats
    center : str
    circular_mask : float or None
    canonical : str
    equalize : str, default "none"
    """

    size: int
    background: str
    stretch: str
    percentiles: tuple[float, float]
    center: str
    circular_mask: float | None
    canonical: str
    equalize: str = "none"


class Unusable(NamedTuple):
    """Image that preprocessing cannot use, and why.

    Attributes
    ----------
    image : Image
    reason : str
        Why not, as the end of a sentence.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import Preprocessor
    >>> images, unusable = Preprocessor(size=32).usable(np.full((1, 40, 40), np.nan))
    >>> unusable[0].image.id, unusable[0].reason
    ('00000', 'every pixel is masked or not a number')
    """

    image: Image
    reason: str


class _Upright(NamedTuple):
    """Frames that differ in position and size only."""

    offsets: Float64Array | None
    zooms: Float64Array | None


Outcome = tuple[Image, Record] | Unusable


def batches(images: ImageSet, size: int) -> Iterator[list[int]]:
    """Split a set into batches of images that share a shape and a mask.

    Parameters
    ----------
    images : ImageSet
    size : int
        Side of the processed images in pixels; it limits the length of a batch.

    Yields
    ------
    list of int
        Indices of the images of one batch.
    """
    groups: dict[tuple[tuple[int, int, int], bytes], list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        pattern = np.packbits(image.mask).tobytes() if image.mask.any() else b""
        groups[image.shape, pattern].append(index)
    for ((channels, height, width), _), members in groups.items():
        step = max(1, BATCH_NUMBERS // (channels * max(height * width, size * size)))
        for start in range(0, len(members), step):
            yield members[start : start + step]


def process_batch(
    images: list[Image], settings: Settings, *, channels: int | None
) -> list[Outcome]:
    """Preprocess images of one shape and mask.

    Parameters
    ----------
    images : list of Image
        At least one.
    settings : Settings
    channels : int or None
        Number of channels of the new images; None keeps that of the old ones.

    Returns
    -------
    list of (Image, dict) or Unusable
        For every image the new one with its record, or the reason why it cannot be used.
    """
    mask = images[0].mask
    if mask.all():
        return [Unusable(image, "every pixel is masked or not a number") for image in images]
    pixels = _with_channels(np.stack([image.pixels for image in images]), channels)
    ring = border(mask)
    frames = _frames(images, pixels, mask, ring, settings)
    values, hidden = _shown(pixels, mask, settings.size, frames)
    hidden |= _outside(settings.size, settings.circular_mask)
    background = _background(pixels, mask, ring, settings.background)
    bounds = _bounds(values, hidden, background, settings.percentiles)
    shown = _stretched(values, hidden, bounds, settings.stretch)
    if settings.equalize == "clahe":
        shown = equalized(shown, hidden)
    records = _records(images, settings, frames, background, bounds)
    # The images are views of these, and need no copies of what nobody can write to.
    shown.setflags(write=False)
    hidden.setflags(write=False)
    return [
        (_processed(image, new, gone, record), record)
        if record["upper"] > record["lower"]
        else Unusable(image, _why_not(record))
        for image, new, gone, record in zip(images, shown, hidden, records, strict=True)
    ]


def _processed(image: Image, pixels: Float32Array, mask: BoolArray, record: Record) -> Image:
    """The image with new pixels, and with coordinates and beam where no pixel has moved."""
    is_moved = (record["center_y"], record["center_x"]) != (0.0, 0.0)
    if is_moved or record["scale"] != 1.0 or record["axis_ratio"] != 1.0:
        return replace(image, pixels=pixels, mask=mask, wcs=None, beam=None)
    return image.with_pixels(pixels, mask)


def _with_channels(pixels: Float32Array, channels: int | None) -> Array:
    if channels == 1 and pixels.shape[1] > 1:
        mean: Float64Array = pixels.mean(axis=1, keepdims=True, dtype=float)
        return mean
    if channels is not None and channels > pixels.shape[1]:
        return np.repeat(pixels, channels, axis=1)
    return pixels


def _frames(
    images: list[Image], pixels: Array, mask: BoolArray, ring: BoolArray, settings: Settings
) -> Frames | _Upright:
    if settings.canonical in DEPROJECTED:
        beams = np.stack([beam_moments(image) for image in images])
        ellipses = measure_ellipses(pixels, mask, ring, beams=beams)
        return deprojected_frames(ellipses, mask.shape, to_scale=settings.canonical == "affine")
    offsets = _offsets(pixels, mask, ring, settings.center)
    if settings.canonical == "scale":
        return _Upright(offsets, canonical_zooms(pixels, mask, ring, offsets))
    return _Upright(offsets, None)


def _offsets(pixels: Array, mask: BoolArray, ring: BoolArray, center: str) -> Float64Array | None:
    if center == "centroid":
        return centroid_offsets(pixels, mask, ring)
    return peak_offsets(pixels, mask) if center == "peak" else None


def _shown(
    pixels: Array, mask: BoolArray, size: int, frames: Frames | _Upright
) -> tuple[Float64Array, BoolArray]:
    if isinstance(frames, _Upright):
        return resize(pixels, mask, size=size, offsets=frames.offsets, zooms=frames.zooms)
    values, hidden = resize(pixels, mask, size=size)
    changed = frames.changed
    values[changed], hidden[changed] = warp(
        pixels[changed],
        mask,
        size=size,
        centres=frames.offsets[changed],
        matrices=frames.matrices[changed] * (max(mask.shape) / size),
    )
    return values, hidden


def _outside(size: int, radius: float | None) -> BoolArray:
    if radius is None:
        return np.zeros((size, size), dtype=bool)
    square = positions(size) ** 2
    beyond: BoolArray = square[:, None] + square[None, :] > (radius * size / 2) ** 2
    return beyond


def _background(pixels: Array, mask: BoolArray, ring: BoolArray, kind: str) -> Float64Array | None:
    if kind == "none":
        return None
    return border_level(pixels, ring if kind == "border" else ~mask)


def _bounds(
    values: Float64Array,
    hidden: BoolArray,
    background: Float64Array | None,
    percentiles: tuple[float, float],
) -> Float64Array:
    """Limits `(n, 2)`; not a number where nothing is left to see."""
    patterns: dict[bytes, list[int]] = defaultdict(list)
    for index, one in enumerate(hidden):
        patterns[np.packbits(one).tobytes()].append(index)
    bounds = np.full((len(values), 2), np.nan)
    for group in patterns.values():
        valid = ~hidden[group[0]]
        if valid.any():
            chosen = values[group][:, :, valid]
            level = None if background is None else background[group]
            bounds[group] = limits(chosen.reshape(len(chosen), -1), level, percentiles=percentiles)
    return bounds


def _stretched(
    values: Float64Array, hidden: BoolArray, bounds: Float64Array, stretch: str
) -> Float32Array:
    lower = bounds[:, 0, None, None, None]
    width = bounds[:, 1, None, None, None] - lower
    part = np.clip((values - lower) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    # The root of what is only rounding would be seen.
    largest = np.abs(bounds).max(axis=1)[:, None, None, None]
    part[part * width < _ROUNDING * largest] = 0.0
    shown = stretch_named(stretch)(part, clip=False).astype(np.float32)
    return np.where(hidden[:, None], np.float32(0), shown)


def _records(
    images: list[Image],
    settings: Settings,
    frames: Frames | _Upright,
    background: Float64Array | None,
    bounds: Float64Array,
) -> list[Record]:
    _, height, width = images[0].shape
    common = {
        "height": height,
        "width": width,
        "stretch": settings.stretch,
        "equalize": settings.equalize,
    }
    centers, zooms, ratios = _geometry(frames, len(images))
    scales = max(height, width) / settings.size * zooms
    levels = [None] * len(images) if background is None else background.tolist()
    return [
        {"id": image.id, **common, "scale": scale, "center_y": y, "center_x": x}
        | {"axis_ratio": ratio, "background": level, "lower": lower, "upper": upper}
        for image, scale, (y, x), ratio, level, (lower, upper) in zip(
            images,
            scales.tolist(),
            centers.tolist(),
            ratios.tolist(),
            levels,
            bounds.tolist(),
            strict=True,
        )
    ]


def _geometry(frames: Frames | _Upright, n: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """New centres `(n, 2)`, sides in old ones `(n,)`, and axis ratios that are undone `(n,)`."""
    if isinstance(frames, Frames):
        minor, major = np.linalg.eigvalsh(frames.matrices).T
        return frames.offsets, major, minor / major
    centers = np.zeros((n, 2)) if frames.offsets is None else frames.offsets
    return centers, np.ones(n) if frames.zooms is None else frames.zooms, np.ones(n)


def _why_not(record: Record) -> str:
    if np.isnan(record["lower"]):
        return "no valid pixel is left within the new frame"
    return f"it is constant, every valid pixel is {record['lower']:g}"
