"""What else astronomers sort the pixels of a map with; each gives a label to every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage, special
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from data_adapters.sky.overlap_average import blend_tiles
from data_adapters.sky.tiling import Tiling
from equiclust.segmentation.pairs import Stretch, network_size, normalised

__all__ = ["SKY_BASELINES", "scattering_features"]

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

_SCALES, _ANGLES = 3, 8
_TILE, _STEP = 32, 8
_ENVIRONMENT = (0.0, 1.0, 2.0, 4.0, 8.0)


def thresholds(plane: FloatArray, n_clusters: int, seed: int) -> Labels:
    """Levels of intensity that divide the pixels into parts of one size."""
    edges = np.quantile(plane, np.linspace(0, 1, n_clusters + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, plane.ravel()).reshape(plane.shape))


def kmeans_of_pixels(plane: FloatArray, n_clusters: int, seed: int) -> Labels:
    """k-means of what a pixel and the map smoothed over 1 to 8 pixels show there."""
    stretched = Stretch.of(plane)(plane)
    smooth = [ndimage.gaussian_filter(stretched, sigma) for sigma in _ENVIRONMENT]
    return _kmeans(np.stack(smooth, axis=-1).reshape(plane.size, -1), n_clusters, seed).reshape(
        plane.shape
    )


def scattering_kmeans(plane: FloatArray, n_clusters: int, seed: int) -> Labels:
    """k-means of wavelet-scattering statistics of tiles."""
    tiling = Tiling(plane.shape, tile=_TILE, step=_STEP)
    features = scattering_features(plane, tiling)
    return _blended(tiling, _kmeans(features, n_clusters, seed), n_clusters)


def scattering_mixture(plane: FloatArray, n_clusters: int, seed: int) -> Labels:
    """Gaussian mixture of the first principal components of the same statistics."""
    tiling = Tiling(plane.shape, tile=_TILE, step=_STEP)
    features = scattering_features(plane, tiling)
    u, s, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    components = (u * s)[:, :12]
    mixture = GaussianMixture(n_clusters, n_init=4, random_state=seed, reg_covar=1e-3)
    return _blended(tiling, mixture.fit_predict(components), n_clusters)


def dendrogram(plane: FloatArray, n_clusters: int, seed: int) -> Labels:
    """Leaves, branches and the rest of a dendrogram (Rosolowsky et al. 2008)."""
    from astrodendro import Dendrogram

    level = float(np.median(plane))
    noise = 1.4826 * float(np.median(np.abs(np.diff(plane, axis=0)))) / np.sqrt(2.0)
    tree = Dendrogram.compute(
        plane.astype(np.float64), min_value=level, min_delta=3 * noise, min_npix=30
    )
    labels = np.zeros(plane.shape, dtype=np.int64)
    for structure in tree.all_structures:
        labels[structure.indices(subtree=False)] = 2 if structure.is_leaf else 1
    return labels


def scattering_features(plane: FloatArray, tiling: Tiling) -> npt.NDArray[np.float64]:
    """Logarithms of the scattering coefficients of every tile, averaged over its rotations.

    First order averaged over the angle; second order, over the first, averaged over the angle with
    the difference of both angles kept (Allys et al. 2019; Cheng et al. 2020).
    """
    # kymatio's three-dimensional part, not used here, asks scipy for what it no longer has.
    if not hasattr(special, "sph_harm"):
        special.sph_harm = None
    from kymatio.torch import Scattering2D

    stretched = Stretch.of(plane)(plane)
    patches = np.stack([tiling.cut(stretched, index) for index in range(len(tiling))])
    patches = np.where(
        np.isfinite(patches), patches, np.nanmean(patches, axis=(1, 2))[:, None, None]
    )
    shown = torch.from_numpy(normalised(patches, size=network_size(tiling.tile))[:, 0])
    transform: Any = Scattering2D(J=_SCALES, shape=shown.shape[-2:], L=_ANGLES)
    found = torch.cat([transform(part).mean(dim=(-1, -2)) for part in shown.split(256)]).numpy()
    return _rotation_averages(found.astype(np.float64))


def _rotation_averages(found: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    n_first = _SCALES * _ANGLES
    first = found[:, 1 : 1 + n_first].reshape(len(found), _SCALES, _ANGLES)
    second = found[:, 1 + n_first :].reshape(len(found), -1, _ANGLES, _ANGLES)
    angles = np.arange(_ANGLES)
    relative = np.stack(
        [second[:, :, angles, (angles + turn) % _ANGLES].mean(axis=2) for turn in angles], axis=2
    )
    strength = first.mean(axis=2)
    relative = relative / strength.mean(axis=1)[:, None, None]
    logs = np.log(np.concatenate([strength, relative.reshape(len(found), -1)], axis=1) + 1e-9)
    return np.asarray((logs - logs.mean(axis=0)) / logs.std(axis=0))


def _kmeans(features: npt.NDArray[Any], n_clusters: int, seed: int) -> Labels:
    return np.asarray(KMeans(n_clusters, n_init=5, random_state=seed).fit_predict(features))


def _blended(tiling: Tiling, labels: Labels, n_clusters: int) -> Labels:
    """Tiles vote on pixels as they do in `equiclust segment`."""
    return np.asarray(blend_tiles(tiling, np.eye(n_clusters)[labels]).mean.argmax(axis=0))


SKY_BASELINES = {
    "intensity thresholds": thresholds,
    "k-means of pixels": kmeans_of_pixels,
    "dendrogram leaves": dendrogram,
    "scattering + k-means": scattering_kmeans,
    "scattering + mixture": scattering_mixture,
}
