"""`Recipe`: all settings that decide the result of a run, except its images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Self, get_type_hints

from ensembles.recipes.tables import AUTO, OWN, Clusters, Ensemble, Images, Network, Training
from ensembles.recipes.values import as_declared, in_words
from ensembles.refinement import DEEP_METHODS
from equiclust.argument_types import checks_types
from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.objectives import ObjectiveWeights
from equiclust.autoencoder.pretrained import upgrade_start
from equiclust.exceptions import InputError
from equiclust.nn.encoder import n_halvings

__all__ = ["Recipe"]

_LARGEST_SEED = 2**32 - 1


@checks_types
@dataclass(frozen=True)
class Recipe:
    """Settings of a run in named tables, whose defaults are those of the classes they configure.

    No two tables have a key of the same name, so that a key alone identifies a setting.

    Parameters
    ----------
    about : str, default ""
        Description of what the recipe is for.
    seed : int, default 0
        Seed of all random numbers, 0 to 2**32 - 1.
    images : Images, default ``Images()``
        Preprocessing of the images.
    network : Network, default ``Network()``
        Shape of the network.
    training : Training, default ``Training()``
        Training of every network.
    objective : ObjectiveWeights, default ``ObjectiveWeights()``
        Weights of the terms that training minimises.
    augmentation : Augmentation, default ``Augmentation()``
        Limits of the differences between views of an image.
    ensemble : Ensemble, default ``Ensemble()``
        Number of networks, and the reliability of their labels.
    clusters : Clusters, default ``Clusters()``
        Clustering of the latents.

    Raises
    ------
    InputError
        When the seed is out of range, or the size of the images is none of the network's.

    Examples
    --------
    >>> from ensembles.recipes import Network, Recipe
    >>> recipe = Recipe(network=Network(group="C8")).with_(size=32, mse=20)
    >>> recipe.images.size, recipe.objective.mse, recipe.settings["group"]
    (32, 20.0, 'C8')
    >>> Recipe.from_dict(recipe.to_dict()) == recipe
    True
    """

    about: str = ""
    seed: int = 0
    images: Images = field(default_factory=Images)
    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)
    objective: ObjectiveWeights = field(default_factory=ObjectiveWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    ensemble: Ensemble = field(default_factory=Ensemble)
    clusters: Clusters = field(default_factory=Clusters)

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise InputError(f"seed must be from 0 to {_LARGEST_SEED}, got {self.seed}")
        _check_size(self.network, self.images)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of all tables, and the seed, by key."""
        tables = {
            key: value for name in _TABLES for key, value in vars(getattr(self, name)).items()
        }
        return {"seed": self.seed, **tables}

    @property
    def preprocessing(self) -> dict[str, Any]:
        """Parameters of `Preprocessor`, without `channels` when they are "auto"."""
        parameters = dict(vars(self.images))
        if self.images.channels == "auto":
            del parameters["channels"]
        return parameters

    @property
    def autoencoder(self) -> dict[str, Any]:
        """Parameters of `EquivariantAutoencoder`, without `max_epochs`, which images may decide."""
        training = {key: value for key, value in vars(self.training).items() if key != "max_epochs"}
        return {
            "size": self.images.size,
            **self.network.shape,
            **training,
            "objective": dict(vars(self.objective)),
            "augmentation": dict(vars(self.augmentation)),
        }

    @property
    def encoders(self) -> tuple[str, ...]:
        """Names of the encoders that take turns in the ensemble.

        What "auto" stands for: the autoencoder and "small_alexnet" side by side, which together
        tell more apart than either; the autoencoder alone where there is one network, where a deep
        method trains it further, and where orientation is part of the shape.
        """
        if self.network.encoder != AUTO:
            return self.network.encoders
        alone = (
            self.ensemble.n_folds == 1
            or self.clusters.method in DEEP_METHODS
            or self.network.group == "trivial"
        )
        return (OWN,) if alone else (OWN, "small_alexnet")

    @property
    def kfold(self) -> dict[str, Any]:
        """Parameters of `KFoldEnsemble`, without its estimator."""
        folds = dict(vars(self.ensemble))
        if self.ensemble.held_out_folds != "auto":
            folds["held_out_folds"] = self.ensemble.n_held_out
        return {**folds, **self.clusters.clustering, "random_state": self.seed}

    def with_(self, **settings: Any) -> Self:
        """Copy of the recipe with other settings.

        Parameters
        ----------
        **settings : object
            New values by key: keys of the tables, `seed` and `about`.

        Raises
        ------
        InputError
            When a key does not exist, or cannot have this value.
        """
        changes: dict[str, dict[str, Any]] = {}
        for key, value in settings.items():
            if key not in _HOMES:
                raise InputError(f"a recipe has no key {key!r}{_nearest(key, _HOMES)}")
            changes.setdefault(_HOMES[key], {})[key] = value
        top = _typed(type(self), changes.pop("", {}))
        tables = {
            name: replace(getattr(self, name), **_typed(_TABLES[name], values))
            for name, values in changes.items()
        }
        return replace(self, **top, **tables)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, which TOML and JSON can hold.

        Returns
        -------
        dict
            `about`, `seed`, and one dict per table. Settings that are None are left out.
        """
        content: dict[str, Any] = {"about": self.about, "seed": self.seed}
        for name in _TABLES:
            values = vars(getattr(self, name)).items()
            # TOML has no null; a missing key has its default, which is None.
            content[name] = {key: _plain(value) for key, value in values if value is not None}
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a recipe from plain values; missing settings have their defaults.

        Parameters
        ----------
        content : mapping
            As from `to_dict`.

        Raises
        ------
        InputError
            When a table or key does not exist, or a key cannot have its value. The message names
            the table, the key, the value and what is allowed.
        """
        for name in content:
            if name not in (*_TABLES, *_TOP):
                raise InputError(_no_such_entry(name))
        top = _typed(cls, {name: content[name] for name in _TOP if name in content})
        tables = {name: _table(name, content[name]) for name in _TABLES if name in content}
        try:
            _check_size(tables.get("network", Network()), tables.get("images", Images()))
        except InputError as error:
            raise InputError(f"[images] {error}") from error
        return cls(**top, **tables)


_TOP = ("about", "seed")
_TABLES: Mapping[str, Any] = {
    name: kind for name, kind in get_type_hints(Recipe).items() if name not in _TOP
}
_HOMES = {entry.name: name for name, kind in _TABLES.items() for entry in fields(kind)}
_HOMES |= dict.fromkeys(_TOP, "")


def _check_size(network: Network, images: Images) -> None:
    """Refuse images of a size that the network which is trained cannot halve."""
    if network.trains:
        n_halvings(images.size)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _upgraded(name: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table `training` of version 0.1 named the initial weights by ``start``."""
    if name != "training":
        return content
    try:
        return upgrade_start(content)
    except InputError as error:
        raise InputError(f"[{name}] {error}") from error


def _table(name: str, content: object) -> Any:
    if not isinstance(content, Mapping):
        raise InputError(f"[{name}] must be a table, got {content!r}")
    kind, content = _TABLES[name], _upgraded(name, content)
    known = [entry.name for entry in fields(kind)]
    for key in content:
        if key not in known:
            raise InputError(f"[{name}] has no key {key!r}{_nearest(key, known)}")
    try:
        return kind(**_typed(kind, content))
    except InputError as error:
        raise InputError(f"[{name}] {error}") from error


def _typed(kind: type, content: Mapping[str, object]) -> dict[str, Any]:
    declared = get_type_hints(kind)
    typed = {}
    for key, value in content.items():
        try:
            typed[key] = as_declared(value, declared[key])
        except TypeError as error:
            raise InputError(f"{key} must be {in_words(declared[key])}, got {value!r}") from error
    return typed


def _no_such_entry(name: str) -> str:
    if name in _HOMES:
        return f"{name!r} belongs in the table [{_HOMES[name]}]"
    return f"a recipe has no table or key {name!r}{_nearest(name, (*_TABLES, *_TOP))}"


def _nearest(name: str, known: Iterable[str]) -> str:
    """Hint for an unknown name: the table that it belongs in, or the most similar name."""
    if name in _TOP:
        return "; it belongs above all tables"
    if name in _HOMES:
        return f"; it belongs in [{_HOMES[name]}]"
    (nearest,) = get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; did you mean {nearest!r}?"
