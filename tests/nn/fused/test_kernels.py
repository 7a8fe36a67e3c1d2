"""Loops of the fused encoder against the formulas that they compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equiclust.nn.fused.kernels import _gelu, field_statistics
from equiclust.nn.fused.vectors import LANES, inlined, load, store
from equiclust.nn.fused.views import STEM_PAD, RotatedViews
from equiclust.nn.fused.weights import field_channels
from equiclust.nn.groups import Group
from equiclust.nn.pooling import group_mean, group_std
from equiclust.nn.rotation import SplineRotation
from equiclust.typing import Float32Array


@inlined
def _activated(given: Float32Array, made: Float32Array) -> None:
    for i in range(0, len(given), LANES):
        store(made, i, _gelu(load(given, i)))


def _gelu_of(values: Float32Array) -> Float32Array:
    made = np.empty_like(values)
    _activated(values, made)
    return made


def test_gelu_is_exact_to_rounding() -> None:
    values = np.linspace(-30.0, 30.0, 1 << 16).astype(np.float32)
    wanted = torch.nn.functional.gelu(torch.from_numpy(values).double()).numpy()
    errors = np.abs(_gelu_of(values) - wanted) / np.maximum(np.abs(values), 1.0)
    assert errors.max() <= 4e-7


def test_gelu_passes_on_what_is_not_finite() -> None:
    values = np.full(LANES, 1.0, np.float32)
    values[:3] = np.nan, np.inf, -np.inf
    found = _gelu_of(values)
    assert np.isnan(found[0])
    assert found[1] == np.inf
    assert not np.isfinite(found[2]) or abs(found[2]) < 1.0


@pytest.mark.parametrize("name", ["D8", "C8", "D1", "trivial"])
def test_statistics_over_the_group_are_those_of_the_pooling(name: str, random_state: int) -> None:
    group, fields = Group(name), 3
    maps = np.random.default_rng(random_state).normal(size=(2, fields * group.order, 4, 4))
    channels = field_channels(group, fields)
    ordered = np.moveaxis(maps[:, np.maximum(channels, 0).ravel()], 1, -1).astype(np.float32)
    found = np.empty((2, 2 * fields, 16))
    field_statistics(ordered, len(channels), group.order // len(channels), True, found)
    given = torch.from_numpy(maps.astype(np.float32)).double()
    wanted = torch.cat([group_mean(given, group), group_std(given, group)], dim=1)
    np.testing.assert_allclose(found, wanted.flatten(2).numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [32, 64])
def test_views_are_rotated_as_by_the_module(size: int, random_state: int) -> None:
    images = np.random.default_rng(random_state).random((2, 3, size, size), np.float32)
    angles = (22.5, 45.0, -100.0)
    views = RotatedViews(size, angles)
    found = [view.copy() for view in views(images, views.scratch(4, 3))]
    wanted = [
        torch.from_numpy(images),
        *(SplineRotation(size, angle)(torch.from_numpy(images)) for angle in angles),
    ]
    for view, image in zip(found, wanted, strict=True):
        padded = torch.nn.functional.pad(image, [STEM_PAD] * 4).numpy()
        np.testing.assert_allclose(view, padded, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["D8", "D16", "C8", "D3", "trivial"])
def test_every_channel_is_in_one_half_once(name: str) -> None:
    group = Group(name)
    channels = field_channels(group, 5)
    assert len(channels) == (2 if name in ("D8", "D16") else 1)
    known = channels[channels >= 0]
    assert sorted(known) == list(range(5 * group.order))
