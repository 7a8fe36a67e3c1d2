"""Which images to label: typical of all first, then those that the labels leave in doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from equiclust.argument_types import checks_types
from equiclust.clustering.spaces import check_spaces, space_scales
from equiclust.exceptions import InputError
from equiclust.teaching.classifier import FewLabelClassifier
from equiclust.teaching.neighbours import distances_between, smoothed
from equiclust.typing import Float64Array, IntArray
from equiclust.validation import check_random_state, check_samples, check_whole

__all__ = ["suggest"]

_N_INIT = 5
# Of more images, a sample is looked at.
_MAX_IMAGES = 3000
# Weight of an image about which there is no doubt: others are found first, but not only others.
_LEAST_WEIGHT = 1e-3


@checks_types
def suggest(
    latents: npt.ArrayLike,
    n: int = 30,
    *,
    labels: Mapping[int, str] | None = None,
    spaces: Mapping[str, Sequence[int]] | None = None,
    classifier: FewLabelClassifier | None = None,
    random_state: int | None = 0,
) -> IntArray:
    """Choose the images whose labels tell most about the others.

    Without labels: the image in the middle of each of `n` k-means clusters of latents that are
    smoothed over their neighbours. With labels: the same, but without labelled images, and every
    image weighted by how little the labels settle its kind (the squared difference of one and the
    margin between its two most probable kinds).

    Parameters
    ----------
    latents : array-like (m, d)
        Of all images.
    n : int, default 30
        Number of images to choose.
    labels : mapping of int to str, optional
        Kinds that are known already, by row.
    spaces : mapping of str to sequence of int, optional
        See `FewLabelClassifier`.
    classifier : FewLabelClassifier, optional
        Fitted to the latents and labels already; by default one is fitted here.
    random_state : int or None, default 0
        Of the clusters.

    Returns
    -------
    ndarray (n,), int
        Rows; those that stand for most images first. Fewer than `n` where there are fewer different
        images without a label.

    Raises
    ------
    InputError
        When `n` is below 1, a row is not there, or all images are labelled.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.teaching import suggest
    >>> from sklearn.datasets import make_blobs
    >>> latents, truth = make_blobs([50, 50], centers=[[0, 0], [9, 0]], random_state=0)
    >>> rows = suggest(latents, 4)
    >>> np.unique(truth[rows])
    array([0, 1])
    """
    check_whole("n", n)
    points = check_samples("latents", latents)
    known = dict(labels or {})
    for row in known:
        if not 0 <= row < len(points):
            raise InputError(f"labels must be of rows 0 to {len(points) - 1}, got {row}")
    candidates = np.setdiff1d(np.arange(len(points)), list(known))
    if not len(candidates):
        raise InputError(f"all {len(points)} images are labelled; there is nothing to suggest")
    random = check_random_state(random_state)
    if len(candidates) > _MAX_IMAGES:
        candidates = np.sort(random.choice(candidates, max(_MAX_IMAGES, n), replace=False))
    parts = check_spaces(spaces, points.shape[1])
    centred = points - points.mean(axis=0)
    scaled = centred / space_scales(centred, parts)
    rows = np.union1d(candidates, list(known)).astype(np.int64)
    smooth = smoothed(scaled[rows])[np.searchsorted(rows, candidates)]
    weights = _doubts(
        points, candidates, known, scaled, lambda: classifier or _fitted(points, known, spaces)
    )
    return candidates[_middles(smooth, weights, n, random)]


def _fitted(
    points: Float64Array, known: Mapping[int, str], spaces: Mapping[str, Sequence[int]] | None
) -> FewLabelClassifier:
    kinds = np.array([known.get(row, "") for row in range(len(points))])
    return FewLabelClassifier(spaces).fit(points, kinds)


def _doubts(
    points: Float64Array,
    candidates: IntArray,
    known: Mapping[int, str],
    scaled: Float64Array,
    fitted: Callable[[], FewLabelClassifier],
) -> Float64Array:
    """How little the labels settle the kind of each candidate, 0 to 1."""
    if not known:
        return np.ones(len(candidates))
    if len(set(known.values())) < 2:
        distances = distances_between(scaled[candidates], scaled[list(known)]).min(axis=1)
        return np.asarray(np.square(distances / max(float(distances.max()), 1e-12)) + _LEAST_WEIGHT)
    found = fitted().predict_kinds(points[candidates])
    ordered = np.sort(found.probabilities, axis=1)
    doubt = 1 - (ordered[:, -1] - ordered[:, -2])
    doubt[found.labels < 0] = 1.0
    return np.asarray(np.square(doubt) + _LEAST_WEIGHT)


def _middles(
    points: Float64Array, weights: Float64Array, n: int, random: np.random.RandomState
) -> IntArray:
    """Rows of the points nearest to the centres of weighted clusters, heaviest cluster first."""
    different = len(np.unique(points, axis=0))
    clusters = KMeans(min(n, different), n_init=_N_INIT, random_state=random)
    clusters.fit(points, sample_weight=weights)
    distances = distances_between(points, clusters.cluster_centers_)
    chosen = []
    for cluster in np.unique(clusters.labels_):
        members = np.flatnonzero(clusters.labels_ == cluster)
        weight = float(weights[members].sum())
        chosen.append((-weight, int(members[np.argmin(distances[members, cluster])])))
    return np.array([row for _, row in sorted(chosen)], dtype=np.int64)
