"""What is refused as an argument, in one sentence that names it, its value and what it must be."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import TypeGuard

from equiclust.exceptions import InputError

__all__ = [
    "check_choice",
    "check_names",
    "check_positive",
    "check_share",
    "check_whole",
    "is_real",
]


def is_real(value: object) -> TypeGuard[float]:
    """Whether it is a number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_whole(name: str, value: object, smallest: int = 1) -> None:
    """Refuse anything but a whole number of at least `smallest`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < smallest:
        raise InputError(f"{name} must be a whole number of at least {smallest}, got {value!r}")


def check_positive(name: str, value: object) -> None:
    """Refuse anything but a number above 0."""
    if not is_real(value) or not value > 0:
        raise InputError(f"{name} must be above 0, got {value!r}")


def check_share(name: str, value: object) -> None:
    """Refuse anything but a number from 0 to 1."""
    if not is_real(value) or not 0 <= value <= 1:
        raise InputError(f"{name} must be from 0 to 1, got {value!r}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse anything but one of the choices."""
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def check_names(argument: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a name that is not known."""
    allowed = list(known)
    for name in given:
        if name not in allowed:
            raise InputError(f"{argument} must use the names {', '.join(allowed)}, got {name!r}")
