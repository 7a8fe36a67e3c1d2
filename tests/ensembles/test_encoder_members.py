"""Ensembles of encoders that are trained already, alone and beside autoencoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensembles import KFoldEnsemble
from equiclust import EquivariantAutoencoder
from equiclust.encoders import GroupAveraged, ModuleEncoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.simulation.discs import simulate_discs
from equiclust.typing import Float32Array
from tests.encoders.networks import small_module, small_resnet


def _member(encoder: object = None, latent_dim: int = 4) -> WhitenedEncoder:
    network = ModuleEncoder(small_module()) if encoder is None else encoder
    return WhitenedEncoder(network, latent_dim=latent_dim)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_discs(40, size=32, random_state=0)[0]


def _fitted(images: ImageSet, estimator: object, **parameters: object) -> KFoldEnsemble:
    ensemble = KFoldEnsemble(
        estimator,  # type: ignore[arg-type]
        **{"n_folds": 4, "n_clusters": 3, "method": "kmeans", "random_state": 0, **parameters},  # type: ignore[arg-type]
    )
    return ensemble.fit(images)


def test_features_are_computed_once_for_all_members(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    encode = ModuleEncoder._encode

    def counted(self: ModuleEncoder, pixels: Float32Array) -> Float32Array:
        seen.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(ModuleEncoder, "_encode", counted)
    ensemble = KFoldEnsemble(_member(), n_folds=4, random_state=0).fit_members(images)
    assert sum(seen) == len(images)
    np.testing.assert_array_equal(ensemble.encode(images), ensemble.latents_)
    assert sum(seen) == 2 * len(images)


def test_a_member_learns_nothing_of_held_out_images(images: ImageSet) -> None:
    ensemble = KFoldEnsemble(_member(), n_folds=4, held_out_folds=1, random_state=0)
    first = ensemble.fit_members(images)
    components, hidden = first.members_[0].components_, first.held_out_[0]
    other = ImageSet(
        tuple(
            one.with_pixels(np.sqrt(np.abs(one.pixels)), one.mask) if apart else one
            for one, apart in zip(images, hidden, strict=True)
        )
    )
    second = KFoldEnsemble(_member(), n_folds=4, held_out_folds=1, random_state=0)
    second.fit_members(other)
    np.testing.assert_array_equal(second.members_[0].components_, components)
    assert not np.array_equal(second.members_[1].components_, first.members_[1].components_)


def test_labels_do_not_depend_on_how_images_lie(images: ImageSet) -> None:
    ensemble = _fitted(images, _member(GroupAveraged(ModuleEncoder(small_module()), "D4")))
    turned = ensemble.predict(np.rot90(images.pixels, axes=(2, 3)))
    np.testing.assert_array_equal(turned, ensemble.predict(images))


def test_a_saved_ensemble_of_both_kinds_predicts_the_same(images: ImageSet, tmp_path: Path) -> None:
    own = EquivariantAutoencoder(
        group="C4",
        size=32,
        fields=(2, 2, 2),
        latent_dim=4,
        max_epochs=1,
        perceptual=None,
        preprocess=False,
        pretrained=False,
    )
    members = [own, _member(GroupAveraged(small_resnet(), "C4"))]
    ensemble = _fitted(images, members, n_jobs=1, n_folds=2)
    kinds = [type(member).__name__ for member in ensemble.members_]
    assert kinds == ["EquivariantAutoencoder", "WhitenedEncoder"]
    ensemble.save(tmp_path)
    loaded = KFoldEnsemble.load(tmp_path)
    np.testing.assert_array_equal(loaded.encode(images), ensemble.latents_)
    np.testing.assert_array_equal(loaded.predict(images), ensemble.predict(images))
    # Both kinds weigh the same, whatever the size of their latents.
    spreads = ensemble.transform(images).reshape(len(images), 2, 4).var(axis=0).sum(axis=1)
    np.testing.assert_allclose(spreads, 0.5, rtol=1e-3)
    assert loaded.reconstruct(images).shape == (len(images), 1, 32, 32)


def test_a_stopped_fit_computes_no_feature_twice(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = _member(small_resnet())
    first = KFoldEnsemble(member, n_folds=4, random_state=0).fit_members(
        images, checkpoints=tmp_path
    )
    monkeypatch.setattr("equiclust.encoders.torchvision_encoder.TorchvisionEncoder._encode", None)
    again = KFoldEnsemble(member, n_folds=4, random_state=0).fit_members(
        images, checkpoints=tmp_path
    )
    np.testing.assert_array_equal(again.latents_, first.latents_)


def test_damaged_features_are_computed_again(images: ImageSet, tmp_path: Path) -> None:
    member = _member(small_resnet())
    first = KFoldEnsemble(member, n_folds=4, random_state=0).fit_members(
        images, checkpoints=tmp_path
    )
    (features,) = tmp_path.glob("features/*/*.safetensors")
    features.write_bytes(features.read_bytes()[:100])
    again = KFoldEnsemble(member, n_folds=4, random_state=0).fit_members(
        images, checkpoints=tmp_path
    )
    np.testing.assert_array_equal(again.latents_, first.latents_)


def test_deep_clustering_and_unequal_lengths_are_refused(images: ImageSet) -> None:
    with pytest.raises(InputError, match="method 'dec' trains networks further"):
        KFoldEnsemble(_member(), method="dec").fit(images)
    with pytest.raises(InputError, match=r"must have one latent_dim, got \[3, 4\]"):
        KFoldEnsemble([_member(latent_dim=3), _member()]).fit(images)
    with pytest.raises(InputError, match="no member of this ensemble can reconstruct"):
        KFoldEnsemble(_member(), n_folds=2, random_state=0).fit_members(images).reconstruct(images)
