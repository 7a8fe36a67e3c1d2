"""Numbers, counts and paths as the reader of a report sees them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TypeGuard

__all__ = [
    "NOT_APPLICABLE",
    "align_column",
    "compact",
    "compare_to",
    "counted",
    "fixed",
    "is_number",
    "join_words",
    "percent",
    "shorten_path",
    "shorten_paths",
]

NOT_APPLICABLE = "–"

_MINUS = "\u2212"
_KEPT_PARTS = 2
_ABSOLUTE = re.compile(r"(?<![\w.~:/\\])(?:[A-Za-z]:[\\/]|[/\\]|~/)[^\s'\"]*")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value from a JSON file is a finite number.

    Parameters
    ----------
    value : object
        A boolean is not a number.

    Returns
    -------
    bool
    """
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and bool(math.isfinite(value))
    )


def compact(value: float | None, digits: int = 2) -> str:
    """Format a number with a fixed number of significant digits.

    Parameters
    ----------
    value : float or None
    digits : int, default 2
        Significant digits.

    Returns
    -------
    str
        Such as 0.041, 1.9 or 6.0e-8; a dash when there is no finite value.
    """
    if value is None or not math.isfinite(value):
        return NOT_APPLICABLE
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 10.0**digits:
        return format(value, f"#.{digits}g").rstrip(".")
    return re.sub(r"e([+-])0", r"e\1", format(value, f".{digits - 1}e")).replace("e+", "e")


def fixed(value: float | None, decimals: int = 2) -> str:
    """Format a number with a fixed number of decimals and a typographic minus sign.

    Parameters
    ----------
    value : float or None
    decimals : int, default 2

    Returns
    -------
    str
        A dash when there is no value.
    """
    return NOT_APPLICABLE if value is None else f"{value:.{decimals}f}".replace("-", _MINUS)


def percent(share: float | None) -> str:
    """Format a share as a percentage, with a narrow no-break space before the sign.

    Parameters
    ----------
    share : float or None
        From 0 to 1.

    Returns
    -------
    str
        "100 %" only when the share is exactly 1; a dash when there is no share.
    """
    if share is None:
        return NOT_APPLICABLE
    if 0.995 <= share < 1.0:
        return f"{math.floor(1000.0 * share) / 10.0:.1f}\u202f%"
    return f"{compact(100.0 * share)}\u202f%" if share < 0.995 else f"{100.0 * share:.0f}\u202f%"


def counted(count: int, noun: str) -> str:
    """Format a count with its noun in the singular or plural.

    Parameters
    ----------
    count : int
    noun : str
        In the singular; its plural ends in s.

    Returns
    -------
    str
        Such as "1 image" or "1,200 images".
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def align_column(
    values: Sequence[float | None], *, digits: int = 3, decimals: int | None = None
) -> list[str]:
    """Format the numbers of a column, all with the same number of decimals.

    Parameters
    ----------
    values : sequence of float or None
    digits : int, default 3
        Significant digits of the smallest number, when `decimals` is `None`.
    decimals : int, optional
        Default: as many as `digits` requires, at most 12.

    Returns
    -------
    list of str
        One of each value; a dash for `None`.
    """
    known = [abs(value) for value in values if value is not None]
    smallest = min((value for value in known if value > 0), default=1.0)
    places = digits - 1 - math.floor(math.log10(smallest)) if decimals is None else decimals
    style = f",.{min(max(places, 0), 12)}f"
    return [NOT_APPLICABLE if value is None else format(value, style) for value in values]


def compare_to(value: float, reference: float) -> str:
    """Describe how much less or more a number is than a reference.

    Parameters
    ----------
    value, reference : float

    Returns
    -------
    str
        Such as "12 % less than" or "3.0 % more than", to be followed by the reference.
    """
    if reference <= 0 or value == reference:
        return "the same as" if value == reference else "beside"
    change = value / reference - 1.0
    return f"{percent(abs(change))} {'less' if change < 0 else 'more'} than"


def join_words(parts: Sequence[str]) -> str:
    """Join words to a list: "a, b and c".

    Parameters
    ----------
    parts : sequence of str

    Returns
    -------
    str
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def shorten_path(path: str) -> str:
    """Shorten an absolute path to its last two parts, without the folders of a user's machine.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
        A relative path comes back as it is.
    """
    return _tail(path) if _ABSOLUTE.match(path) else path


def shorten_paths(text: str) -> str:
    """Shorten every absolute path within a text to its last two parts.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return _ABSOLUTE.sub(lambda found: _tail(found.group()), text)


def _tail(path: str) -> str:
    parts = [part for part in re.split(r"[/\\]", path) if part]
    return "/".join(["…", *parts[-_KEPT_PARTS:]]) if len(parts) > _KEPT_PARTS else path
