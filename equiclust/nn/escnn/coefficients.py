"""Weights over our basis of filters and over escnn's, which span the same space.

Both sides write a filter as a sum over a basis, each over its own. For one pair of fields the two
span the same space, so the weights of one side follow from those of the other by a matrix. A layer
that is written for escnn keeps our weights as its parameters, and escnn's own weights are computed
from them: so any optimiser takes the same steps on both sides.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.expansion import ExpandedConv2d

__all__ = ["BiasScale", "Coefficients", "change_of_basis", "fill"]

_TOLERANCE = 1e-5


class Coefficients(nn.Module):
    """Parametrisation of the `weights` of an `R2Conv` by those of our layer.

    Parameters
    ----------
    matrix : Tensor (n_theirs, n_ours)
        From `change_of_basis`.
    shape : tuple of int
        Shape of our weights.
    transposed : bool, default False
        Whether our layer is read from its output to its input, as in an `R2ConvTransposed`.
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor, shape: tuple[int, ...], *, transposed: bool = False) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix, persistent=False)
        self.shape, self.transposed = shape, transposed

    def forward(self, ours: Tensor) -> Tensor:
        """Expand weights of our layer.

        Parameters
        ----------
        ours : Tensor
            Of the `shape`.

        Returns
        -------
        Tensor (n,)
            Weights of escnn.
        """
        pairs = ours.reshape(self._pairs(), self.matrix.shape[1])
        if self.transposed:
            pairs = _swapped(pairs, *self.shape[:2])
        return (pairs @ self.matrix.T).flatten()

    def right_inverse(self, theirs: Tensor) -> Tensor:
        """Weights of our layer nearest to weights of escnn.

        Parameters
        ----------
        theirs : Tensor (n,)

        Returns
        -------
        Tensor
            Of the `shape`.
        """
        pairs: Tensor = theirs.reshape(self._pairs(), -1) @ torch.linalg.pinv(self.matrix).T
        if self.transposed:
            pairs = _swapped(pairs, *self.shape[1::-1])
        return pairs.reshape(self.shape)

    def _pairs(self) -> int:
        """Number of pairs of fields, each with filters of its own."""
        return torch.Size(self.shape).numel() // self.matrix.shape[1]


class BiasScale(nn.Module):
    """Parametrisation of a `bias` over a normalised vector by one number for every channel.

    Parameters
    ----------
    scale : float
        Length of the vector of ones over a field.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, ours: Tensor) -> Tensor:
        """Scale a bias of our layer.

        Parameters
        ----------
        ours : Tensor (n,)

        Returns
        -------
        Tensor (n,)
            Bias of escnn.
        """
        return ours * self.scale

    def right_inverse(self, theirs: Tensor) -> Tensor:
        """Bias of our layer.

        Parameters
        ----------
        theirs : Tensor (n,)

        Returns
        -------
        Tensor (n,)
        """
        return theirs / self.scale


def _swapped(pairs: Tensor, rows: int, columns: int) -> Tensor:
    """Weights `(rows * columns, n)` of pairs of fields in the order of the columns."""
    return pairs.view(rows, columns, -1).transpose(0, 1).flatten(0, 1)


def change_of_basis(layer: ExpandedConv2d, module: Any) -> Tensor:
    """Matrix from weights of our layer to those of escnn's, for one pair of fields.

    Parameters
    ----------
    layer : ExpandedConv2d
    module : escnn.nn.R2Conv or escnn.nn.R2ConvTransposed
        Between the same fields.

    Returns
    -------
    Tensor (n_theirs, n_ours), float64
    """
    ((_, theirs),) = module.basisexpansion.named_buffers()
    # The points run along x first, which is the order of the pixels in our filters.
    matrix, remainder = _solved(theirs.flatten(1), _basis(layer))
    if remainder > _TOLERANCE:
        raise RuntimeError(f"the basis of {layer} is not escnn's, it differs by {remainder:.1e}")
    return matrix


def fill(layer: ExpandedConv2d, filters: Tensor, bias: Tensor | None) -> bool:
    """Give a layer the weights that make it compute with the filters of an `R2Conv`.

    Parameters
    ----------
    layer : ExpandedConv2d
    filters : Tensor (out_channels, in_channels / groups, kernel_size, kernel_size)
    bias : Tensor (out_channels,) or None

    Returns
    -------
    bool
        `False` when no weights do, because the filters are of another basis.
    """
    rows, columns = _fields(layer)
    blocks = _split(filters, rows, columns)
    weights, remainder = _solved(_basis(layer), blocks.flatten(0, 1))
    if remainder > _TOLERANCE:
        return False
    layer.weight.copy_(weights.T.reshape(layer.weight.shape))
    if layer.bias is not None and bias is not None:
        layer.bias.copy_(bias.view(len(layer.bias), -1)[:, 0])
    return True


def _solved(basis: Tensor, targets: Tensor) -> tuple[Tensor, float]:
    """Weights `(n, m)` over a basis `(n, p)` of targets `(m, p)`, and what is left, relative."""
    columns, wanted = basis.cpu().double().T, targets.cpu().double().T
    weights: Tensor = torch.linalg.lstsq(columns, wanted).solution
    left = torch.linalg.norm(columns @ weights - wanted)
    return weights, float(left / torch.linalg.norm(wanted).clamp_min(1e-300))


def _fields(layer: ExpandedConv2d) -> tuple[int, int]:
    """Fields of output and of input that every filter of escnn connects."""
    order = layer.group.order
    rows = layer.out_channels // (1 if isinstance(layer, ProjectionConv2d) else order)
    if isinstance(layer, DepthwiseGroupConv2d):
        return rows, 1
    return rows, layer.in_channels // (1 if isinstance(layer, LiftingConv2d) else order)


def _basis(layer: ExpandedConv2d) -> Tensor:
    """Filters of one pair of fields for every unit weight, `(n_weights, out * in * k^2)`."""
    if isinstance(layer, DepthwiseGroupConv2d):
        n_weights = layer.weight[0].numel()
        unit: ExpandedConv2d = DepthwiseGroupConv2d(layer.group, n_weights, layer.kernel_size)
    elif isinstance(layer, PointwiseGroupConv2d):
        n_weights = layer.weight[0, 0].numel()
        unit = PointwiseGroupConv2d(layer.group, 1, n_weights)
    else:
        n_weights = layer.weight[0, 0].numel()
        kind = cast(type[GroupConv2d], type(layer))
        unit = kind(layer.group, 1, n_weights, layer.kernel_size)
    unit.double().weight.copy_(torch.eye(n_weights).view_as(unit.weight))
    return _split(_full(unit), *_fields(unit))[:, 0]


def _full(layer: ExpandedConv2d) -> Tensor:
    """Filters as escnn has them: of a depthwise layer, zero from a channel to any other."""
    filters = layer.expanded().weight
    if not isinstance(layer, DepthwiseGroupConv2d):
        return filters
    order, side = layer.group.order, layer.kernel_size
    by_pixel = filters.view(-1, order, side**2).transpose(1, 2)
    full = torch.diag_embed(by_pixel).permute(0, 2, 3, 1)
    return full.reshape(len(filters), order, side, side)


def _split(filters: Tensor, rows: int, columns: int) -> Tensor:
    """From `(out, in, k, k)` to `(rows, columns, out / rows * in / columns * k^2)`."""
    out, in_, height, width = filters.shape
    return (
        filters.reshape(rows, out // rows, columns, in_ // columns, height * width)
        .transpose(1, 2)
        .flatten(2)
    )
