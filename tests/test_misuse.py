"""What is no argument of a public function, or no parameter of an estimator, is an `InputError`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.argument_types import checks_types
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.exceptions import EquiclustError, InputError
from equiclust.validation import shown
from tests.misused_calls import FUNCTIONS, misused, misused_parameters

Misuse = tuple[str, str, Any, Callable[[], Any]]
# Rooms whose functions are called by users with values of their own.
ROOMS = (
    "equiclust", "data_adapters", "ensembles.recipes", "equiclust.simulation",
    "equiclust.preprocessing", "equiclust.evaluation", "equiclust.evaluation.metrics",
    "equiclust.evaluation.confounders", "equiclust.evaluation.invariance", "equiclust.clustering",
    "equiclust.clustering.deep", "equiclust.encoders", "equiclust.pipeline", "equiclust.teaching",
    "equiclust.app", "equiclust.cutouts",
)  # fmt: skip
# They write files, or take what only this package makes.
LEFT_OUT = {
    "audit", "is_suspect", "Neighbourhood", "write_cloud_cube", "write_cloud_map", "write_recipe",
    "builtin_recipes", "texture",
}  # fmt: skip


def _faults(calls: Iterator[Misuse]) -> list[str]:
    """Misused calls that raise anything but the package's own errors."""
    faults = []
    for function, name, value, call in calls:
        try:
            call()
        except EquiclustError as error:
            message = str(error)
            if not message or "\n" in message:
                faults.append(f"{function}({name}={shown(value)}): not one sentence: {message!r}")
        except AssertionError:
            # What `assert_invariant` is for.
            continue
        except Exception as error:
            faults.append(f"{function}({name}={shown(value)}): {type(error).__name__}: {error}")
    return faults


@pytest.mark.filterwarnings("ignore")
def test_functions_refuse_nonsense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not _faults(misused())


def test_estimators_refuse_nonsense() -> None:
    assert not _faults(misused_parameters())


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0, "x", 1j, None, [], True])
def test_no_learning_rate_and_no_preprocessing_is_nonsense(value: Any) -> None:
    for name in ("learning_rate", "validation_fraction", "max_epochs"):
        estimator = EquivariantAutoencoder(**{name: value})
        with pytest.raises(InputError, match=name):
            estimator.fit(np.zeros((3, 32, 32)))
    if value is not True:
        with pytest.raises(InputError, match="preprocess"):
            EquivariantAutoencoder(preprocess=value).fit(np.zeros((3, 32, 32)))


def test_every_function_is_tried() -> None:
    tried = {getattr(function, "__name__", "") for function in FUNCTIONS} | LEFT_OUT
    public = {
        name
        for room in ROOMS
        for name in import_module(room).__all__
        if inspect.isfunction(getattr(import_module(room), name))
    }
    assert public <= tried


def test_a_message_names_the_argument_what_it_may_be_and_the_value() -> None:
    @checks_types
    def measure(pixels: np.ndarray, n: int | None = None, *, names: tuple[str, ...] = ()) -> int:
        return 1

    assert measure(np.zeros(2), np.int64(3), names=["a"]) == 1
    with pytest.raises(InputError, match="n must be a whole number or None, got 'x'"):
        measure(np.zeros(2), "x")
    with pytest.raises(InputError, match="names must be a tuple of text, got 3"):
        measure(np.zeros(2), names=3)
    with pytest.raises(InputError, match="pixels must be an array of numbers, got 'p'"):
        measure("p")
    assert inspect.signature(measure).parameters["n"].default is None
