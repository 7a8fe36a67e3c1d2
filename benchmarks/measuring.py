"""Times of repeated work: a warm-up, repeats, medians and spread; rivals take turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

__all__ = ["Ratios", "Times", "compared", "measured", "ratios"]

_REPEATS = 7


class Times(NamedTuple):
    """Seconds of every repeat, in their order.

    Attributes
    ----------
    seconds : tuple of float
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return median(self.seconds)

    @property
    def spread(self) -> float:
        """Distance between the quartiles, as a share of the median."""
        low, _, high = quantiles(self.seconds, n=4, method="inclusive")
        return (high - low) / self.median


class Ratios(NamedTuple):
    """How many times as long the one took as the other, turn by turn.

    Attributes
    ----------
    median, least, most : float
    """

    median: float
    least: float
    most: float


def measured(work: Callable[[], object], *, repeats: int = _REPEATS) -> Times:
    """Time something after one call that does not count.

    Parameters
    ----------
    work : callable
    repeats : int, default 7
        At least 2.

    Returns
    -------
    Times
    """
    return compared({"": work}, repeats=repeats)[""]


def compared(
    rivals: Mapping[str, Callable[[], object]], *, repeats: int = _REPEATS
) -> dict[str, Times]:
    """Time rivals by turns, so that what disturbs the machine disturbs them alike.

    Parameters
    ----------
    rivals : mapping of str to callable
    repeats : int, default 7
        Turns after one that does not count; at least 2.

    Returns
    -------
    dict of str to Times
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for turn in range(repeats + 1):
        for name, work in rivals.items():
            started = perf_counter()
            work()
            if turn:
                seconds[name].append(perf_counter() - started)
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def ratios(slow: Times, fast: Times) -> Ratios:
    """Compare two rivals turn by turn.

    Parameters
    ----------
    slow, fast : Times
        Of as many repeats.

    Returns
    -------
    Ratios
        Of the first over the second.
    """
    by_turn = [a / b for a, b in zip(slow.seconds, fast.seconds, strict=True)]
    return Ratios(median(by_turn), min(by_turn), max(by_turn))
