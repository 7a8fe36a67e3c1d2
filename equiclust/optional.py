"""Packages that one command or one output needs, imported when they are first used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from equiclust.exceptions import MissingPackageError

__all__ = ["check_installed", "import_optional"]


def import_optional(module: str, *, extra: str, purpose: str, package: str | None = None) -> Any:
    """Import a module that a plain installation does not have.

    Parameters
    ----------
    module : str
        Full name of the module.
    extra : str
        The extra of equiclust that installs it, such as "cluster".
    purpose : str
        What needs it, named as the user knows it; the error message begins with it.
    package : str, optional
        Top-level module whose absence is reported; by default that of `module`.

    Returns
    -------
    module

    Raises
    ------
    MissingPackageError
        When the package is not installed. An error inside an installed package is raised as it is.

    Examples
    --------
    >>> import_optional("json", extra="cluster", purpose="--scheduler").loads("[1]")
    [1]
    """
    package = module.partition(".")[0] if package is None else package
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise _missing(package, extra, purpose) from error


def check_installed(*packages: str, extra: str, purpose: str) -> None:
    """Refuse long work whose end needs a package that is not installed; nothing is imported.

    Parameters
    ----------
    *packages : str
        Top-level modules.
    extra, purpose : str
        As for `import_optional`.

    Raises
    ------
    MissingPackageError
        When one of the packages is not installed.
    """
    for package in packages:
        if find_spec(package) is None:
            raise _missing(package, extra, purpose)


def _missing(package: str, extra: str, purpose: str) -> MissingPackageError:
    return MissingPackageError(
        f"{purpose} needs the package {package}, which is not installed; "
        f"run pip install 'equiclust[{extra}]'"
    )
