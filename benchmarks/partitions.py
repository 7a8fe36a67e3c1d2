"""Which partition is the right one: the default, the ones beside it, and what ten labels choose.

One run of every set, with the number of classes given. From its latents come all candidates: the
three spaces (all encoders, and each alone) by four methods.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.metrics import normalized_mutual_info_score

import equiclust
from benchmarks.encoder_sets import SETS, Labelled
from benchmarks.tables import Table
from ensembles import ConsensusClustering, KFoldEnsemble
from ensembles.consensus_clustering import METHODS
from ensembles.member_removals import MemberRemovals
from ensembles.recipes import Recipe, read_recipe
from equiclust.clustering.spaces import ALL
from equiclust.evaluation.confounders import is_suspect, measure_confounders
from equiclust.evaluation.confounders.removal import REMOVABLE
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.images import ImageSet
from equiclust.io.atomic import read_arrays, write_arrays
from equiclust.nn.allocator import keep_freed_memory
from equiclust.pipeline.partitions import encoder_spaces
from equiclust.pipeline.removal import audit_labels
from equiclust.simulation.discs import simulate_discs
from equiclust.simulation.textures import simulate_cloud_patches
from equiclust.teaching import rank_partitions

__all__ = ["partitions_tables"]

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

# Of runs that train networks; the others take their recipe as it is.
_TRAINING: dict[str, Any] = {"n_folds": 4, "max_epochs": 20}
_SIZE = 64
_DEFAULT, _AUTO, _REMOVED = "default", "auto", "removed"
_N_LABELS, _N_DRAWS = 10, 50
# Accuracy by which a partition may be worse than the best one in hindsight.
_AS_GOOD = 0.03
# Normalised mutual information below which a partition has nothing to do with the classes.
_UNRELATED, _STABLE = 0.1, 0.9
_FEWEST_OF_ONE_CLASS = 30


class _Found(NamedTuple):
    """Partitions of one set by name, their mean stability, and the classes."""

    labels: dict[str, Labels]
    stability: dict[str, float]
    classes: Labels


def partitions_tables(folder: Path, *, seeds: Iterable[int] = range(211, 213)) -> Iterator[Table]:
    """Accuracy of the default and of its rivals, what removal changes, and unrelated partitions."""
    cases = [(name, seed) for name in _SETS for seed in seeds]
    found = Parallel(n_jobs=os.cpu_count())(
        delayed(_known)(folder, name, seed) for name, seed in cases
    )
    by_case = list(zip(cases, found, strict=True))
    yield Table("partitions", "Choice of space and method", [_row(*one) for one in by_case])
    yield Table("removal", "Confounders removed", [_removal_row(*one) for one in by_case])
    yield Table("stable_unrelated", "Stable partitions of no meaning", _unrelated_rows(found))


def _known(folder: Path, name: str, seed: int) -> _Found:
    """Partitions of one set; they are read where they were found before."""
    keep_freed_memory()
    place = folder / f"{name}_{seed}.safetensors".replace(" ", "_")
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        found = _partitions(folder, _SETS[name](seed), f"{name}_{seed}".replace(" ", "_"), seed)
        said = {f"stability {one}": np.array(value) for one, value in found.stability.items()}
        write_arrays(place, {**found.labels, **said, "classes": found.classes})
        print(f"{name}, draw {seed}: {_row((name, seed), found)}", flush=True)
    arrays = read_arrays(place)
    told = [one for one in arrays if one.startswith("stability ")]
    stability = {one.removeprefix("stability "): float(arrays.pop(one)) for one in told}
    return _Found(arrays, stability, arrays.pop("classes"))


def _partitions(folder: Path, labelled: Labelled, name: str, seed: int) -> _Found:
    names, classes = np.unique(labelled.classes, return_inverse=True)
    recipe = read_recipe(labelled.recipe) if labelled.recipe else Recipe()
    settings: dict[str, Any] = {}
    if recipe.network.trains:
        settings = {**_TRAINING, "size": min(_SIZE, recipe.images.size)}
    run = equiclust.run(
        labelled.images, folder / "runs" / name, recipe=recipe, n_clusters=len(names), **settings
    )
    ensemble = run.model.ensemble
    by_member = run.latents.reshape(len(classes), len(ensemble.members_), -1)
    latents = by_member.transpose(1, 0, 2)
    shown = [one for one in run.catalogue.colnames if one in ("label_2", "label_3")]
    labels = {one: np.asarray(run.catalogue[one], dtype=np.int64) for one in shown}
    labels[_DEFAULT] = ensemble.consensus_.best_labels_
    stability = {_DEFAULT: float(ensemble.consensus_.stability_.mean())}
    for one, members, method in _candidates(ensemble):
        consensus = _consensus(latents[members], len(names), method, seed)
        labels[one], stability[one] = consensus.best_labels_, float(consensus.stability_.mean())
    for one, members in _committees(ensemble):
        for k in np.unique(classes):
            of_class = latents[members][:, classes == k]
            if of_class.shape[1] >= _FEWEST_OF_ONE_CLASS:
                consensus = _consensus(of_class, 2, "manifold", seed)
                stability[f"class {k}, {one}"] = float(consensus.stability_.mean())
    labels[_REMOVED] = _without_confounders(labelled.images, run.labels, latents, len(names), seed)
    return _Found(labels, stability, classes)


def _candidates(ensemble: KFoldEnsemble) -> Iterator[tuple[str, list[int], str]]:
    """Name, members and method of every candidate."""
    for space, members in _committees(ensemble):
        for method in METHODS:
            yield f"{space}, {method}", members, method
    yield _AUTO, list(range(len(ensemble.members_))), _AUTO


def _committees(ensemble: KFoldEnsemble) -> Iterator[tuple[str, list[int]]]:
    """All members of the ensemble, and those of each encoder where there are several."""
    n_members = len(ensemble.members_)
    yield ALL, list(range(n_members))
    spaces = encoder_spaces(ensemble.members_, n_members) or {}
    if len(spaces) > 1:
        yield from spaces.items()


def _consensus(latents: Array, n_clusters: int, method: str, seed: int) -> ConsensusClustering:
    return ConsensusClustering(n_clusters, method=method, random_state=seed).fit(latents)


def _without_confounders(
    images: ImageSet, labels: Labels, latents: Array, n_clusters: int, seed: int
) -> Labels:
    """Labels as by `run --remove auto`, from the same members."""
    measures = measure_confounders(images, images)
    audited = audit_labels(labels, measures, random_state=0)
    names = [one["name"] for one in audited if one["name"] in REMOVABLE and is_suspect(one)]
    if names:
        latents = MemberRemovals.fit(latents, measures, names, "polynomial")(latents, measures)
    return np.asarray(_consensus(latents, n_clusters, "manifold", seed).best_labels_)


def _row(case: tuple[str, int], found: _Found) -> dict[str, Any]:
    accuracies = _accuracies(found)
    candidates = {one: value for one, value in accuracies.items() if ", " in one}
    best = max(candidates, key=lambda one: candidates[one])
    shown = [one for one in (_DEFAULT, "label_2", "label_3") if one in accuracies]
    return {
        "set": f"{case[0]}, {case[1]}",
        "best in hindsight": candidates[best],
        "which": best,
        "default": accuracies[_DEFAULT],
        "label_2": accuracies.get("label_2", ""),
        "label_3": accuracies.get("label_3", ""),
        "best of those shown": max(accuracies[one] for one in shown),
        "ten labels choose it": _share_chosen(found, shown, accuracies),
        "auto": accuracies[_AUTO],
    }


def _accuracies(found: _Found) -> dict[str, float]:
    return {
        name: float(clustering_accuracy(found.classes, own)) for name, own in found.labels.items()
    }


def _share_chosen(found: _Found, shown: list[str], accuracies: dict[str, float]) -> float:
    """Of 50 draws of ten labels, in how many they choose one as good as the best of those shown."""
    generator = np.random.default_rng(0)
    best, good = max(accuracies[one] for one in shown), 0
    for _ in range(_N_DRAWS):
        rows = generator.permutation(len(found.classes))[:_N_LABELS]
        kinds = {int(row): str(found.classes[row]) for row in rows}
        chosen = rank_partitions({one: found.labels[one] for one in shown}, kinds)[0].name
        good += accuracies[chosen] >= best - _AS_GOOD
    return good / _N_DRAWS


def _removal_row(case: tuple[str, int], found: _Found) -> dict[str, Any]:
    accuracies = _accuracies(found)
    with_all, without = accuracies[_DEFAULT], accuracies[_REMOVED]
    return {
        "set": f"{case[0]}, {case[1]}",
        "as it is, the default": with_all,
        "--remove auto": without,
        "difference": without - with_all,
    }


def _unrelated_rows(found: list[_Found]) -> list[dict[str, Any]]:
    """Of partitions that have nothing to do with the classes, how many are called stable.

    Of sets with several encoders, so that the same halves are found by all of them and by each.
    """
    values: dict[str, list[float]] = {}
    for one in found:
        halves = {name: v for name, v in one.stability.items() if name.startswith("class ")}
        committees = {name.split(", ")[1] for name in halves}
        for name, value in halves.items():
            if len(committees) > 1:
                values.setdefault(f"halves of one class, by {name.split(', ')[1]}", []).append(
                    value
                )
        for name in one.labels.keys() & one.stability.keys():
            if ", " in name and _is_unrelated(one, name):
                values.setdefault("partitions of the sets", []).append(one.stability[name])
    return [
        {
            "partitions": name,
            "number": len(own),
            "mean stability": float(np.mean(own)),
            "above 0.9": f"{100 * np.mean(np.array(own) > _STABLE):.0f} %",
        }
        for name, own in values.items()
    ]


def _is_unrelated(found: _Found, name: str) -> bool:
    own = found.labels[name]
    return bool(normalized_mutual_info_score(found.classes, own) < _UNRELATED)


def _discs(seed: int, max_inclination: float = 30.0, recipe: str = "") -> Labelled:
    images, truth = simulate_discs(180, size=64, max_inclination=max_inclination, random_state=seed)
    return Labelled(images, np.asarray(truth["kind_index"]), recipe)


def _brain_whole(seed: int) -> Labelled:
    with np.load(Path(os.environ["EQUICLUST_DATA"]) / "brain_modalities.npz") as data:
        kept = np.flatnonzero(data["modality"] != "SPECT")
        rows = np.random.default_rng(seed).permutation(kept)[:450]
        images, classes = data["images"][rows].astype(np.float32), data["modality"][rows]
    return Labelled(ImageSet.from_array(images), classes, "micrographs")


def _clouds(seed: int) -> Labelled:
    images, truth = simulate_cloud_patches(300, size=64, random_state=seed)
    return Labelled(images, np.asarray(truth["kind"]), "gas_clouds")


def _upright(seed: int) -> Labelled:
    with np.load(Path(os.environ["EQUICLUST_DATA"]) / "mnist.npz") as data:
        images, classes = data["images"][60_000:], data["labels"][60_000:]
    rows = np.random.default_rng(seed).permutation(len(images))[:600]
    padded = np.pad(images[rows] / 255.0, ((0, 0), (2, 2), (2, 2))).astype(np.float32)
    return Labelled(ImageSet.from_array(padded), classes[rows], "upright")


_SETS: dict[str, Callable[[int], Labelled]] = {
    "discs": _discs,
    "discs up to 75 deg, recipe discs": lambda seed: _discs(seed, 75.0, "discs"),
    "brain, balanced": SETS["brain"],
    "brain, whole": _brain_whole,
    "NEU steel": SETS["NEU steel"],
    "MNIST turned": SETS["MNIST turned"],
    "MNIST upright": _upright,
    "cloud patches": _clouds,
}
