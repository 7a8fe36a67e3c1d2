"""First weights keep the second moment of what passes through them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.filters import noise_to_weights, polar_basis
from equiclust.nn.groups import Group

D8 = Group("D8")
DEPTH = 6


def smooth_noise() -> Tensor:
    """Images `(8, 1, 32, 32)` of unit power with structure over about five pixels."""
    images = nn.functional.avg_pool2d(torch.randn(8, 1, 36, 36), 5, stride=1)
    return images / images.square().mean().sqrt()


def full(fields: int, kernel_size: int) -> nn.Module:
    return GroupConv2d(D8, fields, fields, kernel_size)


def separable(fields: int, kernel_size: int) -> nn.Module:
    return nn.Sequential(
        DepthwiseGroupConv2d(D8, fields, kernel_size), PointwiseGroupConv2d(D8, fields, fields)
    )


@pytest.mark.parametrize("block", [full, separable], ids=["full", "separable"])
@pytest.mark.parametrize("kernel_size", [3, 4, 5, 7])
@torch.no_grad()
def test_six_rectified_layers_neither_fade_nor_explode(block, kernel_size: int) -> None:  # type: ignore[no-untyped-def]
    ends = []
    for seed in range(4):
        torch.manual_seed(seed)
        y = LiftingConv2d(D8, 1, 8, kernel_size)(smooth_noise())
        for _ in range(DEPTH):
            y = block(8, kernel_size)(torch.relu(y))
        ends.append(float(y.square().mean()))
    assert 0.1 < np.exp(np.mean(np.log(ends))) < 10


@torch.no_grad()
def test_one_layer_keeps_the_second_moment() -> None:
    x = smooth_noise()
    lifted = LiftingConv2d(D8, 1, 64, 5)(x)
    assert 0.4 < lifted.square().mean() < 2.5
    fields = torch.randn(8, 64 * 16, 8, 8)
    mixed = PointwiseGroupConv2d(D8, 64, 64)(torch.relu(fields))
    assert 0.8 < mixed.square().mean() < 1.25
    image = ProjectionConv2d(D8, 64, 64, 3)(torch.relu(fields))
    assert 0.6 < image.square().mean() < 1.6


@pytest.mark.parametrize("kernel_size", range(1, 9))
def test_weights_are_the_projection_of_a_free_filter(kernel_size: int) -> None:
    basis = polar_basis(Group("trivial"), kernel_size)[0].reshape(-1, kernel_size**2)
    noise = np.random.default_rng(kernel_size).normal(size=kernel_size**2)
    drawn = noise @ noise_to_weights(kernel_size) @ basis
    within, *_ = np.linalg.lstsq(basis.T, noise, rcond=None)
    projected = within @ basis
    np.testing.assert_allclose(drawn / np.linalg.norm(drawn), projected / np.linalg.norm(projected))


def test_a_free_filter_of_one_pixel_is_white_noise_itself() -> None:
    np.testing.assert_allclose(noise_to_weights(1), [[1.0]])


def test_biases_start_at_zero() -> None:
    assert not LiftingConv2d(D8, 1, 2, 3).bias.any()
