"""Contrast-limited adaptive histogram equalisation that commutes with quarter turns and mirrors."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.typing import BoolArray, Float32Array, Float64Array

__all__ = ["equalized"]

# Of scikit-image: tiles of an eighth of the image, and the share at which a histogram is cut.
_N_TILES = 8
_CLIP_LIMIT = 0.01
# Quarter turns, after a mirror or not.
_SQUARE = tuple((n_turns, mirror) for mirror in (False, True) for n_turns in range(4))


def equalized(pixels: Float32Array, hidden: BoolArray) -> Float32Array:
    """Equalise the contrast of every image and channel (CLAHE; Pizer et al. 1990).

    scikit-image's tiles begin at one corner, so that its result depends on how an image lies, by
    up to a tenth of the range. The mean over the eight quarter turns and mirrors does not.

    Parameters
    ----------
    pixels : ndarray (n, c, h, h), float32
        From 0 to 1.
    hidden : ndarray (n, h, h), bool
        Pixels that are 0 before and after.

    Returns
    -------
    ndarray (n, c, h, h), float32
        From 0 to 1.
    """
    # It takes a while to import, and most images are not equalised.
    from skimage import exposure

    tile = max(pixels.shape[-1] // _N_TILES, 1)
    new = np.zeros_like(pixels)
    for index in np.ndindex(pixels.shape[:2]):
        image = pixels[index].astype(np.float64)
        # A constant image has no contrast.
        if np.ptp(image) > 0:
            new[index] = np.mean([_lying(exposure, image, tile, *g) for g in _SQUARE], axis=0)
    return np.where(hidden[:, None], np.float32(0), new)


def _lying(
    exposure: Any, image: Float64Array, tile: int, n_turns: int, mirror: bool
) -> Float64Array:
    """The image equalised as it lies after some quarter turns, and turned back."""
    turned = np.rot90(image[:, ::-1] if mirror else image, n_turns)
    flat = exposure.equalize_adapthist(
        np.ascontiguousarray(turned), kernel_size=tile, clip_limit=_CLIP_LIMIT
    )
    back: Float64Array = np.rot90(flat, -n_turns)
    return back[:, ::-1] if mirror else back
