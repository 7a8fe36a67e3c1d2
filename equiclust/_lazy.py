"""Names of a package whose modules are imported when a name is first used (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names: Sequence[str], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package : str
        Name of the package.
    names : sequence of str
        Its ``__all__``.
    homes : mapping of str to str
        Name of the module that defines each lazy name.

    Returns
    -------
    getattr_of_package : callable
        Takes a name and returns what its module defines under it.
    dir_of_package : callable
        Returns the names.

    Examples
    --------
    >>> getattr_of_package, _ = lazy_names("package", ["pi"], {"pi": "math"})
    >>> getattr_of_package("pi") > 3
    True
    """

    def getattr_of_package(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    def dir_of_package() -> list[str]:
        return sorted(names)

    return getattr_of_package, dir_of_package
