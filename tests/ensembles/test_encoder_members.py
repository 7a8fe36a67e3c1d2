"""Ensembles of encoders that are trained already, alone and beside autoencoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensembles import KFoldEnsemble
from ensembles.encoder_members import encoder_latents, fit_encoder_members
from ensembles.member_estimators import share_encoders
from equiclust import EquivariantAutoencoder
from equiclust.encoders import GroupAveraged, ModuleEncoder, records
from equiclust.encoders._stateless import StatelessEncoder
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


class _Moments(StatelessEncoder):
    """One power of the pixels, by position: cheap, and another one for another image or power."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def _check_parameters(self) -> None:
        pass

    def _vectors(self, images: ImageSet) -> Float32Array:
        return (np.abs(images.pixels).mean(axis=(1, 2)) ** self.power).astype(np.float32)


@pytest.fixture
def two_kinds(monkeypatch: pytest.MonkeyPatch) -> list[WhitenedEncoder]:
    """Members of two encoders in turn; features are kept by seven images."""
    monkeypatch.setitem(records._HOMES, "_Moments", __name__)
    monkeypatch.setattr("ensembles.encoder_members._CHUNK", 7)
    return [_member(_Moments(power)) for power in (1.0, 3.0, 1.0, 3.0)]


def test_every_member_sees_the_features_of_its_own_encoder_of_every_image(
    images: ImageSet, two_kinds: list[WhitenedEncoder], tmp_path: Path
) -> None:
    hidden = np.zeros((4, len(images)), bool)
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int, remark: str) -> None:
        told.append((done, total))

    fitted = fit_encoder_members(two_kinds, hidden, images, folder=tmp_path, on_progress=tell)
    again = fit_encoder_members(two_kinds, hidden, images, folder=tmp_path)
    for number, member in enumerate(two_kinds):
        alone = _member(_Moments(member.used_encoder.power))  # type: ignore[attr-defined]
        expected = alone.fit(images).transform(images)
        np.testing.assert_allclose(fitted[number].latents, expected, rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(again[number].latents, fitted[number].latents)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert {total for _, total in told} == {2 * len(images)} == {told[-1][0]}
    share_encoders(two_kinds)
    assert len({id(member.used_encoder) for member in two_kinds}) == 2
    for number, latents in enumerate(encoder_latents(two_kinds, images)):
        np.testing.assert_array_equal(latents, fitted[number].latents)


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


def test_unequal_lengths_and_what_needs_a_decoder_are_refused(images: ImageSet) -> None:
    for method in ("idec", "dcec"):
        with pytest.raises(InputError, match=f"method '{method}' needs a decoder"):
            KFoldEnsemble(_member(), method=method).fit(images)
    with pytest.raises(InputError, match=r"must have one latent_dim, got \[3, 4\]"):
        KFoldEnsemble([_member(latent_dim=3), _member()]).fit(images)
    with pytest.raises(InputError, match="no member of this ensemble can reconstruct"):
        KFoldEnsemble(_member(), n_folds=2, random_state=0).fit_members(images).reconstruct(images)
