"""Recipes of all kinds, made by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ensembles.recipes import Recipe
from equiclust.preprocessing.preprocessor import (
    BACKGROUNDS,
    CANONICALS,
    CENTERS,
    EQUALIZERS,
)
from equiclust.preprocessing.stretch import STRETCHES

__all__ = ["KEYS", "recipes"]

KEYS = [
    (name, key)
    for name, table in vars(Recipe()).items()
    if name not in ("about", "seed")
    for key in vars(table)
]
_DEFAULTS = Recipe().settings
_SHARE = st.floats(0.0, 1.0)
_COUNT = st.integers(1, 64)
_SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "size": st.sampled_from([32, 64, 128, 256]),
    "background": st.sampled_from(BACKGROUNDS),
    "stretch": st.sampled_from(list(STRETCHES)),
    "percentiles": st.lists(st.floats(0, 100), min_size=2, max_size=2, unique=True).map(sorted),
    "center": st.sampled_from(CENTERS),
    "canonical": st.sampled_from(CANONICALS),
    "circular_mask": st.floats(1e-300, 1.5),
    "channels": st.just("auto") | _COUNT,
    "equalize": st.sampled_from(EQUALIZERS),
    "encoder": st.sampled_from(["own", "alexnet", "own,vgg16", "network.onnx"]),
    "remove": st.sampled_from(["none", "auto"]),
    "layer": st.sampled_from(["auto", "features.10"]),
    "pooling": st.sampled_from(["auto", "mean", "mean+max", "token"]),
    "encoder_group": st.sampled_from(["none", "C4", "D4", "D16"]),
    "group": st.sampled_from(["D8", "C8", "D4", "C1", "trivial"]),
    "fields": st.lists(_COUNT, min_size=1, max_size=5),
    "max_epochs": st.just("auto") | _COUNT,
    "batch_size": st.integers(2, 2**40),
    "learning_rate": st.floats(0.0, exclude_min=True, allow_infinity=False),
    "pretrained": st.booleans(),
    "held_out_folds": st.just("auto") | _COUNT,
    "consensus": st.sampled_from(["vote", "coassociation"]),
    "n_clusters": st.just("auto") | _COUNT,
    "method": st.sampled_from(["gmm", "kmeans", "spectral", "manifold"]),
}


def recipes() -> st.SearchStrategy[Recipe]:
    """Any recipe, some of whose settings are left at their defaults."""
    top = st.fixed_dictionaries(
        {}, optional={"about": st.text(), "seed": st.integers(0, 2**32 - 1)}
    )
    # What is not special is a number of something, or a weight or limit from zero to one.
    usual = {key: _COUNT if isinstance(value, int) else _SHARE for key, value in _DEFAULTS.items()}
    tables = {
        name: st.fixed_dictionaries(
            {}, optional={key: _SPECIAL.get(key, usual[key]) for home, key in KEYS if home == name}
        )
        for name in dict.fromkeys(name for name, _ in KEYS)
    }
    return st.builds(
        lambda said, rest: Recipe.from_dict({**said, **rest}), top, st.fixed_dictionaries(tables)
    )
