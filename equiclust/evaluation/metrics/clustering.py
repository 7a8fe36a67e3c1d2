"""Agreement of predicted labels with true ones, whatever the clusters are called."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.typing import IntArray
from equiclust.validation import check_array, shown

__all__ = [
    "adjusted_rand_index",
    "checked_labels",
    "clustering_accuracy",
    "many_to_one_accuracy",
    "match_one_to_one",
    "normalized_mutual_information",
]


@checks_types
def clustering_accuracy(labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike) -> float:
    r"""Share of samples that are right under the best one-to-one matching of clusters to classes.

    :math:`\max_\pi \frac{1}{n} \sum_i [\pi(p_i) = t_i]`, found by the Hungarian method (Kuhn 1955,
    Naval Res. Logist. Q. 2, 83). With more clusters than classes, or fewer, some remain unmatched,
    and their samples count as wrong.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know", which counts as wrong.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], [5, 5, 2, -1])
    0.75
    """
    true, pred = checked_labels(labels_true, labels_pred)
    known = pred != -1
    if not known.any():
        return 0.0
    together = contingency_matrix(true[known], pred[known])
    cluster_of = match_one_to_one(together)
    classes = np.flatnonzero(cluster_of != -1)
    return float(together[classes, cluster_of[classes]].sum() / len(true))


@checks_types
def match_one_to_one(counts: npt.ArrayLike) -> IntArray:
    r"""Column matched to each row of a table, so that the sum over the matched cells is largest.

    The Hungarian method (Kuhn 1955, Naval Res. Logist. Q. 2, 83).

    Parameters
    ----------
    counts : array-like (n_rows, n_columns)
        Samples that have both labels, such as a contingency table.

    Returns
    -------
    ndarray (n_rows,), int
        No column occurs twice; -1 for the rows that are left over where there are fewer columns.

    Raises
    ------
    InputError
        When the counts are not finite numbers of two axes.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import match_one_to_one
    >>> match_one_to_one([[0, 3], [2, 1], [1, 1]])
    array([ 1,  0, -1])
    """
    table = check_array("counts", counts)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise InputError(f"counts must be finite and of shape (n, m), got {shown(counts)}")
    rows, columns = linear_sum_assignment(table, maximize=True)
    matched = np.full(len(table), -1, dtype=np.int64)
    matched[rows] = columns
    return matched


@checks_types
def many_to_one_accuracy(labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike) -> float:
    r"""Share of samples that are right when every cluster stands for its commonest class.

    :math:`\frac{1}{n} \sum_k \max_c n_{kc}`, also called purity, for more clusters than classes,
    where several clusters may stand for one class. It grows with the number of clusters, up to 1
    when every sample is a cluster, so it compares only clusterings with equal numbers of them.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know", which counts as wrong.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import clustering_accuracy, many_to_one_accuracy
    >>> classes, clusters = [0, 0, 0, 0, 1], [0, 0, 1, 1, 2]
    >>> many_to_one_accuracy(classes, clusters), clustering_accuracy(classes, clusters)
    (1.0, 0.6)
    """
    true, pred = checked_labels(labels_true, labels_pred)
    known = pred != -1
    if not known.any():
        return 0.0
    together = contingency_matrix(true[known], pred[known])
    return float(together.max(axis=0).sum() / len(true))


@checks_types
def normalized_mutual_information(labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike) -> float:
    """Mutual information of two labellings, divided by the mean of their entropies.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know" counts as one more cluster.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import normalized_mutual_information
    >>> normalized_mutual_information([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> normalized_mutual_information([0, 0, 1, 1], [0, 1, 0, 1])
    0.0
    """
    return float(normalized_mutual_info_score(*checked_labels(labels_true, labels_pred)))


@checks_types
def adjusted_rand_index(labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike) -> float:
    """Share of pairs of samples on which two labellings agree, corrected for chance.

    Hubert & Arabie 1985, J. Classif. 2, 193.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know" counts as one more cluster.

    Returns
    -------
    float
        1 for equal partitions, 0 on average for random ones; may be negative.

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import adjusted_rand_index
    >>> adjusted_rand_index([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> adjusted_rand_index([0, 0, 1, 1], [0, 1, 0, 1])
    -0.5
    """
    return float(adjusted_rand_score(*checked_labels(labels_true, labels_pred)))


def checked_labels(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike
) -> tuple[IntArray, IntArray]:
    """Check two labellings of the same samples.

    Parameters
    ----------
    labels_true, labels_pred : array-like (n,), int

    Returns
    -------
    labels_true, labels_pred : ndarray (n,), int64

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.
    """
    true, pred = _whole("labels_true", labels_true), _whole("labels_pred", labels_pred)
    if len(true) != len(pred):
        raise InputError(
            "labels_true and labels_pred must have the same length, "
            f"got {len(true)} and {len(pred)} labels"
        )
    return true, pred


def _whole(name: str, labels: npt.ArrayLike) -> IntArray:
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name} must have shape (n,) with at least one label, got {array.shape}")
    if array.dtype.kind not in "biu":
        raise InputError(f"{name} must be integers, got dtype {array.dtype}")
    return array.astype(np.int64)
