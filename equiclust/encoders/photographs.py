"""Images as networks that were trained on photographs take them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as functional
from torch import Tensor

from equiclust.exceptions import InputError
from equiclust.typing import Float32Array

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "check_range", "resize_images", "standardize"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Pixels in 0 to 1 may overshoot where an image was interpolated, but not so far.
_LOWEST, _HIGHEST = -2.0, 3.0


def check_range(images: Float32Array) -> None:
    """Check that pixels can be shares of full brightness.

    Parameters
    ----------
    images : ndarray (n, c, h, w), float32

    Raises
    ------
    InputError
        When they are far from 0 to 1.
    """
    lowest, highest = float(images.min()), float(images.max())
    if not (lowest >= _LOWEST and highest <= _HIGHEST):
        raise InputError(
            f"images must be in 0 to 1 for a network trained on photographs, got {lowest:.3g} to "
            f"{highest:.3g}: scale them, or preprocess them by equiclust.Preprocessor"
        )


def standardize(
    images: Tensor,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> Tensor:
    """Images less a mean, over a standard deviation, colour by colour.

    Parameters
    ----------
    images : Tensor (n, 1 or 3, h, w)
        In 0 to 1. One channel stands for all three.
    mean, std : tuple of three floats, optional
        By default ImageNet's.

    Returns
    -------
    Tensor (n, 3, h, w)
    """
    centre, width = (
        torch.tensor(values, device=images.device)[:, None, None] for values in (mean, std)
    )
    return (images.expand(-1, 3, -1, -1) - centre) / width


def resize_images(images: Tensor, height: int, width: int) -> Tensor:
    """Images of another size, linearly interpolated, and averaged where they shrink.

    Parameters
    ----------
    images : Tensor (n, c, h, w)
    height, width : int
        In pixels.

    Returns
    -------
    Tensor (n, c, height, width)
        The same images where that is their size.
    """
    if tuple(images.shape[2:]) == (height, width):
        return images
    resample: Callable[..., Tensor] = functional.interpolate
    return resample(
        images, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )
