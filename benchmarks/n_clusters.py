"""How often the number of clusters is found, on simulated sets of one to ten classes.

And how often the classes are a level of the tree that is grown from the clusters found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from benchmarks.level_rivals import level_score, rival_levels
from benchmarks.tables import Table
from ensembles.base_clusterings import concatenate_latents, latent_spreads
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import LatentClusterer
from equiclust.clustering.cluster_merges import nodes_after
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.encoders import WhitenedEncoder, get_encoder
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import DISC_CLASSES, simulate_discs
from equiclust.simulation.shapes import SHAPE_CLASSES, simulate_shapes

__all__ = ["N_CLASSES", "latents_of_classes", "n_clusters_tables"]

N_CLASSES = (1, 2, 4, 6, 10)
ONE_CLASS_SEEDS = range(400, 500)
Latents = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

# Accuracy by which a level may be worse than a partition into the true number of clusters.
_AS_GOOD = 0.05
_SIZE, _EPOCHS, _MAX_INCLINATION = 64, 6, 30.0
_PER_CLASS = {1: 240, 2: 80, 4: 80, 6: 60, 10: 60}


def n_clusters_tables(
    *, seeds: Iterable[int] = range(200, 210), n_jobs: int = 1
) -> Iterator[Table]:
    """How often the number is right, by ours and by its rivals, and sets of one class."""
    own = list(seeds)
    found = _all_found([(n_classes, seed) for n_classes in N_CLASSES for seed in own], n_jobs)
    rows = [_row(n_classes, found[n_classes]) for n_classes in N_CLASSES]
    yield Table("n_clusters", f"Number of clusters found, {len(own)} seeds", rows)
    rows = [row for n_classes in N_CLASSES for row in _rival_rows(n_classes, found[n_classes])]
    yield Table("level_rivals", "Methods that need no number of clusters", rows)
    one_class = _all_found([(1, seed) for seed in ONE_CLASS_SEEDS], n_jobs)[1]
    split = [one for one in one_class if one.n_fine > 1]
    row = {"sets of one class": len(one_class), "split": len(split)}
    yield Table("one_class", "Sets of one class that are split", [row])


def _all_found(cases: list[tuple[int, int]], n_jobs: int) -> dict[int, list[_Found]]:
    found: dict[int, list[_Found]] = {}
    every = Parallel(n_jobs=n_jobs)(delayed(_chosen)(*case) for case in cases)
    for (n_classes, _), one in zip(cases, every, strict=True):
        found.setdefault(n_classes, []).append(one)
    return found


class _Found(NamedTuple):
    """The number of clusters that was chosen, and accuracies with the true number."""

    choice: Choice
    # Of the tree's best level, and of a partition into the true number.
    level: float
    direct: float
    n_fine: int
    # Number of clusters and accuracy of the best level, by rival.
    rivals: dict[str, tuple[int, float]]


def _chosen(n_classes: int, seed: int) -> _Found:
    latents, truth = latents_of_classes(n_classes, seed)
    choice = choose_n_clusters(latents, random_state=seed)
    tree, levels = _levels(latents, choice.n_clusters, seed)
    direct = _accuracy(truth, _partition(latents, n_classes, seed))
    fitting = [_accuracy(truth, one) for one in levels if one.max() + 1 == n_classes]
    rivals = {
        name: (one.n_clusters, level_score(truth, one.levels))
        for name, one in rival_levels(latents, seed=seed).items()
    }
    found = _Found(choice, max(fitting, default=0.0), direct, tree.n_fine_, rivals)
    print(
        f"{n_classes} classes, seed {seed}: {choice.n_clusters}, fine {found.n_fine}, "
        f"level {found.level:.3f}, direct {found.direct:.3f}",
        flush=True,
    )
    return found


def _partition(latents: Latents, n_clusters: int, seed: int) -> Labels:
    clusterer = LatentClusterer(n_clusters, method="manifold", random_state=seed)
    return np.asarray(clusterer.fit(latents).labels_)


def _levels(latents: Latents, n_clusters: int, seed: int) -> tuple[ClusterTree, list[Labels]]:
    """The tree of a partition, and the labels at all of its levels."""
    labels = _partition(latents, n_clusters, seed)
    tree = ClusterTree(n_clusters, random_state=seed).fit(latents, labels)
    cuts = [nodes_after(tree.merges_, k, tree.sizes_)[labels] for k in range(n_clusters)]
    return tree, [*cuts, tree.predict_levels(latents, labels).fine]


def _accuracy(truth: Labels, labels: Labels) -> float:
    return float(clustering_accuracy(truth, labels))


def _row(n_classes: int, all_found: list[_Found]) -> dict[str, Any]:
    choices = [one.choice for one in all_found]
    found = sorted(choice.n_clusters for choice in choices)
    levels = sum(one.level >= one.direct - _AS_GOOD for one in all_found)
    false_splits = sum(one.n_fine > max(one.choice.n_clusters, n_classes) for one in all_found)
    right = sum(number == n_classes for number in found)
    names = dict.fromkeys(name for choice in choices for name in choice.votes)
    votes = {name: sum(choice.votes.get(name) == n_classes for choice in choices) for name in names}
    return {
        "classes": n_classes,
        "exactly right": f"{right} of {len(found)}",
        "found": " ".join(map(str, found)),
        "classes are a level": f"{levels} of {len(found)}",
        "accuracy of the level": float(np.mean([one.level for one in all_found])),
        "accuracy of a partition": float(np.mean([one.direct for one in all_found])),
        "split further": false_splits,
        **{f"{name} alone": count for name, count in votes.items()},
    }


def _rival_rows(n_classes: int, all_found: list[_Found]) -> list[dict[str, Any]]:
    rows = []
    for name in all_found[0].rivals:
        own = [(one.rivals[name], one.direct) for one in all_found]
        numbers = sorted(number for (number, _), _ in own)
        levels = sum(level >= direct - _AS_GOOD for (_, level), direct in own)
        rows.append(
            {
                "classes": n_classes,
                "method": name,
                "exactly right": f"{numbers.count(n_classes)} of {len(own)}",
                "found": " ".join(map(str, numbers)),
                "classes are a level": f"{levels} of {len(own)}",
            }
        )
    return rows


def latents_of_classes(n_classes: int, seed: int) -> tuple[Latents, Labels]:
    """Latents and classes of simulated discs, or shapes where there are more classes than of discs.

    As those of a run, side by side with the same weight: of an autoencoder, and features of
    small_alexnet averaged over D4 and whitened.
    """
    rng = np.random.default_rng(seed)
    n = n_classes * _PER_CLASS[n_classes]
    if n_classes <= len(DISC_CLASSES):
        classes = [DISC_CLASSES[k] for k in sorted(rng.permutation(len(DISC_CLASSES))[:n_classes])]
        images, truth = simulate_discs(
            n, size=_SIZE, max_inclination=_MAX_INCLINATION, classes=classes, random_state=seed
        )
    else:
        classes = [
            SHAPE_CLASSES[k] for k in sorted(rng.permutation(len(SHAPE_CLASSES))[:n_classes])
        ]
        images, truth = simulate_shapes(n, size=_SIZE, classes=classes, random_state=seed)
    pixels = Preprocessor(size=_SIZE).fit_transform(images).pixels
    network = EquivariantAutoencoder(
        size=_SIZE, preprocess=False, max_epochs=_EPOCHS, random_state=seed
    )
    transferred = WhitenedEncoder(
        get_encoder("small_alexnet", group="D4"), latent_dim=network.latent_dim, random_state=seed
    )
    latents = np.stack([one.fit(pixels).transform(pixels) for one in (network, transferred)])
    spreads = latent_spreads(latents.astype(np.float64))
    vectors = concatenate_latents(latents.astype(np.float64), spreads).astype(np.float32)
    return vectors, np.unique(np.asarray(truth["kind"]), return_inverse=True)[1]
