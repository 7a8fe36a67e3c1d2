"""The filter: learned without labels from the features of frames, and applied to any others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from equiclust.exceptions import InputError
from equiclust.filtering.classifier import FrameClassifier
from equiclust.filtering.clusters import METHODS, Method, find_clusters
from equiclust.filtering.core import CERTAIN, COMPONENTS, USUAL, Core
from equiclust.filtering.features import FrameFeatures, Measure
from equiclust.io.estimators import SaveLoadMixin, check_fits, check_ranks
from equiclust.typing import Array, BoolArray, Float64Array, IntArray
from equiclust.validation import check_choice, check_positive, check_share, check_whole

__all__ = ["REASONS", "UNCERTAIN", "FrameFilter", "Judgement"]

UNCERTAIN = -1
"""Label of frames that the filter does not decide about; 1 is usable, 0 is not."""

REASONS = (
    "usable",
    "too little flux",
    "too much flux",
    "another pattern",
    "a part differs",
    "masked pixels",
    "pixels without counts",
    "hot pixels",
    "saturated pixels",
    "unreadable or all masked",
)
"""In what frames differ most from usable ones, by number."""

_UNREADABLE = len(REASONS) - 1
_SAMPLE = 4000
_BLOCK = 20_000


@dataclass(frozen=True, eq=False)
class Judgement:
    """Judgement of `n` frames, as `FrameFilter.predict` returns it.

    Parameters
    ----------
    probability : ndarray (n,), float64
        That a frame is usable.
    label : ndarray (n,), int64
        1 = usable, 0 = not usable, -1 = uncertain.
    reason : ndarray (n,), int64
        Indices into `REASONS`: 0 for usable frames, else that in which a frame differs most.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.filtering import FrameFilter, Measure
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(200, size=64, bad_fraction=0.2, random_state=0)
    >>> measure = Measure(np.full((64, 64), 1e4, np.float32))
    >>> features = measure(frames)
    >>> first = int(np.flatnonzero(truth["usable"])[0])
    >>> judgement = FrameFilter().fit(features, measure, reference=first).predict(features)
    >>> judgement.probability.shape, int(judgement.label[first])
    ((200,), 1)
    >>> kept = frames[judgement.label == 1]
    """

    probability: Float64Array
    label: IntArray
    reason: IntArray


class FrameFilter(SaveLoadMixin):
    """Classifier that tells usable frames of a detector from others.

    A sample of frames is clustered, and one cluster is taken for that of the usable frames: by
    given labels, by a reference frame, or by its flux (see `FrameClusters.brightest`). Its dense
    part says how usable frames look and spread. Frames that surely are like them and frames that
    surely are not are pseudo-labels for a classifier, which judges all frames.

    Parameters
    ----------
    method : {"hdbscan", "dbscan", "kmeans"}, default "hdbscan"
        How the sample is clustered.
    tolerance : float, default 0.15
        Relative difference below which frames are alike, whatever the others look like.
    confidence : float, default 0.9
        Least probability of a label; frames below it are uncertain. From 0.5 to 1.
    random_state : int, default 0

    Attributes
    ----------
    clusters_ : FrameClusters
        Of the sample; only after a fit.
    chosen_by_ : str
        From what it followed which cluster is that of the usable frames.
    core_ : Core
        Where the usable frames lie.
    classifier_ : FrameClassifier
    measure_ : Measure
        How frames are measured.
    n_surely_bad_ : int
        Number of frames that surely are not usable; 0 when all are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.filtering import FrameFilter, Measure
    >>> from equiclust.simulation import simulate_frames
    >>> frames, truth = simulate_frames(200, size=64, bad_fraction=0.2, random_state=0)
    >>> measure = Measure(np.full((64, 64), 1e4, np.float32))
    >>> features = measure(frames)
    >>> frame_filter = FrameFilter(random_state=0).fit(features, measure)
    >>> judgement = frame_filter.predict(features)
    >>> frame_filter.chosen_by_, bool(((judgement.label == 1) == truth["usable"]).mean() > 0.9)
    ('its flux', True)
    """

    _file_stem = "frame_filter"
    random_state: int

    def __init__(
        self,
        *,
        method: Method = "hdbscan",
        tolerance: float = 0.15,
        confidence: float = 0.9,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.tolerance = tolerance
        self.confidence = confidence
        self.random_state = random_state

    def fit(
        self,
        features: FrameFeatures,
        measure: Measure,
        *,
        reference: int | None = None,
        labels: Mapping[int, bool] | None = None,
    ) -> Self:
        """Learn from all frames of an experiment.

        Parameters
        ----------
        features : FrameFeatures
            Of `n` frames.
        measure : Measure
            With which they were measured.
        reference : int, optional
            Index of a frame that is known to be usable.
        labels : mapping of int to bool, optional
            Whether frames are usable, by index, for those of which it is known.

        Returns
        -------
        FrameFilter

        Raises
        ------
        InputError
            When no frame is readable, or the reference or all labelled usable frames are not.
        """
        self._check_parameters()
        readable = np.flatnonzero(features.is_readable)
        if len(readable) == 0:
            raise InputError("no frame can be used: all are unreadable or masked altogether")
        known = _known_usable(reference, labels or {}, features)
        self.chosen_by_ = (
            "its flux"
            if not known
            else "the labels"
            if reference is None
            else "the reference frame"
        )
        sample = self._sample(readable, [*known, *(labels or {})])
        self.measure_ = measure
        self.clusters_ = find_clusters(
            features[sample],
            method=self.method,
            tolerance=self.tolerance,
            random_state=self.random_state,
        )
        chosen = self._usable_cluster(sample, known)
        members = self.clusters_.labels == chosen
        self.core_ = Core.fit(features[sample], members, tolerance=self.tolerance)
        self._learn(features, readable, labels or {})
        return self

    def _sample(self, readable: IntArray, wanted: list[int]) -> IntArray:
        generator = np.random.default_rng([self.random_state, 1])
        n = min(_SAMPLE, len(readable))
        drawn = generator.choice(readable, n, replace=False)
        return np.intersect1d(np.union1d(drawn, np.array(wanted, np.int64)), readable)

    def _usable_cluster(self, sample: IntArray, known: list[int]) -> int:
        """The cluster of the usable frames: that of most known ones, else by its flux."""
        if not known:
            return self.clusters_.brightest()
        places = np.searchsorted(sample, known)
        votes = np.bincount([self.clusters_.nearest_to(int(place)) for place in places])
        return int(np.argmax(votes))

    def _learn(
        self, features: FrameFeatures, readable: IntArray, labels: Mapping[int, bool]
    ) -> None:
        components = np.concatenate(list(self._components(features[readable])))
        distance = np.abs(components).max(axis=1)
        usable, decided = distance < USUAL, (distance < USUAL) | (distance > CERTAIN)
        for index, value in labels.items():
            place = int(np.searchsorted(readable, index))
            if place < len(readable) and readable[place] == index:
                usable[place], decided[place] = value, True
        self.n_surely_bad_ = int(np.count_nonzero(decided & ~usable))
        self.classifier_ = FrameClassifier.fit(
            components[decided], usable[decided], random_state=self.random_state
        )

    def _components(self, features: FrameFeatures) -> Iterable[Float64Array]:
        for start in range(0, len(features), _BLOCK):
            yield self.core_.components(features[start : start + _BLOCK])

    def predict(self, features: FrameFeatures) -> Judgement:
        """Judge frames.

        Parameters
        ----------
        features : FrameFeatures
            Of `n` frames, measured with `measure_`.

        Returns
        -------
        Judgement
            Frames that are unreadable or masked altogether are not usable, with probability 0.
        """
        n = len(features)
        probability, label = np.zeros(n), np.zeros(n, np.int64)
        reason = np.full(n, _UNREADABLE)
        for start in range(0, n, _BLOCK):
            part = features[start : start + _BLOCK]
            rows = start + np.flatnonzero(part.is_readable)
            if len(rows) == 0:
                continue
            components = self.core_.components(features[rows])
            found = self.classifier_.probability(components)
            probability[rows] = found
            label[rows] = np.select(
                [found >= self.confidence, found <= 1.0 - self.confidence], [1, 0], UNCERTAIN
            )
            reason[rows] = np.where(label[rows] == 1, 0, _reasons(components))
        return Judgement(probability, label, reason)

    def _arrays(self) -> dict[str, Array]:
        return {
            "limits": self.measure_.limits,
            "usual": self.core_.usual,
            "is_used": self.core_.is_used.astype(np.uint8),
            "centre": self.core_.centre,
            "spread": self.core_.spread,
            "weights": self.classifier_.weights,
            "biases": self.classifier_.biases,
        }

    def _learned(self) -> dict[str, Any]:
        return {
            "mask_value": self.measure_.mask_value,
            "saturation": self.measure_.saturation,
            "n_surely_bad": self.n_surely_bad_,
            "n_dropped": self.classifier_.n_dropped,
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        ranks = {"limits": 2, "usual": 1, "is_used": 1, "centre": 1, "spread": 1}
        check_ranks(arrays, {**ranks, "weights": 2, "biases": 1})
        n = len(COMPONENTS)
        check_fits(arrays["usual"].shape == arrays["is_used"].shape, "usual and is_used")
        check_fits(arrays["centre"].shape == arrays["spread"].shape == (n,), "centre and spread")
        check_fits(arrays["weights"].shape == (len(arrays["biases"]), n + 1), "weights and biases")
        mask_value, saturation = learned["mask_value"], learned["saturation"]
        self.measure_ = Measure(arrays["limits"], mask_value, saturation)
        used: BoolArray = arrays["is_used"].astype(bool)
        self.core_ = Core(arrays["usual"], used, arrays["centre"], arrays["spread"])
        self.classifier_ = FrameClassifier(
            arrays["weights"], arrays["biases"], int(learned["n_dropped"])
        )
        self.n_surely_bad_ = int(learned["n_surely_bad"])

    def _check_parameters(self) -> None:
        check_choice("method", self.method, METHODS)
        check_positive("tolerance", self.tolerance)
        check_share("confidence", self.confidence)
        if self.confidence < 0.5:
            raise InputError(f"confidence must be at least 0.5, got {self.confidence}")
        check_whole("random_state", self.random_state, 0)


def _known_usable(
    reference: int | None, labels: Mapping[int, bool], features: FrameFeatures
) -> list[int]:
    """Readable frames that are known to be usable."""
    given = [index for index, usable in labels.items() if usable]
    given += [] if reference is None else [reference]
    known = [index for index in given if features.is_readable[index]]
    if given and not known:
        raise InputError(
            "reference frames must be readable and not masked altogether, and none of the "
            f"{len(given)} given ones is; name others"
        )
    return sorted(set(known))


def _reasons(components: Float64Array) -> IntArray:
    """Indices into `REASONS` of the largest components."""
    largest = np.abs(components).argmax(axis=1)
    too_much = (largest == 0) & (components[:, 0] > 0)
    found: IntArray = np.where(largest == 0, 1 + too_much, largest + 2).astype(np.int64)
    return found
