"""Numbers as the reader sees them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeGuard

__all__ = [
    "NOT_APPLICABLE",
    "aligned",
    "compact",
    "counted",
    "is_number",
    "listed",
    "percent",
    "share_changed",
]

NOT_APPLICABLE = "–"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value from a JSON file is a finite number."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and bool(math.isfinite(value))
    )


def compact(value: float | None, digits: int = 2) -> str:
    """A number to so many digits: 0.041, 1.9, 6.0e-8; a dash for none."""
    if value is None or not math.isfinite(value):
        return NOT_APPLICABLE
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 10.0**digits:
        return format(value, f"#.{digits}g").rstrip(".")
    return re.sub(r"e([+-])0", r"e\1", format(value, f".{digits - 1}e")).replace("e+", "e")


def percent(share: float | None) -> str:
    """A share in percent, with a narrow space that does not break; 100 only for all of it."""
    if share is None:
        return NOT_APPLICABLE
    if 0.995 <= share < 1.0:
        return f"{math.floor(1000.0 * share) / 10.0:.1f}\u202f%"
    return f"{compact(100.0 * share)}\u202f%" if share < 0.995 else f"{100.0 * share:.0f}\u202f%"


def counted(count: int, noun: str) -> str:
    """A number with its noun in the singular or plural."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def aligned(
    values: Sequence[float | None], *, digits: int = 3, decimals: int | None = None
) -> list[str]:
    """Numbers of a column, all with as many decimals; by default so many digits of the smallest.

    There is a dash for `None`.
    """
    known = [abs(value) for value in values if value is not None]
    smallest = min((value for value in known if value > 0), default=1.0)
    places = digits - 1 - math.floor(math.log10(smallest)) if decimals is None else decimals
    style = f",.{min(max(places, 0), 12)}f"
    return [NOT_APPLICABLE if value is None else format(value, style) for value in values]


def share_changed(value: float, reference: float) -> str:
    """How much less or more a number is than another: 12 % less than, 3.0 % more than."""
    if reference <= 0 or value == reference:
        return "the same as" if value == reference else "beside"
    change = value / reference - 1.0
    return f"{percent(abs(change))} {'less' if change < 0 else 'more'} than"


def listed(parts: Sequence[str]) -> str:
    """Words as a list: a, b and c."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
