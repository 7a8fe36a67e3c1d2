"""How often the number of clusters is found, on simulated sets of one to ten kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed

from benchmarks.tables import Table
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import DISC_KINDS, simulate_discs
from equiclust.simulation.shapes import SHAPE_KINDS, simulate_shapes

__all__ = ["N_KINDS", "latents_of_kinds", "n_clusters_table"]

N_KINDS = (1, 2, 4, 6, 10)
_SIZE, _EPOCHS, _MAX_INCLINATION = 64, 6, 30.0
_PER_KIND = {1: 240, 2: 80, 4: 80, 6: 60, 10: 60}


def n_clusters_table(*, seeds: Iterable[int] = range(10), n_jobs: int = 1) -> Table:
    """Numbers found, and how often they are exactly right, for every number of kinds."""
    cases = [(n_kinds, seed) for n_kinds in N_KINDS for seed in seeds]
    choices = Parallel(n_jobs=n_jobs)(delayed(_chosen)(*case) for case in cases)
    rows = []
    for n_kinds in N_KINDS:
        own = [c for (k, _), c in zip(cases, choices, strict=True) if k == n_kinds]
        rows.append(_row(n_kinds, own))
    return Table(
        "numbers", f"Number of clusters found, {len(rows[0]['found'].split())} seeds", rows
    )


def _chosen(n_kinds: int, seed: int) -> Choice:
    choice = choose_n_clusters(latents_of_kinds(n_kinds, seed), random_state=seed)
    print(f"{n_kinds} kinds, seed {seed}: {choice.n_clusters}, {dict(choice.votes)}", flush=True)
    return choice


def _row(n_kinds: int, choices: list[Choice]) -> dict[str, Any]:
    found = sorted(choice.n_clusters for choice in choices)
    right = sum(number == n_kinds for number in found)
    votes = {
        name: sum(choice.votes[name] == n_kinds for choice in choices) for name in choices[0].votes
    }
    return {
        "kinds": n_kinds,
        "exactly right": f"{right} of {len(found)}",
        "found": " ".join(map(str, found)),
        **{f"{name} alone": count for name, count in votes.items()},
    }


def latents_of_kinds(n_kinds: int, seed: int) -> npt.NDArray[np.float32]:
    """Latents of simulated discs, or shapes where there are more kinds than of discs."""
    rng = np.random.default_rng(seed)
    n = n_kinds * _PER_KIND[n_kinds]
    if n_kinds <= len(DISC_KINDS):
        kinds = [DISC_KINDS[k] for k in sorted(rng.permutation(len(DISC_KINDS))[:n_kinds])]
        images, _ = simulate_discs(
            n, size=_SIZE, max_inclination=_MAX_INCLINATION, kinds=kinds, random_state=seed
        )
    else:
        kinds = [SHAPE_KINDS[k] for k in sorted(rng.permutation(len(SHAPE_KINDS))[:n_kinds])]
        images, _ = simulate_shapes(n, size=_SIZE, kinds=kinds, random_state=seed)
    pixels = Preprocessor(size=_SIZE).fit_transform(images).pixels
    network = EquivariantAutoencoder(
        size=_SIZE, preprocess=False, max_epochs=_EPOCHS, random_state=seed
    )
    return network.fit(pixels).transform(pixels)
