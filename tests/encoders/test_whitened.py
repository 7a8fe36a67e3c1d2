"""Whitened features: unit variance and no correlation, as scikit-learn's PCA has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.decomposition import PCA

from equiclust.encoders import Canonicalized, GroupAveraged, ModuleEncoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from tests.encoders.networks import photographs, small_module, small_resnet


def test_training_latents_are_uncorrelated_with_unit_variance() -> None:
    images = photographs(60, 24)
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=4)
    latents = encoder.fit_transform(images).astype(np.float64)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(4), atol=2e-3)


def test_latents_are_those_of_pca_up_to_signs() -> None:
    features = np.random.default_rng(0).normal(size=(200, 9)) @ np.diag(np.arange(1.0, 10.0))
    features = features.astype(np.float32)
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=5)
    ours = encoder.fit_features(features[:150]).whiten(features)
    theirs = PCA(5, whiten=True).fit(features[:150].astype(np.float64)).transform(features)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-3, atol=1e-4)


def test_axes_of_pairs_are_those_of_least_variance_within_a_pair() -> None:
    rng = np.random.default_rng(0)
    # What a pair shares is the smallest of all, so that no principal axis shows it.
    shared, own = rng.normal(size=(150, 1)), rng.normal(size=(2, 150, 6)) * [3, 2, 2, 2, 2, 2]
    mixing = rng.normal(size=(7, 7))
    first, second = (
        (np.hstack([0.5 * shared, noise]) @ mixing).astype(np.float32) for noise in own
    )
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=3, random_state=0)
    ours = encoder.fit_feature_pairs(first, second).whiten(first)
    every = np.concatenate([first, second]).astype(np.float64)
    differences = (first - second).astype(np.float64)
    axes = eigh(differences.T @ differences / 300, np.cov(every.T))[1][:, :3]
    theirs = (first - every.mean(axis=0)) @ axes
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-3, atol=1e-3)
    assert abs(np.corrcoef(ours[:, 0], shared[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(ours[:, 1], shared[:, 0])[0, 1]) < 0.2


def test_few_images_give_few_components() -> None:
    features = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=20)
    latents = encoder.fit_features(features).whiten(features)
    assert latents.shape == (40, 20)
    assert latents[:, :8].std(axis=0).min() > 0.9
    assert not latents[:, 8:].any()


def test_axes_along_which_only_rounding_varies_are_left_out() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([1.0, 0.5, 0.25, 1e-4, 1e-6, 0.0])
    features = (rng.normal(size=(100, 6)) * sizes + 3.0).astype(np.float32)
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=6)
    latents = encoder.fit_features(features).whiten(features)
    np.testing.assert_allclose(latents[:, :3].std(axis=0), 1.0, atol=0.01)
    assert not latents[:, 3:].any()
    # Of features that are large, what rounding leaves is no axis either.
    features = (rng.normal(size=(100, 2)) * [1.0, 0.02] + 1e4).astype(np.float32)
    assert not encoder.fit_features(features).whiten(features)[:, 1:].any()


def test_only_an_average_over_a_group_is_said_to_be_invariant() -> None:
    network = ModuleEncoder(small_module())
    assert WhitenedEncoder(network).group == "trivial"
    assert WhitenedEncoder(Canonicalized(network)).group == "trivial"
    assert WhitenedEncoder(GroupAveraged(network, "C4")).group == "C4"


def test_turned_images_have_the_same_latents() -> None:
    images = photographs(20, 33)
    encoder = WhitenedEncoder(GroupAveraged(ModuleEncoder(small_module()), "D4"), latent_dim=4)
    latents = encoder.fit_transform(images)
    turned = encoder.transform(np.rot90(images[..., ::-1], axes=(2, 3)))
    assert np.linalg.norm(turned - latents, axis=1).max() < 1e-6 * np.linalg.norm(latents)
    assert encoder.group == "D4"


def test_a_saved_encoder_gives_the_same_latents(tmp_path: Path) -> None:
    images = photographs(20, 64)
    encoder = WhitenedEncoder(GroupAveraged(small_resnet(), "C4"), latent_dim=6, random_state=0)
    latents = encoder.fit_transform(images)
    encoder.save(tmp_path)
    loaded = WhitenedEncoder.load(tmp_path)
    np.testing.assert_array_equal(loaded.transform(images), latents)
    assert not list(tmp_path.glob("*.pkl"))


def test_equal_images_and_other_lengths_are_refused() -> None:
    encoder = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=4)
    with pytest.raises(InputError, match="same features for all 3"):
        encoder.fit(np.ones((3, 24, 24), np.float32))
    encoder.fit(photographs(20, 24))
    with pytest.raises(InputError, match="must have length 5, got 7"):
        encoder.whiten(np.zeros((2, 7), np.float32))
    with pytest.raises(InputError, match=r"transform\(images\)"):
        WhitenedEncoder("alexnet").fit(photographs(20, 24))  # type: ignore[arg-type]
