"""What averaging over a group costs in information, and in time: AlexNet on labelled images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from benchmarks.encoders import found_encoder
from benchmarks.tables import Table
from equiclust.encoders import Canonicalized, Encoder, GroupAveraged
from equiclust.evaluation.invariance import rotate_spline
from equiclust.evaluation.metrics import clustering_accuracy
from equiclust.images import ImageSet

__all__ = ["encoder_information_table"]

FloatArray = npt.NDArray[np.float32]
Labelled = tuple[FloatArray, npt.NDArray[np.int64]]

_N_EACH, _N_DIGITS, _N_COMPONENTS, _N_NEIGHBOURS, _N_SEEDS, _SIDE = 40, 30, 20, 5, 5, 128


def encoder_information_table() -> Table:
    """Scores of AlexNet's vectors, plain and made invariant, on subsets of real sets.

    Neighbours: share of the five nearest that are of the same class. ACC: k-means
    on 20 whitened components, mean over five seeds.
    """
    encoder, weights = found_encoder("alexnet", input_size=_SIDE)
    rows = []
    for name, (images, classes) in _sets().items():
        for how, latents, seconds in _vectors(encoder, images):
            rows.append(
                {
                    "set": name,
                    "weights": weights,
                    "vectors": how,
                    **_scores(latents, classes),
                    "ms an image": 1e3 * seconds / len(images),
                }
            )
            print(rows[-1], flush=True)
    return Table("encoders_information", "AlexNet on labelled images, plain and averaged", rows)


def _sets() -> Mapping[str, Labelled]:
    folder = Path(os.environ["EQUICLUST_DATA"])
    steel, brain = np.load(folder / "neu_steel.npz"), np.load(folder / "brain_modalities.npz")
    digits = np.load(folder / "mnist.npz")
    turned, which = _drawn(digits["images"], digits["labels"], _N_DIGITS)
    angles = np.random.default_rng(1).uniform(0.0, 360.0, len(turned))
    turned = np.concatenate(
        [
            rotate_spline(one[None, None], float(angle))[0]
            for one, angle in zip(turned, angles, strict=True)
        ]
    )
    return {
        "NEU": _drawn(steel["images"], steel["labels"], _N_EACH),
        "brain": _drawn(brain["images"], brain["modality"], _N_EACH),
        # Turned, a six is a nine.
        "MNIST turned": (turned.clip(0.0, 1.0), np.where(which == 9, 6, which)),
    }


def _drawn(images: npt.NDArray[np.uint8], labels: npt.ArrayLike, n: int) -> Labelled:
    """Draw `n` images of each class; pixels in 0 to 1, with their classes."""
    _, classes = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(classes == k))[:n] for k in range(classes.max() + 1)]
    chosen = np.concatenate(rows)
    return images[chosen] / np.float32(255.0), classes[chosen].astype(np.int64)


def _vectors(encoder: Encoder, images: FloatArray) -> Iterator[tuple[str, FloatArray, float]]:
    """Name, vectors, and seconds; the statistics over a group share the work of encoding."""
    started = perf_counter()
    yield "as it is", encoder.transform(images), perf_counter() - started
    for group in ("D4", "D8"):
        started = perf_counter()
        seen = GroupAveraged(encoder, group).transformed(ImageSet.from_array(images))
        moved = np.stack([encoder.transform(one) for one in seen])
        seconds = perf_counter() - started
        mean, spread = moved.mean(axis=0), moved.std(axis=0)
        yield f"{group}, mean", mean, seconds
        yield f"{group}, mean and spread", np.concatenate([mean, spread], axis=1), seconds
        yield f"{group}, maximum", moved.max(axis=0), seconds
    started = perf_counter()
    yield "moment frame", Canonicalized(encoder).transform(images), perf_counter() - started


def _scores(latents: FloatArray, classes: npt.NDArray[np.int64]) -> dict[str, float]:
    whitened = PCA(_N_COMPONENTS, whiten=True, random_state=0).fit_transform(latents)
    k = len(np.unique(classes))
    accuracies = [
        clustering_accuracy(classes, KMeans(k, n_init=10, random_state=s).fit_predict(whitened))
        for s in range(_N_SEEDS)
    ]
    # Without arguments, an image is not its own neighbour.
    nearest = NearestNeighbors(n_neighbors=_N_NEIGHBOURS).fit(latents).kneighbors()[1]
    same = classes[nearest] == classes[:, None]
    return {"neighbours": float(same.mean()), "ACC": float(np.mean(accuracies))}
