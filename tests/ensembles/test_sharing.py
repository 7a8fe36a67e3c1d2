"""Members share the pixels: none travels with a task, and every image is encoded once."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from joblib import delayed

from ensembles import KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.typing import BoolArray, Float32Array

RECIPE: dict[str, Any] = {
    "fields": (2, 4),
    "latent_dim": 4,
    "max_epochs": 1,
    "perceptual": None,
    "pretrained": False,
    "preprocess": False,
}


class Watcher(EquivariantAutoencoder):
    """Trains nothing and notes what it was given."""

    def fit_prepared(self, pixels: Float32Array, mask: BoolArray, **more: Any) -> Float32Array:
        pairs = more["positive_pairs"] or ()
        self.mapped_ = [isinstance(array, np.memmap) for array in (pixels, mask, *pairs)]
        self.sums_ = [float(array.sum()) for array in (pixels, *pairs[:1])]
        self.notes_: list[str] = []
        return np.zeros((len(pixels), self.latent_dim), np.float32)


def _pixels(n: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 1, size, size), dtype=np.float32)


def _ensemble(estimator: EquivariantAutoencoder, **more: Any) -> KFoldEnsemble:
    return KFoldEnsemble(estimator, **{"n_folds": 3, "random_state": 0} | more)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of every task that is handed to joblib."""
    seen: list[tuple[Any, ...]] = []

    def noting(function: Any) -> Any:
        def call(*args: Any) -> Any:
            seen.append(args)
            return delayed(function)(*args)

        return call

    monkeypatch.setattr("ensembles.parallel_training.delayed", noting)
    return seen


@pytest.mark.parametrize("preprocess", [False, True])
def test_a_task_does_not_grow_with_the_pixels(
    tasks: list[tuple[Any, ...]], preprocess: bool
) -> None:
    sizes = []
    for size in (32, 64):
        tasks.clear()
        images = ImageSet.from_array(_pixels(200, size))
        recipe = Watcher(**RECIPE | {"size": size, "preprocess": preprocess})
        _ensemble(recipe, n_jobs=2).fit_members(images, positive_pairs=images)
        assert len(tasks) == 3
        shared = [
            {id(part) for part in args if isinstance(part, np.ndarray) and part.nbytes > 1e5}
            for args in tasks
        ]
        # joblib maps or scatters an array once that is the same object in every task.
        assert all(len(ids) == 4 for ids in shared)
        assert shared[0] == shared[1] == shared[2]
        rest = [[part for part in args if id(part) not in shared[0]] for args in tasks]
        sizes.append(max(len(pickle.dumps(part)) for part in rest))
    assert abs(sizes[1] - sizes[0]) < 100
    assert sizes[1] < 5000


def test_processes_map_the_pixels_of_the_ensemble() -> None:
    pixels, pairs = _pixels(300, 32), _pixels(300, 32, 1)
    pixels[:, :, :8] = 0.0
    hidden = np.zeros((300, 32, 32), bool)
    hidden[:, 16:] = True
    images = ImageSet.from_array(pixels, mask=hidden)
    found = _ensemble(Watcher(**RECIPE, size=32), n_jobs=2).fit_members(
        images, positive_pairs=ImageSet.from_array(pairs)
    )
    expected = [pixels[:, :, :16].sum(), pairs.sum()]
    for member in found.members_:
        # Masks of 300 kB are below what joblib maps.
        assert member.mapped_ == [True, False, True, False]
        np.testing.assert_allclose(member.sums_, expected, rtol=1e-4)


@pytest.mark.parametrize("preprocess", [False, True])
def test_every_member_encodes_every_image_once(
    monkeypatch: pytest.MonkeyPatch, preprocess: bool
) -> None:
    encoded: list[int] = []
    prepared: list[int] = []
    encode, process = EquivariantAutoencoder._encode, Preprocessor.process

    def noting_encode(self: EquivariantAutoencoder, pixels: Any) -> Any:
        encoded.append(len(pixels))
        return encode(self, pixels)

    def noting_process(self: Preprocessor, images: Any) -> Any:
        prepared.append(len(images))
        return process(self, images)

    monkeypatch.setattr(EquivariantAutoencoder, "_encode", noting_encode)
    monkeypatch.setattr(Preprocessor, "process", noting_process)
    recipe = EquivariantAutoencoder(**RECIPE | {"size": 32, "preprocess": preprocess})
    images = _pixels(12, 32)
    found = _ensemble(recipe, n_jobs=1).fit_members(images)
    assert encoded == [12, 12, 12]
    assert prepared == ([12] if preprocess else [])
    monkeypatch.undo()
    np.testing.assert_array_equal(found.encode(images), found.latents_)
    assert all(member.preprocess is preprocess for member in found.members_)


def test_members_of_different_sizes_get_images_of_their_size() -> None:
    recipes = [Watcher(**RECIPE | {"size": size, "preprocess": True}) for size in (32, 64)]
    found = _ensemble(recipes, n_jobs=1).fit_members(_pixels(12, 40))  # type: ignore[arg-type]
    sums = [member.sums_[0] for member in found.members_]
    assert sums[0] == sums[2]
    assert sums[1] > 2 * sums[0]
