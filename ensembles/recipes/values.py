"""Conversion of plain values to the types that the tables of a recipe declare."""

from __future__ import annotations

import math
import types
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["as_declared", "in_words"]

_DESCRIPTIONS = {
    int: ("a whole number", "whole numbers"),
    float: ("a finite number", "finite numbers"),
    str: ("text",),
    bool: ("true or false",),
}


def as_declared(value: object, declared: Any) -> Any:
    """Convert a value to its declared type: lists to tuples, whole numbers to float.

    Parameters
    ----------
    value : object
        From TOML, JSON or Python.
    declared : type
        bool, int, float, str, None, or a tuple, `Literal` or union of these.

    Returns
    -------
    object
        Of the declared type.

    Raises
    ------
    TypeError
        When the value has another type.
    """
    origin = get_origin(declared)
    if origin in (Union, types.UnionType):
        return _as_one_of(value, get_args(declared))
    if origin is tuple:
        return _as_tuple(value, get_args(declared))
    if origin is Literal:
        fits = isinstance(value, str) and value in get_args(declared)
    elif declared is float:
        fits = isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)
        value = float(value) if fits else value  # type: ignore[arg-type]  # mypy loses the check
    elif declared is int:
        fits = isinstance(value, Integral) and not isinstance(value, bool)
        value = int(value) if fits else value  # type: ignore[call-overload]  # as above
    else:
        fits = isinstance(value, declared)
    if not fits:
        raise TypeError(f"{value!r} is not {getattr(declared, '__name__', declared)}")
    return value


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _as_one_of(value: object, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        try:
            return as_declared(value, choice)
        except TypeError:
            continue
    raise TypeError(f"{value!r} has none of the allowed types")


def _as_tuple(value: object, types_: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list")
    expected = types_[:1] * len(value) if types_[-1] is Ellipsis else types_
    if len(value) != len(expected):
        raise TypeError(f"{value!r} does not have {len(expected)} entries")
    return tuple(as_declared(entry, kind) for entry, kind in zip(value, expected, strict=True))


def in_words(declared: Any) -> str:
    """Description of a declared type for an error message.

    Parameters
    ----------
    declared : type
        As in `as_declared`.

    Returns
    -------
    str
        Such as "a whole number".
    """
    origin, parts = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(part) for part in parts if part is not types.NoneType)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is tuple:
        count = "" if parts[-1] is Ellipsis else f"{len(parts)} "
        return f"a list of {count}{_DESCRIPTIONS[parts[0]][-1]}"
    return _DESCRIPTIONS[declared][0]
