"""Every public name is documented completely: parameters, types, defaults and what is returned."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from docstring_parser import Docstring, numpydoc

from equiclust.cli.commands import COMMANDS

PACKAGES = ("equiclust", "data_adapters", "ensembles")
ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)
# The docstring of a command is its help, which tests/cli/test_parser.py checks.
HELP_TEXTS = [command.function for command in COMMANDS]
HOW_TO_MEND = """
Write numpydoc docstrings:
  - the first line is a summary of one sentence;
  - "Parameters" names every parameter of the signature (of a dataclass or NamedTuple: every field,
    "Attributes" will do) as "name : type", with shape and unit in or below that line; names that
    share a description may be written "a, b : int";
  - a parameter with a default says so in that line: "n_folds : int, default 10" or "..., optional";
  - "Returns" (or "Yields") says what comes back. Not needed: for properties, for `-> Self`, for
    `-> bool` whose summary begins with "Whether", and where the summary itself gives the shape of
    what is returned, as in "Pixels `(n, c, h, w)` of the images";
  - a method need not repeat what the method that it overrides documents."""


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented_completely(name: str) -> None:
    found = {public: faults for public, faults in _documented(import_module(name)) if faults}
    report = "\n".join(f"{public}: {'; '.join(faults)}" for public, faults in found.items())
    assert not found, f"\n{report}\n{HOW_TO_MEND}"


def test_what_is_missing_is_named() -> None:
    def incomplete(size: int, scale: float = 1.0, *, angle: float = 0.0) -> float:
        """Summary.

        Parameters
        ----------
        scale : float
            Says no default.
        angle
            Says no type.
        """
        return size * scale * angle

    parsed = _parsed(incomplete)
    assert _parameter_faults(incomplete, parsed) + _return_faults(incomplete, parsed) == [
        "parameter 'size' is not documented",
        "parameter 'scale' has a default, but says neither default nor optional",
        "parameter 'angle' has no type",
        "no section Returns or Yields",
    ]


def _documented(module: ModuleType) -> Iterator[tuple[str, list[str]]]:
    """Full names of the public functions, classes and methods of a module, with their faults."""
    for name in getattr(module, "__all__", ()):
        member = getattr(module, name)
        home = str(getattr(member, "__module__", "")).split(".")[0]
        if home not in PACKAGES:
            continue
        if inspect.isclass(member):
            yield f"{member.__module__}.{member.__qualname__}", _class_faults(member)
            yield from _methods(member)
        elif inspect.isroutine(member) and member not in HELP_TEXTS:
            parsed = _parsed(member)
            faults = _parameter_faults(member, parsed) + _return_faults(member, parsed)
            yield f"{member.__module__}.{member.__qualname__}", faults


def _methods(owner: type) -> Iterator[tuple[str, list[str]]]:
    for name, member in vars(owner).items():
        if name.startswith("_") or isinstance(member, type):
            continue
        full = f"{owner.__module__}.{owner.__qualname__}.{name}"
        if isinstance(member, property | cached_property):
            yield full, [] if _parsed(member).short_description else ["no summary"]
        elif isinstance(member, FunctionType | classmethod | staticmethod):
            yield full, _method_faults(owner, name)


def _method_faults(owner: type, name: str) -> list[str]:
    method = getattr(owner, name)
    parsed = _parsed(method)
    if _is_hook(owner, name):
        return [] if parsed.short_description else ["no summary"]
    # What an overridden method of our own documents need not be repeated.
    for base in owner.__mro__[1:]:
        if base.__module__.split(".")[0] in PACKAGES and name in vars(base):
            parsed.meta.extend(_parsed(vars(base)[name]).meta)
    return _parameter_faults(method, parsed) + _return_faults(method, parsed)


def _is_hook(owner: type, name: str) -> bool:
    """Whether torch or Lightning calls this method, and so has fixed its signature."""
    homes = ("lightning", "pytorch_lightning", "torch")
    return name != "forward" and any(
        name in vars(base) and base.__module__.split(".")[0] in homes for base in owner.__mro__[1:]
    )


def _parsed(member: Any) -> Docstring:
    return numpydoc.parse(inspect.getdoc(member) or "")


def _class_faults(owner: type) -> list[str]:
    parsed = _parsed(owner)
    is_record = "__init__" in vars(owner) or hasattr(owner, "_fields")
    if not is_record or issubclass(owner, Enum) or getattr(owner, "_is_protocol", False):
        return [] if parsed.short_description else ["no summary"]
    return _parameter_faults(owner, parsed)


def _parameter_faults(member: Any, parsed: Docstring) -> list[str]:
    if not parsed.short_description:
        return ["no summary"]
    described = {
        name.strip().lstrip("*"): item
        for item in parsed.params
        for name in item.arg_name.split(",")
    }
    faults = []
    for name, parameter in inspect.signature(member).parameters.items():
        if _is_ignored(name, parameter):
            continue
        item = described.get(name)
        if item is None:
            faults.append(f"parameter {name!r} is not documented")
        elif not item.type_name:
            faults.append(f"parameter {name!r} has no type")
        elif parameter.default is not parameter.empty and not item.is_optional:
            faults.append(
                f"parameter {name!r} has a default, but says neither default nor optional"
            )
    return faults


def _is_ignored(name: str, parameter: inspect.Parameter) -> bool:
    # scikit-learn passes `y` to every estimator.
    is_target = name == "y" and parameter.default is None
    is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return name.startswith("_") or name == "self" or is_target or is_variadic


def _return_faults(function: Any, parsed: Docstring) -> list[str]:
    annotation = str(getattr(function, "__annotations__", {}).get("return", "None"))
    summary = parsed.short_description or ""
    says_itself = annotation == "bool" and summary.startswith("Whether")
    if annotation in ("None", "NoReturn", "Self") or parsed.returns or says_itself:
        return []
    # A shape in the summary, as in "Labels `(n,)` of the images".
    return [] if "`(" in summary else ["no section Returns or Yields"]
