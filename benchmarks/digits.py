"""Handwritten digits without labels, upright and rotated at random."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from scipy.ndimage import rotate

from benchmarks.cache import cached_network, training_seconds
from benchmarks.tables import Table
from ensembles.recipes import read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.clustering.deep import DeepEmbeddedClustering, SelfLabelling
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.io.atomic import read_json, write_json
from equiclust.nn.allocator import keep_freed_memory

__all__ = ["done_case", "mnist_table", "rotated_mnist_table"]

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Scores = dict[str, float]

_N_CLASSES = 10
_TEST_DIGITS = slice(60_000, 70_000)
_MARGIN = 2
_DEEP_STEPS, _SELF_STEPS = 300, 500
_PLAIN_EPOCHS, _PLAIN_STEPS = 30, 1000
# The group has eight elements: as many channels, as many multiplications.
_TRIVIAL: dict[str, Any] = {
    "group": "trivial",
    "fields": (32, 64, 96, 128),
    "map_fields": 32,
    "detail_fields": 8,
}
_UPRIGHT_VIEWS: dict[str, Any] = {"angle": 0.0}
_PUBLISHED = {
    "DEC": "0.843",
    "IDEC": "0.881",
    "DCEC": "0.890",
    "upright recipe + manifold": "N2D 0.979",
    "upright recipe + self-labelling": "DEC-DA 0.985",
}


@dataclass(frozen=True)
class _Variant:
    """A network of the table: a recipe, with what differs from it."""

    recipe: str
    network: Mapping[str, Any]
    augmentation: Mapping[str, float]
    objective: Mapping[str, float]
    max_epochs: int = 20
    batch_size: int = 64

    def autoencoder(self, seed: int) -> EquivariantAutoencoder:
        settings = read_recipe(self.recipe).autoencoder
        settings |= self.network
        settings["augmentation"] |= self.augmentation
        settings["objective"] |= self.objective
        settings |= {"batch_size": self.batch_size, "max_epochs": self.max_epochs}
        return EquivariantAutoencoder(
            **settings,
            perceptual=None,
            preprocess=False,
            validation_fraction=0.0,
            random_state=seed,
        )

    @property
    def views(self) -> dict[str, float]:
        return {**read_recipe(self.recipe).autoencoder["augmentation"], **self.augmentation}


PLAIN = "plain networks"
UPRIGHT = {"upright recipe": _Variant("upright", {}, {}, {}, 12, 128)}
ROTATED = {
    "trivial group": _Variant("digits", _TRIVIAL, _UPRIGHT_VIEWS, {"rotation": 0.0}),
    "trivial group, rotated views": _Variant("digits", _TRIVIAL, {}, {}),
    "C8": _Variant("digits", {}, {}, {}),
    "D8": _Variant("digits", {"group": "D8"}, {}, {}),
}


def mnist_table(
    folder: Path, *, seeds: Iterable[int] = range(5), n_jobs: int | None = None
) -> Table:
    """The 10,000 test digits by each method, means and standard deviations over the seeds."""
    found = _results(folder, (PLAIN, *UPRIGHT), seeds, n_jobs)
    rows = []
    for name, own in found.items():
        for method in own[0]:
            told = method if name == PLAIN else f"{name} + {method}"
            rows.append(
                {"method": told, **_summary([one[method] for one in own])}
                | {"published": _PUBLISHED.get(told, "")}
            )
    return Table("mnist", "MNIST, 10,000 test digits upright", rows)


def rotated_mnist_table(
    folder: Path, *, seeds: Iterable[int] = range(5), n_jobs: int | None = None
) -> Table:
    """The test digits, each rotated by an angle of its own; 6 and 9 stay two classes."""
    rows = [
        {"network": name, "method": method, **_summary([one[method] for one in own])}
        for name, own in _results(folder, ROTATED, seeds, n_jobs).items()
        for method in own[0]
    ]
    return Table("rotated_mnist", "MNIST, 10,000 test digits rotated at random", rows)


def _results(
    folder: Path, names: Iterable[str], seeds: Iterable[int], n_jobs: int | None
) -> dict[str, list[dict[str, Scores]]]:
    """What every case of every name gave; what the folder holds is not done again."""
    cases = [(name, seed) for seed in seeds for name in names]
    found = Parallel(n_jobs=n_jobs or os.cpu_count())(
        delayed(done_case)(folder, name, seed) for name, seed in cases
    )
    return {
        name: [one for (own, _), one in zip(cases, found, strict=True) if own == name]
        for name in names
    }


def done_case(
    folder: Path, name: str, seed: int, methods: Sequence[str] | None = None
) -> dict[str, Scores]:
    """Scores by method of one network and seed, read where they were found before.

    After a change of the recipe its folder has to be removed.
    """
    keep_freed_memory()
    place = folder / f"{name.replace(',', '').replace(' ', '_')}_{seed}"
    pixels, classes = mnist_digits()
    shown = rotated(pixels, seed) if name in ROTATED else pixels
    if name == PLAIN:
        case: _Plain | _Latents = _Plain(shown, classes, seed)
    else:
        case = _Latents({**UPRIGHT, **ROTATED}[name], shown, classes, seed, place / "network")
    found = {}
    for method in methods or case.methods:
        file = place / f"{method.replace(' ', '_')}.json"
        if not file.is_file():
            write_json(file, case.scores(method))
        found[method] = read_json(file)
    return found


def mnist_digits() -> tuple[FloatArray, Labels]:
    """Test digits `(n, 32, 32)` in 0 to 1, and what they are."""
    with np.load(Path(os.environ["EQUICLUST_DATA"]) / "mnist.npz") as arrays:
        images, labels = arrays["images"][_TEST_DIGITS], arrays["labels"][_TEST_DIGITS]
    margin = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN))
    return np.pad(images / np.float32(255.0), margin), labels.astype(np.int64)


def rotated(pixels: FloatArray, seed: int) -> FloatArray:
    """Every image rotated about its centre by an angle of its own, by cubic splines."""
    angles = np.random.default_rng(seed).uniform(0.0, 360.0, len(pixels))
    found = [rotate(p, a, reshape=False, order=3) for p, a in zip(pixels, angles, strict=True)]
    return np.stack(found).clip(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class _Plain:
    """The published methods on the plain networks that they were published with."""

    pixels: FloatArray
    classes: Labels
    seed: int

    methods = ("dense autoencoder + k-means", "DEC", "IDEC", "CAE + k-means", "DCEC")

    def scores(self, method: str) -> Scores:
        deep_method = {"dense autoencoder + k-means": "dec", "CAE + k-means": "dcec"}.get(
            method, method.lower()
        )
        begun = self._dense if deep_method in ("dec", "idec") else self._convolutional
        started = perf_counter()
        if method.endswith("k-means"):
            return _scores(self.classes, begun.labels_, started)
        deep = DeepEmbeddedClustering(
            _N_CLASSES,
            network=begun.network_,
            method=deep_method,
            pretrain_epochs=0,
            max_iter=_PLAIN_STEPS,
            random_state=self.seed,
        ).fit(self.pixels)
        return _scores(self.classes, deep.labels_, started)

    @cached_property
    def _dense(self) -> DeepEmbeddedClustering:
        return self._pretrained("dec")

    @cached_property
    def _convolutional(self) -> DeepEmbeddedClustering:
        return self._pretrained("dcec")

    def _pretrained(self, method: str) -> DeepEmbeddedClustering:
        """The autoencoder of the method, and k-means of its latents."""
        return DeepEmbeddedClustering(
            _N_CLASSES,
            method=method,
            pretrain_epochs=_PLAIN_EPOCHS,
            max_iter=0,
            random_state=self.seed,
        ).fit(self.pixels)


@dataclass(frozen=True, eq=False)
class _Latents:
    """Every way of making clusters of one network's latents."""

    variant: _Variant
    pixels: FloatArray
    classes: Labels
    seed: int
    place: Path

    methods = ("k-means", "manifold", "self-labelling", "DEC", "DCEC")

    @cached_property
    def network(self) -> EquivariantAutoencoder:
        return cached_network(
            self.place, self.variant.autoencoder(self.seed), lambda net: net.fit(self.pixels)
        )

    def scores(self, method: str) -> Scores:
        network = self.network
        started = perf_counter()
        scores = _scores(self.classes, self._labels(method, network), started)
        return {**scores, "network": training_seconds(self.place)}

    def _labels(self, method: str, network: EquivariantAutoencoder) -> Labels:
        if method in ("k-means", "manifold"):
            clusterer = make_clusterer(method.replace("-", ""), _N_CLASSES, random_state=self.seed)
            return clusterer.fit(network.transform(self.pixels)).labels_
        given: dict[str, Any] = {"network": network.network_, "random_state": self.seed}
        if method == "self-labelling":
            return (
                SelfLabelling(
                    _N_CLASSES, augmentation=self.variant.views, max_iter=_SELF_STEPS, **given
                )
                .fit(self.pixels)
                .labels_
            )
        deep = DeepEmbeddedClustering(
            _N_CLASSES, method=method.lower(), pretrain_epochs=0, max_iter=_DEEP_STEPS, **given
        )
        return deep.fit(self.pixels).labels_


def _scores(classes: Labels, labels: Labels, started: float) -> Scores:
    return {
        "acc": clustering_accuracy(classes, labels),
        "nmi": normalized_mutual_information(classes, labels),
        "ari": adjusted_rand_index(classes, labels),
        "seconds": perf_counter() - started,
    }


def _summary(found: Sequence[Scores]) -> dict[str, float]:
    acc = [one["acc"] for one in found]
    return {
        "ACC": float(np.mean(acc)),
        "spread": float(np.std(acc)),
        "least": float(min(acc)),
        "NMI": float(np.mean([one["nmi"] for one in found])),
        "ARI": float(np.mean([one["ari"] for one in found])),
        "clustering / s": float(np.median([one["seconds"] for one in found])),
        "network / s": float(np.median([one.get("network", 0.0) for one in found])),
    }
