"""Resizing about the centre of an image, so that it commutes with quarter turns and reflections.

A resize is a pair of matrices, ``rows @ image @ columns.T``. All positions are measured from the
centre of the axis, where a reflection only flips their sign: the matrices equal their own
reflections bit for bit, whatever the parity of the sizes, and the products may differ by float64
rounding only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from equiclust.typing import Array, BoolArray, Float64Array

__all__ = ["operator", "positions", "resize"]

# Positions and coverages are exact but for rounding, which must not decide on which side they fall.
TOLERANCE = 1e-9


def positions(length: int) -> Float64Array:
    """Centres of the pixels along an axis.

    Parameters
    ----------
    length : int
        Number of pixels.

    Returns
    -------
    ndarray (length,), float64
        In pixels from the centre of the axis.
    """
    return np.asarray(np.arange(length) - (length - 1) / 2, dtype=np.float64)


def operator(
    length: int, size: int, *, scale: npt.ArrayLike, offset: npt.ArrayLike = 0.0
) -> Float64Array:
    """Matrices that resample an axis.

    Parameters
    ----------
    length, size : int
        Number of pixels before and after.
    scale : array-like (...), float
        Width of a new pixel in old pixels. From 1 upwards a new pixel is the mean over the area it
        covers, which conserves flux; below, it is interpolated linearly between pixel centres: no
        value leaves the range of its neighbours, and no weight is negative, so that masked pixels
        can be left out by renormalising. At 1 the two agree.
    offset : array-like (...), float, default 0
        Position of the new centre, in old pixels from the old centre.

    Returns
    -------
    ndarray (..., size, length), float64
        Each row sums to the part of the new pixel that lies within the old frame.
    """
    scale = np.asarray(scale, dtype=np.float64)[..., None]
    at = positions(size) * scale + np.asarray(offset, dtype=np.float64)[..., None]
    old = positions(length)
    if np.all(scale >= 1.0):
        return _overlap(at, old, scale)
    if np.all(scale < 1.0):
        return _interpolation(at, old)
    shrinks = scale[..., 0] >= 1.0
    found = np.empty((*at.shape, length))
    found[shrinks] = _overlap(at[shrinks], old, scale[shrinks])
    found[~shrinks] = _interpolation(at[~shrinks], old)
    return found


def _interpolation(at: Float64Array, old: Float64Array) -> Float64Array:
    inside = np.abs(at) <= len(old) / 2 + TOLERANCE
    # Between the outermost centre and the edge of the frame there is no second neighbour.
    held = np.clip(at, old[0], old[-1])
    tent = np.maximum(0.0, 1.0 - np.abs(held[..., None] - old))
    return np.where(inside[..., None], tent, 0.0)


def _overlap(at: Float64Array, old: Float64Array, scale: Float64Array) -> Float64Array:
    at, scale = at[..., None], scale[..., None]
    right = np.minimum(at + scale / 2, old + 0.5)
    left = np.maximum(at - scale / 2, old - 0.5)
    overlap: Float64Array = np.maximum(0.0, right - left) / scale
    return overlap


def resize(
    pixels: Array,
    mask: BoolArray,
    *,
    size: int,
    offsets: Float64Array | None = None,
    zooms: Float64Array | None = None,
) -> tuple[Float64Array, BoolArray]:
    """Resize images of one shape to squares.

    The longer side fills the new frame; what the shorter one leaves empty is masked. A new pixel is
    the mean of the valid pixels it is made of, and masked when they carry less than half of its
    weight.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
    mask : ndarray (h, w), bool
        `True` = ignore, in all images.
    size : int
        Side of the new images in pixels.
    offsets : ndarray (n, 2), optional
        New centre (y, x) of every image, in old pixels from the old centre; by default 0.
    zooms : ndarray (n,), optional
        Side of the new frame in sides of the old one; by default 1.

    Returns
    -------
    pixels : ndarray (n, c, size, size), float64
        0 under the mask.
    mask : ndarray (n, size, size), bool
        `True` = ignore.
    """
    height, width = mask.shape
    valid = np.where(mask, 0.0, pixels.astype(np.float64))
    if height == width == size and offsets is None and zooms is None:
        return valid, np.repeat(mask[None], len(pixels), axis=0)
    scale = max(height, width) / size * (1.0 if zooms is None else zooms)
    dy, dx = (0.0, 0.0) if offsets is None else offsets.T
    rows = operator(height, size, scale=scale, offset=dy)
    columns = np.swapaxes(operator(width, size, scale=scale, offset=dx), -1, -2)
    weight = np.broadcast_to(_weights(rows, mask, columns), (len(pixels), size, size))
    hidden = weight < 0.5 - TOLERANCE
    total = rows[..., None, :, :] @ valid @ columns[..., None, :, :]
    total /= np.where(hidden, 1.0, weight)[:, None]
    return np.where(hidden[:, None], 0.0, total), hidden


def _weights(rows: Float64Array, mask: BoolArray, columns: Float64Array) -> Float64Array:
    """Share of every new pixel that valid pixels make up."""
    if mask.any():
        return np.asarray(rows @ (~mask).astype(float) @ columns)
    return np.asarray(rows.sum(axis=-1)[..., :, None] * columns.sum(axis=-2)[..., None, :])
