"""Turning by splines against exact images, scipy and the eight exact elements."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from equiclust.nn.rotation import SplineRotation


def _blobs(size: int, angle: float) -> torch.Tensor:
    """Two blobs off centre, sampled exactly after a turn."""
    offset = (np.arange(size) - (size - 1) / 2) / (size / 2)
    y, x = np.meshgrid(-offset, offset, indexing="ij")
    image = np.zeros((size, size))
    for distance, direction, width in ((0.4, 20.0, 0.12), (0.25, 140.0, 0.16)):
        at = np.radians(direction + angle)
        dx, dy = x - distance * np.cos(at), y - distance * np.sin(at)
        image += np.exp(-(dx**2 + dy**2) / (2 * width**2))
    return torch.tensor(image)[None, None]


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("angle", [45.0, -22.5, 90.0])
def test_it_turns_as_the_object_would_have_turned(size: int, angle: float) -> None:
    rotated = SplineRotation(size, angle).double()(_blobs(size, 0.0))
    assert float((rotated - _blobs(size, angle)).abs().max()) < 2e-3


def test_it_agrees_with_scipy_inside(random_state: int) -> None:
    noise = np.random.default_rng(random_state).standard_normal((24, 24))
    image = ndimage.gaussian_filter(np.pad(noise, 12), 1.5)
    ours = SplineRotation(48, 45.0).double()(torch.tensor(image)[None, None])[0, 0].numpy()
    reference = ndimage.rotate(image, 45.0, reshape=False, order=3, mode="constant")
    inner = slice(10, -10)
    np.testing.assert_allclose(ours[inner, inner], reference[inner, inner], atol=1e-5)


@pytest.mark.parametrize("size", [32, 33])
def test_it_commutes_with_quarter_turns_and_swaps_sense_under_mirrors(
    size: int, random_state: int
) -> None:
    image = torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(random_state))
    there, back = SplineRotation(size, 45.0), SplineRotation(size, -45.0)
    for turns in range(4):
        first = there(image.rot90(turns, (2, 3)))
        torch.testing.assert_close(first, there(image).rot90(turns, (2, 3)), rtol=0, atol=2e-6)
    torch.testing.assert_close(there(image.flip(3)), back(image).flip(3), rtol=0, atol=2e-6)
