"""Clustering, consensus and similar images of up to a million latents, and scikit-learn beside it.

`python -m benchmarks.large_clustering NAME N` measures one of them and prints it as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psutil
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from benchmarks.simulated_latents import simulate_latents
from benchmarks.tables import Table
from ensembles import ConsensusClustering
from equiclust.clustering import choose_n_clusters, make_clusterer
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.clustering.partitions import Partitions
from equiclust.evaluation import LatentIndex

__all__ = ["large_clustering_tables"]

METHODS = ("kmeans", "gmm", "spectral", "manifold")
NUMBERS = (10_000, 100_000, 1_000_000)
_OTHERS = ("consensus", "consensus, predicted", "number", "levels", "partitions", "similar")
_N_CLUSTERS = 10
_N_MEMBERS = 5
_N_QUERIES = 1000
# Of a rival and ours in turn, by the number of latents.
_REPEATS = {2_000: 3, 20_000: 1}

Labels = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


class _Result(NamedTuple):
    seconds: float
    # Adjusted Rand index with the truth, or what the measure says.
    score: float


def large_clustering_tables() -> Iterator[Table]:
    """Time, memory and agreement with the truth against number, and beside the rivals."""
    rows = []
    for name in (*METHODS, *_OTHERS):
        for n in NUMBERS:
            rows.append({"what": name, "latents": n, **_in_child(name, n)})
            print(rows[-1], file=sys.stderr, flush=True)
    yield Table(
        "large_clustering", "Latents of 64 numbers, ten kinds; one process each", _fitted(rows)
    )
    rivals = [_beside_rival(method, n) for method in METHODS for n in _REPEATS]
    yield Table("large_clustering_rivals", "The same beside scikit-learn and UMAP", rivals)


def _fitted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the exponent of the time against the number of latents, from the row before."""
    found = []
    for before, row in zip([None, *rows], rows, strict=False):
        exponent: float | str = ""
        if before is not None and before["what"] == row["what"]:
            exponent = float(
                np.log(row["seconds"] / before["seconds"])
                / np.log(row["latents"] / before["latents"])
            )
        found.append({**row, "exponent": exponent})
    return found


def _in_child(name: str, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.large_clustering", name, str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"seconds": float("nan"), "peak memory / GB": float("nan"), "score": float("nan")}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(name: str, n: int) -> dict[str, Any]:
    result = _measures()[name](n)
    # The most of this process, and what its workers hold at the end.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    workers = sum(one.memory_info().rss for one in psutil.Process().children(recursive=True))
    return {
        "seconds": result.seconds,
        "peak memory / GB": (peak + workers) / 1e9,
        "score": result.score,
    }


def _measures() -> dict[str, Callable[[int], _Result]]:
    methods = {method: _clusterer_measure(method) for method in METHODS}
    return methods | {
        "consensus": _consensus,
        "consensus, predicted": _predicted,
        "number": _number,
        "levels": _levels,
        "partitions": _partitions,
        "similar": _similar,
    }


def _clusterer_measure(method: str) -> Callable[[int], _Result]:
    def measure(n: int) -> _Result:
        simulated = simulate_latents(n)
        started = time.perf_counter()
        labels = _ours(method, simulated.latents[0])
        return _Result(time.perf_counter() - started, adjusted_rand_score(simulated.kinds, labels))

    return measure


def _ours(method: str, latents: FloatArray) -> Labels:
    return make_clusterer(method, _N_CLUSTERS, random_state=0).fit(latents).labels_


def _consensus(n: int) -> _Result:
    simulated = simulate_latents(n, n_members=_N_MEMBERS)
    started = time.perf_counter()
    fitted = ConsensusClustering(_N_CLUSTERS, random_state=0).fit(simulated.latents)
    seconds = time.perf_counter() - started
    return _Result(seconds, adjusted_rand_score(simulated.kinds, fitted.best_labels_))


def _predicted(n: int) -> _Result:
    """Labels, agreement and outlier scores by a consensus of 2,000 others."""
    simulated = simulate_latents(n + 2_000, n_members=_N_MEMBERS)
    fitted = ConsensusClustering(_N_CLUSTERS, random_state=0).fit(simulated.latents[:, :2_000])
    started = time.perf_counter()
    found = fitted.predict_consensus(simulated.latents[:, 2_000:])
    seconds = time.perf_counter() - started
    return _Result(seconds, adjusted_rand_score(simulated.kinds[2_000:], found.best_labels))


def _number(n: int) -> _Result:
    """The score is the number of clusters chosen."""
    simulated = simulate_latents(n)
    started = time.perf_counter()
    choice = choose_n_clusters(simulated.latents[0], random_state=0)
    return _Result(time.perf_counter() - started, float(choice.n_clusters))


def _levels(n: int) -> _Result:
    """The score is the number of coarse clusters, of ten."""
    simulated = simulate_latents(n)
    started = time.perf_counter()
    tree = ClusterTree(_N_CLUSTERS, random_state=0).fit(simulated.latents[0], simulated.kinds)
    return _Result(time.perf_counter() - started, float(tree.n_coarse_))


def _partitions(n: int) -> _Result:
    """The score is the number of other partitions."""
    simulated = simulate_latents(n)
    started = time.perf_counter()
    partitions = Partitions(_N_CLUSTERS, random_state=0).fit(simulated.latents[0], simulated.kinds)
    partitions.predict_partitions(simulated.latents[0])
    return _Result(time.perf_counter() - started, float(len(partitions.partitions_)))


def _similar(n: int) -> _Result:
    """An index, and the nearest of a thousand latents; scored by those of ten."""
    latents = simulate_latents(n + _N_QUERIES).latents[0]
    asked, latents = latents[:_N_QUERIES], latents[_N_QUERIES:]
    started = time.perf_counter()
    _, found = LatentIndex(latents).query(asked, 10)
    seconds = time.perf_counter() - started
    shares = []
    for own, near in zip(asked[:10].astype(np.float64), found, strict=False):
        far = np.square(latents - own).sum(axis=1)
        shares.append(len(set(np.argsort(far)[:10].tolist()) & set(near.tolist())) / 10)
    return _Result(seconds, float(np.mean(shares)))


def _beside_rival(method: str, n: int) -> dict[str, Any]:
    """Ours and a rival in turn, after one turn of ours in which numba compiles."""
    simulated = simulate_latents(n)
    latents = simulated.latents[0]
    name, rival = _RIVALS[method]
    _ours(method, latents[:6_000])
    turns = [
        (_timed(partial(_ours, method), latents), _timed(rival, latents))
        for _ in range(_REPEATS[n])
    ]
    (_, own_labels), (_, rival_labels) = turns[-1]
    return {
        "method": method,
        "latents": n,
        "seconds": median(own for (own, _), _ in turns),
        "rival": name,
        "rival's seconds": median(other for _, (other, _) in turns),
        "ratio": median(other / own for (own, _), (other, _) in turns),
        "ARI": adjusted_rand_score(simulated.kinds, own_labels),
        "rival's ARI": adjusted_rand_score(simulated.kinds, rival_labels),
    }


def _timed(cluster: Callable[[FloatArray], Labels], latents: FloatArray) -> tuple[float, Labels]:
    started = time.perf_counter()
    labels = cluster(latents)
    return time.perf_counter() - started, labels


def _kmeans(latents: FloatArray) -> Labels:
    return np.asarray(KMeans(_N_CLUSTERS, n_init=10, random_state=0).fit_predict(latents))


def _mixture(latents: FloatArray) -> Labels:
    mixture = GaussianMixture(_N_CLUSTERS, n_init=5, random_state=0)
    return np.asarray(mixture.fit_predict(latents.astype(np.float64)))


def _spectral(latents: FloatArray) -> Labels:
    spectral = SpectralClustering(
        _N_CLUSTERS, affinity="nearest_neighbors", n_neighbors=10, random_state=0
    )
    return np.asarray(spectral.fit_predict(latents))


def _umap_mixture(latents: FloatArray) -> Labels:
    from umap import UMAP

    embedding = UMAP(n_components=_N_CLUSTERS, min_dist=0.0, random_state=0).fit_transform(latents)
    return np.asarray(GaussianMixture(_N_CLUSTERS, random_state=0).fit_predict(embedding))


_RIVALS: dict[str, tuple[str, Callable[[FloatArray], Labels]]] = {
    "kmeans": ("KMeans, ten starts", _kmeans),
    "gmm": ("GaussianMixture, five starts", _mixture),
    "spectral": ("SpectralClustering, nearest neighbours", _spectral),
    "manifold": ("UMAP and GaussianMixture", _umap_mixture),
}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
