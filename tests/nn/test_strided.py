"""Convolutions with a stride are those of torch, with the same gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from equiclust.nn.strided import lifted, transposed_convolution

# Side of the filter, stride and padding, as the network has them, and others.
WINDOWS = [(6, 2, 2), (8, 4, 2), (16, 8, 4), (5, 2, 1), (3, 1, 1), (4, 4, 0), (3, 5, 0)]


def both(x: Tensor, filters: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(x.clone().requires_grad_(), filters.clone().requires_grad_()) for _ in range(2)]


def assert_same(
    wanted: Tensor, found: Tensor, theirs: tuple[Tensor, ...], ours: tuple[Tensor, ...]
) -> None:
    torch.testing.assert_close(found, wanted)
    weights = torch.randn_like(wanted)
    (wanted * weights).sum().backward()
    (found * weights).sum().backward()
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(b.grad, a.grad)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_transpose_is_that_of_torch(
    window: tuple[int, int, int], memory_format: torch.memory_format
) -> None:
    side, stride, padding = window
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64).contiguous(memory_format=memory_format)
    theirs, ours = both(x, torch.randn(3, 2, side, side, dtype=torch.float64))
    wanted = F.conv_transpose2d(*theirs, stride=stride, padding=padding)
    found = transposed_convolution(*ours, stride=stride, padding=padding)
    assert_same(wanted, found, theirs, ours)


@pytest.mark.parametrize(
    ("side", "stride", "padding"), [(8, 2, 3), (4, 2, 1), (6, 3, 3), (2, 2, 0)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_lifting_is_a_convolution(side: int, stride: int, padding: int, channels: int) -> None:
    x = torch.randn(2, channels, 12, 24, dtype=torch.float64)
    theirs, ours = both(x, torch.randn(5, channels, side, side, dtype=torch.float64))
    bias = torch.randn(5, dtype=torch.float64)
    wanted = F.conv2d(*theirs, bias, stride=stride, padding=padding)
    found = lifted(*ours, bias, stride=stride, padding=padding)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_same(wanted, found, theirs, ours)


def test_only_what_is_asked_for_is_differentiated() -> None:
    x, filters = torch.randn(1, 2, 3, 3), torch.randn(2, 1, 4, 4, requires_grad=True)
    transposed_convolution(x, filters, stride=2, padding=1).sum().backward()
    assert x.grad is None
    assert filters.grad is not None
