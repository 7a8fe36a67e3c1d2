"""What deep clustering is given, as tensors, and the plain network that fits it."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.nn.plain_convolutional import ConvolutionalAutoencoder, ConvolutionalConfig
from equiclust.nn.plain_dense import DenseAutoencoder, DenseConfig

__all__ = ["DEEP_METHODS", "Method", "as_samples", "n_distinct", "plain_network"]

Method = Literal["dec", "idec", "dcec"]
DEEP_METHODS = get_args(Method)


def as_samples(given: ImageSet | npt.ArrayLike) -> Tensor:
    """Finite float32 samples of their own: images `(n, c, h, w)`, or rows `(n, d)`.

    Pixels that an `ImageSet` masks are 0.

    Raises
    ------
    InputError
        When they are not such an array.
    """
    array = _as_array(given)
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3, 4) or not array.size:
        raise InputError(
            "X must be numbers of shape (n, d), (n, h, w) or (n, c, h, w), got shape "
            f"{array.shape} and dtype {array.dtype}"
        )
    with np.errstate(over="ignore"):
        # A copy: what becomes of it is no matter of the caller's.
        samples = np.array(array, dtype=np.float32, order="C")
    finite = np.isfinite(samples.reshape(len(samples), -1)).all(axis=1)
    if not finite.all():
        wrong = int(np.flatnonzero(~finite)[0])
        raise InputError(
            f"X must be finite in float32, but sample {wrong} is not; mask or leave it out first"
        )
    return torch.from_numpy(samples[:, None] if samples.ndim == 3 else samples)


def _as_array(given: ImageSet | npt.ArrayLike) -> npt.NDArray[Any]:
    """The numbers, masked pixels 0 as preprocessing leaves them."""
    if isinstance(given, ImageSet):
        return np.where(given.mask[:, None], np.float32(0.0), given.pixels)
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"X must be an array: {error}") from error


def n_distinct(samples: Tensor) -> int:
    """How many of the samples differ."""
    return len({hashlib.blake2b(row.tobytes()).digest() for row in samples.numpy()})


def plain_network(samples: Tensor, method: Method, embedding_dim: int) -> nn.Module:
    """The network that the method was published with, for images of this size.

    Raises
    ------
    InputError
        When the samples are no square images.
    """
    if samples.ndim != 4 or samples.shape[2] != samples.shape[3]:
        raise InputError(
            "without a network X must be square images (n, h, h) or (n, c, h, h), got shape "
            f"{tuple(samples.shape)}; hand in a network"
        )
    channels, size = samples.shape[1:3]
    if method == "dcec":
        return ConvolutionalAutoencoder(
            ConvolutionalConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
        )
    return DenseAutoencoder(
        DenseConfig(size=size, in_channels=channels, embedding_dim=embedding_dim)
    )
