"""Sizes on which sampling would leave the centre are refused by name, and only those."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from equiclust.exceptions import InputError
from equiclust.nn.convolution import DepthwiseGroupConv2d, GroupConv2d, LiftingConv2d
from equiclust.nn.groups import Group
from equiclust.nn.resampling import BinomialBlur2d, centred_padding, check_centred, output_size

D4 = Group("D4")


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 40))
def test_a_size_is_legal_exactly_if_the_samples_lie_symmetrically(
    kernel_size: int, stride: int, size: int
) -> None:
    padding = centred_padding(kernel_size)
    n = (size + 2 * padding - kernel_size) // stride + 1
    first = -padding + (kernel_size - 1) / 2
    last = first + (n - 1) * stride
    symmetric = n >= 1 and first == (size - 1) - last
    try:
        check_centred(size, size, kernel_size=kernel_size, stride=stride)
    except InputError:
        assert not symmetric
    else:
        assert symmetric
        assert output_size(size, kernel_size=kernel_size, stride=stride) == n


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        (LiftingConv2d(D4, 1, 1, 4, stride=2), 1),
        (GroupConv2d(D4, 1, 1, 6, stride=2), 8),
        (DepthwiseGroupConv2d(D4, 1, 4, stride=2), 8),
        (BinomialBlur2d(4), 3),
        (BinomialBlur2d(6), 3),
    ],
)
def test_even_kernels_with_stride_two_refuse_odd_sizes(layer: nn.Module, channels: int) -> None:
    layer(torch.zeros(1, channels, 12, 14))
    with pytest.raises(InputError, match=r"width must be .* got 15 in 12 x 15; .*legal: 14, 16"):
        layer(torch.zeros(1, channels, 12, 15))
    with pytest.raises(InputError, match=r"height must be .* got 13 in 13 x 14"):
        layer(torch.zeros(1, channels, 13, 14))


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_odd_kernels_with_stride_two_refuse_even_sizes(kernel_size: int) -> None:
    layer = LiftingConv2d(D4, 1, 1, kernel_size, stride=2)
    assert layer(torch.zeros(1, 1, 13, 15)).shape == (1, 8, 7, 8)
    with pytest.raises(InputError, match="got 14 in 14 x 15; nearest legal: 13, 15"):
        layer(torch.zeros(1, 1, 14, 15))


def test_a_size_below_the_smallest_is_refused() -> None:
    with pytest.raises(InputError, match="got 1 in 1 x 4; nearest legal: 2"):
        LiftingConv2d(D4, 1, 1, 4)(torch.zeros(1, 1, 1, 4))


@pytest.mark.parametrize("size", [48, 63, 64, 65, 100])
def test_layers_without_stride_keep_every_size(size: int) -> None:
    layer = LiftingConv2d(D4, 1, 1, 5)
    assert layer(torch.zeros(1, 1, size, size + 1)).shape[2:] == (size, size + 1)
