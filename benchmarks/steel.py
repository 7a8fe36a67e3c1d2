"""Steel defects by transferred features: Cohn & Holm's analysis, with features that ignore turns.

The published one (Integr. Mater. Manuf. Innov. 10, 231, 2021) needs seven clusters for six defects,
since scratches lie two ways: .9940 +- .0016, least .9906.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import KFold

from benchmarks.tables import Table
from equiclust.clustering import LatentClusterer
from equiclust.encoders import get_encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.io.atomic import atomic_path, read_arrays, write_arrays
from equiclust.preprocessing import Preprocessor

__all__ = ["steel_tables"]

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

_INPUT = 224
_N_FOLDS, _SENSITIVITY_SEEDS = 5, 5


class Chain(NamedTuple):
    """Everything that is chosen between pixels and labels."""

    network: str = "alexnet"
    layer: str = "features.10"
    group: str = "D4"
    pooling: str = "mean+max"
    equalize: str = "clahe"
    n_components: int = 50
    whiten: bool = True
    n_clusters: int = 6
    n_init: int = 500


_DEFAULT = Chain()
_CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"equalize": "none"},
    {"layer": "features.7"},
    {"layer": "features.12"},
    {"group": "none"},
    *({"pooling": name} for name in ("mean", "max")),
    *({"n_components": n} for n in (10, 15, 20, 30, 40, 70, 100)),
    *({"n_components": n, "whiten": False} for n in (20, 50)),
    *({"n_clusters": k} for k in (5, 7, 8)),
    *({"n_init": n} for n in (1, 10, 100)),
)


def steel_tables(folder: Path, *, n_seeds: int = 10) -> Iterator[Table]:
    """Accuracy on the whole set and on held-out fifths, each class, and what each step gives."""
    images, labels, names = _steel()
    chains = {
        "averaged over D4, k = 6": _DEFAULT,
        "averaged over D4, k = 7": _DEFAULT._replace(n_clusters=7),
        "as it is, k = 6": _DEFAULT._replace(group="none"),
        "as it is, k = 7, as published": _DEFAULT._replace(group="none", n_clusters=7),
    }
    rows = []
    for name, chain in chains.items():
        features = _features(folder, images, chain)
        whole = _in_parallel(_whole, features, labels, chain, n_seeds)
        apart = _in_parallel(_held_out, features, labels, chain, n_seeds)
        rows.append({"features": name, **_spread("", whole), **_spread("held out, ", apart)})
        print(rows[-1], flush=True)
    yield Table("steel", f"NEU steel, AlexNet features.10: ACC of {n_seeds} seeds", rows)
    yield _classes(_labels_of(folder, images, _DEFAULT), labels, names)
    yield _sensitivity(folder, images, labels)


def _steel() -> tuple[npt.NDArray[np.uint8], Labels, list[str]]:
    data = np.load(Path(os.environ["EQUICLUST_DATA"]) / "neu_steel.npz")
    return data["images"], data["labels"].astype(np.int64), [str(one) for one in data["classes"]]


def _features(folder: Path, images: npt.NDArray[np.uint8], chain: Chain) -> FloatArray:
    """Features of all images, read where they were computed before."""
    path = folder / f"{chain.network}-{chain.layer}-{chain.group}-{chain.equalize}.safetensors"
    if not path.is_file():
        encoder = get_encoder(
            chain.network, group=chain.group, layer=chain.layer, input_size=_INPUT
        )
        pixels = _processed(folder, images, chain.equalize)
        write_arrays(path, {"features": encoder.transform(pixels)})
    found: FloatArray = read_arrays(path)["features"]
    half = found.shape[1] // 2
    return {"mean": found[:, :half], "max": found[:, half:]}.get(chain.pooling, found)


def _processed(folder: Path, images: npt.NDArray[np.uint8], equalize: str) -> FloatArray:
    """Preprocessed images, read where they were made before."""
    path = folder / f"images-{equalize}.safetensors"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        step = Preprocessor(
            size=images.shape[1],
            background="none",
            percentiles=(0.0, 100.0),
            canonical="none",
            equalize=equalize,
        )
        write_arrays(path, {"images": step.transform(images.astype(np.float32)).pixels})
    pixels: FloatArray = read_arrays(path)["images"]
    return pixels


def _labels(training: FloatArray, features: FloatArray, chain: Chain, seed: int) -> Labels:
    """Labels of features by axes and clusters that were fitted to others."""
    axes = WhitenedEncoder(latent_dim=chain.n_components, random_state=0)
    axes.fit_features(training)
    clusterer = LatentClusterer(
        chain.n_clusters,
        whiten=False,
        standardise=False,
        n_components=None,
        n_init=chain.n_init,
        random_state=seed,
    )
    clusterer.fit(_components(axes, training, chain))
    return clusterer.predict(_components(axes, features, chain))


def _components(axes: WhitenedEncoder, features: FloatArray, chain: Chain) -> FloatArray:
    latents = axes.whiten(features)
    lengths = np.linalg.norm(axes.components_, axis=1)
    # Axes that were left out are 0, and so is what lies along them.
    return latents if chain.whiten else latents / np.where(lengths > 0, lengths, 1.0)


def _labels_of(folder: Path, images: npt.NDArray[np.uint8], chain: Chain) -> Labels:
    features = _features(folder, images, chain)
    return _labels(features, features, chain, 0)


def _named(labels: Labels, found: Labels) -> Labels:
    """Clusters by the class that most of their images have."""
    names = np.array([np.bincount(labels[found == k]).argmax() for k in range(found.max() + 1)])
    return np.asarray(names[found])


def _in_parallel(
    score: Callable[[FloatArray, Labels, Chain, int], float],
    features: FloatArray,
    labels: Labels,
    chain: Chain,
    n_seeds: int,
) -> list[float]:
    """Scores of several seeds, each on one core: the table is about quality."""
    return list(
        Parallel(n_jobs=os.cpu_count())(
            delayed(score)(features, labels, chain, seed) for seed in range(n_seeds)
        )
    )


def _whole(features: FloatArray, labels: Labels, chain: Chain, seed: int) -> float:
    return _accuracy(labels, _labels(features, features, chain, seed))


def _accuracy(labels: Labels, found: Labels) -> float:
    return float(np.mean(_named(labels, found) == labels))


def _held_out(features: FloatArray, labels: Labels, chain: Chain, seed: int) -> float:
    """Accuracy on every fifth, by axes, clusters and names from the other four."""
    right = np.zeros(len(labels), dtype=bool)
    for known, apart in KFold(_N_FOLDS, shuffle=True, random_state=seed).split(features):
        found = _labels(features[known], features, chain, seed)
        names = np.full(chain.n_clusters, -1)
        for k in range(chain.n_clusters):
            names[k] = np.bincount(labels[known][found[known] == k]).argmax()
        right[apart] = names[found[apart]] == labels[apart]
    return float(right.mean())


def _spread(prefix: str, scores: list[float]) -> dict[str, float]:
    return {
        f"{prefix}mean": round(float(np.mean(scores)), 4),
        f"{prefix}std": round(float(np.std(scores)), 4),
        f"{prefix}least": round(min(scores), 4),
    }


def _classes(found: Labels, labels: Labels, names: list[str]) -> Table:
    matrix = confusion_matrix(labels, _named(labels, found))
    rows: list[Mapping[str, Any]] = [
        {
            "class": name,
            "precision": round(float(matrix[k, k] / max(matrix[:, k].sum(), 1)), 4),
            "recall": round(float(matrix[k, k] / matrix[k].sum()), 4),
            **{f"as {other}": int(n) for other, n in zip(names, matrix[k], strict=True)},
        }
        for k, name in enumerate(names)
    ]
    return Table("steel_classes", "NEU steel, six clusters, seed 0: confusion of classes", rows)


def _sensitivity(folder: Path, images: npt.NDArray[np.uint8], labels: Labels) -> Table:
    rows = []
    for change in _CHANGES:
        chain = _DEFAULT._replace(**change)
        features = _features(folder, images, chain)
        scores = _in_parallel(_whole, features, labels, chain, _SENSITIVITY_SEEDS)
        name = ", ".join(f"{key} = {value}" for key, value in change.items()) or "the chain itself"
        rows.append({"changed": name, **_spread("", scores)})
        print(rows[-1], flush=True)
    _draw(rows, folder / "steel_sensitivity.png")
    title = f"NEU steel, what each step gives: ACC of {_SENSITIVITY_SEEDS} seeds"
    return Table("steel_sensitivity", title, rows)


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Mean and range of every row, as bars from the least to the mean."""
    figure, axes = plt.subplots(figsize=(7.0, 0.3 * len(rows) + 1.0), layout="constrained")
    places = np.arange(len(rows))[::-1]
    means, least = ([row[key] for row in rows] for key in ("mean", "least"))
    axes.hlines(places, least, means, color="0.6", linewidth=2.0)
    axes.plot(least, places, "|", color="0.3", markersize=9, label=f"least of {_SENSITIVITY_SEEDS}")
    axes.plot(means, places, "o", color="tab:blue", markersize=5, label="mean")
    axes.axvline(0.994, color="tab:red", linewidth=1.0, linestyle="--", label="published, k = 7")
    axes.set_yticks(places, [row["changed"] for row in rows])
    axes.set_xlabel("accuracy, six defects of 300 images each")
    axes.legend(loc="lower left", fontsize="small")
    with atomic_path(path) as draft:
        figure.savefig(draft, dpi=150, format="png")
    plt.close(figure)
