"""Latents projected onto two axes: principal components and t-SNE."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.binary_scale import in_unit, range_exponent
from equiclust.typing import Float64Array

__all__ = ["Projection", "project_latents"]

_FEWEST_FOR_NEIGHBOURHOODS = 12
_MOST_FOR_NEIGHBOURHOODS = 4000
_KEPT_COMPONENTS = 50
_PERPLEXITY = 30.0
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Projection:
    """Positions of images in a plane, and what its axes mean.

    Parameters
    ----------
    key : str
        Names the projection within the page.
    title, x_label, y_label : str
    positions : ndarray (n, 2), float64
    """

    key: str
    title: str
    x_label: str
    y_label: str
    positions: Float64Array


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
        return first, _neighbourhoods(components)
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


def _neighbourhoods(components: Float64Array) -> Projection:
    """t-SNE of the first components, initialised with them."""
    spread = components.std(axis=0).max()
    perplexity = min(_PERPLEXITY, (len(components) - 1) / 3.0)
    model = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=0)
    positions = model.fit_transform((components / spread).astype(np.float32))
    x_label, y_label = "t-SNE 1 (no unit)", "t-SNE 2 (no unit)"
    title = "Neighbourhoods (t-SNE)"
    return Projection("tsne", title, x_label, y_label, positions.astype(np.float64))
