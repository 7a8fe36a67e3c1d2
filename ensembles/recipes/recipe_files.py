"""Built-in recipes, and recipes in the files of users."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from ensembles.recipes.recipe import Recipe
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path

__all__ = ["builtin_recipes", "read_recipe", "write_recipe"]

_BUILTIN = Path(__file__).parent
_HEADER = "# Every setting of a run: `equiclust run --recipe` takes this file.\n\n"


def builtin_recipes() -> tuple[str, ...]:
    """Names of the built-in recipes.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Examples
    --------
    >>> from ensembles.recipes import builtin_recipes
    >>> builtin_recipes()
    ('digits', 'discs', 'gas_clouds', 'micrographs', 'radio_galaxies', 'upright')
    """
    return tuple(sorted(path.stem for path in _BUILTIN.glob("*.toml")))


@checks_types
def read_recipe(recipe: str | os.PathLike[str]) -> Recipe:
    """Read a recipe from a TOML file, which is data only and is not executed.

    Parameters
    ----------
    recipe : str or path
        Name of a built-in recipe, or path of a file. A file with the name of a built-in recipe must
        be given as ``./NAME``.

    Returns
    -------
    Recipe

    Raises
    ------
    InputError
        When the recipe does not exist, or a setting is wrong. The message names the file, the
        table, the key, the value and what is allowed.

    Examples
    --------
    >>> from ensembles.recipes import read_recipe
    >>> recipe = read_recipe("discs")
    >>> recipe.images.canonical, recipe.network.encoder
    ('affine', 'disc_views')
    """
    if isinstance(recipe, str) and recipe in builtin_recipes():
        return _read(_BUILTIN / f"{recipe}.toml")
    path = Path(recipe).expanduser()
    if not path.exists():
        raise InputError(
            f"recipe must be a file or one of {', '.join(builtin_recipes())}, got {str(recipe)!r}"
        )
    return _read(path)


def _read(path: Path) -> Recipe:
    content = _parsed(path)
    try:
        return Recipe.from_dict(content)
    except InputError as error:
        raise InputError(f"recipe {str(path)!r}: {error}") from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"recipe {str(path)!r} is not valid TOML: {error}") from error


@checks_types
def write_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Write all settings of a recipe, including defaults, to a TOML file.

    `read_recipe` returns an equal recipe.

    Parameters
    ----------
    recipe : Recipe
    path : path
        Written completely or not at all.

    Raises
    ------
    OutputError
        When the folder cannot be written to.

    Examples
    --------
    >>> from ensembles.recipes import read_recipe, write_recipe
    >>> recipe = read_recipe("discs").with_(n_clusters=6, size=64)
    >>> write_recipe(recipe, "six_kinds.toml")
    >>> read_recipe("six_kinds.toml") == recipe
    True
    """
    with atomic_path(path) as draft:
        draft.write_text(_HEADER + tomli_w.dumps(recipe.to_dict()), encoding="utf-8")
