"""Arguments of another type than a public function's annotations allow, refused in one sentence."""

from __future__ import annotations

import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from equiclust.exceptions import InputTypeError
from equiclust.validation import is_real, shown

__all__ = ["checks_types"]

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

# Longer sequences are checked no further than this; a look at all items would take long.
_ITEMS = 1000
_NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "None",
    npt.ArrayLike: "an array of numbers or text",
    np.ndarray: "an array of numbers",
}


def checks_types(function: _Decorated, *, but: tuple[str, ...] = ()) -> _Decorated:
    """Decorate a function, or a class, so that arguments of a wrong type raise an `InputTypeError`.

    Annotations say what is right. A number is no truth value, and NaN is no number. Lists may stand
    for tuples. Where an annotation cannot be told at run time, anything passes.

    Parameters
    ----------
    function : callable
        Or a class, whose `__init__` is then decorated.
    but : tuple of str, default ()
        Parameters that the function checks itself.

    Returns
    -------
    callable
        With the same signature.
    """
    if inspect.isclass(function):
        function.__init__ = _checking(function.__init__, but)  # type: ignore[method-assign]
        return function
    return typing.cast("_Decorated", _checking(function, but))


def _checking(function: Callable[..., Any], but: tuple[str, ...]) -> Callable[..., Any]:
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        names, hints = _signature(function)
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if name in hints and name not in but and not _fits(value, hints[name]):
                wanted = " or ".join(dict.fromkeys(_described(hints[name])))
                raise InputTypeError(f"{name} must be {wanted}, got {shown(value)}")
        return function(*args, **kwargs)

    return checked


@functools.cache
def _signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names of the positional parameters, and the annotations of all that can be told."""
    parameters = inspect.signature(function).parameters
    positional = tuple(
        name
        for name, one in parameters.items()
        if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    )
    hints = _hints(function)
    for name, one in parameters.items():
        if one.kind is one.VAR_KEYWORD and get_origin(hints.get(name)) is typing.Unpack:
            hints |= _hints(get_args(hints.pop(name))[0])
    return positional, hints


def _hints(owner: Any) -> dict[str, Any]:
    """Annotations as types; those of names that exist for the type checker alone are left out."""
    try:
        return get_type_hints(owner)
    except NameError:
        pass
    names = getattr(owner, "__globals__", {})
    found = {}
    for name, text in owner.__annotations__.items():
        try:
            found[name] = eval(text, names) if isinstance(text, str) else text
        except (NameError, TypeError):
            continue
    return found


def _fits(value: Any, hint: Any) -> bool:
    # An alias of a union is a union, but means more.
    if hint == npt.ArrayLike:
        return _is_array(value, "biufSUM")
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(hint))
    if (origin or hint) is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype.kind in "biufM"
    if origin is not None:
        return _fits_items(value, origin, get_args(hint))
    return _is_instance(value, hint)


def _is_array(value: Any, kinds: str) -> bool:
    if value is None or isinstance(value, str | bytes | Mapping) or callable(value):
        return False
    try:
        return np.asarray(value).dtype.kind in kinds
    except (TypeError, ValueError):
        return False


def _is_instance(value: Any, kind: Any) -> bool:
    """Whether a value is of a type without arguments."""
    if kind is Any or kind is object:
        return True
    if kind is None or kind is type(None):
        return value is None
    if kind is bool:
        return isinstance(value, bool | np.bool_)
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if kind is float:
        return is_real(value) and value == value
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return isinstance(value, str | os.PathLike)
    # Protocols that were not made for it, and what no type is, say nothing at run time.
    if not isinstance(kind, type) or (
        getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False)
    ):
        return True
    return isinstance(value, kind)


def _fits_items(value: Any, origin: Any, items: tuple[Any, ...]) -> bool:
    """Whether a value is a container of such items, or a function."""
    if origin is tuple:
        if not _is_sequence(value):
            return False
        if len(items) == 2 and items[1] is Ellipsis:
            return all(_fits(one, items[0]) for one in value[:_ITEMS])
        return len(value) == len(items) and all(map(_fits, value, items))
    if not isinstance(origin, type):
        return True
    if issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(key, items[0]) and _fits(one, items[1]) for key, one in value.items()
        )
    if issubclass(origin, Sequence):
        return _is_sequence(value) and all(_fits(one, items[0]) for one in value[:_ITEMS])
    if origin is Iterable:
        # An iterator can be gone through once only.
        if isinstance(value, Sequence | np.ndarray):
            return _is_sequence(value) and all(_fits(one, items[0]) for one in value[:_ITEMS])
        return isinstance(value, Iterable) and not isinstance(value, Mapping)
    return isinstance(value, origin)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.size > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _described(hint: Any) -> list[str]:
    """Words for what an annotation allows."""
    if hint == npt.ArrayLike or hint in _NAMES:
        return [_NAMES[hint]]
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return [word for one in get_args(hint) for word in _described(one)]
    if origin is Literal:
        return [repr(one) for one in get_args(hint)]
    kind = origin or hint
    if kind is np.ndarray:
        return [_NAMES[np.ndarray]]
    if isinstance(kind, type) and issubclass(kind, os.PathLike | PurePath):
        return ["a path"]
    if kind is Callable:
        return ["a function"]
    if kind is tuple or (isinstance(kind, type) and issubclass(kind, Sequence | Iterable)):
        inner = [word for one in get_args(hint) if one is not Ellipsis for word in _described(one)]
        words = _with_article(kind.__name__.lower())
        return [f"{words} of {' and '.join(dict.fromkeys(inner))}" if inner else words]
    name = getattr(kind, "__name__", str(kind))
    return [_with_article(name)]


def _with_article(name: str) -> str:
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"
