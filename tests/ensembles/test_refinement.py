"""Deep methods in an ensemble: the clusters shape the members, and the members stay apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from ensembles import KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.deep import DeepEmbeddedClustering
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import ImageSet
from equiclust.nn.baselines import DenseAutoencoder, DenseConfig
from equiclust.simulation.shapes import simulate_shapes

RECIPE = EquivariantAutoencoder(
    "D4", size=32, fields=(2, 4), max_epochs=2, perceptual=None, pretrained=False, preprocess=False
)
GIVEN = {"n_clusters": 2, "n_folds": 2, "reliability": 0.0, "n_jobs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return simulate_shapes(24, size=32, random_state=0)[0].pixels.clip(0.0, 1.0)


@pytest.fixture(scope="module", autouse=True)
def _few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ensembles.refinement._STEPS", 100)
        yield


@pytest.fixture(scope="module")
def refined(pixels: np.ndarray) -> KFoldEnsemble:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        return KFoldEnsemble(RECIPE, method="idec", **GIVEN).fit(pixels)


def test_clusters_shape_the_networks_and_leave_the_others_out(
    refined: KFoldEnsemble, pixels: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        plain = KFoldEnsemble(RECIPE, method="kmeans", **GIVEN).fit(pixels)
    assert refined.consensus_.method_ == "kmeans"
    kept = [
        torch.equal(a, b)
        for one, other in zip(refined.members_, plain.members_, strict=True)
        for a, b in zip(one.network_.parameters(), other.network_.parameters(), strict=True)
    ]
    said = [note for member in refined.members_ for note in member.notes_ if "kept" in note]
    # Where the clustering made it worse, the network is as it was, and it says so.
    assert not all(kept) or len(said) == len(refined.members_)
    np.testing.assert_array_equal(refined.held_out_, plain.held_out_)
    np.testing.assert_allclose(refined.latents_, refined.encode(pixels))


def test_what_was_refined_before_a_kill_is_not_done_again(
    refined: KFoldEnsemble, pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, begun = DeepEmbeddedClustering.fit, []

    def killed_in_the_second(deep: DeepEmbeddedClustering, *args: Any, **more: Any) -> Any:
        begun.append(deep.random_state)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return fit(deep, *args, **more)

    monkeypatch.setattr(DeepEmbeddedClustering, "fit", killed_in_the_second)
    ensemble = KFoldEnsemble(RECIPE, method="idec", **GIVEN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        with pytest.raises(KeyboardInterrupt):
            ensemble.fit(pixels, checkpoints=tmp_path)
        ensemble.fit(pixels, checkpoints=tmp_path)
        assert len(begun) == 3
        assert begun[2] == begun[1]
        np.testing.assert_array_equal(ensemble.latents_, refined.latents_)
        np.testing.assert_array_equal(ensemble.labels_, refined.labels_)
        ensemble.set_params(n_clusters=3).fit(pixels, checkpoints=tmp_path)
    assert len(begun) == 5, "what was refined for another number of clusters was taken"


def test_what_was_refined_from_another_network_or_other_images_is_not_reused(
    pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensembles.refinement._STEPS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        ensemble = KFoldEnsemble(RECIPE, method="idec", **GIVEN).fit_members(pixels)
        ensemble.refine_members(pixels, checkpoints=tmp_path)
        begun, fit = [], DeepEmbeddedClustering.fit

        def noting(deep: DeepEmbeddedClustering, *args: Any, **more: Any) -> Any:
            begun.append(deep.random_state)
            return fit(deep, *args, **more)

        loaded, load = [], EquivariantAutoencoder.load

        def noting_load(folder: Path) -> EquivariantAutoencoder:
            loaded.append(folder)
            return load(folder)

        monkeypatch.setattr(DeepEmbeddedClustering, "fit", noting)
        monkeypatch.setattr(EquivariantAutoencoder, "load", noting_load)
        ensemble.fit_members(pixels).refine_members(pixels, checkpoints=tmp_path)
        assert len(begun) == 0
        assert len(loaded) == len(set(loaded)) == 2, "a refined member was not read once"
        fitted = ensemble.fit_members(pixels)
        fitted.refine_members(1.0 - pixels, checkpoints=tmp_path)
        assert len(begun) == 2, "what was refined on other images was taken"
        other = ensemble.set_params(estimator=clone(RECIPE).set_params(max_epochs=1))
        other.fit_members(pixels).refine_members(1.0 - pixels, checkpoints=tmp_path)
        assert len(begun) == 4, "what was refined from another network was taken"


def test_dec_notes_worse_reconstructions_of_the_pixels_that_are_not_masked(
    pixels: np.ndarray,
) -> None:
    hidden = np.ones((len(pixels), 32, 32), bool)
    hidden[:, 8:24, 8:24] = False
    images = ImageSet.from_array(pixels, mask=hidden)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        plain = KFoldEnsemble(RECIPE, method="kmeans", **GIVEN).fit(images)
        dec = KFoldEnsemble(RECIPE, method="dec", **GIVEN).fit(images)
    worse = []
    for member, before, apart in zip(dec.members_, plain.members_, dec.held_out_, strict=True):
        shown = images.take(np.flatnonzero(~apart))
        after, ahead = (
            np.mean((m.reconstruct(shown) - shown.pixels)[:, :, 8:24, 8:24] ** 2)
            for m in (member, before)
        )
        worse.append(after > ahead)
    said = [any("not the decoder" in note for note in one.notes_) for one in dec.members_]
    assert said == worse
    assert any(said)


def test_refined_ensemble_comes_back_from_disk(
    refined: KFoldEnsemble, pixels: np.ndarray, tmp_path: Path
) -> None:
    refined.save(tmp_path)
    again = KFoldEnsemble.load(tmp_path)
    np.testing.assert_array_equal(again.predict(pixels), refined.predict(pixels))
    around = np.rot90(pixels, axes=(2, 3)).copy()
    assert adjusted_rand_index(again.predict(around), refined.predict(pixels)) == 1.0


def test_another_network_must_have_the_same_shape(refined: KFoldEnsemble) -> None:
    with pytest.raises(InputError, match="network must be an AutoencoderNetwork of the config"):
        refined.members_[0].with_network(DenseAutoencoder(DenseConfig(size=32)))
