"""The weights that come with the package can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from equiclust.autoencoder import make_pretrained
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.make_pretrained import simulated_mixture
from equiclust.autoencoder.pretrained import start_from, weights_name
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig


def test_the_mixture_is_processed_and_repeats_itself() -> None:
    images = simulated_mixture(10, 32, random_state=0)
    assert images.pixels.shape == (10, 1, 32, 32)
    assert images.pixels.dtype == np.float32
    assert images.pixels.min() >= 0.0
    assert images.pixels.max() <= 1.0
    assert np.all(np.ptp(images.pixels, axis=(1, 2, 3)) > 0)
    again, other = (simulated_mixture(10, 32, random_state=seed) for seed in (0, 1))
    assert np.array_equal(again.pixels, images.pixels)
    assert not np.array_equal(other.pixels, images.pixels)


def test_a_short_schedule_writes_weights_that_start_a_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained: list[EquivariantAutoencoder] = []

    def without_perceptual(**settings: object) -> EquivariantAutoencoder:
        trained.append(EquivariantAutoencoder(**settings, perceptual=None))  # type: ignore[arg-type]
        return trained[-1]

    monkeypatch.setattr(make_pretrained, "EquivariantAutoencoder", without_perceptual)
    monkeypatch.setattr(make_pretrained, "_SCHEDULES", {32: (10, 1)})
    monkeypatch.setattr("sys.argv", ["pretraining", "--size", "32", "--output", str(tmp_path)])
    assert make_pretrained.main() == 0
    assert [path.name for path in tmp_path.iterdir()] == [weights_name("D8", 32)]
    assert trained[0].started_from_ == []
    weights = load_file(tmp_path / weights_name("D8", 32))
    network = AutoencoderNetwork(NetworkConfig(size=32))
    assert start_from(network, weights) == ("encoder", "narrow", "detail", "decoder", "head")
    learned = trained[0].network_.state_dict()
    assert all(np.array_equal(weights[name], learned[name].cpu()) for name in learned)
