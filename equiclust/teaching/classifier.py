"""`FewLabelClassifier`: kinds of all images from the labels of a few."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from equiclust.argument_types import checks_types
from equiclust.clustering.spaces import ALL, check_spaces, space_columns, space_scales
from equiclust.exceptions import InputError
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.teaching.evidence import (
    Evidence,
    LinearPart,
    cross_fitted,
    find_temperature,
    log_loss,
    tempered,
)
from equiclust.teaching.kinds import Kinds
from equiclust.teaching.neighbours import ReferenceGraph, Seen, distances_between
from equiclust.typing import Array, Float64Array, IntArray
from equiclust.validation import check_random_state, check_samples, check_share

__all__ = ["FewLabelClassifier", "teach"]

# Images over which labels spread; the others are compared with them.
_MAX_REFERENCES = 2000
_CHUNK = 512
# Standard errors by which a space must foretell the labels better to be used alone.
_CLEARLY = 2.0


class FewLabelClassifier(ClassifierMixin, SaveLoadMixin):  # type: ignore[misc]  # scikit-learn has no annotations
    r"""Classifier of latents of which a few are labelled.

    Two probabilities are multiplied and the root is taken: that of a multinomial logistic
    regression, and that of labels which spread over a Gaussian kernel graph of all images, labelled
    or not (Zhou et al. 2004). The product is calibrated by a temperature that foretells the labels
    best, each without itself (tenfold cross-fitting; Guo et al. 2017). Of several spaces, such as
    the latents of different encoders, all side by side are used, unless one alone foretells the
    labels better by more than two standard errors.

    An image is none of these kinds when it lies farther from every labelled one than labelled ones
    lie from each other: of further images of the labelled kinds at most a share `novelty_rate`
    would, had the labelled ones been drawn at random (conformal prediction; Vovk et al. 2005), and
    fewer when they were chosen as different from each other. This takes 19 labels at the default
    rate; with fewer, no image is none of these.

    Parameters
    ----------
    spaces : mapping of str to sequence of int, optional
        Columns of the latents by the name of the space; by default there is one space.
    novelty_rate : float, default 0.05
        Largest share of images of the labelled kinds that are called none of these, 0 to 1.
    random_state : int, RandomState or None, default 0
        Of the folds.

    Attributes
    ----------
    classes_ : ndarray (k,), str
        Names of the kinds in alphabetical order.
    space_ : str
        The space that was used; "all" for all of them side by side.
    space_losses_ : dict of str to float
        Mean minus log probability of the labels by space, each label foretold without itself.
    temperature_ : float
        1 = the product of the probabilities was calibrated already.
    cross_probabilities_ : ndarray (m, k)
        Calibrated probabilities of the labelled images, each without its own label.
    labelled_ : ndarray (m,), int
        Rows of the labelled images.
    labels_ : ndarray (m,), int
        Index of their kinds.
    threshold_ : float or None
        Of the distance for none of these; None where there are too few labels for one.

    References
    ----------
    Zhou et al. (2004), "Learning with local and global consistency", NIPS 16. Guo et al. (2017),
    "On calibration of modern neural networks", ICML. Vovk, Gammerman & Shafer (2005), "Algorithmic
    learning in a random world".

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.teaching import FewLabelClassifier
    >>> latents = np.repeat([[0.0, 1.0], [1.0, 0.0]], 5, axis=0)
    >>> kinds = ["ring", "", "", "", "", "spiral", "", "", "", ""]
    >>> str(FewLabelClassifier().fit(latents, kinds).predict(latents)[1])
    'ring'
    """

    _file_stem = "teaching"

    def __init__(
        self,
        spaces: Mapping[str, Sequence[int]] | None = None,
        *,
        novelty_rate: float = 0.05,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.spaces = spaces
        self.novelty_rate = novelty_rate
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_share("novelty_rate", self.novelty_rate)
        check_random_state(self.random_state)

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Learn kinds from the images that have a label.

        Parameters
        ----------
        X : array-like (n, d)
            Latents of all images.
        y : array-like (n,), str
            Kinds; empty = not labelled.

        Raises
        ------
        InputError
            When there are not two kinds, or `y` does not fit `X`.
        """
        self._check_parameters()
        points = check_samples("X", X)
        names = _names(y, len(points))
        spaces = check_spaces(self.spaces, points.shape[1])
        self.labelled_ = np.flatnonzero(names != "")
        self.classes_, self.labels_ = np.unique(names[self.labelled_], return_inverse=True)
        _check_kinds(self.classes_)
        self._centre = points.mean(axis=0)
        self._scales = space_scales(points - self._centre, spaces)
        random_state = check_random_state(self.random_state)
        references = _references(self.labelled_, len(points), random_state)
        scaled = (points[references] - self._centre) / self._scales
        self._choose_space(scaled, spaces, references, random_state)
        return self

    def _choose_space(
        self,
        scaled: Float64Array,
        spaces: dict[str, list[int]],
        references: IntArray,
        random_state: np.random.RandomState,
    ) -> None:
        rows = np.searchsorted(references, self.labelled_)
        seed = random_state.randint(2**31)
        found = {}
        for name in [ALL, *spaces] if len(spaces) > 1 else [ALL]:
            own = np.ascontiguousarray(scaled[:, space_columns(spaces, name)])
            graph = ReferenceGraph(own)
            evidence = Evidence(graph, rows, self.labels_, len(self.classes_))
            # The same folds in every space.
            cross = cross_fitted(evidence, np.random.RandomState(seed))
            found[name] = evidence, cross, log_loss(cross, self.labels_)
        self.space_losses_ = {name: float(one[2].mean()) for name, one in found.items()}
        self.space_ = _best_space({name: one[2] for name, one in found.items()})
        evidence, cross, _ = found[self.space_]
        self._columns = space_columns(spaces, self.space_)
        self.temperature_ = find_temperature(cross, self.labels_)
        self.cross_probabilities_ = tempered(cross, self.temperature_)
        self._evidence, self._linear = evidence, evidence.fit_linear()
        self._spread = evidence.spread()
        self.threshold_ = self._find_threshold()

    def _find_threshold(self) -> float | None:
        """Conformal quantile of the distances of the labelled images from each other."""
        graph, rows = self._evidence.graph, self._evidence.rows
        between = distances_between(graph.smooth[rows], graph.smooth[rows])
        np.fill_diagonal(between, np.inf)
        distances = np.sort(between.min(axis=1) / np.sqrt(graph.scale[rows]))
        rank = int(np.ceil((len(rows) + 1) * (1 - self.novelty_rate)))
        return float(distances[rank - 1]) if 1 <= rank <= len(rows) else None

    def predict_kinds(self, X: npt.ArrayLike) -> Kinds:
        """Find kinds with their probabilities.

        Parameters
        ----------
        X : array-like (n, d)
            Latents of images, old or new.

        Returns
        -------
        Kinds

        Raises
        ------
        InputError
            When `X` has other columns than the latents that were learned from.
        """
        check_is_fitted(self)
        points = check_samples("X", X)
        if points.shape[1] != len(self._centre):
            raise InputError(f"X must have {len(self._centre)} columns, got {points.shape[1]}")
        scaled = ((points - self._centre) / self._scales)[:, self._columns]
        chunks = [scaled[i : i + _CHUNK] for i in range(0, len(scaled), _CHUNK)]
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            parts = list(threads.map(self._kinds, chunks))
        probabilities, given, novelty = (
            np.concatenate([part[k] for part in parts]) for k in range(3)
        )
        labels = np.where(given >= 0, given, probabilities.argmax(axis=1))
        labels[(novelty > 1) & (given < 0)] = -1
        names = tuple(str(name) for name in self.classes_)
        return Kinds(names, probabilities, labels, given, novelty)

    def _kinds(self, points: Float64Array) -> tuple[Float64Array, IntArray, Float64Array]:
        """Probabilities, labels given and novelty of scaled points."""
        seen = self._evidence.graph.see(points)
        product = self._evidence.combined(points, seen, self._linear, self._spread)
        return tempered(product, self.temperature_), self._given(seen), self._novelty(seen)

    def _given(self, seen: Seen) -> IntArray:
        labelled = seen.is_itself[:, self._evidence.rows]
        found = self._evidence.kinds[labelled.argmax(axis=1)]
        return np.where(labelled.any(axis=1), found, -1)

    def _novelty(self, seen: Seen) -> Float64Array:
        if not self.threshold_:
            return np.zeros(len(seen.scale))
        graph, rows = self._evidence.graph, self._evidence.rows
        nearest = distances_between(seen.smooth, graph.smooth[rows]).min(axis=1)
        return np.asarray(nearest / np.sqrt(seen.scale) / self.threshold_)

    def predict_proba(self, X: npt.ArrayLike) -> Float64Array:
        """Calibrated probabilities of the kinds, in the order of `classes_`.

        Parameters
        ----------
        X : array-like (n, d)

        Returns
        -------
        ndarray (n, k)
        """
        return self.predict_kinds(X).probabilities

    def predict(self, X: npt.ArrayLike) -> Array:
        """Kinds of images by their names.

        Parameters
        ----------
        X : array-like (n, d)

        Returns
        -------
        ndarray (n,), str
            "none of these" where an image is unlike all labelled ones.
        """
        return np.array(self.predict_kinds(X).kinds, dtype=np.str_)

    def _arrays(self) -> dict[str, Array]:
        return {
            "centre": self._centre,
            "scales": self._scales,
            "columns": self._columns,
            "references": self._evidence.graph.points,
            "reference_rows": self._evidence.rows,
            "labelled": self.labelled_,
            "labels": self.labels_.astype(np.int64),
            "spread": self._spread,
            "weights": self._linear.weights,
            "intercepts": self._linear.intercepts,
            "cross_probabilities": self.cross_probabilities_,
        }

    def _learned(self) -> dict[str, Any]:
        return {
            "kinds": [str(name) for name in self.classes_],
            "space": self.space_,
            "space_losses": self.space_losses_,
            "temperature": self.temperature_,
            "threshold": self.threshold_,
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        one, two = ("centre", "scales", "columns", "intercepts", "labels", "labelled"), ("weights",)
        check_ranks(arrays, dict.fromkeys(one, 1) | dict.fromkeys((*two, "references"), 2))
        check_ranks(arrays, {"spread": 2, "cross_probabilities": 2, "reference_rows": 1})
        references, rows = arrays["references"], arrays["reference_rows"]
        kinds, n_kinds = arrays["labels"], len(learned["kinds"])
        shape = (n_kinds, references.shape[1])
        check_fits(arrays["weights"].shape == shape, "weights, kinds and references")
        check_fits(arrays["spread"].shape == (len(references), n_kinds), "spread and references")
        check_fits(len(arrays["centre"]) == len(arrays["scales"]), "centre and scales")
        in_range = min(rows.min(), kinds.min()) >= 0 and rows.max() < len(references)
        in_range = in_range and kinds.max() < n_kinds
        check_fits(rows.shape == kinds.shape and bool(in_range), "labels and references")
        self._centre, self._scales = arrays["centre"], arrays["scales"]
        self._columns, self._spread = arrays["columns"], arrays["spread"]
        self.labelled_, self.labels_ = arrays["labelled"], kinds
        self.classes_ = np.array([str(name) for name in learned["kinds"]], dtype=np.str_)
        self.space_ = str(learned["space"])
        self.space_losses_ = {str(k): float(v) for k, v in learned["space_losses"].items()}
        self.temperature_ = float(learned["temperature"])
        threshold = learned["threshold"]
        self.threshold_ = None if threshold is None else float(threshold)
        self.cross_probabilities_ = arrays["cross_probabilities"]
        self._evidence = Evidence(ReferenceGraph(references), rows, kinds, n_kinds)
        known = np.ones(n_kinds, dtype=bool)
        self._linear = LinearPart(arrays["weights"], arrays["intercepts"], known)


@checks_types
def teach(
    latents: npt.ArrayLike,
    labels: Mapping[int, str],
    *,
    spaces: Mapping[str, Sequence[int]] | None = None,
    random_state: int | None = 0,
) -> FewLabelClassifier:
    """Learn kinds from the labels of a few latents.

    Parameters
    ----------
    latents : array-like (n, d)
        Of all images.
    labels : mapping of int to str
        Kind by row.
    spaces : mapping of str to sequence of int, optional
        See `FewLabelClassifier`.
    random_state : int or None, default 0
        Of the folds.

    Returns
    -------
    FewLabelClassifier

    Raises
    ------
    InputError
        When a row is not there, or there are not two kinds.

    Examples
    --------
    >>> from equiclust.teaching import teach
    >>> from sklearn.datasets import make_blobs
    >>> latents, truth = make_blobs([30, 30], centers=[[0, 0], [9, 0]], random_state=0)
    >>> names = ["ring", "spiral"]
    >>> classifier = teach(latents, {row: names[truth[row]] for row in range(10)})
    >>> [str(kind) for kind in classifier.predict([[0.0, 0.0], [9.0, 0.0]])]
    ['ring', 'spiral']
    """
    points = check_samples("latents", latents)
    kinds = [""] * len(points)
    for row, kind in labels.items():
        if not 0 <= row < len(points):
            raise InputError(f"labels must be of rows 0 to {len(points) - 1}, got {row}")
        kinds[row] = kind
    return FewLabelClassifier(spaces, random_state=random_state).fit(points, np.array(kinds))


def _names(y: npt.ArrayLike, n: int) -> Array:
    names = np.asarray(y)
    if names.shape != (n,) or (n and names.dtype.kind != "U"):
        raise InputError(
            f"y must be {n} texts, empty where there is no label, got shape {names.shape} and "
            f"dtype {names.dtype}"
        )
    return names


def _check_kinds(kinds: Array) -> None:
    if len(kinds) == 0:
        raise InputError("no image is labelled; name the kind of at least two")
    if len(kinds) == 1:
        raise InputError(
            f"all labels name the kind {str(kinds[0])!r}; label an image of another kind too"
        )


def _references(labelled: IntArray, n: int, random_state: np.random.RandomState) -> IntArray:
    """Sorted rows of all labelled images, and of others up to a number that can be handled."""
    if n <= _MAX_REFERENCES:
        return np.arange(n)
    others = np.setdiff1d(np.arange(n), labelled)
    n_more = max(min(_MAX_REFERENCES - len(labelled), len(others)), 0)
    drawn = random_state.choice(others, n_more, replace=False)
    return np.sort(np.concatenate([labelled, drawn]))


def _best_space(losses: Mapping[str, Float64Array]) -> str:
    """The space of the least loss where that is clearly less than of all, else all."""
    best = min(losses, key=lambda name: float(losses[name].mean()))
    gain = losses[ALL] - losses[best]
    error = float(np.std(gain)) / np.sqrt(max(len(gain) - 1, 1))
    return best if float(gain.mean()) > _CLEARLY * error else ALL
