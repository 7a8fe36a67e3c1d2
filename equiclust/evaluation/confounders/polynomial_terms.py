"""Measures of confounders as terms of a polynomial: standardised, clipped, with their products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from equiclust.io.estimators import check_fits, check_ranks
from equiclust.typing import Array, BoolArray, Float64Array, IntArray

__all__ = ["PolynomialTerms"]

# Where the largest is this many times the smallest, ratios count and not differences.
_DECADE = 10.0
# What lies beyond these quantiles of the sample, or this number of standard deviations, counts as
# the limit itself: the polynomial is not extrapolated.
_QUANTILES = (0.01, 0.99)
_FARTHEST = 3.0
# Second factor of a term that is a measure itself, and of one that says whether it is missing.
_LINEAR, _MISSING = -1, -2
# A column that varies less is constant but for rounding.
_TINY = 1e-9

_SCALES = {"logged": 1, "centre": 1, "spread": 1, "limits": 2}
_TERMS = {"factors": 2, "term_means": 1, "term_spreads": 1}
_NO_TERMS: dict[str, Any] = {
    "factors": np.zeros((0, 2), np.int64),
    "term_means": np.zeros(0),
    "term_spreads": np.zeros(0),
}


@dataclass(frozen=True, eq=False)
class PolynomialTerms:
    r"""The map from `c` measures to `p` terms, learned from a sample.

    A measure :math:`v`, or its logarithm where all values are positive and span a factor of ten,
    becomes :math:`u = (v - m) / s` and is clipped to the range of the sample without its outermost
    hundredths, at most to 3 standard deviations. A missing one (NaN) counts as the mean, 0. The
    terms are the :math:`u_i`, indicators of what is missing, and :math:`u_i u_j`, each standardised
    in the sample.

    Parameters
    ----------
    logged : ndarray (c,), bool
        Measures whose logarithm is taken.
    centre, spread : ndarray (c,)
        :math:`m` and :math:`s`; the spread of a constant is 0, and none of its terms are used.
    limits : ndarray (2, c)
        Smallest and largest :math:`u`.
    factors : ndarray (p, 2), int
        Index of the first factor of each term, and of the second; -1 where there is none, and -2
        for the indicator that the first is missing.
    term_means, term_spreads : ndarray (p,)
    """

    logged: BoolArray
    centre: Float64Array
    spread: Float64Array
    limits: Float64Array
    factors: IntArray
    term_means: Float64Array
    term_spreads: Float64Array

    @classmethod
    def fit(cls, measures: Float64Array, *, most: int, products: bool) -> Self:
        """Learn the map.

        Parameters
        ----------
        measures : ndarray (n, c)
            NaN where missing.
        most : int
            Largest number of terms. Linear terms with indicators go first, then squares, then
            products of two; a group that does not fit is left out, and so are those after it.
        products : bool
            Whether there are squares and products.
        """
        logged = np.array([_spans_decades(column) for column in measures.T], dtype=bool)
        values = _values(measures, logged)
        centre, spread, limits = (
            np.array(list(parts), dtype=np.float64)
            for parts in zip(*(_scale(column) for column in values.T), strict=True)
        )
        terms = cls(logged, centre, spread, limits.T, **_NO_TERMS)
        factors = _factors(measures, spread > 0, most, products)
        raw = terms._raw(measures, factors)
        spreads = raw.std(axis=0)
        kept = spreads > _TINY
        learned = (factors[kept], raw.mean(axis=0)[kept], spreads[kept])
        return cls(logged, centre, spread, limits.T, *learned)

    def __call__(self, measures: Float64Array) -> Float64Array:
        """Terms `(n, p)` of measures `(n, c)`."""
        return (self._raw(measures, self.factors) - self.term_means) / self.term_spreads

    def _raw(self, measures: Float64Array, factors: IntArray) -> Float64Array:
        missing = np.isnan(measures)
        safe = np.where(self.spread > 0, self.spread, 1.0)
        scaled = (_values(measures, self.logged) - self.centre) / safe
        scaled = np.where(missing, 0.0, np.clip(scaled, *self.limits))
        columns = [_term(scaled, missing, first, second) for first, second in factors]
        return np.stack(columns, axis=1) if columns else np.zeros((len(measures), 0))

    def arrays(self) -> dict[str, Array]:
        """Fitted arrays by name, from which `restore` makes equal terms.

        Returns
        -------
        dict of str to ndarray
        """
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def restore(cls, arrays: Mapping[str, Array], n_measures: int) -> Self:
        """Make terms from their arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As from the method `arrays`.
        n_measures : int

        Raises
        ------
        InputError
            When an array is missing, or the arrays do not fit each other.
        """
        scales = {name: arrays[name] for name in _SCALES if name in arrays}
        terms = {name: arrays[name] for name in _TERMS if name in arrays} or _NO_TERMS
        check_ranks(scales, _SCALES)
        if terms is not _NO_TERMS:
            check_ranks(terms, _TERMS)
        one_each = {scales[name].shape for name in ("logged", "centre", "spread")}
        fit = one_each == {(n_measures,)} and scales["limits"].shape == (2, n_measures)
        check_fits(fit, "measures and their scales")
        found = cls(**scales, **terms)
        found._check_terms()
        return found

    def _check_terms(self) -> None:
        n_terms, first, second = len(self.factors), self.factors[:, :1], self.factors[:, 1:]
        fit = len(self.term_means) == len(self.term_spreads) == n_terms and second.shape[1] == 1
        check_fits(fit, "terms and their scales")
        known = (first >= 0) & (second >= _MISSING) & (self.factors < len(self.centre))
        check_fits(bool(known.all() and (self.term_spreads > 0).all()), "terms and measures")


def _spans_decades(column: Float64Array) -> bool:
    finite = column[np.isfinite(column)]
    if not finite.size or finite.min() <= 0:
        return False
    return bool(finite.max() / _DECADE >= finite.min())


def _values(measures: Float64Array, logged: BoolArray) -> Float64Array:
    """Measures, of some of them the logarithms: of zero and less, minus infinity."""
    positive = np.where(measures > 0, measures, np.where(np.isnan(measures), np.nan, 0.0))
    with np.errstate(divide="ignore"):
        return np.where(logged, np.log10(positive), measures)


def _scale(values: Float64Array) -> tuple[float, float, tuple[float, float]]:
    """Mean and standard deviation without the outermost values, and the limits in units of it."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0, (0.0, 0.0)
    low, high = (float(limit) for limit in np.quantile(finite, _QUANTILES))
    inner = np.clip(finite, low, high)
    # Scaled first, since squares may overflow.
    size = max(float(np.abs(inner).max()), np.finfo(np.float64).tiny)
    centre, spread = size * float((inner / size).mean()), size * float((inner / size).std())
    if spread <= _TINY * size:
        return centre, 0.0, (0.0, 0.0)
    lowest, highest = (low - centre) / spread, (high - centre) / spread
    return centre, spread, (max(lowest, -_FARTHEST), min(highest, _FARTHEST))


def _factors(measures: Float64Array, varies: BoolArray, most: int, products: bool) -> IntArray:
    """Factors of as many groups of terms as are allowed."""
    chosen = np.flatnonzero(varies).tolist()
    linear = [(i, _LINEAR) for i in chosen]
    groups: list[list[tuple[int, int]]] = [
        linear + _indicators(np.isnan(measures)),
        [(i, i) for i in chosen],
        [(i, j) for i in chosen for j in chosen if i < j],
    ]
    taken: list[tuple[int, int]] = []
    for group in groups if products else groups[:1]:
        if len(taken) + len(group) > most:
            break
        taken += group
    return np.array(taken, dtype=np.int64).reshape(-1, 2)


def _indicators(missing: BoolArray) -> list[tuple[int, int]]:
    """One indicator for all measures that are missing in the same images."""
    first: dict[bytes, int] = {}
    for i, column in enumerate(missing.T):
        if column.any() and not column.all():
            first.setdefault(column.tobytes(), i)
    return [(i, _MISSING) for i in first.values()]


def _term(scaled: Float64Array, missing: BoolArray, first: int, second: int) -> Float64Array:
    if second == _MISSING:
        return missing[:, first].astype(np.float64)
    return scaled[:, first] if second == _LINEAR else scaled[:, first] * scaled[:, second]
