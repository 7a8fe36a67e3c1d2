"""Which clusters hold which classes, and how well each class is found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics.cluster import contingency_matrix

from equiclust.evaluation.metrics.clustering import checked_labels, match_one_to_one

__all__ = ["ClassScores", "class_scores", "confusion_matrix", "matched_classes"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def matched_classes(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> Labels:
    """The class that each sample's cluster stands for.

    Parameters
    ----------
    labels_true : array-like (n,), int
        Classes.
    labels_pred : array-like (n,), int
        Clusters; -1 = "don't know".
    many_to_one : bool
        Every cluster stands for its commonest class, the smallest of several. By default no two
        clusters stand for one class: those are matched so that most samples are right.

    Returns
    -------
    ndarray (n,), int
        -1 where the cluster stands for none, and for "don't know".

    Raises
    ------
    InputError
        When the two are not whole numbers, empty, or of different length.
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


def confusion_matrix(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Samples by their class and by the class that their cluster stands for.

    Parameters
    ----------
    labels_true, labels_pred, many_to_one
        As in `matched_classes`.

    Returns
    -------
    classes : ndarray (m,), int
        The classes that occur, in order.
    counts : ndarray (m, m + 1), int
        Rows are true classes, columns those the clusters stand for; the last column is none.

    Raises
    ------
    InputError
        When the two are not whole numbers, empty, or of different length.
    """
    true, _ = checked_labels(labels_true, labels_pred)
    named = matched_classes(labels_true, labels_pred, many_to_one=many_to_one)
    classes, rows = np.unique(true, return_inverse=True)
    columns = np.where(named == -1, len(classes), np.searchsorted(classes, named))
    # A class may itself be called -1; no cluster can be told from "don't know" by it.
    counts = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return classes, counts


@dataclass(frozen=True, eq=False)
class ClassScores:
    """How well each class is found.

    Attributes
    ----------
    classes : ndarray (m,), int
    precision : ndarray (m,)
        Of the samples whose clusters stand for the class, the share that belongs to it; NaN where
        no cluster stands for it.
    recall : ndarray (m,)
        Of the samples of the class, the share whose clusters stand for it.
    support : ndarray (m,), int
        Samples of the class.
    """

    classes: Labels
    precision: Array
    recall: Array
    support: npt.NDArray[np.int64]


def class_scores(
    labels_true: npt.ArrayLike, labels_pred: npt.ArrayLike, *, many_to_one: bool = False
) -> ClassScores:
    """Precision and recall of every class.

    Parameters
    ----------
    labels_true, labels_pred, many_to_one
        As in `matched_classes`.

    Raises
    ------
    InputError
        When the two are not whole numbers, empty, or of different length.
    """
    classes, counts = confusion_matrix(labels_true, labels_pred, many_to_one=many_to_one)
    right = counts.diagonal().astype(np.float64)
    found, support = counts[:, :-1].sum(axis=0), counts.sum(axis=1)
    precision = np.divide(right, found, out=np.full(len(classes), np.nan), where=found > 0)
    return ClassScores(classes, precision, right / support, support)
