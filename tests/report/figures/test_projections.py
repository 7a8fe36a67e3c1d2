"""Latents in a plane: the same every time, neighbourhoods kept, and limits said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.report.figures.projections import (
    PROJECTIONS,
    ProjectionMethod,
    project,
    project_latents,
)

RNG = np.random.default_rng(3)
GROUPS = np.repeat([0, 1, 2], 15)
LATENTS = 20.0 * np.eye(6)[GROUPS] + RNG.normal(size=(45, 6))


@pytest.mark.parametrize("method", PROJECTIONS)
def test_projections_are_the_same_every_time_and_keep_far_groups_apart(
    method: ProjectionMethod,
) -> None:
    first, again = (project(LATENTS, method).positions for _ in range(2))
    assert first.shape == (45, 2)
    assert np.array_equal(first, again)
    distances = np.linalg.norm(first[:, None] - first[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.array_equal(GROUPS[distances.argmin(axis=1)], GROUPS)


def test_the_seed_changes_embeddings_only() -> None:
    latents = RNG.normal(size=(40, 5))
    embedded = [project(latents, "umap", random_state=seed).positions for seed in (0, 1)]
    assert not np.array_equal(*embedded)
    components = [project(latents, "pca", random_state=seed).positions for seed in (0, 1)]
    assert np.array_equal(*components)


def test_the_report_shows_the_same_planes() -> None:
    components, neighbourhoods = project_latents(LATENTS)
    assert np.array_equal(components.positions, project(LATENTS, "pca").positions)
    assert np.array_equal(neighbourhoods.positions, project(LATENTS, "tsne").positions)


def test_the_first_axis_has_the_larger_variance() -> None:
    found = project(RNG.normal(size=(30, 3)) * [1.0, 5.0, 3.0], "pca")
    shares = found.positions.var(axis=0)
    assert shares[0] > shares[1]
    assert found.x_label.startswith("principal component 1 (")


@pytest.mark.parametrize("method", PROJECTIONS)
@pytest.mark.parametrize("latents", [np.ones((20, 4)), np.ones((20, 1))])
def test_equal_latents_lie_at_the_origin(method: ProjectionMethod, latents: Any) -> None:
    assert not project(latents, method).positions.any()


@pytest.mark.parametrize("method", PROJECTIONS)
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_projections_do_not_depend_on_the_unit(method: ProjectionMethod, factor: float) -> None:
    assert np.isfinite(project(factor * LATENTS, method).positions).all()


@pytest.mark.parametrize(
    ("latents", "method", "message"),
    [
        (np.zeros((11, 2)), "umap", r"needs at least 12 images, got 11; choose 'pca'"),
        (np.zeros((11, 2)), "tsne", r"needs at least 12 images"),
        (np.zeros((4001, 2)), "tsne", r"at most 4,000 images, got 4,001; choose 'umap' or 'pca'"),
        (np.zeros((20, 2)), "isomap", r"method must be .*got 'isomap'"),
        (np.full((20, 2), np.nan), "pca", r"latents must be finite"),
        (np.zeros(20), "pca", r"latents must have shape \(n, d\)"),
    ],
)
def test_what_cannot_be_projected_is_refused(latents: Any, method: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        project(latents, method)
