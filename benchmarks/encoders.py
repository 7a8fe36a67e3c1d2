"""Networks of others as they are, averaged over groups, and in a frame of the image's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from benchmarks.tables import Table
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders import Canonicalized, Encoder, GroupAveraged, TorchvisionEncoder
from equiclust.encoders.backbone import BACKBONES
from equiclust.evaluation.invariance import Element, rotate_spline, taper_corners
from equiclust.evaluation.invariance.transforms import rotate_exactly
from equiclust.exceptions import WeightsNotFoundError
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs

__all__ = ["encoder_angles_table", "encoder_sizes_table", "encoders_tables", "found_encoder"]

FloatArray = npt.NDArray[np.float32]

SIZES = (63, 64, 200, 224)
_SIDE, _N_IMAGES, _N_CLUSTERS, _N_RANDOM = 64, 12, 3, 3
_OWN = "ours, shipped weights"
# A quarter turn and a mirror generate all of D4.
_GENERATORS = (Element(90.0), Element(0.0, True))
# Large networks would take an hour in all of them.
_LARGE = ("resnet50", "convnext_tiny", "vit_b_16")


def encoders_tables() -> Iterator[Table]:
    """Quarter turns at every size, then other angles with labels and cost."""
    yield encoder_sizes_table()
    yield encoder_angles_table()


def encoder_sizes_table() -> Table:
    """Largest relative change of a vector under quarter turns and mirrors, before and after."""
    rows = []
    for name in BACKBONES:
        encoder, weights = found_encoder(name)
        for how, one in {"as it is": encoder, "averaged, D4": GroupAveraged(encoder)}.items():
            changes = {f"{side} px": _exact_change(one, _discs(2, side)) for side in SIZES}
            rows.append({"network": name, "weights": weights, "vectors": how, **changes})
            print(rows[-1], flush=True)
    return Table("encoders_sizes", "Quarter turns and mirrors: largest change over the norm", rows)


def encoder_angles_table() -> Table:
    """Median change over the spread between images at other angles, labels that flip, and cost."""
    images = taper_corners(_discs(_N_IMAGES, _SIDE))
    rows = []
    for name in (_OWN, *BACKBONES):
        encoder, weights = _own() if name == _OWN else found_encoder(name)
        seconds = 0.0
        for how, one in _variants(name, encoder).items():
            shown = images[: _N_IMAGES // 3] if name == "vit_b_16" else images
            found = _measured(one, shown)
            seconds = seconds or found["seconds"]
            cost = found.pop("seconds") / seconds
            rows.append(
                {"network": name, "weights": weights, "vectors": how, **found, "cost": cost}
            )
            print(rows[-1], flush=True)
    return Table("encoders_angles", f"Discs of {_SIDE} px, turned: change of the vector", rows)


def found_encoder(name: str, **parameters: Any) -> tuple[TorchvisionEncoder, str]:
    """A network with ImageNet's weights where they are found, else with random ones, and which."""
    encoder = TorchvisionEncoder(name, **parameters)
    try:
        _ = encoder.latent_dim
    except WeightsNotFoundError:
        logging.getLogger("benchmarks").warning("no weights of %s: they are random", name)
        return encoder.set_params(weights="random"), "random"
    return encoder, "ImageNet"


def _own() -> tuple[EquivariantAutoencoder, str]:
    autoencoder = EquivariantAutoencoder(
        size=_SIDE, preprocess=False, perceptual=None, max_epochs=1, random_state=0
    )
    # A step so small that the weights stay what they were.
    tiny = autoencoder.set_params(learning_rate=1e-12)
    return tiny.fit(_discs(8, _SIDE)), "shipped"


def _variants(name: str, encoder: Encoder) -> dict[str, Encoder]:
    groups = () if name == _OWN else ("D4",) if name in _LARGE else ("D4", "D8", "D16")
    averaged = {f"averaged, {group}": GroupAveraged(encoder, group) for group in groups}
    if name == _OWN:
        return {"as it is": encoder}
    return {"as it is": encoder, **averaged, "moment frame": Canonicalized(encoder)}


def _discs(n: int, side: int) -> FloatArray:
    images, _ = simulate_discs(n, size=side, random_state=3)
    return Preprocessor(size=side).fit_transform(images).pixels


def _exact_change(encoder: Encoder, images: FloatArray) -> float:
    latents = encoder.transform(images).astype(np.float64)
    norms = np.linalg.norm(latents, axis=1)
    moved = (encoder.transform(rotate_exactly(images, g)) for g in _GENERATORS)
    return float(max((np.linalg.norm(one - latents, axis=1) / norms).max() for one in moved))


def _measured(encoder: Encoder, images: FloatArray) -> dict[str, float]:
    # Loads the weights.
    encoder.transform(images[:1])
    started = perf_counter()
    latents = encoder.transform(images).astype(np.float64)
    seconds = perf_counter() - started
    norms = np.linalg.norm(latents, axis=1)
    spread = float(np.sqrt(np.square(latents - latents.mean(axis=0)).sum(axis=1).mean()))
    kmeans = KMeans(_N_CLUSTERS, n_init=10, random_state=0).fit(latents)
    rng = np.random.default_rng(0)
    families = {
        "quarter turns": [rotate_exactly(images, g) for g in _GENERATORS],
        "45 degrees": [rotate_spline(images, 45.0, order=5)],
        "random angles": [
            rotate_spline(images, float(angle), order=5)
            for angle in rng.uniform(0.0, 360.0, _N_RANDOM)
        ],
    }
    found: dict[str, float] = {}
    for family, turned in families.items():
        moved = np.stack([encoder.transform(one) for one in turned]).astype(np.float64)
        change = np.linalg.norm(moved - latents, axis=2)
        if family == "quarter turns":
            found[f"{family}, of norm"] = float((change / norms).max())
        else:
            found[f"{family}, of spread"] = float(np.median(change)) / spread
        flipped = [np.mean(kmeans.predict(one) != kmeans.labels_) for one in moved]
        found[f"labels flipped, {family}"] = float(np.mean(flipped))
    return {**found, "seconds": seconds}
