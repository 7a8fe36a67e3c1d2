"""Lengths of Fourier coefficients over angle: invariant, and not blind to what is along a ring."""

from __future__ import annotations

import itertools

import pytest
import torch

from equiclust.exceptions import InputError
from equiclust.nn.groups import Group
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.pooling import InvariantPooling, harmonic_weights


def _arms(size: int, order: int, turn: float = 0.0) -> torch.Tensor:
    offset = torch.arange(size) - (size - 1) / 2
    angle = torch.atan2(offset[:, None], offset[None, :])
    return (1.0 + torch.cos(order * (angle - turn)))[None, None]


@pytest.mark.parametrize("size", [8, 9, 16])
def test_quarter_turns_and_mirrors_keep_the_lengths(size: int) -> None:
    pooling = InvariantPooling(Group("trivial"), 3, size, harmonics=5)
    maps = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(0))
    expected = pooling(maps)
    assert expected.shape == (4, pooling.out_features) == (4, 3 * 4 * 6)
    for turns, mirror in itertools.product(range(4), (False, True)):
        moved = torch.rot90(maps.flip(3) if mirror else maps, turns, (2, 3))
        torch.testing.assert_close(pooling(moved), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_number_of_arms_is_seen_whatever_their_direction(order: int) -> None:
    pooling = InvariantPooling(Group("trivial"), 1, 32, annuli=2, harmonics=4)
    lengths = [pooling(_arms(32, order, turn))[0, 2:].reshape(4, 2)[:, 1] for turn in (0.0, 0.4)]
    for found in lengths:
        assert int(found.argmax()) == order - 1
        assert float(found.max()) == pytest.approx(0.5, abs=0.02)
    torch.testing.assert_close(lengths[0], lengths[1], atol=0.02, rtol=0)
    blind = InvariantPooling(Group("trivial"), 1, 32, annuli=2)
    torch.testing.assert_close(blind(_arms(32, 1)), blind(_arms(32, 3)), atol=1e-3, rtol=0)


def test_waves_sum_to_nothing_over_a_constant_ring() -> None:
    waves = harmonic_weights(16, 4, 3)
    assert waves.shape == (2, 3, 4, 16, 16)
    assert float(waves.sum(dim=(3, 4)).abs().max()) < 1e-12
    lengths = waves.square().sum(dim=0).sqrt()
    torch.testing.assert_close(lengths.sum(dim=(2, 3)), torch.ones(3, 4, dtype=torch.float64))
    assert float(lengths[:, :, 0, 0].abs().max()) == 0.0


def test_the_latent_of_a_network_with_harmonics_is_invariant_and_has_gradients() -> None:
    torch.manual_seed(0)
    network = AutoencoderNetwork(NetworkConfig(size=32, harmonics=4)).eval()
    images = torch.rand(3, 1, 32, 32)
    latents = network.encode(images)
    rotated = network.encode(torch.rot90(images.flip(2), 1, (2, 3)))
    torch.testing.assert_close(rotated, latents, rtol=1e-4, atol=1e-5)
    orders = network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(orders.encode(images), latents, rtol=1e-4, atol=1e-5)
    network.encode(torch.zeros(2, 1, 32, 32)).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.encoder.parameters())


def test_harmonics_of_places_are_refused() -> None:
    with pytest.raises(InputError, match="harmonics"):
        InvariantPooling(Group("trivial"), 1, 8, annuli=0, harmonics=2)
    with pytest.raises(InputError, match="harmonics"):
        InvariantPooling(Group("trivial"), 1, 8, harmonics=-1)
