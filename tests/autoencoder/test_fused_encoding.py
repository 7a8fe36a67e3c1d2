"""Autoencoders encode by compiled loops, which give the latents of the exported network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.evaluation.invariance import assert_invariant
from equiclust.images import ImageSet
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork
from equiclust.simulation.discs import simulate_discs
from equiclust.typing import Float32Array

SMALL = {"size": 32, "fields": (2, 3), "latent_dim": 6, "max_epochs": 1, "perceptual": None}


@pytest.fixture(scope="module")
def discs() -> ImageSet:
    return simulate_discs(12, size=32, random_state=0)[0]


@pytest.fixture(scope="module")
def trained(discs: ImageSet) -> EquivariantAutoencoder:
    return EquivariantAutoencoder(**SMALL, random_state=0).fit(discs)


def _largest_difference(found: Float32Array, wanted: Float32Array) -> float:
    """In units of the spread between images."""
    spread = np.sqrt(((wanted - wanted.mean(0)) ** 2).sum(1).mean())
    return float(np.linalg.norm(found - wanted, axis=1).max() / spread)


def _exported_latents(autoencoder: EquivariantAutoencoder, images: ImageSet) -> Float32Array:
    exported = export_encoder(autoencoder.network_)
    with torch.no_grad():
        latents: Float32Array = exported(autoencoder._prepare(images)[0]).numpy()
    return latents


def test_latents_are_those_of_the_exported_network(
    trained: EquivariantAutoencoder, discs: ImageSet
) -> None:
    wanted = _exported_latents(trained, discs)
    assert _largest_difference(trained.transform(discs), wanted) <= 1e-5


def test_no_latent_depends_on_the_other_images(
    trained: EquivariantAutoencoder, discs: ImageSet
) -> None:
    together = trained.transform(discs)
    one_by_one = [trained.transform(discs[row : row + 1]) for row in range(len(discs))]
    assert _largest_difference(np.concatenate(one_by_one), together) <= 1e-6


def test_they_are_invariant(trained: EquivariantAutoencoder, discs: ImageSet) -> None:
    assert_invariant(trained.transform, discs.pixels)


def test_another_network_gives_other_latents(
    trained: EquivariantAutoencoder, discs: ImageSet
) -> None:
    before = trained.transform(discs)
    network = AutoencoderNetwork(trained.network_.config)
    network.load_state_dict(trained.network_.state_dict())
    with torch.no_grad():
        network.head.last.weight.mul_(2.0)
    other = trained.with_network(network)
    wanted = _exported_latents(other, discs)
    assert _largest_difference(other.transform(discs), wanted) <= 1e-5
    assert _largest_difference(before, wanted) > 1e-2
