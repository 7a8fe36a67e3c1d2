"""Errors and similarity of reconstructed images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import BoolArray, Float32Array
from equiclust.validation import check_array

__all__ = ["reconstruction_scores"]


# Weights of the scales, finest first, from Wang, Simoncelli & Bovik (2003).
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# Smallest side that keeps the 11 pixel window inside the image at that many scales.
_SIDE_FOR_SCALES = {5: 176, 4: 99, 3: 44, 2: 22}
_WINDOW_RADIUS, _WINDOW_SIGMA = 5, 1.5
_SMALLEST_SIDE = 3
_PERFECT_MSE = 1e-10
_BATCH = 256


@checks_types
def reconstruction_scores(
    images: npt.ArrayLike,
    reconstructions: npt.ArrayLike,
    mask: npt.ArrayLike | None = None,
) -> dict[str, float]:
    r"""Mean squared error, peak signal-to-noise ratio and multi-scale structural similarity.

    Each is the mean over the images. PSNR is :math:`-10 \log_{10} \mathrm{MSE}`, since the range is
    0 to 1, and 100 dB at most. MS-SSIM (Wang, Simoncelli & Bovik 2003, Asilomar 37, 1398) compares
    images at five scales, each half the size of the one before. That takes 176 pixels; images whose
    shorter side has 99 pixels are compared at four scales, 44 at three, 22 at two, less at one,
    with the weights of those scales normalised to a sum of one. Below 11 pixels the window shrinks
    to fit. So values at different sizes are not comparable.

    Parameters
    ----------
    images, reconstructions : array-like (n, c, h, w)
        Values in [0, 1].
    mask : array-like (n, h, w), bool, optional
        `True` = ignore. MSE and PSNR leave these pixels out; for MS-SSIM both images are set equal
        there.

    Returns
    -------
    dict
        `mse`, `psnr` (dB) and `ms_ssim`.

    Raises
    ------
    InputError
        When shapes differ, a side is below 3 pixels, values leave [0, 1], or an image is wholly
        masked.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.evaluation.metrics import reconstruction_scores
    >>> images = np.random.default_rng(0).random((2, 1, 32, 32))
    >>> reconstruction_scores(images, images)
    {'mse': 0.0, 'psnr': 100.0, 'ms_ssim': 1.0}
    """
    original, evaluated = _checked("images", images), _checked("reconstructions", reconstructions)
    if original.shape != evaluated.shape:
        raise InputError(
            "images and reconstructions must have the same shape, "
            f"got {original.shape} and {evaluated.shape}"
        )
    seen = ~_checked_mask(mask, original.shape)[:, None]
    # What is ignored is set equal, so that it differs nowhere.
    evaluated = np.where(seen, evaluated, original)
    squared = np.square(original - evaluated, dtype=np.float64)
    errors = squared.mean(axis=1).sum(axis=(1, 2)) / seen.sum(axis=(1, 2, 3))
    return {
        "mse": float(errors.mean()),
        "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, _PERFECT_MSE)))),
        "ms_ssim": _ms_ssim(original, evaluated),
    }


def _checked(name: str, images: npt.ArrayLike) -> Float32Array:
    array = check_array(name, images).astype(np.float32)
    if array.ndim != 4 or array.size == 0 or min(array.shape[2:]) < _SMALLEST_SIDE:
        raise InputError(
            f"{name} must have shape (n, c, h, w) with sides of at least {_SMALLEST_SIDE} pixels, "
            f"got {array.shape}"
        )
    if not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            f"{name} must lie between 0 and 1, got {array.min():.6g} to {array.max():.6g}"
        )
    return array


def _checked_mask(mask: npt.ArrayLike | None, shape: tuple[int, ...]) -> BoolArray:
    expected = (shape[0], *shape[2:])
    if mask is None:
        return np.zeros(expected, dtype=bool)
    array = check_array("mask", mask).astype(bool)
    if array.shape != expected:
        raise InputError(f"mask must have shape {expected}, got {array.shape}")
    if array.all(axis=(1, 2)).any():
        hidden = int(array.all(axis=(1, 2)).argmax())
        raise InputError(
            f"mask must leave at least one pixel of every image, got image {hidden} wholly masked"
        )
    return array


def _ms_ssim(images: Float32Array, reconstructions: Float32Array) -> float:
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    side = min(images.shape[2:])
    weights = _scale_weights(side)
    scores = [
        multiscale_structural_similarity_index_measure(
            torch.from_numpy(reconstructions[start : start + _BATCH]),
            torch.from_numpy(images[start : start + _BATCH]),
            data_range=1.0,
            sigma=_window_sigma(side),
            kernel_size=min(2 * _WINDOW_RADIUS + 1, side - 1 + side % 2),
            betas=weights,
            reduction="none",
        )
        for start in range(0, len(images), _BATCH)
    ]
    return float(torch.cat(scores).mean())


def _scale_weights(side: int) -> tuple[float, ...]:
    scales = next((n for n, smallest in _SIDE_FOR_SCALES.items() if side >= smallest), 1)
    total = sum(_SCALE_WEIGHTS[:scales])
    return tuple(weight / total for weight in _SCALE_WEIGHTS[:scales])


def _window_sigma(side: int) -> float:
    # torchmetrics cuts the Gaussian at 3.5 sigma: its radius must fit into half the side.
    radius = min(_WINDOW_RADIUS, (side - 1) // 2)
    return _WINDOW_SIGMA if radius == _WINDOW_RADIUS else radius / 3.5
