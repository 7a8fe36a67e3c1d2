"""Filters of escnn, symmetric under quarter turns and mirrors to the last digit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equiclust.nn.groups import GridElement, move_pixels
from equiclust.typing import Float64Array

__all__ = ["exact_filters"]

_TOLERANCE = 1e-6


def exact_filters(module: Any) -> tuple[Tensor, Tensor | None]:
    r"""Filters and bias of a convolution, averaged over the elements that keep the pixel grid.

    escnn samples its filters in single precision, so that they are equivariant to about seven
    digits. With the representations of input and output and the `m` elements of the group that
    map the grid onto itself,

    .. math::

        \bar\kappa(x) = \frac1m \sum_h \rho_{out}(h)\, \kappa(h^{-1} x)\, \rho_{in}(h)^{-1}

    differs from the filters by as little and is equivariant under these elements to rounding.

    Parameters
    ----------
    module : escnn.nn.R2Conv

    Returns
    -------
    filters : Tensor (out_channels, in_channels / groups, kernel_size, kernel_size)
    bias : Tensor (out_channels,) or None
    """
    filters, bias = module.expand_parameters()
    elements = list(_grid_elements(module.in_type.gspace))
    if not elements:
        return filters, bias
    outer = module.out_type.representations
    inner = module.in_type.representations[: len(module.in_type) // module.groups]
    exact = torch.zeros_like(filters, dtype=torch.float64)
    exact_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float64)
    for element, moved in elements:
        turned = _apply(outer, element, move_pixels(filters.double(), moved))
        exact += _apply(inner, element, turned.transpose(0, 1)).transpose(0, 1)
        if exact_bias is not None:
            exact_bias += _apply(outer, element, bias.double())
    exact /= len(elements)
    return exact.to(filters), None if exact_bias is None else (exact_bias / len(elements)).to(bias)


def _apply(representations: Sequence[Any], element: Any, x: Tensor) -> Tensor:
    """Representations of an element, one after the other, on the first axis.

    They are orthogonal: from the right, the inverse is the same on the second axis.
    """
    matrices = {r: torch.tensor(_cleared(r(element))).to(x) for r in set(representations)}
    sizes = [r.size for r in representations]
    parts = zip(representations, torch.split(x, sizes), strict=True)
    return torch.cat([torch.tensordot(matrices[r], part, dims=1) for r, part in parts])


def _cleared(matrix: Float64Array) -> Float64Array:
    """A matrix without the rounding of its zeros and ones: sums of permuted numbers are exact."""
    whole = matrix.round()
    return np.where(np.abs(matrix - whole) < _TOLERANCE, whole, matrix)


def _grid_elements(space: Any) -> Iterator[tuple[Any, GridElement]]:
    """Elements of a finite group that map the pixel grid onto itself, in both forms."""
    if space.rotations_order < 1:
        return
    for index, element in enumerate(space.fibergroup.elements):
        matrix = np.asarray(space.basespace_action(element))
        if np.abs(matrix - matrix.round()).max() > _TOLERANCE:
            continue
        mirrored = bool(np.linalg.det(matrix) < 0)
        # First mirrored, x to -x, then rotated.
        cosine, sine = matrix[:, 0] * (-1.0 if mirrored else 1.0)
        yield element, GridElement(index, round(math.atan2(sine, cosine) / (math.pi / 2)), mirrored)
