"""Confusion of classes by a clustering, and precision and recall of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics.cluster import contingency_matrix

from equiclust.argument_types import checks_types
from equiclust.evaluation.metrics.clustering import checked_labels, match_one_to_one
from equiclust.typing import Float64Array, IntArray

__all__ = ["ClassScores", "class_scores", "confusion_matrix", "matched_classes"]


@checks_types
def matched_classes(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> IntArray:
    """Class that the cluster of each sample stands for.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know".
    many_to_one : bool, default False
        Whether every cluster stands for its commonest class, the smallest in a tie. By default no
        two clusters stand for one class: they are matched so that most samples are right.

    Returns
    -------
    ndarray (n,), int
        -1 where the cluster stands for none, and for "don't know".

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import matched_classes
    >>> matched_classes([0, 0, 0, 1, 1], [7, 7, 4, 4, -1])
    array([ 0,  0,  1,  1, -1])
    """
    true, pred = checked_labels(labels_true, labels_pred)
    known = pred != -1
    named = np.full(len(pred), -1, dtype=np.int64)
    if not known.any():
        return named
    classes, clusters = np.unique(true[known]), np.unique(pred[known])
    together = contingency_matrix(true[known], pred[known])
    class_of = np.full(len(clusters), -1, dtype=np.int64)
    if many_to_one:
        class_of = classes[together.argmax(axis=0)]
    else:
        cluster_of = match_one_to_one(together)
        matched = cluster_of != -1
        class_of[cluster_of[matched]] = classes[matched]
    named[known] = class_of[np.searchsorted(clusters, pred[known])]
    return named


@checks_types
def confusion_matrix(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> tuple[IntArray, IntArray]:
    """Numbers of samples by their class and by the class that their cluster stands for.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know".
    many_to_one : bool, default False
        Whether several clusters may stand for one class, as in `matched_classes`.

    Returns
    -------
    classes : ndarray (m,), int
        Classes that occur, in order.
    counts : ndarray (m, m + 1), int
        Rows are true classes, columns those that clusters stand for; the last column counts samples
        whose cluster stands for none.

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import confusion_matrix
    >>> classes, counts = confusion_matrix([0, 0, 0, 1, 1], [7, 7, 4, 4, 4])
    >>> counts
    array([[2, 1, 0],
           [0, 2, 0]])
    """
    true, _ = checked_labels(labels_true, labels_pred)
    named = matched_classes(labels_true, labels_pred, many_to_one=many_to_one)
    classes, rows = np.unique(true, return_inverse=True)
    columns = np.where(named == -1, len(classes), np.searchsorted(classes, named))
    # A true class may itself be called -1: only the clusters say "don't know".
    counts = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return classes, counts


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Precision and recall of each class.

    Attributes
    ----------
    classes : ndarray (m,), int
        Classes that occur, in order.
    precision : ndarray (m,), float64
        Of the samples whose clusters stand for the class, the share that belongs to it; NaN where
        no cluster stands for it.
    recall : ndarray (m,), float64
        Of the samples of the class, the share whose clusters stand for it.
    support : ndarray (m,), int
        Number of samples of the class.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import class_scores
    >>> scores = class_scores([3, 3, 8, 8], [0, 0, 1, 0])
    >>> scores.classes, scores.support, scores.recall
    (array([3, 8]), array([2, 2]), array([1. , 0.5]))
    """

    classes: IntArray
    precision: Float64Array
    recall: Float64Array
    support: IntArray


@checks_types
def class_scores(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> ClassScores:
    """Precision and recall of every class.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know".
    many_to_one : bool, default False
        Whether several clusters may stand for one class, as in `matched_classes`.

    Returns
    -------
    ClassScores

    Raises
    ------
    InputError
        When the labels are not integers, empty, or of different lengths.

    Examples
    --------
    >>> from equiclust.evaluation.metrics import class_scores
    >>> scores = class_scores([0, 0, 0, 1, 1], [7, 7, 4, 4, 4])
    >>> scores.precision, scores.recall
    (array([1.   , 0.667]), array([0.667, 1.   ]))
    """
    classes, counts = confusion_matrix(labels_true, labels_pred, many_to_one=many_to_one)
    right = counts.diagonal().astype(np.float64)
    found, support = counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    precision = np.divide(right, found, out=np.full(len(classes), np.nan), where=found > 0)
    return ClassScores(classes, precision, right / support, support)
