"""Every recipe that comes with the package does what it says, on a few simulated images."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ensembles.recipes
from ensembles.recipes import Recipe, builtin_recipes, read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.encoders.registry import named_encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs
from equiclust.simulation.shapes import simulate_shapes
from equiclust.simulation.textures import simulate_cloud_patches

N_IMAGES = 4
IMAGES: dict[str, Callable[..., tuple[ImageSet, object]]] = {
    "discs": simulate_discs,
    "gas_clouds": simulate_cloud_patches,
    "radio_galaxies": simulate_shapes,
    "digits": simulate_shapes,
    "micrographs": simulate_cloud_patches,
    "upright": simulate_shapes,
}
# Rounding of float32, in units of the spread between images; what is no symmetry changes far more.
ROUNDING, CHANGE = 1e-4, 2e-3


def test_there_is_a_test_for_every_recipe() -> None:
    assert builtin_recipes() == tuple(sorted(IMAGES))


@pytest.mark.parametrize("name", IMAGES)
def test_every_recipe_is_its_own_and_says_why(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.about
    others = [read_recipe(other) for other in IMAGES if other != name]
    assert all(recipe.with_(about="") != other.with_(about="") for other in others)
    text = (Path(ensembles.recipes.__file__).parent / f"{name}.toml").read_text("utf-8")
    said = [line for line in text.splitlines() if " = " in line and not line.startswith("about")]
    assert all("  # " in line for line in said)
    tables = set(tomllib.loads(text)) - {"about"}
    assert {"images", "network", "augmentation", "clusters"} <= tables


@pytest.mark.parametrize("name", IMAGES)
def test_every_recipe_runs(name: str) -> None:
    recipe = read_recipe(name)
    images, _ = IMAGES[name](N_IMAGES, size=40, random_state=0)
    latents, rotated, mirrored = _learned(recipe, images)
    assert latents.shape == (N_IMAGES, recipe.network.latent_dim)
    if recipe.augmentation.angle < 1:
        assert _change(latents, rotated) > CHANGE
    else:
        assert _change(latents, rotated) < ROUNDING
    if recipe.augmentation.mirror == 0:
        assert _change(latents, mirrored) > CHANGE
    else:
        assert _change(latents, mirrored) < ROUNDING
    assert recipe.clusters.method in ("auto", "manifold")
    clusterer = make_clusterer("gmm", 2, random_state=recipe.seed)
    assert set(clusterer.fit(latents).labels_) == {0, 1}


def _learned(recipe: Recipe, images: ImageSet) -> tuple[np.ndarray, ...]:
    """Latents of the images, of the same turned by a quarter, and of the same mirrored."""
    preprocessor = Preprocessor(**recipe.preprocessing)
    encoder = _encoder(recipe)
    pixels = images.pixels
    encoder.fit(preprocessor.fit_transform(pixels))
    ways = (pixels, np.rot90(pixels, axes=(2, 3)), pixels[..., ::-1])
    return tuple(encoder.transform(preprocessor.transform(way)) for way in ways)


def _encoder(recipe: Recipe) -> EquivariantAutoencoder | WhitenedEncoder:
    network = recipe.network
    if network.trains:
        return EquivariantAutoencoder(
            **recipe.autoencoder,
            preprocess=False,
            perceptual=None,
            max_epochs=1,
            random_state=recipe.seed,
        )
    encoder = named_encoder(
        network.encoder, layer=network.layer, pooling=network.pooling, group=network.encoder_group
    )
    return WhitenedEncoder(encoder, latent_dim=network.latent_dim, random_state=recipe.seed)


def _change(latents: np.ndarray, others: np.ndarray) -> float:
    """Largest change, in units of the spread between images."""
    spread = np.linalg.norm(latents - latents.mean(axis=0), axis=1).mean()
    return float(np.linalg.norm(latents - others, axis=1).max() / spread)
