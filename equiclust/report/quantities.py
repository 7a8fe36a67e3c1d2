"""Numbers as the reader sees them."""

from __future__ import annotations

import math
import re
from typing import TypeGuard

__all__ = ["NOT_APPLICABLE", "compact", "counted", "is_number", "percent"]

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
    """A share in percent, with a narrow space that does not break."""
    if share is None:
        return NOT_APPLICABLE
    return f"{compact(100.0 * share)}\u202f%" if share < 0.995 else f"{100.0 * share:.0f}\u202f%"


def counted(count: int, noun: str) -> str:
    """A number with its noun in the singular or plural."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
