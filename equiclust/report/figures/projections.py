"""Latents projected onto two axes: principal components, UMAP and t-SNE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.argument_types import checks_types
from equiclust.binary_scale import in_unit, range_exponent
from equiclust.clustering.umap_embedding import umap_embedding
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float32Array, Float64Array
from equiclust.validation import check_choice, check_random_state, check_samples

__all__ = ["PROJECTIONS", "Projection", "ProjectionMethod", "project", "project_latents"]

ProjectionMethod = Literal["pca", "umap", "tsne"]
"""How latents are projected onto a plane."""

PROJECTIONS: tuple[ProjectionMethod, ...] = get_args(ProjectionMethod)

_FEWEST_FOR_NEIGHBOURHOODS = 12
_MOST_FOR_NEIGHBOURHOODS = 4000
_KEPT_COMPONENTS = 50
_PERPLEXITY = 30.0
_NEIGHBOURS = 15
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Projection:
    """Positions of images in a plane, and what its axes mean.

    Parameters
    ----------
    key : str
        Names the projection: "pca0", "pca2", "umap" or "tsne".
    title, x_label, y_label : str
    positions : ndarray (n, 2), float64
    """

    key: str
    title: str
    x_label: str
    y_label: str
    positions: Float64Array


@checks_types
def project(latents: Float64Array, method: str, random_state: int = 0) -> Projection:
    """Project latents onto one plane, the same at every call.

    UMAP (McInnes et al. 2018, arXiv:1802.03426) and t-SNE (van der Maaten & Hinton 2008, JMLR 9,
    2579) keep neighbourhoods, but neither distances nor densities; principal components keep the
    large distances. Equal latents all lie at 0.

    Parameters
    ----------
    latents : ndarray (n, d), float64
        Finite.
    method : {"pca", "umap", "tsne"}
        The two principal components of largest variance, or an embedding of the first 50.
    random_state : int, default 0
        Seed of the embedding.

    Returns
    -------
    Projection

    Raises
    ------
    InputError
        When the latents are not finite or not two-dimensional, the method is unknown, or there are
        too few images for it (fewer than 12, save for "pca") or too many (more than 4,000 for
        "tsne").
    """
    points = check_samples("latents", latents)
    check_choice("method", method, PROJECTIONS)
    _check_size(method, len(points))
    check_random_state(random_state)
    with threadpool_limits(limits=1):
        components, shares = _principal(in_unit(points, range_exponent(points)))
        if method == "pca":
            return _component_projection(components, shares, 0)
        embed = _umap if method == "umap" else _neighbourhoods
        return embed(components, random_state)


def _check_size(method: str, n: int) -> None:
    if method != "pca" and n < _FEWEST_FOR_NEIGHBOURHOODS:
        raise InputError(
            f"method {method!r} needs at least {_FEWEST_FOR_NEIGHBOURHOODS} images, got {n}; "
            "choose 'pca'"
        )
    if method == "tsne" and n > _MOST_FOR_NEIGHBOURHOODS:
        raise InputError(
            f"method 'tsne' is for at most {_MOST_FOR_NEIGHBOURHOODS:,} images, got {n:,}; choose "
            "'umap' or 'pca'"
        )


def project_latents(latents: Float64Array) -> tuple[Projection, ...]:
    """Project latents onto one or two planes, the same at every call.

    The first plane shows the two principal components of largest variance. The second is a t-SNE
    (van der Maaten & Hinton 2008, JMLR 9, 2579), which keeps neighbourhoods; with more than 4,000
    images, where it takes minutes, and with fewer than 12, where it is meaningless, it is replaced
    by the third and fourth component, if there are any.

    Parameters
    ----------
    latents : ndarray (n, d), float64

    Returns
    -------
    tuple of Projection
        One or two.
    """
    # The order in which threads add up would change the last digits, and t-SNE magnifies them.
    with threadpool_limits(limits=1):
        return _project_latents(latents)


def _project_latents(latents: Float64Array) -> tuple[Projection, ...]:
    components, shares = _principal(in_unit(latents, range_exponent(latents)))
    first = _component_projection(components, shares, 0)
    if not shares.any():
        return (first,)
    if _FEWEST_FOR_NEIGHBOURHOODS <= len(latents) <= _MOST_FOR_NEIGHBOURHOODS:
        return first, _neighbourhoods(components, random_state=0)
    if components.shape[1] >= 4:
        return first, _component_projection(components, shares, 2)
    return (first,)


def _principal(latents: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Scores `(n, k)` on at least two principal components, and their shares of the variance."""
    n = len(latents)
    scores, shares = np.zeros((n, 2)), np.zeros(2)
    if n < 2 or not np.any(np.ptp(latents, axis=0) > 0):
        return scores, shares
    count = min(_KEPT_COMPONENTS, *latents.shape)
    model = PCA(count, svd_solver="full").fit(latents)
    found = model.transform(latents)
    if count == 1:
        return np.column_stack([found, np.zeros(n)]), np.array([1.0, 0.0])
    shares = model.explained_variance_ratio_
    # Directions without variance hold rounding errors only, which an axis would magnify.
    return np.where(shares > _ROUNDING, found, 0.0), shares


def _component_projection(scores: Float64Array, shares: Float64Array, first: int) -> Projection:
    x_label, y_label = (
        f"principal component {k + 1} ({100.0 * shares[k]:.0f} % of the variance)"
        for k in (first, first + 1)
    )
    title = f"Principal components {first + 1} and {first + 2}"
    return Projection(f"pca{first}", title, x_label, y_label, scores[:, first : first + 2])


def _neighbourhoods(components: Float64Array, random_state: int) -> Projection:
    """t-SNE of the first components, initialised with them."""
    perplexity = min(_PERPLEXITY, (len(components) - 1) / 3.0)
    model = TSNE(
        2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=random_state
    )
    return _embedded("tsne", "t-SNE", components, model.fit_transform)


def _umap(components: Float64Array, random_state: int) -> Projection:
    n_neighbors = min(_NEIGHBOURS, len(components) - 1)
    embed = partial(umap_embedding, n_neighbors=n_neighbors, random_state=random_state)
    return _embedded("umap", "UMAP", components, embed)


def _embedded(
    key: str, name: str, components: Float64Array, embed: Callable[[Float32Array], Array]
) -> Projection:
    spread = components.std(axis=0).max()
    if spread == 0.0:
        positions = np.zeros((len(components), 2))
    else:
        scaled = (components / spread).astype(np.float32)
        positions = embed(scaled).astype(np.float64)
    x_label, y_label = f"{name} 1 (no unit)", f"{name} 2 (no unit)"
    return Projection(key, f"Neighbourhoods ({name})", x_label, y_label, positions)
