"""What sets each cluster apart, in words: effect sizes of measured quantities against the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu

from equiclust.evaluation.confounders.association import holm
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float64Array, IntArray

__all__ = [
    "NOTHING",
    "TRAITS",
    "ClusterDescription",
    "Difference",
    "Trait",
    "cliffs_delta",
    "describe_clusters",
    "order_by_typicality",
]

NOTHING = "nothing measured sets it apart"
"""Words for a cluster that does not differ from the rest in any quantity."""

_MEDIUM = 0.33
_SIGNIFICANT = 0.05
_MOST_WORDS = 3
_FEWEST = 3


class Trait(NamedTuple):
    """A quantity in words.

    Attributes
    ----------
    name : str
        What it is called.
    more, less : str
        For more of it, and for less.
    theme : str
        Of one theme only the strongest is said.
    present : str, default ""
        For having it at all.
    least : float, default inf
        From here on it is there.
    """

    name: str
    more: str
    less: str
    theme: str
    present: str = ""
    least: float = np.inf


TRAITS = {
    "central_hole": Trait(
        "hole in the centre",
        "a darker centre",
        "a brighter centre",
        "centre",
        "a hole in the centre",
        0.3,
    ),
    "concentration": Trait("concentration", "more concentrated", "less concentrated", "centre"),
    "gap_depth": Trait(
        "gaps between rings", "deeper gaps", "shallower gaps", "rings", "rings and gaps", 0.05
    ),
    "arms": Trait("winding arms", "stronger arms", "weaker arms", "arms", "arms", 0.07),
    "lopsidedness": Trait(
        "lopsidedness", "more lopsided", "more symmetric", "sides", "lopsided", 0.15
    ),
    "fine_structure": Trait("fine structure", "finer structure", "smoother", "texture"),
    "bright_spots": Trait("bright spots", "more bright spots", "fewer bright spots", "spots"),
    "streaks": Trait("streaks in one direction", "more streaked", "less streaked", "streaks"),
    "elongation": Trait("elongation", "more elongated", "rounder", "elongation"),
    "size": Trait("size", "larger", "smaller", "size"),
    "brightness": Trait("brightness", "brighter", "fainter", "brightness"),
    "signal_to_noise": Trait("signal to noise", "clearer above the noise", "noisier", "brightness"),
}
"""Words of every quantity, by its column."""


@dataclass(frozen=True)
class Difference:
    """How one quantity of a cluster differs from that of the other clusters.

    Parameters
    ----------
    quantity : str
        Its column.
    name : str
        What it is called.
    median, rest : float
        In the cluster, and in the others.
    effect : float
        Cliff's delta, -1 to 1, see `cliffs_delta`.
    p_value : float
        Of the Mann-Whitney test, after Holm for all quantities and clusters.
    """

    quantity: str
    name: str
    median: float
    rest: float
    effect: float
    p_value: float


@dataclass(frozen=True)
class ClusterDescription:
    """What sets one cluster apart.

    Parameters
    ----------
    label : int
        Of the cluster.
    words : str
        The two or three strongest differences, or `NOTHING`.
    differences : tuple of Difference
        All that are significant and at least of medium size, the largest first.
    """

    label: int
    words: str
    differences: tuple[Difference, ...]

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Description from its entry in `metrics.json`.

        Parameters
        ----------
        record : mapping
            With `label`, `words` and `differences`.
        """
        differences = tuple(Difference(**entry) for entry in record["differences"])
        return cls(int(record["label"]), str(record["words"]), differences)


def cliffs_delta(values: npt.ArrayLike, others: npt.ArrayLike) -> float:
    r"""Effect size of two samples, :math:`P(x > y) - P(x < y)`.

    Of a random value :math:`x` of the first and :math:`y` of the second (Cliff 1993, Psychological
    Bulletin 114, 494). From .33 on its size counts as medium, from .47 on as large (Romano et al.
    2006).

    Parameters
    ----------
    values, others : array-like (n,) and (m,), float
        Finite, at least one each.

    Returns
    -------
    float
        -1 (all values are lower) to 1 (all are higher).

    Raises
    ------
    InputError
        When a sample is empty or not finite.
    """
    first, second = (np.asarray(sample, dtype=np.float64) for sample in (values, others))
    for name, sample in (("values", first), ("others", second)):
        if sample.ndim != 1 or not sample.size or not np.all(np.isfinite(sample)):
            raise InputError(f"{name} must be finite numbers of shape (n,), got {sample.shape}")
    return _cliffs_delta(first, second)


def _cliffs_delta(first: Float64Array, second: Float64Array) -> float:
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left").sum()
    above = len(first) * len(second) - np.searchsorted(ordered, first, side="right").sum()
    return float((below - above) / (len(first) * len(second)))


def describe_clusters(
    labels: npt.ArrayLike, quantities: Mapping[str, npt.ArrayLike]
) -> tuple[ClusterDescription, ...]:
    """Say what sets each cluster apart from the other clusters together.

    A difference is said where it is at least of medium size (Cliff's delta of .33) and significant
    at .05 by the Mann-Whitney test, after Holm's correction for all quantities and clusters. It is
    one of what was measured: the networks need not have gone by it.

    Parameters
    ----------
    labels : array-like (n,), int
        From 0; images with -1, "don't know", are left out.
    quantities : mapping of str to array-like (n,), float
        Columns of `measure_morphology` and `measure_confounders`; others are passed over, and so
        are images without a finite value, and quantities that most images lack.

    Returns
    -------
    tuple of ClusterDescription
        By label; empty where there are fewer than two clusters.

    Raises
    ------
    InputError
        When labels and quantities have different lengths.
    """
    known = np.asarray(labels)
    columns = {
        name: np.asarray(quantities[name], dtype=np.float64)
        for name in TRAITS
        if name in quantities
    }
    for name, values in columns.items():
        if values.shape != known.shape:
            raise InputError(f"{name} must have shape {known.shape}, got {values.shape}")
    return _describe(known, columns)


def _describe(
    labels: IntArray, columns: Mapping[str, Float64Array]
) -> tuple[ClusterDescription, ...]:
    clusters = np.unique(labels[labels >= 0]).tolist()
    if len(clusters) < 2:
        return ()
    found = [
        (label, difference)
        for label in clusters
        for name, values in columns.items()
        if (difference := _difference(labels, label, name, values)) is not None
    ]
    adjusted = holm(np.array([difference.p_value for _, difference in found]))
    kept: dict[int, list[Difference]] = {label: [] for label in clusters}
    for (label, one), p_value in zip(found, adjusted.tolist(), strict=True):
        if p_value < _SIGNIFICANT and abs(one.effect) >= _MEDIUM:
            kept[label].append(
                Difference(one.quantity, one.name, one.median, one.rest, one.effect, p_value)
            )
    ordered = {
        label: tuple(sorted(own, key=lambda one: -abs(one.effect))) for label, own in kept.items()
    }
    return tuple(ClusterDescription(label, _words(own), own) for label, own in ordered.items())


def _difference(labels: IntArray, label: int, name: str, values: Float64Array) -> Difference | None:
    inside, outside = values[labels == label], values[(labels >= 0) & (labels != label)]
    own, rest = inside[np.isfinite(inside)], outside[np.isfinite(outside)]
    # What only a few have says nothing of the others.
    if (
        min(len(own), len(rest)) < _FEWEST
        or 2 * len(own) < len(inside)
        or 2 * len(rest) < len(outside)
    ):
        return None
    return Difference(
        quantity=name,
        name=TRAITS[name].name,
        median=float(np.median(own)),
        rest=float(np.median(rest)),
        effect=_cliffs_delta(own, rest),
        p_value=float(mannwhitneyu(own, rest).pvalue),
    )


def _words(differences: tuple[Difference, ...]) -> str:
    """What only this cluster has, then the strongest differences, one of each theme."""
    said: dict[str, str] = {}
    for one in sorted(differences, key=lambda one: not _is_present(one)):
        trait = TRAITS[one.quantity]
        if trait.theme not in said and len(said) < _MOST_WORDS:
            comparative = trait.more if one.effect > 0 else trait.less
            said[trait.theme] = trait.present if _is_present(one) else comparative
    return ", ".join(said.values()) or NOTHING


def _is_present(one: Difference) -> bool:
    return one.rest < TRAITS[one.quantity].least <= one.median


def order_by_typicality(stability: Float64Array, latents: Array, members: IntArray) -> IntArray:
    """Members of a cluster from the most typical to the most marginal one.

    Parameters
    ----------
    stability : ndarray (n,), float64
        Of the label of every image; NaN where unknown.
    latents : ndarray (n, d), float
        NaN where unknown.
    members : ndarray (m,), int
        Indices of the cluster's images.

    Returns
    -------
    ndarray (m,), int
        The same indices: the most stable first; of equally stable ones, the nearest to the mean
        latent of the cluster.
    """
    own = latents[members]
    known = np.isfinite(own).all(axis=1)
    centre = own[known].mean(axis=0) if known.any() else np.zeros(own.shape[1])
    distance = np.where(known, np.linalg.norm(own - centre, axis=1), np.inf)
    order = np.lexsort((distance, -np.nan_to_num(stability[members], nan=-np.inf)))
    return np.asarray(members[order])
