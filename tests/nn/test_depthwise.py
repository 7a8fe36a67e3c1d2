"""Convolutions of every channel by its own filter: values and gradients are those of torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from equiclust.nn.depthwise import depthwise_convolution


def gradients(convolve: object, *given: Tensor, weights: Tensor) -> list[Tensor]:
    leaves = [one.detach().clone().requires_grad_() for one in given]
    made = convolve(*leaves)  # type: ignore[operator]
    (made * weights).sum().backward()
    return [made.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def reference(x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
    return F.conv2d(x, filters, bias, padding=filters.shape[-1] // 2, groups=x.shape[1])


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 4),
    channels=st.integers(1, 20),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    side=st.sampled_from([1, 3, 5, 7]),
    last=st.booleans(),
    seed=st.integers(0, 99),
)
def test_gradients_are_those_of_double_precision(
    n: int, channels: int, height: int, width: int, side: int, last: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, height, width, generator=generator)
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    filters = torch.randn(channels, 1, side, side, generator=generator)
    bias = torch.randn(channels, generator=generator)
    weights = torch.randn(x.shape, generator=generator)
    found = gradients(depthwise_convolution, x, filters, bias, weights=weights)
    exact = gradients(
        reference, x.double(), filters.double(), bias.double(), weights=weights.double()
    )
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4)


def test_only_what_is_wanted_has_a_gradient() -> None:
    x = torch.randn(2, 3, 6, 6)
    filters = torch.randn(3, 1, 3, 3, requires_grad=True)
    depthwise_convolution(x, filters, None).sum().backward()
    assert x.grad is None
    assert filters.grad is not None


def test_double_precision_can_be_differentiated_twice() -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    filters = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(
        lambda *both: depthwise_convolution(*both, None), (x, filters)
    )


def test_single_precision_says_that_it_cannot() -> None:
    filters = torch.randn(2, 1, 3, 3, requires_grad=True)
    made = depthwise_convolution(torch.randn(1, 2, 4, 4), filters, None).square().sum()
    (first,) = torch.autograd.grad(made, filters, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiat"):
        first.sum().backward()
