from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file

from benchmarks.baselines import PlainAutoencoder, alexnet_features, pca_features, pixel_features
from benchmarks.baselines import _rotated as rotated
from equiclust.exceptions import InputError, WeightsNotFoundError


def blobs(n: int = 24, size: int = 32, seed: int = 0) -> np.ndarray:
    """Off-centre Gaussians of two shapes, in 0 to 1."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1.0, 1.0, size)
    x, y = axis[None, :], axis[:, None]
    angle = rng.uniform(0.0, 2.0 * np.pi, n)[:, None, None]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    width = np.where(np.arange(n) % 2, 0.1, 0.3)[:, None, None]
    images = np.exp(-((along - 0.3) ** 2) / 0.1 - (across / width) ** 2)
    return images[:, None].astype(np.float32)


def test_pixels_are_pixels() -> None:
    images = blobs()
    np.testing.assert_array_equal(pixel_features(images), images.reshape(24, -1))


def test_principal_components_keep_distances_when_all_are_kept(random_state: int) -> None:
    images = blobs(n=10, size=8)
    features = pca_features(images, 100, random_state=random_state)
    before = np.linalg.norm(pixel_features(images)[:, None] - pixel_features(images), axis=-1)
    after = np.linalg.norm(features[:, None] - features, axis=-1)
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert pca_features(images, 3, random_state=random_state).shape == (10, 3)


def test_alexnet_gives_what_torchvision_gives(weights_folder: Path) -> None:
    images = blobs(n=3, size=224)
    model = torchvision.models.alexnet(weights=None).eval()
    model.load_state_dict(load_file(weights_folder / "alexnet_features.safetensors"), strict=False)
    normalised = torchvision.transforms.functional.normalize(
        torch.from_numpy(images).repeat(1, 3, 1, 1), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    with torch.no_grad():
        expected = model.features(normalised).numpy()
    flat = alexnet_features(images, weights_folder, flatten=True, batch_size=2)
    np.testing.assert_allclose(flat, expected.reshape(3, 9216), atol=1e-4)
    pooled = alexnet_features(images, weights_folder)
    np.testing.assert_allclose(pooled, expected.mean(axis=(2, 3)), atol=1e-4)


@pytest.mark.parametrize("size", [64, 300])
def test_alexnet_takes_any_size(weights_folder: Path, size: int) -> None:
    assert alexnet_features(blobs(n=2, size=size), weights_folder).shape == (2, 256)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=str(tmp_path)):
        alexnet_features(blobs(n=2), tmp_path)


def test_turning_agrees_with_quarter_turns_and_mirrors() -> None:
    images = torch.from_numpy(blobs(n=2, size=16))
    quarter = rotated(images, torch.full((2,), torch.pi / 2), torch.ones(2))
    mirrored = rotated(images, torch.zeros(2), -torch.ones(2))
    torch.testing.assert_close(quarter, images.rot90(1, (-2, -1)), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored, images.flip(-1), atol=1e-5, rtol=0)


def small_autoencoder() -> PlainAutoencoder:
    return PlainAutoencoder((8, 16), 6, batch_size=8, learning_rate=5e-3)


def test_autoencoder_learns_to_reconstruct(random_state: int) -> None:
    images = blobs()
    model = small_autoencoder().fit(images, max_epochs=40, random_state=random_state)
    assert len(model.losses_) == 40
    assert np.mean((model.reconstruct(images) - images) ** 2) < 0.4 * images.var()
    assert model.transform(images).shape == (24, 6)


def test_autoencoder_repeats_itself_and_leaves_the_global_state(random_state: int) -> None:
    before = torch.random.get_rng_state()
    one, two = (
        small_autoencoder().fit(blobs(), max_epochs=2, random_state=random_state) for _ in range(2)
    )
    np.testing.assert_array_equal(one.transform(blobs()), two.transform(blobs()))
    assert torch.equal(before, torch.random.get_rng_state())
    other = small_autoencoder().fit(blobs(), max_epochs=2, random_state=random_state + 1)
    assert not np.allclose(one.transform(blobs()), other.transform(blobs()))


def test_views_average_rotations_away() -> None:
    images = blobs(size=33)[..., :32, :32]
    model = small_autoencoder().fit(images, max_epochs=2)

    def moved() -> float:
        turned_images = np.rot90(images, axes=(-1, -2))
        return float(np.abs(model.transform(turned_images) - model.transform(images)).max())

    one = moved()
    model.n_views = 4
    assert moved() < 1e-3 * one


def test_latents_do_not_depend_on_the_batch() -> None:
    model = small_autoencoder().fit(blobs(), max_epochs=1)
    whole = model.transform(blobs())
    np.testing.assert_allclose(model.transform(blobs()[:5]), whole[:5], atol=1e-5)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (np.zeros((2, 32, 32)), "shape"),
        (np.zeros((2, 1, 32, 16)), "shape"),
        (np.full((2, 1, 32, 32), np.nan), "finite"),
        (np.zeros((2, 1, 30, 30)), "divisible by 4, got 30"),
    ],
)
def test_bad_images_get_a_sentence(images: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        small_autoencoder().fit(images, max_epochs=1)
