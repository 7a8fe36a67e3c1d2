"""The whole network: what must turn turns, what must not does not, and export changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from equiclust.exceptions import InputError
from equiclust.nn.encoder import legal_size, n_halvings
from equiclust.nn.export import export_encoder
from equiclust.nn.groups import Group, move_fields, move_pixels
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.pooling import InvariantPooling, annulus_weights, cell_weights
from equiclust.nn.rotation import SplineRotation

GROUPS = ("D8", "C8", "D4", "C4", "D1", "trivial")
SMALL = {"fields": (2, 3), "map_fields": 2, "latent_dim": 6}


def _network(group: str, size: int = 32, channels: int = 1) -> AutoencoderNetwork:
    """A network whose norms have seen data, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoencoderNetwork(
            NetworkConfig(group=group, size=size, in_channels=channels, **SMALL)
        ).double()
        with torch.no_grad():
            for _ in range(3):
                network(torch.rand(8, channels, size, size, dtype=torch.float64))
    return network.eval()


def _images(seed: int, size: int = 32, channels: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, channels, size, size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("size", [32, 64])
def test_latents_stay_and_maps_and_reconstructions_turn(
    group: str, size: int, random_state: int
) -> None:
    network, images = _network(group, size), _images(random_state, size)
    with torch.no_grad():
        latents, reconstructions = network(images)
        encoded = network.encoder(images)
        for element in Group(group).grid_elements:
            moved = move_pixels(images, element)
            new_latents, new_reconstructions = network(moved)
            torch.testing.assert_close(new_latents, latents, rtol=0, atol=1e-11)
            expected = move_pixels(reconstructions, element)
            torch.testing.assert_close(new_reconstructions, expected, rtol=0, atol=1e-11)
            expected = move_fields(encoded, Group(group), element)
            torch.testing.assert_close(network.encoder(moved), expected, rtol=0, atol=1e-11)


def test_latents_of_a_plain_network_do_not_stay(random_state: int) -> None:
    network, images = _network("trivial"), _images(random_state)
    with torch.no_grad():
        latents, rotated = network.encode(images), network.encode(images.rot90(1, (2, 3)))
    assert float((rotated - latents).abs().max()) > 1e-4


def test_latents_tell_images_apart(random_state: int) -> None:
    with torch.no_grad():
        latents = _network("D8").encode(_images(random_state))
    assert float(torch.pdist(latents).min()) > 1e-4


@pytest.mark.parametrize(
    ("group", "n_views", "channels"),
    [("D8", 4, 1), ("C16", 4, 3), ("C4", 1, 1), ("C4", 1, 3), ("trivial", 1, 1), ("trivial", 1, 3)],
)
def test_the_exported_encoder_averages_the_latents_over_sixteen_rotations(
    group: str, n_views: int, channels: int
) -> None:
    network, images = _network(group, channels=channels), _images(0, channels=channels)
    exported = export_encoder(network)
    turns = [SplineRotation(32, 90.0 * k / n_views).to(images) for k in range(1, n_views)]
    with torch.no_grad():
        views = [network.encode(view) for view in (images, *(turn(images) for turn in turns))]
        torch.testing.assert_close(exported(images), sum(views) / n_views, rtol=0, atol=1e-11)
    assert not any("equiclust.nn.convolution" in type(m).__module__ for m in exported.modules())


def test_export_leaves_the_network_alone() -> None:
    network, images = _network("D8"), _images(0)
    with torch.no_grad():
        before = network.encode(images)
        for parameter in export_encoder(network).parameters():
            parameter.zero_()
        assert torch.equal(network.encode(images), before)


@pytest.mark.parametrize(
    ("size", "nearest"), [(1, 32), (32, 32), (47, 32), (48, 64), (63, 64), (100, 128), (200, 256)]
)
def test_the_nearest_legal_size(size: int, nearest: int) -> None:
    assert legal_size(size) == nearest


@pytest.mark.parametrize("size", [16, 48, 63, 100])
def test_illegal_sizes_are_refused_with_the_nearest_legal_one(size: int) -> None:
    with pytest.raises(InputError, match=f"got {size}; the nearest is {legal_size(size)}"):
        NetworkConfig(size=size)


def test_every_legal_size_ends_in_the_same_map() -> None:
    assert [n_halvings(size) for size in (32, 64, 128, 256)] == [2, 3, 4, 5]


@pytest.mark.parametrize("annuli", [1, 2, 4])
def test_annuli_are_the_same_from_all_sides_and_cover_the_disc(annuli: int) -> None:
    weights = annulus_weights(8, annuli)
    for view in (weights.flip(1), weights.flip(2), weights.transpose(1, 2)):
        assert torch.equal(view, weights)
    torch.testing.assert_close(weights.sum((1, 2)), torch.ones(annuli, dtype=torch.float64))
    assert bool((weights.sum(0)[1:-1, 1:-1] > 0).all())


def test_cells_divide_the_map_among_them() -> None:
    weights = cell_weights(8)
    assert weights.shape == (16, 8, 8)
    torch.testing.assert_close(weights.sum((1, 2)), torch.ones(16, dtype=torch.float64))
    assert torch.equal((weights > 0).sum(dim=0), torch.ones(8, 8, dtype=torch.int64))


def test_cells_know_the_place_and_are_for_the_trivial_group_alone() -> None:
    pooling = InvariantPooling(Group("trivial"), 1, 8, annuli=0)
    image = torch.zeros(1, 1, 8, 8)
    image[..., 0, 0] = 1.0
    rotated = torch.rot90(image, 1, (2, 3))
    assert torch.equal(pooling(image).nonzero()[:, 1], torch.tensor([0]))
    assert torch.equal(pooling(rotated).nonzero()[:, 1], torch.tensor([12]))
    with pytest.raises(InputError, match="annuli"):
        InvariantPooling(Group("C4"), 1, 8, annuli=0)
    with pytest.raises(InputError, match="annuli"):
        NetworkConfig(annuli=0)
    assert NetworkConfig(group="trivial", annuli=0).annuli == 0


def test_annuli_know_the_radius_and_one_disc_does_not() -> None:
    group = Group("trivial")
    inner, outer = torch.zeros(2, 1, 1, 8, 8).unbind()
    inner[..., 3:5, 3:5], outer[..., 1, 3:5] = 1.0, 1.0
    outer[..., 6, 3:5] = 1.0
    rings = InvariantPooling(group, 1, 8, annuli=4)
    disc = InvariantPooling(group, 1, 8, annuli=1)
    assert float((rings(inner) - rings(outer)).abs().max()) > 0.1
    torch.testing.assert_close(disc(inner), disc(outer))


@pytest.mark.parametrize(
    ("name", "value"), [("latent_dim", 0), ("map_fields", -1), ("annuli", 2.5), ("fields", ())]
)
def test_impossible_shapes_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        NetworkConfig(**{name: value})  # type: ignore[arg-type]  # that is the point
