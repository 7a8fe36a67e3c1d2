"""Networks begin with the weights that come with the package, as far as these fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.pretrained import has_pretrained_weights, pretrained_weights, start_from
from equiclust.exceptions import InputError
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

PARTS = ("encoder", "narrow", "detail", "decoder", "head")


@pytest.mark.parametrize("size", [32, 64, 128])
def test_every_part_is_taken_over(size: int) -> None:
    config = NetworkConfig(size=size)
    network, weights = AutoencoderNetwork(config), pretrained_weights(config)
    assert start_from(network, weights) == PARTS
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_parts_that_do_not_fit_stay_random() -> None:
    config = NetworkConfig(size=32, latent_dim=5)
    assert start_from(AutoencoderNetwork(config), pretrained_weights(config)) == PARTS[:-1]
    wider = NetworkConfig(size=32, fields=(5, 9))
    assert start_from(AutoencoderNetwork(wider), pretrained_weights(wider)) == ()


def test_other_groups_have_none() -> None:
    assert not has_pretrained_weights("C8", 32)
    assert pretrained_weights(NetworkConfig(group="C8", size=32)) == {}


def test_three_equal_channels_look_like_one() -> None:
    grey, colour = NetworkConfig(size=32), NetworkConfig(size=32, in_channels=3)
    one, three = AutoencoderNetwork(grey).eval(), AutoencoderNetwork(colour).eval()
    assert start_from(one, pretrained_weights(grey)) == PARTS
    assert start_from(three, pretrained_weights(colour)) == PARTS
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        np.testing.assert_allclose(
            one.encode(images), three.encode(images.expand(-1, 3, -1, -1)), atol=1e-4
        )
        made = three.reconstruct(images.expand(-1, 3, -1, -1))
        np.testing.assert_allclose(made, one.reconstruct(images).expand(-1, 3, -1, -1), atol=1e-4)


def test_the_start_is_the_users_choice() -> None:
    pixels = np.random.default_rng(0).random((4, 32, 32), dtype=np.float32)
    settings = {"size": 32, "max_epochs": 1, "perceptual": None, "random_state": 0}
    known = EquivariantAutoencoder(**settings).fit(pixels)
    blank = EquivariantAutoencoder(pretrained=False, **settings).fit(pixels)
    assert known.started_from_ == list(PARTS)
    assert blank.started_from_ == []
    with pytest.raises(InputError, match="pretrained must be True or False, got 'warm'"):
        EquivariantAutoencoder(pretrained="warm", size=32).fit(pixels)  # type: ignore[arg-type]


def test_held_out_images_are_those_named() -> None:
    pixels = np.random.default_rng(0).random((6, 32, 32), dtype=np.float32)
    one = EquivariantAutoencoder(size=32, max_epochs=1, perceptual=None, random_state=0)
    with pytest.raises(InputError, match="held_out must be 6 booleans"):
        one.fit(pixels, held_out=np.ones(5, bool))
    apart = np.array([True, False, False, False, False, True])
    other = pixels.copy()
    other[apart] = other[apart][:, ::-1]
    assert np.array_equal(
        one.fit(pixels, held_out=apart).transform(pixels),
        one.fit(other, held_out=apart).transform(pixels),
    )


@pytest.mark.parametrize(("start", "pretrained"), [("shipped", True), ("none", False)])
def test_a_model_of_version_0_1_is_loaded(tmp_path: Path, start: str, pretrained: bool) -> None:
    pixels = np.random.default_rng(0).random((4, 32, 32), dtype=np.float32)
    settings = {"size": 32, "max_epochs": 1, "perceptual": None, "random_state": 0}
    fitted = EquivariantAutoencoder(pretrained=pretrained, **settings).fit(pixels)
    fitted.save(tmp_path)
    path = tmp_path / "autoencoder.json"
    content = json.loads(path.read_text())
    del content["parameters"]["pretrained"]
    content["parameters"]["start"] = start
    path.write_text(json.dumps(content))
    loaded = EquivariantAutoencoder.load(tmp_path)
    assert loaded.pretrained == pretrained
    np.testing.assert_array_equal(loaded.transform(pixels), fitted.transform(pixels))
    content["parameters"]["start"] = "warm"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="start must be 'shipped' or 'none', got 'warm'"):
        EquivariantAutoencoder.load(tmp_path)
