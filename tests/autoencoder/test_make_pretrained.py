"""The weights that come with the package can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from equiclust.autoencoder import make_pretrained
from equiclust.autoencoder.baseline import plain_autoencoder, plain_weights_name
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.make_pretrained import simulated_mixture
from equiclust.autoencoder.pretrained import start_from, weights_name
from equiclust.nn.network import AutoencoderNetwork


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


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[EquivariantAutoencoder]:
    """Networks that a short schedule has trained, in order."""
    networks: list[EquivariantAutoencoder] = []

    def without_perceptual(**settings: object) -> EquivariantAutoencoder:
        networks.append(EquivariantAutoencoder(**settings, perceptual=None))  # type: ignore[arg-type]
        return networks[-1]

    def plain(size: int) -> EquivariantAutoencoder:
        networks.append(plain_autoencoder(size))
        return networks[-1]

    monkeypatch.setattr(make_pretrained, "EquivariantAutoencoder", without_perceptual)
    monkeypatch.setattr(make_pretrained, "plain_autoencoder", plain)
    monkeypatch.setattr(make_pretrained, "_SCHEDULES", {32: (10, 1)})
    return networks


def test_a_short_schedule_writes_weights_that_start_a_network(
    trained: list[EquivariantAutoencoder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["pretraining", "--size", "32", "--output", str(tmp_path)])
    assert make_pretrained.main() == 0
    names = [weights_name("D8", 32), plain_weights_name(32)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    ours, plain = trained
    assert ours.started_from_ == plain.started_from_ == []
    for autoencoder, name in zip(trained, names, strict=True):
        weights = load_file(tmp_path / name)
        network = AutoencoderNetwork(autoencoder.network_.config)
        assert start_from(network, weights) == ("encoder", "narrow", "detail", "decoder", "head")
        learned = autoencoder.network_.state_dict()
        assert all(np.array_equal(weights[key], learned[key].cpu()) for key in learned)


def test_the_plain_network_alone_can_be_made_again(
    trained: list[EquivariantAutoencoder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["pretraining", "--size", "32", "--network", "plain", "--output"]
    made = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        monkeypatch.setattr("sys.argv", [*words, str(folder)])
        assert make_pretrained.main() == 0
        assert [path.name for path in folder.iterdir()] == [plain_weights_name(32)]
        made.append(load_file(folder / plain_weights_name(32)))
    assert len(trained) == 2
    assert all(np.array_equal(made[0][name], made[1][name]) for name in made[0])
    known = load_file(make_pretrained._SHIPPED / plain_weights_name(32))
    assert {name: one.shape for name, one in known.items()} == {
        name: one.shape for name, one in made[0].items()
    }
