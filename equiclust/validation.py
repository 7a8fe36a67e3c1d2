"""Checks of arguments: what is illegal is refused in one sentence with its name and value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal, TypeGuard

import numpy as np

from equiclust.exceptions import InputError
from equiclust.typing import Array, Float64Array

if TYPE_CHECKING:
    from numpy.random import RandomState
    from typing_extensions import TypeIs

__all__ = [
    "check_array",
    "check_choice",
    "check_flag",
    "check_mapping",
    "check_names",
    "check_positive",
    "check_random_state",
    "check_samples",
    "check_share",
    "check_whole",
    "is_auto",
    "is_real",
    "shown",
]

_LARGEST_SEED = 2**32 - 1
# Characters of a value in a message.
_LONGEST_SHOWN = 60


def is_auto(value: object) -> TypeIs[Literal["auto"]]:
    """Whether a value is the word "auto", and not an array, which would compare by element.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool
    """
    return isinstance(value, str) and value == "auto"


def is_real(value: object) -> TypeGuard[float]:
    """Whether a value is a real number; `True` and `False` are not.

    Parameters
    ----------
    value : object

    Returns
    -------
    bool
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def check_whole(name: str, value: object, smallest: int = 1, *, largest: int | None = None) -> None:
    """Check that an argument is an integer that is large enough.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
    smallest : int, default 1
        Smallest legal value.
    largest : int, optional
        Largest legal value, of a size that takes memory.

    Raises
    ------
    InputError
        When it is not an integer of at least `smallest`, or above `largest`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < smallest:
        raise InputError(
            f"{name} must be a whole number of at least {smallest}, got {shown(value)}"
        )
    if largest is not None and int(value) > largest:
        raise InputError(f"{name} must be at most {largest}, got {shown(value)}")


def check_positive(name: str, value: object) -> None:
    """Check that an argument is a finite number above 0.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object

    Raises
    ------
    InputError
        When it is not.
    """
    if not is_real(value) or not value > 0:
        raise InputError(f"{name} must be above 0, got {shown(value)}")
    if value == float("inf"):
        raise InputError(f"{name} must be finite, got {shown(value)}")


def check_share(name: str, value: object) -> None:
    """Check that an argument is a number from 0 to 1.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object

    Raises
    ------
    InputError
        When it is not.
    """
    if not is_real(value) or not 0 <= value <= 1:
        raise InputError(f"{name} must be from 0 to 1, got {shown(value)}")


def check_flag(name: str, value: object) -> None:
    """Check that an argument is True or False.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object

    Raises
    ------
    InputError
        When it is not.
    """
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {shown(value)}")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that an argument is one of several strings.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
    choices : iterable of str
        Legal values.

    Raises
    ------
    InputError
        When it is none of them.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} must be one of {', '.join(known)}, got {shown(value)}")


def check_mapping(name: str, value: object, known: Iterable[str]) -> None:
    """Check that an argument maps names, all of them known.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
    known : iterable of str
        Legal names.

    Raises
    ------
    InputError
        When it is no mapping, or uses another name.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping of names to values, got {shown(value)}")
    check_names(name, value, known)


def check_random_state(value: object) -> RandomState:
    """Random numbers from a seed, a generator, or without one.

    Parameters
    ----------
    value : int, RandomState or None
        As `random_state` of an estimator.

    Returns
    -------
    numpy.random.RandomState

    Raises
    ------
    InputError
        When it is something else, or a seed below 0 or of more than 32 bits.
    """
    from sklearn.utils import check_random_state as sklearn_check

    try:
        if not isinstance(value, bool):
            generator: RandomState = sklearn_check(value)
            return generator
    except (TypeError, ValueError):
        pass
    raise InputError(
        "random_state must be None, a RandomState, or a whole number from 0 to "
        f"{_LARGEST_SEED}, got {shown(value)}"
    )


def check_names(argument: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Check that an argument uses no unknown names.

    Parameters
    ----------
    argument : str
        Name of the argument.
    given : iterable of str
        Names that it uses.
    known : iterable of str
        Legal names.

    Raises
    ------
    InputError
        When one of the names is unknown.
    """
    allowed = list(known)
    for name in given:
        if name not in allowed:
            raise InputError(f"{argument} must use the names {', '.join(allowed)}, got {name!r}")


def check_array(name: str, value: object) -> Array:
    """Real numbers in an array, whatever may be given.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object

    Returns
    -------
    ndarray
        Of booleans, integers or floating-point numbers.

    Raises
    ------
    InputError
        When it is ragged, or holds something else.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be an array of numbers, got {shown(value)}") from error
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} must be real numbers, got {shown(value)} of dtype {array.dtype}")
    return array


def check_samples(name: str, value: object) -> Float64Array:
    """Samples as an array of finite numbers.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object

    Returns
    -------
    ndarray (n, d), float64
        With at least one sample.

    Raises
    ------
    InputError
        When it has another shape, or is not finite.
    """
    points = check_array(name, value).astype(np.float64)
    if points.ndim != 2 or not points.size:
        raise InputError(f"{name} must have shape (n, d) with n of 1 or more, got {points.shape}")
    if not np.isfinite(points).all():
        raise InputError(f"{name} must be finite, got nan or infinity")
    return points


def shown(value: object) -> str:
    """A value as it is shown in a message: in one line, and short.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    text = " ".join(repr(value).split())
    if isinstance(value, np.ndarray) and len(text) > _LONGEST_SHOWN:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
