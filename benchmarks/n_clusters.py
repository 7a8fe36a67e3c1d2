"""How often the number of clusters is found, on simulated sets of one to ten classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from benchmarks.tables import Table
from ensembles.base_clusterings import concatenate_latents, latent_spreads
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.encoders import WhitenedEncoder, get_encoder
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import DISC_CLASSES, simulate_discs
from equiclust.simulation.shapes import SHAPE_CLASSES, simulate_shapes

__all__ = ["N_CLASSES", "latents_of_classes", "n_clusters_table"]

N_CLASSES = (1, 2, 4, 6, 10)
_SIZE, _EPOCHS, _MAX_INCLINATION = 64, 6, 30.0
_PER_CLASS = {1: 240, 2: 80, 4: 80, 6: 60, 10: 60}


def n_clusters_table(*, seeds: Iterable[int] = range(10), n_jobs: int = 1) -> Table:
    """Numbers of clusters found, and how often they are right, for every number of classes."""
    cases = [(n_classes, seed) for n_classes in N_CLASSES for seed in seeds]
    choices = Parallel(n_jobs=n_jobs)(delayed(_chosen)(*case) for case in cases)
    rows = []
    for n_classes in N_CLASSES:
        own = [c for (k, _), c in zip(cases, choices, strict=True) if k == n_classes]
        rows.append(_row(n_classes, own))
    return Table(
        "n_clusters", f"Number of clusters found, {len(rows[0]['found'].split())} seeds", rows
    )


def _chosen(n_classes: int, seed: int) -> Choice:
    choice = choose_n_clusters(latents_of_classes(n_classes, seed), random_state=seed)
    print(
        f"{n_classes} classes, seed {seed}: {choice.n_clusters}, {dict(choice.votes)}", flush=True
    )
    return choice


def _row(n_classes: int, choices: list[Choice]) -> dict[str, Any]:
    found = sorted(choice.n_clusters for choice in choices)
    right = sum(number == n_classes for number in found)
    names = dict.fromkeys(name for choice in choices for name in choice.votes)
    votes = {name: sum(choice.votes.get(name) == n_classes for choice in choices) for name in names}
    return {
        "classes": n_classes,
        "exactly right": f"{right} of {len(found)}",
        "found": " ".join(map(str, found)),
        **{f"{name} alone": count for name, count in votes.items()},
    }


def latents_of_classes(n_classes: int, seed: int) -> npt.NDArray[np.float32]:
    """Latents of simulated discs, or shapes where there are more classes than of discs.

    As those of a run, side by side with the same weight: of an autoencoder, and features of
    small_alexnet averaged over D4 and whitened.
    """
    rng = np.random.default_rng(seed)
    n = n_classes * _PER_CLASS[n_classes]
    if n_classes <= len(DISC_CLASSES):
        classes = [DISC_CLASSES[k] for k in sorted(rng.permutation(len(DISC_CLASSES))[:n_classes])]
        images, _ = simulate_discs(
            n, size=_SIZE, max_inclination=_MAX_INCLINATION, classes=classes, random_state=seed
        )
    else:
        classes = [
            SHAPE_CLASSES[k] for k in sorted(rng.permutation(len(SHAPE_CLASSES))[:n_classes])
        ]
        images, _ = simulate_shapes(n, size=_SIZE, classes=classes, random_state=seed)
    pixels = Preprocessor(size=_SIZE).fit_transform(images).pixels
    network = EquivariantAutoencoder(
        size=_SIZE, preprocess=False, max_epochs=_EPOCHS, random_state=seed
    )
    transferred = WhitenedEncoder(
        get_encoder("small_alexnet", group="D4"), latent_dim=network.latent_dim, random_state=seed
    )
    latents = np.stack([one.fit(pixels).transform(pixels) for one in (network, transferred)])
    spreads = latent_spreads(latents.astype(np.float64))
    return concatenate_latents(latents.astype(np.float64), spreads).astype(np.float32)
