"""The frame of an image from its moments: how it lies, and whether it is mirrored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import BoolArray, Float32Array, Float64Array

__all__ = ["MomentFrames", "moment_frames"]


class MomentFrames(NamedTuple):
    """Frames of `n` images, and how well each is decided.

    Attributes
    ----------
    angles : ndarray (n,), float64
        In degrees, in which the image points after the mirror, if any; see `Element`.
    mirrored : ndarray (n,), bool
        Whether it is the mirror image of its canonical form.
    certainty : ndarray (n,), float64
        From 0, where the frame is a matter of chance, to 1. The smallest of: how elongated the
        image is, how much one end outweighs the other, and how much one side does.
    """

    angles: Float64Array
    mirrored: BoolArray
    certainty: Float64Array


def moment_frames(pixels: Float32Array) -> MomentFrames:
    r"""Frames of images from their second and third moments about the centre of the frame.

    With the brightness :math:`l = w\,|f - b|` relative to the border's `b`, in a window `w` that
    falls to 0 at the inscribed circle, the axis `u` is that of the largest second moment; of its
    two directions the one with positive :math:`\sum l\,u^3`; and the side `v` the one with
    positive :math:`\sum l\,u^2 v`. Where one of these is nearly 0 the frame hangs on noise:
    that cannot be helped, since no continuous frame exists (Dym et al. 2024), and `certainty` says
    where.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w), float32
        The channels are summed.

    Returns
    -------
    MomentFrames

    Raises
    ------
    InputError
        When the images have not four axes.

    References
    ----------
    Dym, Lawrence & Siegel (2024), "Equivariant frames and the impossibility of continuous
    canonicalization", ICML.
    """
    if pixels.ndim != 4 or not pixels.size:
        raise InputError(f"pixels must have shape (n, c, h, w), got {pixels.shape}")
    light, x, y = _windowed_light(pixels)
    total = np.maximum((light * (x**2 + y**2)).sum(axis=(1, 2)), np.finfo(float).tiny)
    second = (light * (x + 1j * y) ** 2).sum(axis=(1, 2))
    axis = np.angle(second) / 2
    u = x * np.cos(axis)[:, None, None] + y * np.sin(axis)[:, None, None]
    v = y * np.cos(axis)[:, None, None] - x * np.sin(axis)[:, None, None]
    along, lengthwise = _balance(light, u**3)
    across, sideways = _balance(light, u**2 * v)
    backwards = along < 0
    # Turned by half a circle, the other side is up.
    mirrored = np.where(backwards, -across, across) < 0
    angle = np.degrees(axis) + 180.0 * backwards
    return MomentFrames(
        np.where(mirrored, 180.0 - angle, angle),
        mirrored,
        np.minimum(np.abs(second) / total, np.minimum(lengthwise, sideways)),
    )


def _windowed_light(pixels: Float32Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Brightness `(n, h, w)` within the circle, and the coordinates along columns and rows."""
    height, width = pixels.shape[2:]
    rows = (np.arange(height) - (height - 1) / 2)[:, None]
    columns = (np.arange(width) - (width - 1) / 2)[None, :]
    image = pixels.sum(axis=1, dtype=np.float64)
    border = np.concatenate(
        [image[:, 0], image[:, -1], image[:, 1:-1, 0], image[:, 1:-1, -1]], axis=1
    )
    share = np.minimum(np.hypot(rows, columns) / ((min(height, width) - 1) / 2), 1.0)
    window = np.cos(np.pi / 2 * share) ** 2
    light = window * np.abs(image - np.median(border, axis=1)[:, None, None])
    return light, np.broadcast_to(columns, window.shape), np.broadcast_to(rows, window.shape)


def _balance(light: Float64Array, odd: Float64Array) -> tuple[Float64Array, Float64Array]:
    """An odd moment, and its size as a share of what it could be."""
    moment = (light * odd).sum(axis=(1, 2))
    most = np.maximum((light * np.abs(odd)).sum(axis=(1, 2)), np.finfo(float).tiny)
    return moment, np.abs(moment) / most
