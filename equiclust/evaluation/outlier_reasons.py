"""Why an image is unlike the others, in words: quantities in which it stands out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from equiclust.evaluation.cluster_descriptions import TRAITS, Trait
from equiclust.typing import Float64Array

__all__ = ["UNMEASURED", "outlier_reasons"]

UNMEASURED = "no measured quantity stands out"
"""Words for an image that is like the others in all that is measured."""

_EDGE = Trait("light at the edge", "more light at the edge", "less light at the edge", "edge")
# Robust standard deviations from the median, and share of the others that are nearer to it or on
# its other side, from which on a quantity stands out.
_FAR, _RARE = 3.0, 0.98
_MOST_WORDS = 3
# Standard deviation of a normal distribution in median absolute deviations.
_OF_MAD = 1.4826
# Values of others below which nothing can be said to be unusual.
_FEWEST = 10


def outlier_reasons(
    own: Mapping[str, Float64Array], others: Mapping[str, Float64Array]
) -> list[str]:
    """Say in which quantities images stand out among others.

    A quantity is said where it lies three robust standard deviations or more from the median of the
    others and beyond 98 % of them, the farthest first, three at most, and of two with one theme the
    farther.

    Parameters
    ----------
    own : mapping of str to ndarray (n,), float
        Quantities of the images, columns of `measure_morphology` and `measure_confounders`.
    others : mapping of str to ndarray (m,), float
        The same of the images that they are compared with; quantities that these lack are passed
        over.

    Returns
    -------
    list of str
        Such as "larger than 99.8 %, more lopsided than 99 %", or `UNMEASURED`.
    """
    traits = {**TRAITS, "edge": _EDGE}
    said: list[dict[str, tuple[float, str]]] = [{} for _ in next(iter(own.values()), [])]
    for name in traits.keys() & own.keys() & others.keys():
        known = others[name][np.isfinite(others[name])]
        spread = _OF_MAD * float(np.median(np.abs(known - np.median(known)))) if len(known) else 0
        if len(known) < _FEWEST or spread <= 0:
            continue
        for row, value in enumerate(own[name].tolist()):
            far = (value - float(np.median(known))) / spread
            share = float(np.mean(known < value) if far > 0 else np.mean(known > value))
            nearest = said[row].get(traits[name].theme, (_FAR, ""))[0]
            if abs(far) >= nearest and share >= _RARE:
                said[row][traits[name].theme] = abs(far), _words(traits[name], far, share)
    return [_joined(list(one.values())) for one in said]


def _words(trait: Trait, far: float, share: float) -> str:
    comparative = trait.more if far > 0 else trait.less
    return f"{comparative} than {'all' if share == 1 else f'{100 * share:.3g} %'}"


def _joined(found: list[tuple[float, str]]) -> str:
    ordered = [words for _, words in sorted(found, reverse=True)]
    return ", ".join(ordered[:_MOST_WORDS]) or UNMEASURED
