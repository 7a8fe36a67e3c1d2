"""Our own network beside transferred features, on draws of every labelled set at hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from benchmarks.digits import rotated
from benchmarks.encoders import found_encoder
from benchmarks.inclination_sets import real_sets
from benchmarks.tables import Table
from ensembles.recipes import read_recipe
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import LatentClusterer
from equiclust.encoders import Encoder, GroupAveraged
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.metrics import clustering_accuracy, recall_at_k
from equiclust.images import ImageSet
from equiclust.io.atomic import read_arrays, write_arrays
from equiclust.nn.allocator import keep_freed_memory
from equiclust.pipeline.default_epochs import default_epochs
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs

__all__ = ["SETS", "Labelled", "encoder_sets_table"]

FloatArray = npt.NDArray[np.float32]
Names = npt.NDArray[Any]
Scores = dict[str, float]

CLUSTERERS = ("kmeans", "gmm", "manifold")
_TRAINED, _AVERAGED = "own, trained on the images", "AlexNet averaged over D4"
_N_COMPONENTS, _SIDE, _OWN_SIDE, _N_INIT = 20, 128, 64, 50
_N_DISCS, _N_SLICES, _N_DIGITS, _N_DEFECTS = 180, 60, 30, 40


class Labelled(NamedTuple):
    """Images as they are read, what they show, and the recipe that is meant for them."""

    images: ImageSet
    classes: Names
    recipe: str
    is_retrieval: bool = False


def encoder_sets_table(folder: Path, *, seeds: Iterable[int] = range(5)) -> Table:
    """ACC by the same clusterers on each encoder's latents, means and spreads over five draws.

    Of EXXA, where every system is a class of its own, the share of images that find another of
    their system first, and among five. Own networks see 64 px, start from the weights that come
    with the package, and learn without the perceptual term.
    """
    cases = [(name, seed) for name in SETS for seed in seeds]
    found = Parallel(n_jobs=os.cpu_count())(
        delayed(_done_case)(folder, name, seed) for name, seed in cases
    )
    rows = []
    for name in SETS:
        own = [one for (which, _), one in zip(cases, found, strict=True) if which == name]
        rows += [{"set": name, "latents": how, **_summary([o[how] for o in own])} for how in own[0]]
    return Table("encoder_sets", "Encoders on every set: mean ± spread of five draws", rows)


def _done_case(folder: Path, name: str, seed: int) -> dict[str, Scores]:
    """Scores by encoder of one set and draw; latents are read where they were found before."""
    keep_freed_memory()
    labelled = SETS[name](seed)
    latents = {}
    for how, encode in _ENCODERS.items():
        place = folder / f"{name}_{seed}_{how}.safetensors".replace(" ", "_")
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(place, {"latents": encode(labelled, seed)})
            print(f"{name}, draw {seed}, {how}: done", flush=True)
        latents[how] = read_arrays(place)["latents"]
    together = [_alike(latents[one]) for one in (_TRAINED, _AVERAGED)]
    latents["the last two side by side"] = np.concatenate(together, axis=1)
    return {how: _scores(one, labelled, seed) for how, one in latents.items()}


def _own(labelled: Labelled, seed: int, **changes: Any) -> FloatArray:
    recipe = read_recipe(labelled.recipe)
    size = min(_OWN_SIDE, recipe.images.size)
    pixels = Preprocessor(**{**recipe.preprocessing, "size": size}).fit_transform(labelled.images)
    # Weights are shipped for D8.
    settings = {**recipe.autoencoder, "size": size, "group": "D8", **changes}
    network = EquivariantAutoencoder(
        **settings, preprocess=False, perceptual=None, validation_fraction=0.0, random_state=seed
    )
    if "max_epochs" not in changes:
        network.set_params(max_epochs=default_epochs(len(pixels), network))
    latents: FloatArray = network.fit_transform(pixels)
    return latents


def _transferred(labelled: Labelled, seed: int, network: str, group: str) -> FloatArray:
    recipe = read_recipe(labelled.recipe)
    seen = Preprocessor(**{**recipe.preprocessing, "size": _SIDE}).fit_transform(labelled.images)
    encoder: Encoder = found_encoder(network)[0]
    if group != "none":
        encoder = GroupAveraged(encoder, group)
    whitened = WhitenedEncoder(encoder, latent_dim=_N_COMPONENTS, random_state=0)
    latents = whitened.fit_transform(seen)
    # A small set has fewer axes.
    return latents[:, latents.any(axis=0)]


def _alike(latents: FloatArray) -> FloatArray:
    """Latents of which every image has, on average, the same squared length."""
    centred = latents - latents.mean(axis=0)
    return np.asarray(centred / np.sqrt(np.square(centred).sum(axis=1).mean()))


def _scores(latents: FloatArray, labelled: Labelled, seed: int) -> Scores:
    if labelled.is_retrieval:
        return {f"found among {k}": recall_at_k(latents, labelled.classes, k) for k in (1, 5)}
    kinds, classes = np.unique(labelled.classes, return_inverse=True)
    scores = {}
    for method in CLUSTERERS:
        clusterer = LatentClusterer(len(kinds), method=method, n_init=_N_INIT, random_state=seed)
        scores[method] = clustering_accuracy(classes, clusterer.fit(latents).labels_)
    return scores


def _summary(found: list[Scores]) -> dict[str, str]:
    columns = (*CLUSTERERS, "found among 1", "found among 5")
    shown = {}
    for column in columns:
        values = [one[column] for one in found if column in one]
        shown[column] = f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else ""
    return shown


def _discs(seed: int) -> Labelled:
    images, truth = simulate_discs(_N_DISCS, size=128, random_state=31_000 + seed)
    return Labelled(images, np.asarray(truth["kind_index"]), "discs")


def _file(name: str) -> Any:
    return np.load(Path(os.environ["EQUICLUST_DATA"]) / f"{name}.npz")


def _drawn(images: Names, labels: Names, n: int, seed: int) -> tuple[FloatArray, Names]:
    """Up to `n` images of every class."""
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(np.flatnonzero(labels == one))[:n] for one in np.unique(labels)]
    chosen = np.concatenate(rows)
    return images[chosen].astype(np.float32), labels[chosen]


def _brain(seed: int) -> Labelled:
    data = _file("brain_modalities")
    kept = data["modality"] != "SPECT"
    images, classes = _drawn(data["images"][kept], data["modality"][kept], _N_SLICES, seed)
    return Labelled(ImageSet.from_array(images), classes, "micrographs")


def _digits(seed: int) -> Labelled:
    data = _file("mnist")
    images, classes = _drawn(data["images"][60_000:], data["labels"][60_000:], _N_DIGITS, seed)
    turned = rotated(np.pad(images / 255.0, ((0, 0), (2, 2), (2, 2))), seed)
    # Turned, a six is a nine.
    return Labelled(ImageSet.from_array(turned), np.where(classes == 9, 6, classes), "digits")


def _steel(seed: int) -> Labelled:
    data = _file("neu_steel")
    images, classes = _drawn(data["images"], data["labels"], _N_DEFECTS, seed)
    return Labelled(ImageSet.from_array(images), classes, "micrographs")


def _exxa(seed: int) -> Labelled:
    (known,) = (one for one in real_sets() if one.name == "EXXA")
    return Labelled(known.images, known.objects, "discs", is_retrieval=True)


_ENCODERS: dict[str, Callable[[Labelled, int], FloatArray]] = {
    # A step so small that the weights stay what they were.
    "own, shipped weights": partial(_own, max_epochs=1, learning_rate=1e-12),
    "small AlexNet averaged over D4": partial(_transferred, network="small_alexnet", group="D4"),
    "AlexNet as it is": partial(_transferred, network="alexnet", group="none"),
    _TRAINED: _own,
    _AVERAGED: partial(_transferred, network="alexnet", group="D4"),
}
SETS: dict[str, Callable[[int], Labelled]] = {
    "simulated discs": _discs,
    "brain": _brain,
    "MNIST turned": _digits,
    "NEU steel": _steel,
    "EXXA": _exxa,
}
