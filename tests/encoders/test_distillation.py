"""The small network that ships: what it is, and how it was learned."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import equiclust.nn
from equiclust.encoders import TorchvisionEncoder, get_encoder
from equiclust.encoders.distillation import make_small_alexnet
from equiclust.encoders.distillation.make_small_alexnet import _Learner, distil
from equiclust.encoders.distillation.procedural_images import SIDE, procedural_image
from equiclust.nn.small_alexnet import SmallAlexNet

needs_weights = pytest.mark.skipif(
    "EQUICLUST_WEIGHTS" not in os.environ,
    reason="EQUICLUST_WEIGHTS is not set",
)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.stack([procedural_image(seed) for seed in range(8)])


def test_images_follow_from_their_seeds(images: np.ndarray) -> None:
    assert images.shape == (8, SIDE, SIDE)
    assert images.dtype == np.uint8
    assert np.array_equal(procedural_image(3), images[3])
    assert len(np.unique(images.reshape(8, -1), axis=0)) == 8
    # Of full contrast.
    assert all(one.min() == 0 and one.max() == 255 for one in images)


def test_normalisation_is_merged_into_the_weights() -> None:
    torch.manual_seed(0)
    learner = _Learner()
    with torch.no_grad():
        for _ in range(2):
            learner(torch.randn(4, 1, 64, 64))
        learner.eval()
        centre, width = torch.randn(256), torch.rand(256)
        network = SmallAlexNet()
        network.load_state_dict(learner.merged(centre, width))
        shown = torch.randn(2, 1, 80, 80)
        wanted = learner(shown) * width[:, None, None] + centre[:, None, None]
        torch.testing.assert_close(network(shown), wanted)


def test_shipped_weights_are_small_and_need_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EQUICLUST_WEIGHTS", raising=False)
    file = Path(equiclust.nn.__path__[0]) / "weights" / "small_alexnet.safetensors"
    assert file.stat().st_size < 5_000_000
    shown = procedural_image(0)[None, :64, :64] / np.float32(255)
    assert TorchvisionEncoder("small_alexnet").fit_transform(shown).shape == (1, 512)


@pytest.mark.parametrize("side", [63, 64, 200, 224])
def test_averaged_features_ignore_quarter_turns(side: int, images: np.ndarray) -> None:
    shown = images[:2, :side, :side] / np.float32(255)
    encoder = get_encoder("small_alexnet", group="D4")
    latents = encoder.transform(shown)
    for moved in (np.rot90(shown, axes=(1, 2)), shown[:, ::-1]):
        change = np.linalg.norm(encoder.transform(moved) - latents, axis=1)
        assert (change / np.linalg.norm(latents, axis=1)).max() <= 1e-6


@needs_weights
def test_shipped_weights_give_the_features_of_alexnet(images: np.ndarray) -> None:
    shown = images[:, :160, :160] / np.float32(255)
    small, large = (
        get_encoder(name, pooling="mean").transform(shown) for name in ("small_alexnet", "alexnet")
    )
    error = np.square(small - large).sum() / np.square(large - large.mean(axis=0)).sum()
    assert error < 0.5


@needs_weights
def test_distillation_comes_nearer_to_alexnet(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_BATCH": 4, "_SIDES": (96,), "_WARM_UP": 1}.items():
        monkeypatch.setattr(make_small_alexnet, name, value)
    shown = images[:, :160, :160] / np.float32(255)
    large = get_encoder("alexnet", pooling="mean").transform(shown)

    def error(network: SmallAlexNet) -> float:
        with torch.no_grad():
            features = network(torch.from_numpy((shown[:, None] - 0.45) / 0.22)).mean((2, 3))
        return float(np.square(features.numpy() - large).mean())

    few, more = (distil(images, n_steps=n) for n in (1, 10))
    assert error(more) < error(few)
