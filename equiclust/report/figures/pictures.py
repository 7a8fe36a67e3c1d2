"""Pixels as PNG inside a page (data URI), the first row of pixels at the bottom."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from equiclust.typing import Float32Array

__all__ = ["COLOUR_MAP", "RESIDUAL_MAP", "data_uri", "picture", "residual_picture"]

COLOUR_MAP = "inferno"
RESIDUAL_MAP = "RdBu_r"


def picture(pixels: Float32Array, *, side: int) -> str:
    """Draw an image as PNG.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32
        From 0 to 1. Three channels are shown as colours, any other number by their mean in
        `COLOUR_MAP`.
    side : int
        Largest height and width in pixels; larger images are averaged down.

    Returns
    -------
    str
        Data URI.
    """
    if len(pixels) == 3:
        channels = [_resized(channel, side) for channel in pixels]
        return _as_png(Image.fromarray(_levels(np.stack(channels, axis=-1))))
    return _as_png(_coloured(_resized(pixels.mean(axis=0), side), COLOUR_MAP))


def residual_picture(residual: Float32Array, *, side: int, limit: float) -> str:
    """Draw the mean over channels of a difference as PNG.

    Parameters
    ----------
    residual : ndarray (c, h, w), float32
    side : int
        Largest height and width in pixels.
    limit : float
        The colours of `RESIDUAL_MAP` go from `-limit` to `limit`.

    Returns
    -------
    str
        Data URI.
    """
    shrunk = _resized(residual.mean(axis=0), side)
    return _as_png(_coloured((shrunk / limit + 1.0) / 2.0, RESIDUAL_MAP))


def data_uri(content: bytes, media_type: str) -> str:
    """Address that holds the bytes themselves, so that a page loads nothing.

    Parameters
    ----------
    content : bytes
    media_type : str
        Such as "image/png".

    Returns
    -------
    str
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _resized(plane: Float32Array, side: int) -> Float32Array:
    """First row at the bottom, averaged down to `side`; the browser enlarges smaller ones."""
    upright = np.ascontiguousarray(plane[::-1], dtype=np.float32)
    height, width = upright.shape
    factor = side / max(height, width)
    if factor >= 1.0:
        return upright
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    return np.asarray(Image.fromarray(upright).resize(size, Image.Resampling.BOX))


def _levels(values: Float32Array) -> npt.NDArray[np.uint8]:
    return np.round(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)


def _coloured(values: Float32Array, name: str) -> Image.Image:
    image = Image.fromarray(_levels(values))
    colours = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    image.putpalette(colours.tobytes())
    return image


def _as_png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=9)
    return data_uri(buffer.getvalue(), "image/png")
