"""`umap_embedding`: UMAP, without its warnings, and compiled once for all processes."""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # It has no types.

from equiclust.typing import Array, Float64Array

__all__ = ["umap_embedding"]

# UMAP's own default.
_N_NEIGHBORS = 15


def umap_embedding(points: Array, *, random_state: int, **parameters: Any) -> Float64Array:
    """Embed samples by UMAP (McInnes, Healy & Melville 2018), the same for the same seed.

    Parameters
    ----------
    points : ndarray (n, d)
        Distinct samples.
    random_state : int
    **parameters
        Of `umap.UMAP`.

    Returns
    -------
    ndarray (n, n_components)
    """
    from equiclust.compiled import keep_compiled

    # One thread: it takes no more for a given seed, and more for its algebra would wait for others.
    with warnings.catch_warnings(), _torch_threads(), threadpool_limits(limits=1):
        # It warns of optional packages, and that a random state makes it use one thread.
        warnings.simplefilter("ignore")
        from umap import UMAP

        # Compiling takes ten seconds, a hundred times as long as to embed some hundred samples.
        keep_compiled("umap")
        from equiclust.clustering.umap_neighbours import MOST_COMPARED, known_neighbours

        n_neighbors = int(parameters.get("n_neighbors", _N_NEIGHBORS))
        if n_neighbors < len(points) <= MOST_COMPARED and "metric" not in parameters:
            # Half of the time of UMAP, which compares them pair by pair in Python.
            known = known_neighbours(points, n_neighbors)
            parameters |= {"precomputed_knn": known, "force_approximation_algorithm": True}
        model = UMAP(n_jobs=1, random_state=random_state, **parameters)
        return np.asarray(model.fit_transform(points), dtype=np.float64)


def _torch_threads() -> AbstractContextManager[None]:
    """Restores the number of torch's threads, which the first start of numba's may change."""
    # Torch takes a second and 500 MB to import.
    if "torch" not in sys.modules:
        return nullcontext()
    from equiclust.nn.device import torch_threads

    return torch_threads()
