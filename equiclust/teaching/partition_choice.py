"""Which of several partitions a few labels tell for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import Float64Array, IntArray

__all__ = ["PartitionFit", "rank_partitions"]

# Of the symmetric Dirichlet distribution: below 1, since most clusters are of one kind.
_CONCENTRATION = 0.3


class PartitionFit(NamedTuple):
    """How a partition fits the labels.

    Attributes
    ----------
    name : str
        Of the partition.
    log_evidence : float
        Natural logarithm of the probability of the labels.
    n_right : int
        Labels that name the most frequent kind of their cluster.
    """

    name: str
    log_evidence: float
    n_right: int


@checks_types
def rank_partitions(
    partitions: Mapping[str, npt.ArrayLike], kinds: Mapping[int, str]
) -> list[PartitionFit]:
    r"""Order partitions by how well a few labels fit them.

    The probability of the labels, when every cluster has its own shares of the kinds, about which
    nothing is known but that most clusters are of one kind (a symmetric Dirichlet distribution with
    :math:`\alpha = 0.3`):

    .. math::

        \log p = \sum_c \left[ \log \frac{\Gamma(K \alpha)}{\Gamma(K \alpha + n_c)}
        + \sum_k \log \frac{\Gamma(\alpha + n_{ck})}{\Gamma(\alpha)} \right]

    with the number :math:`n_{ck}` of labels of kind `k` in cluster `c`. A finer partition is not
    favoured for being fine, so that partitions with different numbers of clusters can be compared.

    Parameters
    ----------
    partitions : mapping of str to array-like (n,), int
        Labels from 0 by the name of the partition; -1 = none.
    kinds : mapping of int to str
        Kind by row.

    Returns
    -------
    list of PartitionFit
        The best one first; of equal ones the first of `partitions`.

    Raises
    ------
    InputError
        When there is no label, or a partition has another number of rows or has not the row of one.

    Examples
    --------
    >>> from equiclust.teaching import rank_partitions
    >>> partitions = {"coarse": [0, 0, 0, 0, 1, 1], "fine": [0, 0, 1, 1, 2, 2]}
    >>> best, other = rank_partitions(partitions, {0: "ring", 1: "ring", 2: "spiral", 4: "smooth"})
    >>> best.name, best.n_right, other.n_right
    ('fine', 4, 3)
    """
    rows = np.array(list(kinds), dtype=np.int64)
    if not len(rows):
        raise InputError("kinds must name the kind of at least one row, got none")
    names, kind = np.unique(list(kinds.values()), return_inverse=True)
    found = []
    for name, given in partitions.items():
        labels = np.asarray(given)
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise InputError(f"partition {name!r} must be labels (n,), got shape {labels.shape}")
        if rows.min() < 0 or rows.max() >= len(labels):
            raise InputError(f"partition {name!r} has {len(labels)} rows, got row {rows.max()}")
        counts = _counts(labels[rows], kind, len(names))
        found.append(PartitionFit(name, _log_evidence(counts), int(counts.max(axis=1).sum())))
    return sorted(found, key=lambda one: -one.log_evidence)


def _counts(clusters: IntArray, kinds: IntArray, n_kinds: int) -> Float64Array:
    """Number of labels by cluster and kind."""
    _, cluster = np.unique(clusters, return_inverse=True)
    counts = np.zeros((cluster.max() + 1, n_kinds))
    np.add.at(counts, (cluster, kinds), 1)
    return counts


def _log_evidence(counts: Float64Array) -> float:
    n_kinds, alpha = counts.shape[1], _CONCENTRATION
    of_clusters = gammaln(n_kinds * alpha) - gammaln(n_kinds * alpha + counts.sum(axis=1))
    return float(of_clusters.sum() + (gammaln(alpha + counts) - gammaln(alpha)).sum())
