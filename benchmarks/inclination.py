"""The same system from another side: what finds it again, and how inclined it is said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.cache import cached_network
from benchmarks.inclination_sets import (
    LIMITS,
    SIZE,
    Known,
    real_sets,
    simulated_pairs,
    simulated_systems,
)
from benchmarks.rivals import DESCRIPTORS, RotationInvariantMap
from benchmarks.tables import Table
from ensembles.recipes import read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders import get_encoder
from equiclust.evaluation.metrics import mean_average_precision, recall_at_k, reconstruction_scores
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.preprocessing.inclination import measure_inclinations
from equiclust.simulation.disc_model import render
from equiclust.simulation.discs import DISC_CLASSES, draw_disc, simulate_views

__all__ = ["VARIANTS", "inclination_tables", "trained"]

Array = npt.NDArray[np.float64]
Describe = Callable[[ImageSet], Array]

FRAMES = {"none": "as seen", "inclination": "face-on"}
_N_SYSTEMS, _N_MAPPED = 6000, 3000
_N_TRIPLES = 200
_N_FOLDS = 5
_RANGES = ((0.0, 30.0), (30.0, 45.0), (45.0, 60.0), (60.0, 70.0), (70.0, 80.0))
_NOTHING = dict.fromkeys(
    ("mse", "perceptual", "variance", "covariance", "invariance", "rotation"), 0.0
)
# How large and how bright a disc appears tells systems apart.
_VIEWS = {"scale": 0.0, "shear": 0.0, "contrast": 0.0, "gain": 0.0, "smoothing": 0.0, "noise": 0.0}
_NETWORK: dict[str, Any] = {"latent_dim": 64, "fields": (4, 8, 12), "harmonics": 4}
_TRIVIAL: dict[str, Any] = {"group": "trivial", "fields": (24, 48, 72), "harmonics": 0}


@dataclass(frozen=True)
class Variant:
    """A network of ours, or the same without one of its parts."""

    canonical: str
    pairs: bool
    views: Mapping[str, float] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    n_seeds: int = 1

    def autoencoder(self, seed: int) -> EquivariantAutoencoder:
        settings = {**_NETWORK, **self.network}
        return EquivariantAutoencoder(
            **settings,
            size=SIZE,
            objective={**_NOTHING, "contrastive": 1.0},
            augmentation={**_VIEWS, **self.views},
            perceptual=None,
            pretrained=False,
            preprocess=False,
            max_epochs=7,
            batch_size=128,
            learning_rate=4e-3,
            validation_fraction=0.0,
            random_state=seed,
        )


VARIANTS = {
    "SimCLR, plain network": Variant("none", pairs=False, network=_TRIVIAL),
    "D8, rotated views": Variant("none", pairs=False),
    "D8, tilted views": Variant("none", pairs=False, views={"tilt": 0.8}),
    "D8, simulated pairs": Variant("none", pairs=True, n_seeds=2),
    "D8, face-on": Variant("inclination", pairs=False),
    "D8, face-on, simulated pairs, no harmonics": Variant(
        "inclination", pairs=True, network={"harmonics": 0}
    ),
    "D8, face-on, simulated pairs": Variant("inclination", pairs=True, n_seeds=2),
}
_JURY = ("D8, simulated pairs", "D8, face-on, simulated pairs")


def inclination_tables(folder: Path, *, n_jobs: int | None = None) -> Iterator[Table]:
    """Inclinations against truth, systems found again by every method, triples, reconstruction."""
    yield Table("inclinations", "Inclination and position angle, 64 px", _inclination_rows())
    sets = [simulated_systems(limit)[0] for limit in LIMITS]
    sets += [simulated_systems(60, hard=True)[0], *real_sets()]
    rows = []
    for name, frame, describes in _methods(folder, n_jobs):
        rows.append({"method": name, "frame": frame} | _means(sets, describes))
        print(rows[-1], flush=True)
    yield Table("systems", "The same system found again: recall at 1, and at 5", rows)
    yield Table("triple", "Same system inclined otherwise against another system", _triples(folder))
    yield Table("held_out", "Reconstruction of EXXA discs that were held out", _held_out_rows())


def _methods(folder: Path, n_jobs: int | None) -> Iterator[tuple[str, str, list[Describe]]]:
    """Name, frame and descriptors of every row, one a seed."""
    for canonical, frame in FRAMES.items():
        for name, descriptor in DESCRIPTORS.items():
            yield name, frame, [_in_frame(canonical, descriptor)]
        mapped = RotationInvariantMap().fit(_pairs(canonical, n_jobs)[0][:_N_MAPPED])
        yield "rotation-invariant map", frame, [_in_frame(canonical, mapped)]
    for name in ("small_alexnet", "disc_views"):
        yield f"{name} averaged over D8", "face-on, one size", [_shipped(name)]
    ours: dict[str, list[Describe]] = {}
    for name, variant in VARIANTS.items():
        networks = [trained(folder, name, seed, n_jobs=n_jobs) for seed in range(variant.n_seeds)]
        ours[name] = [_in_frame(variant.canonical, network.transform) for network in networks]
        yield name, FRAMES[variant.canonical], ours[name]
    consensus = [ours[name] for name in _JURY]
    yield (
        "simulated pairs, a network of each",
        "both",
        [_joint(pair) for pair in zip(*consensus, strict=True)],
    )
    yield (
        "simulated pairs, all four networks",
        "both",
        [_joint([one for own in consensus for one in own])],
    )


def _shipped(name: str) -> Describe:
    """Vectors of an encoder that comes with the package, as of the recipe ``discs``."""
    encoder = get_encoder(name, group="D8")
    preprocessing = read_recipe("discs").preprocessing

    def describe(images: ImageSet) -> Array:
        shown = Preprocessor(**preprocessing).fit_transform(images)
        return np.asarray(encoder.transform(shown), dtype=np.float64)

    return describe


def _in_frame(canonical: str, descriptor: Callable[[npt.NDArray[np.float32]], Any]) -> Describe:
    return lambda images: np.asarray(descriptor(_shown(images, canonical)), dtype=np.float64)


def _joint(descriptors: Sequence[Describe]) -> Describe:
    """Latents of several networks side by side, each in units of its spread, as in an ensemble."""

    def describe(images: ImageSet) -> Array:
        latents = [descriptor(images) for descriptor in descriptors]
        return np.hstack([one / np.sqrt(one.var(axis=0).sum()) for one in latents])

    return describe


@cache
def _pairs(canonical: str, n_jobs: int | None) -> tuple[Any, Any]:
    return simulated_pairs(_N_SYSTEMS, canonical, n_jobs=n_jobs)


def trained(
    folder: Path, name: str, seed: int = 0, *, n_jobs: int | None = None
) -> EquivariantAutoencoder:
    """One of `VARIANTS`, read where it was trained before."""
    variant = VARIANTS[name]

    def fit(network: EquivariantAutoencoder) -> EquivariantAutoencoder:
        images, positive_pairs = _pairs(variant.canonical, n_jobs)
        return network.fit(images, positive_pairs=positive_pairs if variant.pairs else None)

    place = folder / f"{name.replace(',', '').replace(' ', '_')}_{seed}"
    return cached_network(place, variant.autoencoder(seed), fit)


def _means(sets: list[Known], describes: list[Describe]) -> dict[str, float]:
    """Scores on every set, means over the seeds."""
    found = [_found(sets, describe) for describe in describes]
    return {score: float(np.mean([one[score] for one in found])) for score in found[0]}


def _found(sets: list[Known], describe: Describe) -> dict[str, float]:
    scores = {}
    for known in sets:
        latents = describe(known.images)
        for k in (1, 5):
            scores[f"{known.name} @{k}"] = recall_at_k(latents, known.objects, k)
        scores[f"{known.name} mAP"] = mean_average_precision(latents, known.objects)
    return scores


def _shown(images: ImageSet, canonical: str) -> npt.NDArray[np.float32]:
    return Preprocessor(size=SIZE, canonical=canonical).fit_transform(images).pixels


def _inclination_rows() -> list[dict[str, Any]]:
    """Errors by inclination and by class, on systems that no constant was fitted to."""
    images, truth = simulate_views(600, size=SIZE, max_inclination=80.0, random_state=28_000_000)
    found = measure_inclinations(images)
    known = np.isfinite(np.asarray(found["inclination"]))
    off = np.abs(np.asarray(found["inclination"]) - np.asarray(truth["inclination"]))
    rotated = np.asarray(found["position_angle"]) - np.asarray(truth["position_angle"])
    rotated = np.abs((rotated + 90.0) % 180.0 - 90.0)
    held = off <= np.asarray(found["inclination_error"])
    held_angle = rotated <= np.asarray(found["position_angle_error"])
    inclination, names = np.asarray(truth["inclination"]), np.asarray(truth["kind"])
    groups = {f"{a:g} to {b:g} deg": (inclination >= a) & (inclination < b) for a, b in _RANGES}
    groups |= {f"{name}, all": names == name for name in DISC_CLASSES}
    return [
        {
            "discs": name,
            "median error / deg": float(np.median(off[group & known])),
            "bar": float(np.median(np.asarray(found["inclination_error"])[group & known])),
            "within the bar": float(held[group & known].mean()),
            "position angle / deg": float(np.median(rotated[group & known])),
            "within its bar": float(held_angle[group & known].mean()),
            "said to be unknown": float((~known[group]).mean()),
        }
        for name, group in groups.items()
    ]


def _triples(folder: Path) -> list[dict[str, Any]]:
    """A disc, the same disc inclined otherwise, and one of another class at the first inclination.

    In the source work the second was further from the first (0.128) than the third (0.110).
    """
    rng = np.random.default_rng(29_000_000)
    pictures: list[Any] = []
    for _ in range(_N_TRIPLES):
        first, other = rng.permutation(("rings", "spiral", "crescent", "cavity"))[:2]
        disc, third = (draw_disc(name, random_state=rng) for name in (first, other))
        at, away = rng.uniform(10.0, 25.0), rng.uniform(45.0, 55.0)
        seen = (
            replace(disc, inclination=at),
            replace(disc, inclination=away, position_angle=rng.uniform(0.0, 180.0)),
            replace(third, inclination=at, outer_radius=disc.outer_radius),
        )
        pictures += [render(one, SIZE, beam_fwhm=0.03) for one in seen]
    images = ImageSet.from_array(np.stack(pictures))
    rows = []
    for name, variant in VARIANTS.items():
        latents = trained(folder, name).transform(_shown(images, variant.canonical))
        triple = latents.reshape(_N_TRIPLES, 3, -1)
        same = np.linalg.norm(triple[:, 0] - triple[:, 1], axis=1)
        different = np.linalg.norm(triple[:, 0] - triple[:, 2], axis=1)
        rows.append(
            {
                "method": name,
                "same over different": float(np.median(same / different)),
                "same is nearer": float(np.mean(same < different)),
            }
        )
    return rows


def _held_out_rows() -> list[dict[str, Any]]:
    """EXXA discs by networks that never saw their system, with and without what is new."""
    exxa = real_sets()[0]
    pixels = Preprocessor(size=SIZE).fit_transform(exxa.images).pixels
    _, system = np.unique(exxa.objects, return_inverse=True)
    fold = (np.random.default_rng(0).permutation(system.max() + 1) % _N_FOLDS)[system]
    variants: dict[str, dict[str, Any]] = {
        "as before": {},
        "harmonics and contrast": {"harmonics": 4, "objective": {"contrastive": 1.0}},
    }
    rows = []
    for name, settings in variants.items():
        made = np.empty_like(pixels)
        for k in range(_N_FOLDS):
            network = EquivariantAutoencoder(
                **settings, size=SIZE, preprocess=False, validation_fraction=0.0, random_state=k
            ).fit(pixels[fold != k])
            made[fold == k] = network.reconstruct(pixels[fold == k])
        rows.append({"network": name, **reconstruction_scores(pixels, made)})
    return rows
