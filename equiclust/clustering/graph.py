"""A sparse graph of samples through the landmarks they are near, and its eigenvectors.

Every sample `x` distributes a total weight of one over its nearest landmarks, :math:`z(x)`. With
the landmarks' masses :math:`D = \\sum_i m_i z(x_i)` two samples have the affinity
:math:`W_{ij} = z(x_i) D^{-1} z(x_j)^T`: they are similar when they are near the same landmarks.
`W` is symmetric, its rows sum to one and it has no negative eigenvalue, so that `I - W` is its
normalised Laplacian [1]_. With every sample a landmark it is the graph of shared neighbours.

An eigenvector :math:`u = W u / \\lambda` is a function of `z(x)` alone. The Nyström formula [2]_
therefore holds at new samples and, exactly, at the old ones.

References
----------
.. [1] Chen, X. & Cai, D. 2011, "Large scale spectral clustering with landmark-based
   representation", AAAI, 313.
.. [2] Bengio, Y. et al. 2003, "Out-of-sample extensions for LLE, Isomap, MDS, Eigenmaps, and
   spectral clustering", NIPS 16, 177.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from equiclust.clustering.neighbours import nearest
from equiclust.typing import Array, Float64Array, IntArray

__all__ = ["bridges", "landmark_eigenvectors", "landmark_weights"]

# Eigenvalues below this share of the first are rounding: dividing by them would raise noise.
_SMALLEST_EIGENVALUE = 1e-8
# For fewer landmarks, or fewer to an eigenvector, all eigenvectors at once take no longer.
_MANY_LANDMARKS, _MANY_FOR_EACH = 400, 20
_MOST_RESTARTS = 30
# Eigenvalues are at most one.
_LEAST_GAP = 1e-6


def landmark_weights(points: Float64Array, tree: KDTree, n_neighbors: int) -> sparse.csr_array:
    r"""Weights of each sample on its nearest landmarks.

    :math:`z_j \propto \exp(-d_j^2 / d_k^2)` for the `k` nearest landmarks, whose distances are
    `d_1 <= ... <= d_k`. The scale is local, after Zelnik-Manor & Perona (2004, NIPS 17, 1601),
    so that dense and sparse regions, and outliers, all have neighbours of similar weight.

    Parameters
    ----------
    points : ndarray (n, d)
        Samples.
    tree : KDTree over (p, d)
        The landmarks.
    n_neighbors : int
        `k`, between 1 and `p`.

    Returns
    -------
    csr_array (n, p)
        Rows sum to one.
    """
    n_points = len(points)
    distances, neighbours = nearest(tree, points, n_neighbors)
    # A sample on its only landmark has scale 0; any other value gives it the same weight.
    scale = np.where(distances[:, -1:] > 0, distances[:, -1:], 1.0)
    weights = np.exp(-np.square(distances / scale))
    weights /= weights.sum(axis=1, keepdims=True)
    starts = np.arange(0, n_points * n_neighbors + 1, n_neighbors)
    return sparse.csr_array((weights.ravel(), neighbours.ravel(), starts), shape=(n_points, tree.n))


def bridges(weights: sparse.csr_array, tree: KDTree, n_neighbors: int) -> sparse.csr_array:
    """Additional landmarks that connect the components of a disconnected graph.

    The components are connected along a minimum spanning tree of their shortest distances. Each of
    its edges becomes one more landmark, to which the two landmarks at its ends pass up to half of
    their weight: :math:`(r / d)^4 / 2`, with `d` the edge's length and `r` the mean distance from
    its ends to their `k`-th neighbours. Components that are near each other are thus connected most
    strongly, and are merged first where there are more components than clusters.

    Parameters
    ----------
    weights : csr_array (n, p)
        From `landmark_weights`.
    tree : KDTree over (p, d)
        The landmarks.
    n_neighbors : int
        Number of landmarks on which a sample has weight.

    Returns
    -------
    csr_array (p, p + b)
        Maps weights of landmarks to weights of landmarks and `b` bridges; rows sum to one.
    """
    n_components, components = connected_components(weights.T @ weights, directed=False)
    landmarks = np.asarray(tree.data)
    edges = _spanning_edges(landmarks, components, n_components)
    reach = nearest(tree, landmarks, min(n_neighbors + 1, tree.n)).distances[:, -1]
    shares = sparse.lil_array((tree.n, len(edges)))
    for column, (a, b, length) in enumerate(edges):
        shares[[a, b], column] = 0.5 * min(1.0, (0.5 * (reach[a] + reach[b]) / length) ** 4)
    # A landmark at several bridges keeps at least half its weight.
    passed = np.maximum(shares.sum(axis=1) / 0.5, 1.0)
    shares = sparse.diags_array(1.0 / passed) @ shares.tocsr()
    kept = sparse.diags_array(1.0 - shares.sum(axis=1))
    return sparse.hstack([kept, shares]).tocsr()


def _spanning_edges(
    landmarks: Float64Array, components: Array, n_components: int
) -> list[tuple[int, int, float]]:
    members = [np.flatnonzero(components == k) for k in range(n_components)]
    lengths = np.zeros((n_components, n_components))
    ends: dict[tuple[int, int], tuple[int, int]] = {}
    for a, b in itertools.combinations(range(n_components), 2):
        distances = cdist(landmarks[members[a]], landmarks[members[b]])
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        lengths[a, b] = distances[i, j]
        ends[a, b] = int(members[a][i]), int(members[b][j])
    found = minimum_spanning_tree(lengths).tocoo()
    return [
        (*ends[min(a, b), max(a, b)], float(length))
        for a, b, length in zip(found.row, found.col, found.data, strict=True)
    ]


def landmark_eigenvectors(
    weights: sparse.csr_array, counts: IntArray, n_components: int
) -> tuple[Float64Array, Float64Array]:
    r"""Leading eigenvalues of the graph, and coefficients of its eigenvectors at any sample.

    With :math:`Z = \mathrm{diag}(\sqrt m)\,[z(x_i)]\,D^{-1/2} = U \Sigma V^T` the eigenvectors are
    :math:`u(x) = z(x)\,C` with :math:`C = D^{-1/2} V \Sigma^{-1}`.

    Parameters
    ----------
    weights : csr_array (n, p)
        From `landmark_weights`; every column has an entry.
    counts : ndarray (n,)
        `m`: how often each sample occurs.
    n_components : int
        Number of eigenvectors; fewer are returned where the graph has fewer.

    Returns
    -------
    eigenvalues : ndarray (c,)
        Of `W`, decreasing from one.
    coefficients : ndarray (p, c)
        `C`; each column's largest entry is positive.
    """
    inverse_root_mass = 1.0 / np.sqrt(weights.T @ counts.astype(np.float64))
    scaled = sparse.diags_array(np.sqrt(counts)) @ weights @ sparse.diags_array(inverse_root_mass)
    eigenvalues, vectors = _leading(scaled.T @ scaled, n_components)
    useful = eigenvalues > _SMALLEST_EIGENVALUE * eigenvalues[0]
    eigenvalues, vectors = eigenvalues[useful], vectors[:, useful]
    coefficients = inverse_root_mass[:, None] * vectors / np.sqrt(eigenvalues)
    largest = np.abs(coefficients).argmax(axis=0)
    signs = np.sign(coefficients[largest, np.arange(coefficients.shape[1])])
    return eigenvalues, np.ascontiguousarray(coefficients * signs)


def _leading(gram: sparse.csr_array, number: int) -> tuple[Float64Array, Float64Array]:
    """Largest eigenvalues, decreasing, and eigenvectors as columns."""
    n_landmarks = int(gram.shape[0])
    if n_landmarks >= max(_MANY_LANDMARKS, _MANY_FOR_EACH * number):
        found = _by_lanczos(gram, number)
        if found is not None:
            return found
    first = max(0, n_landmarks - number)
    eigenvalues, vectors = eigh(gram.toarray(), subset_by_index=[first, n_landmarks - 1])
    return eigenvalues[::-1], vectors[:, ::-1]


def _by_lanczos(gram: sparse.csr_array, number: int) -> tuple[Float64Array, Float64Array] | None:
    """The same by the implicitly restarted Lanczos method, in a twentieth of the time.

    None where it does not converge soon, or where the largest eigenvalue of what is left is not
    clearly smaller than those found: of equal eigenvalues it may have found one only.
    """
    generator = np.random.RandomState(0)

    def largest(matrix: sparse.csr_array | LinearOperator, k: int) -> tuple[Array, Array]:
        start = generator.standard_normal(gram.shape[0])
        n_vectors = max(4 * k, 40)
        found: tuple[Array, Array] = eigsh(
            matrix, k, which="LA", v0=start, ncv=n_vectors, maxiter=_MOST_RESTARTS
        )
        return found

    try:
        eigenvalues, vectors = largest(gram, number)

        def left(vector: Array) -> Array:
            rest: Array = gram @ vector - vectors @ (eigenvalues * (vectors.T @ vector))
            return rest

        others = LinearOperator(gram.shape, matvec=left, dtype=np.float64)
        (next_one,), _ = largest(others, 1)
    except ArpackNoConvergence:
        return None
    order = np.argsort(-eigenvalues, kind="stable")
    if next_one > eigenvalues[order[-1]] - _LEAST_GAP:
        return None
    return eigenvalues[order], vectors[:, order]
