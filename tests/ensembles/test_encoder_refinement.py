"""DEC on the latents of encoders that are trained already."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensembles import KFoldEnsemble
from ensembles.encoder_refinement import refine_encoders
from equiclust.encoders import GroupAveraged, ModuleEncoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.exceptions import EquiclustWarning
from equiclust.images import ImageSet
from equiclust.simulation.discs import simulate_discs
from equiclust.typing import Array, Float32Array
from tests.encoders.networks import small_module

N, LENGTH = 200, 4


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        yield


def _latents() -> tuple[Float32Array, Array]:
    """Four clusters along two axes, beside two that vary as much and say nothing."""
    generator = np.random.default_rng(0)
    truth = np.arange(N) % 4
    points = generator.normal(size=(N, LENGTH))
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    points[:, :2] = corners[truth] + 0.25 * points[:, :2]
    return (points / points.std(axis=0)).astype(np.float32), truth


def _member(latents: Float32Array) -> WhitenedEncoder:
    member = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=LENGTH, random_state=0)
    return member.fit_features(latents)


def _refined(latents: Float32Array, held_out: Array) -> tuple[WhitenedEncoder, WhitenedEncoder]:
    member = _member(latents)
    ((_, refined),) = refine_encoders(
        [member],
        member.whiten(latents)[None],
        held_out[None],
        n_clusters=4,
        seeds=np.array([0]),
    ).items()
    np.testing.assert_allclose(refined.latents, refined.estimator.whiten(latents), atol=1e-5)
    return member, refined.estimator


def _share_between(latents: Float32Array, truth: Array) -> float:
    """Variance between classes, of all variance."""
    means = np.stack([latents[truth == k].mean(axis=0) for k in range(4)])
    return float(means.var(axis=0).sum() / latents.var(axis=0).sum())


def test_axes_that_tell_clusters_apart_outgrow_the_others() -> None:
    latents, truth = _latents()
    member, refined = _refined(latents, np.zeros(N, dtype=bool))
    before, after = member.whiten(latents), refined.whiten(latents)
    assert _share_between(after, truth) > 1.5 * _share_between(before, truth)
    assert refined.used_encoder is member.used_encoder
    np.testing.assert_array_equal(member.components_, _member(latents).components_)


def test_held_out_images_teach_nothing() -> None:
    latents, _ = _latents()
    held_out = np.arange(N) < N // 4
    member = _member(latents)
    other = member.whiten(latents)
    other[held_out] += 100.0
    both = [
        refine_encoders([member], one[None], held_out[None], n_clusters=4, seeds=np.array([0]))[0]
        for one in (member.whiten(latents), other)
    ]
    np.testing.assert_array_equal(both[0].estimator.components_, both[1].estimator.components_)
    assert not np.array_equal(both[0].estimator.components_, member.components_)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_discs(40, size=32, random_state=0)[0]


def test_an_ensemble_is_refined_without_encoding_anything_again(
    images: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    encode = ModuleEncoder._encode

    def counted(self: ModuleEncoder, pixels: Float32Array) -> Float32Array:
        seen.append(len(pixels))
        return encode(self, pixels)

    monkeypatch.setattr(ModuleEncoder, "_encode", counted)
    encoder = GroupAveraged(ModuleEncoder(small_module()), "D4")
    ensemble = KFoldEnsemble(
        WhitenedEncoder(encoder, latent_dim=4), n_folds=2, n_clusters=3, method="dec",
        random_state=0, reliability=0.0,
    ).fit(images)  # fmt: skip
    assert sum(seen) == 8 * len(images)
    np.testing.assert_allclose(ensemble.latents_, ensemble.encode(images), atol=1e-5)
    turned = np.rot90(images.pixels, axes=(2, 3))
    np.testing.assert_allclose(ensemble.encode(turned), ensemble.latents_, atol=1e-4)
    assert clustering_accuracy(ensemble.labels_, ensemble.predict(images)) == 1.0
