"""Audit of confounders: whether clusters follow one of them, each with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.evaluation.confounders.association import Association, association, holm
from equiclust.exceptions import InputError
from equiclust.typing import Array, BoolArray, Float64Array
from equiclust.validation import check_random_state

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["LARGE", "SIGNIFICANT", "audit", "is_suspect"]

RandomState = int | np.random.RandomState | None

LARGE = 0.14
"""Explained share of the variance from which an effect counts as large (Cohen 1988)."""

SIGNIFICANT = 0.05
"""Largest adjusted p-value (Holm) at which an association counts as found."""

# Cohen (1988) again.
_MEDIUM = 0.06
# Where the largest is this many times the smallest, ratios count and not differences.
_DECADE = 10.0
_FEWEST = 10


class _Confounder(NamedTuple):
    """Name for the reader, what clusters may be instead of shapes, and terms for both extremes.

    `unless` says when the association is no fault.
    """

    name: str
    instead: str
    most: str = ""
    least: str = ""
    period: float | None = None
    may_span_decades: bool = False
    unless: str = ""


_CONFOUNDERS = {
    "orientation": _Confounder("orientation", "orientations", period=180.0),
    "elongation": _Confounder(
        "elongation",
        "degrees of elongation, which are inclinations of flat discs",
        "the most elongated objects",
        "the roundest objects",
        unless=", unless a kind is elongated by nature",
    ),
    "brightness": _Confounder(
        "brightness",
        "levels of brightness",
        "the brightest images",
        "the faintest images",
        may_span_decades=True,
    ),
    "signal_to_noise": _Confounder(
        "signal to noise",
        "levels of noise",
        "the clearest images",
        "the noisiest images",
        may_span_decades=True,
    ),
    "size": _Confounder("size", "sizes", "the largest objects", "the smallest objects"),
    "edge": _Confounder(
        "light at the edge",
        "cuts by the frame",
        "the objects nearest to the edge",
        "the objects farthest from the edge",
    ),
}


@checks_types
def audit(
    labels: npt.ArrayLike, measures: Table, *, random_state: RandomState = None
) -> list[dict[str, Any]]:
    """Measure the association of clusters with every confounder, and state it in a sentence.

    An association is found when its p-value, adjusted for the number of confounders (Holm), is at
    most 0.05; when the clusters also explain at least 0.14 of the variance, which Cohen (1988)
    calls large, the cluster that contributes most is named. Brightness and signal to noise enter by
    their logarithms where they are positive and span a factor of ten. A confounder that exists for
    fewer than ten labelled images, or for fewer than two in a cluster on average, is not tested.

    Parameters
    ----------
    labels : array-like (n,), int
        From 0; images with -1, "don't know", are left out.
    measures : astropy.table.Table
        From `measure_confounders`, of the same images; columns that it lacks are not audited.
    random_state : int or RandomState, optional
        Of the permutations.

    Returns
    -------
    list of dict
        For every confounder `name` of the column; `eta_squared`, `chance`, `p_value`, `p_adjusted`,
        each `None` where it was not tested; `n`, number of images used; `sentence`.

    Raises
    ------
    InputError
        When the number of labels is not that of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation import audit, measure_confounders
    >>> images, truth = simulate_shapes(40, size=32, random_state=0)
    >>> measures = measure_confounders(images)
    >>> labels = (measures["size"] > np.median(measures["size"])).astype(int)
    >>> found = {record["name"]: record for record in audit(labels, measures, random_state=0)}
    >>> found["size"]["sentence"]
    'Size explains ... of the labels (p = ...): clusters may be sizes, not shapes. ...'
    """
    known = np.asarray(labels)
    if known.shape != (len(measures),):
        raise InputError(
            f"labels must have shape ({len(measures)},), one for each row, got {known.shape}"
        )
    rng = check_random_state(random_state)
    names = [name for name in _CONFOUNDERS if name in measures.colnames]
    values = [_scaled(name, np.asarray(measures[name], dtype=np.float64)) for name in names]
    found = [
        _tested(known, numbers, _CONFOUNDERS[name].period, rng)
        for name, numbers in zip(names, values, strict=True)
    ]
    adjusted = holm([item.p_value for item in found])
    return [
        _record(name, known, numbers, item, float(p))
        for name, numbers, item, p in zip(names, values, found, adjusted, strict=True)
    ]


def _scaled(name: str, values: Float64Array) -> Float64Array:
    finite = values[np.isfinite(values)]
    if not (_CONFOUNDERS[name].may_span_decades and finite.size and finite.min() > 0):
        return values
    return np.log10(values) if finite.max() >= _DECADE * finite.min() else values


def _tested(
    labels: Array, values: Float64Array, period: float | None, rng: np.random.RandomState
) -> Association:
    usable = (labels >= 0) & np.isfinite(values)
    n = int(usable.sum())
    if n < max(_FEWEST, 2 * len(np.unique(labels[usable]))):
        return Association(np.nan, np.nan, np.nan, n)
    return association(labels, values, circular_period=period, random_state=rng)


def _record(
    name: str, labels: Array, values: Float64Array, found: Association, p_adjusted: float
) -> dict[str, Any]:
    tested = np.isfinite(found.eta_squared)
    return {
        "name": name,
        "eta_squared": found.eta_squared if tested else None,
        "chance": found.chance if tested else None,
        "p_value": found.p_value if tested else None,
        "p_adjusted": p_adjusted if tested else None,
        "n": found.n,
        "sentence": _sentence(_CONFOUNDERS[name], labels, values, found, p_adjusted),
    }


def is_suspect(record: Mapping[str, Any]) -> bool:
    """Whether a confounder may explain the clusters: its effect is large and significant.

    Parameters
    ----------
    record : mapping
        One of those that `audit` returns.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import simulate_shapes
    >>> from equiclust.evaluation.confounders import audit, is_suspect, measure_confounders
    >>> images, truth = simulate_shapes(40, size=32, random_state=0)
    >>> measures = measure_confounders(images)
    >>> labels = (measures["size"] > np.median(measures["size"])).astype(int)
    >>> records = audit(labels, measures, random_state=0)
    >>> "size" in [record["name"] for record in records if is_suspect(record)]
    True
    """
    share, p_adjusted = record.get("eta_squared"), record.get("p_adjusted")
    if share is None or p_adjusted is None:
        return False
    return bool(share >= LARGE and p_adjusted <= SIGNIFICANT)


def _sentence(
    confounder: _Confounder, labels: Array, values: Float64Array, found: Association, p: float
) -> str:
    name = confounder.name.capitalize()
    if np.isnan(found.eta_squared):
        return f"{name} cannot be tested: {_why_not(labels, values, found.n)}."
    if p > SIGNIFICANT:
        return f"{name} explains no more of the labels than chance does."
    explained = f"{100 * found.eta_squared:.2g}" if found.eta_squared < 0.995 else "100"
    share = f"{name} explains {explained} % of the labels (p = {p:.2g})"
    if found.eta_squared < LARGE:
        effect = "small" if found.eta_squared < _MEDIUM else "medium"
        return f"{share}: more than chance, but the effect is {effect}."
    return (
        f"{share}: clusters may be {confounder.instead}, not shapes{confounder.unless}. "
        f"{_strongest_cluster(confounder, labels, values)}"
    )


def _why_not(labels: Array, values: Float64Array, n: int) -> str:
    labelled = labels >= 0
    n_clusters = len(np.unique(labels[labelled]))
    if n_clusters < 2:
        return "there are no two clusters to compare"
    if n < max(_FEWEST, 2 * n_clusters):
        return f"it is known for {n} of {labelled.sum()} images, in {n_clusters} clusters"
    if np.ptp(values[labelled & np.isfinite(values)]) == 0:
        return "it is the same in every image"
    return "it is known in one cluster only"


def _strongest_cluster(confounder: _Confounder, labels: Array, values: Float64Array) -> str:
    """The cluster whose mean is farthest from that of the rest, in standard errors."""
    usable = (labels >= 0) & np.isfinite(values)
    known, numbers = labels[usable], values[usable]
    if confounder.period is not None:
        return _strongest_on_circle(known, numbers, confounder.period)
    spread = float(numbers.std())
    distance = {
        int(label): float(numbers[known == label].mean() - numbers[known != label].mean()) / spread
        for label in np.unique(known)
    }
    label = max(distance, key=lambda k: abs(distance[k]) * _weight(known == k))
    which = confounder.most if distance[label] > 0 else confounder.least
    return (
        f"Cluster {label} holds {which}, "
        f"{abs(distance[label]):.1f} standard deviations from the rest."
    )


def _strongest_on_circle(known: Array, angles: Float64Array, period: float) -> str:
    vectors = np.exp(2j * np.pi * angles / period)
    distance = {
        int(label): abs(vectors[known == label].mean() - vectors[known != label].mean())
        for label in np.unique(known)
    }
    label = max(distance, key=lambda k: distance[k] * _weight(known == k))
    mean = np.angle(vectors[known == label].mean()) * period / (2 * np.pi) % period
    return f"Cluster {label} lies about {mean:.0f} degrees, unlike the rest."


def _weight(inside: BoolArray) -> float:
    """In standard deviations alone, a cluster of one image would often be named by chance."""
    n = int(inside.sum())
    return float(np.sqrt(n * (len(inside) - n)))
