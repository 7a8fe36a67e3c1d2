"""Weights of an exported encoder in the order in which the fused one reads them."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from torch import Tensor, nn

from equiclust.nn.fused.kernels import STEM_KERNEL
from equiclust.nn.fused.vectors import PANEL, TAPS
from equiclust.nn.groups import Group
from equiclust.typing import Float32Array, IntArray

__all__ = ["BlockWeights", "StemWeights", "block_weights", "field_channels", "stem_weights"]


class StemWeights(NamedTuple):
    """Weights of the lifting convolution.

    Attributes
    ----------
    packed : ndarray (halves, panels, k, PANEL)
    bias : ndarray (channels / halves,)
    """

    packed: Float32Array
    bias: Float32Array


class BlockWeights(NamedTuple):
    """Weights of a separable block.

    Attributes
    ----------
    taps : ndarray (TAPS^2, k * halves)
    packed : ndarray (halves, panels, k, PANEL)
    bias : ndarray (channels / halves,)
    residual : bool
        Whether what goes in is added to what comes out.
    """

    taps: Float32Array
    packed: Float32Array
    bias: Float32Array
    residual: bool


def field_channels(group: Group, fields: int) -> IntArray:
    """Channels of the fields by the halves of the group, -1 where there is none.

    Half of the elements are the others upside down. An equivariant matrix between fields commutes
    with that mirror, so it has the form `((A, B), (B, A))`, and with the sum and the difference of
    the halves it becomes `A + B` and `A - B`: half the products.

    Parameters
    ----------
    group : Group
    fields : int

    Returns
    -------
    ndarray (halves, n)
        Two halves if the group has that mirror, one otherwise; `n` is a multiple of `PANEL`.
    """
    elements = np.arange(group.order)[None]
    if group.mirrored and group.n_rotations % 2 == 0:
        # Left to right and then by a half turn.
        opposite = group.product[group.n_rotations + group.n_rotations // 2]
        first = np.flatnonzero(elements[0] < opposite)
        elements = np.stack([first, opposite[first]])
    known = elements[:, None] + np.arange(fields)[:, None] * group.order
    known = known.reshape(len(elements), -1)
    spare = -known.shape[1] % PANEL
    return np.pad(known, ((0, 0), (0, spare)), constant_values=-1)


def stem_weights(convolution: nn.Conv2d, group: Group) -> StemWeights:
    """Weights of the first convolution of an exported encoder.

    Parameters
    ----------
    convolution : torch.nn.Conv2d
    group : Group

    Returns
    -------
    StemWeights
    """
    made = field_channels(group, convolution.out_channels // group.order)
    pixels = np.arange(convolution.weight[0].numel())
    lines = pixels.reshape(convolution.in_channels, STEM_KERNEL, STEM_KERNEL)
    sides = [lines] if len(made) == 1 else [lines[:, :4], lines[:, :3:-1]]
    places = np.stack([side.reshape(-1) for side in sides])
    return StemWeights(*_packed(convolution, made, places))


def block_weights(
    depthwise: nn.Conv2d, pointwise: nn.Conv2d, group: Group, *, residual: bool
) -> BlockWeights:
    """Weights of a separable block of an exported encoder.

    Parameters
    ----------
    depthwise, pointwise : torch.nn.Conv2d
    group : Group
    residual : bool
        Whether what goes in is added to what comes out.

    Returns
    -------
    BlockWeights
    """
    given = field_channels(group, pointwise.in_channels // group.order)
    made = field_channels(group, pointwise.out_channels // group.order)
    filters = _array(depthwise.weight).reshape(-1, TAPS**2).T
    taps = np.ascontiguousarray(_taken(filters, given.ravel(), axis=1))
    return BlockWeights(taps, *_packed(pointwise, made, given), residual)


def _packed(
    convolution: nn.Conv2d, made: IntArray, given: IntArray
) -> tuple[Float32Array, Float32Array]:
    """The matrix, by halves and by panels of output channels, and its bias."""
    matrix = _array(convolution.weight).reshape(convolution.out_channels, -1)
    near = _taken(_taken(matrix, made[0], axis=0), given[0], axis=1)
    halves: Float32Array = near[None]
    if len(made) == 2:
        far = _taken(_taken(matrix, made[0], axis=0), given[1], axis=1)
        halves = np.float32(0.5) * np.stack([near + far, near - far])
    count, n, k = halves.shape
    packed = halves.reshape(count, n // PANEL, PANEL, k).swapaxes(2, 3)
    bias = _taken(_array(cast(Tensor, convolution.bias)), made[0], axis=0)
    return np.ascontiguousarray(packed), bias


def _array(tensor: Tensor) -> Float32Array:
    array: Float32Array = tensor.detach().numpy()
    return array


def _taken(array: Float32Array, places: IntArray, *, axis: int) -> Float32Array:
    """Entries at the places, 0 where a place is negative."""
    taken = array.take(places, axis=axis)
    shape = [1] * array.ndim
    shape[axis] = -1
    missing = (places < 0).reshape(shape)
    return np.where(missing, np.float32(0.0), taken).astype(np.float32)
