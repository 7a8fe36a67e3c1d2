"""`disc_views`: what views of one disc share, learned without a class, and invariant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import equiclust.nn
from equiclust.encoders import TorchvisionEncoder, WhitenedEncoder, get_encoder
from equiclust.encoders.distillation.make_disc_views import _features, learn_axes
from equiclust.evaluation.metrics import recall_at_k
from equiclust.nn.disc_views import N_AXES, DiscViews
from equiclust.nn.small_alexnet import SmallAlexNet
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs, simulate_views
from equiclust.typing import Float32Array

KINDS = ("rings", "spiral", "crescent", "smooth")


@pytest.fixture(scope="module")
def vectors() -> tuple[Float32Array, list[str]]:
    images, truth = simulate_views(40, n_views=2, size=64, max_inclination=60.0, random_state=5)
    shown = Preprocessor(size=128, canonical="affine").fit_transform(images)
    encoder = get_encoder("disc_views", group="D4")
    return encoder.transform(shown), [str(name) for name in truth["system"]]


def test_the_layer_is_added_to_the_small_alexnet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EQUICLUST_WEIGHTS", raising=False)
    file = Path(equiclust.nn.__path__[0]) / "weights" / "disc_views.safetensors"
    assert file.stat().st_size < 100_000
    assert TorchvisionEncoder("disc_views").fit_transform(np.zeros((1, 64, 64))).shape == (1, 24)
    network, small = DiscViews(), SmallAlexNet()
    small.load_state_dict(network.state_dict(), strict=False)
    shown = torch.randn(2, 1, 96, 96)
    with torch.no_grad():
        features = small(shown)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        torch.testing.assert_close(network(shown), network.axes(pooled))


def test_the_same_disc_is_found_from_another_side(
    vectors: tuple[Float32Array, list[str]],
) -> None:
    assert recall_at_k(*vectors, 1) >= 0.75


def test_discs_of_one_class_are_neighbours() -> None:
    images, truth = simulate_discs(80, size=64, classes=KINDS, max_inclination=60.0, random_state=6)
    shown = Preprocessor(size=128, canonical="affine").fit_transform(images)
    kinds = np.asarray(truth["kind"])
    shares = []
    for name in ("disc_views", "small_alexnet"):
        encoder = WhitenedEncoder(get_encoder(name, group="D4"), random_state=0)
        latents = encoder.fit_transform(shown).astype(np.float64)
        distances = np.linalg.norm(latents[:, None] - latents[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        nearest = np.argsort(distances, axis=1)[:, :5]
        shares.append(float(np.mean(kinds[nearest] == kinds[:, None])))
    assert shares[0] > shares[1]
    assert shares[0] > 0.8


def test_quarter_turns_and_mirrors_change_nothing() -> None:
    images, _ = simulate_discs(4, size=63, random_state=7)
    shown = np.stack([image.pixels[0] for image in images])
    shown /= shown.max(axis=(1, 2), keepdims=True)
    shown = shown.clip(0, 1)
    encoder = get_encoder("disc_views", group="D4")
    before = encoder.transform(shown)
    for moved in (np.rot90(shown, axes=(1, 2)), shown[:, ::-1]):
        change = np.linalg.norm(encoder.transform(moved) - before, axis=1)
        assert (change / np.linalg.norm(before, axis=1)).max() <= 1e-6


def test_axes_are_in_units_of_what_differs_between_views() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(1500, 3)) * [8.0, 4.0, 2.0]
    mixing = rng.normal(size=(6, 6))
    first, second = (
        (np.hstack([shared + rng.normal(size=shared.shape), rng.normal(size=(1500, 3))]) @ mixing)
        for _ in range(2)
    )
    weight, bias = learn_axes(first.astype(np.float32), second.astype(np.float32), n_axes=3)
    vectors = [one @ weight.double().numpy().T + bias.double().numpy() for one in (first, second)]
    within = np.cov((vectors[0] - vectors[1]).T / np.sqrt(2))
    np.testing.assert_allclose(within, np.eye(3), atol=0.05)
    between = np.cov(vectors[0].T) - within
    # The ratios of what is shared to what is not, whatever the mixing.
    np.testing.assert_allclose(np.diag(between), [64, 16, 4], rtol=0.1)


def test_two_views_of_each_disc_are_beside_each_other() -> None:
    first, second = _features(0, 6).astype(np.float64)
    assert first.shape == (6, 512)
    distances = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert np.median(np.diag(distances)) < np.median(distances)


def test_a_vector_has_as_many_numbers_as_axes() -> None:
    assert N_AXES == get_encoder("disc_views").latent_dim == 24
