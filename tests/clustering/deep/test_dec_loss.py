"""Assignment, target and divergence against their formulas in NumPy, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from equiclust.clustering.deep.dec_loss import (
    clustering_loss,
    soft_assignment,
    target_distribution,
)


def _points(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    return latents, torch.randn(3, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 7.0])
def test_assignment_is_the_published_formula(random_state: int, alpha: float) -> None:
    latents, centres = _points(random_state)
    squared = ((latents.numpy()[:, None] - centres.numpy()[None]) ** 2).sum(axis=2)
    kernel = (1 + squared / alpha) ** (-(alpha + 1) / 2)
    expected = kernel / kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(soft_assignment(latents, centres, alpha), expected, rtol=1e-12)


def test_target_is_the_published_formula(random_state: int) -> None:
    q = soft_assignment(*_points(random_state)).numpy()
    weight = q**2 / q.sum(axis=0)
    expected = weight / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(target_distribution(torch.from_numpy(q)), expected, rtol=1e-12)


def test_divergence_is_that_of_scipy(random_state: int) -> None:
    q = soft_assignment(*_points(random_state))
    p = target_distribution(q)
    expected = rel_entr(p.numpy(), q.numpy()).sum(axis=1).mean()
    assert float(clustering_loss(q, p)) == pytest.approx(expected)


def test_target_is_surer_than_the_assignment_where_clusters_are_alike(random_state: int) -> None:
    generator = torch.Generator().manual_seed(random_state)
    half = torch.rand(50, generator=generator)
    q = torch.stack([half, 1 - half], dim=1)
    even = torch.cat([q, q.flip(1)])
    target = target_distribution(even)
    assert torch.all(target.max(dim=1).values >= even.max(dim=1).values - 1e-6)
    assert torch.equal(target.argmax(dim=1), even.argmax(dim=1))


def test_common_motion_of_samples_and_centres_changes_nothing(random_state: int) -> None:
    latents, centres = _points(random_state)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    moved = soft_assignment(latents @ turn + 3.0, centres @ turn + 3.0)
    np.testing.assert_allclose(moved, soft_assignment(latents, centres), rtol=1e-9)


def test_nothing_overflows_far_away() -> None:
    q = soft_assignment(torch.full((2, 3), 1e6), torch.zeros(2, 3))
    assert torch.all(torch.isfinite(target_distribution(q)))
    certain = torch.tensor([[1.0, 0.0]])
    assert torch.isfinite(clustering_loss(certain, certain.flip(1)))
