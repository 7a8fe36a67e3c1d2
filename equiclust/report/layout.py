"""Where every image lies on a flat map of the latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

__all__ = ["Layout", "flat_layouts"]

Positions = npt.NDArray[np.float64]

_FEWEST_FOR_NEIGHBOURHOODS = 12
_MOST_FOR_NEIGHBOURHOODS = 4000
_KEPT_COMPONENTS = 50
_PERPLEXITY = 30.0
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions `(n, 2)` on a map, and what its axes mean."""

    key: str
    title: str
    x_label: str
    y_label: str
    positions: Positions


def flat_layouts(latents: npt.NDArray[np.float64]) -> tuple[Layout, ...]:
    """Maps of latents `(n, d)`, the same at every call.

    The first shows the two directions in which the latents vary most. The second shows who is whose
    neighbour, by t-SNE (van der Maaten & Hinton 2008, JMLR 9, 2579); for more than a few thousand
    images, where that takes minutes, and for fewer than a dozen, where it means nothing, the third
    and fourth direction take its place, if there are any.
    """
    # The order in which threads add up would change the last digits, and t-SNE magnifies them.
    with threadpool_limits(limits=1):
        return _flat_layouts(latents)


def _flat_layouts(latents: npt.NDArray[np.float64]) -> tuple[Layout, ...]:
    components, shares = _principal(latents)
    first = _component_layout(components, shares, 0)
    if not shares.any():
        return (first,)
    if _FEWEST_FOR_NEIGHBOURHOODS <= len(latents) <= _MOST_FOR_NEIGHBOURHOODS:
        return first, _neighbourhoods(components)
    if components.shape[1] >= 4:
        return first, _component_layout(components, shares, 2)
    return (first,)


def _principal(latents: npt.NDArray[np.float64]) -> tuple[Positions, Positions]:
    """At least two principal components, and the share of the variance of each."""
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
    # What is left of directions without variance is rounding, which an axis would magnify.
    return np.where(shares > _ROUNDING, found, 0.0), shares


def _component_layout(scores: Positions, shares: Positions, first: int) -> Layout:
    x_label, y_label = (
        f"principal component {k + 1} ({100.0 * shares[k]:.0f} % of the variance)"
        for k in (first, first + 1)
    )
    title = f"Principal components {first + 1} and {first + 2}"
    return Layout(f"pca{first}", title, x_label, y_label, scores[:, first : first + 2])


def _neighbourhoods(components: Positions) -> Layout:
    """t-SNE of the first components, started from them."""
    spread = components.std(axis=0).max()
    perplexity = min(_PERPLEXITY, (len(components) - 1) / 3.0)
    model = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=0)
    positions = model.fit_transform((components / spread).astype(np.float32))
    x_label, y_label = "t-SNE 1 (no unit)", "t-SNE 2 (no unit)"
    title = "Neighbourhoods (t-SNE)"
    return Layout("tsne", title, x_label, y_label, positions.astype(np.float64))
