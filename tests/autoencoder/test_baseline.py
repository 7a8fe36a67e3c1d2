"""The plain network to compare with: as large as the equivariant one, and not invariant."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.autoencoder.baseline import plain_autoencoder, pretrained_plain_autoencoder
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.make_pretrained import _SCHEDULES, simulated_mixture
from equiclust.autoencoder.pretrained import has_pretrained_weights, pretrained_weights
from equiclust.evaluation.invariance import certify
from equiclust.nn.network import AutoencoderNetwork

SIZES = (32, 64, 128)


def _n_weights(network: AutoencoderNetwork, part: str) -> int:
    return sum(one.numel() for one in getattr(network, part).parameters())


@pytest.mark.parametrize("size", SIZES)
def test_it_has_as_many_weights_as_the_equivariant_network(size: int) -> None:
    ours = EquivariantAutoencoder(size=size)._new_network(1, seed=0)
    plain = plain_autoencoder(size)._new_network(1, seed=0)
    for part in ("encoder", "head"):
        assert _n_weights(plain, part) >= _n_weights(ours, part)
    assert plain.config.group == "trivial"
    assert plain.config.latent_dim == ours.config.latent_dim


@pytest.mark.parametrize("size", SIZES)
def test_its_weights_come_with_the_package_wherever_ours_do(size: int) -> None:
    assert (size in _SCHEDULES) == has_pretrained_weights("D8", size)
    plain = pretrained_plain_autoencoder(size)
    assert plain is not None
    assert plain.started_from_ == ["encoder", "narrow", "detail", "decoder", "head"]
    images = simulated_mixture(10, size, random_state=1).pixels
    found = certify(plain.transform, images, angles=(45.0,), n_random_angles=2, random_state=0).ours
    # Trained, and not invariant.
    assert np.mean((plain.reconstruct(images) - images) ** 2) < 0.01
    assert found.d4.relative_to_spread is not None
    assert 1e-3 < found.d4.relative_to_spread.median < 0.2
    assert not found.collapsed


def test_three_equal_channels_look_like_one() -> None:
    images = simulated_mixture(5, 32, random_state=1).pixels
    one, three = (pretrained_plain_autoencoder(32, channels) for channels in (1, 3))
    assert one is not None
    assert three is not None
    np.testing.assert_allclose(
        three.transform(np.repeat(images, 3, axis=1)), one.transform(images), atol=1e-4
    )


def test_other_sizes_have_none() -> None:
    assert pretrained_plain_autoencoder(256) is None


def test_a_network_of_the_trivial_group_does_not_start_from_it() -> None:
    assert not has_pretrained_weights("trivial", 32)
    assert pretrained_weights(plain_autoencoder(32)._network_config(1)) == {}
