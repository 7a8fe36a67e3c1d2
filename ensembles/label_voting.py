"""Many clusterings of the same objects, made one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from equiclust.evaluation.metrics import match_one_to_one

__all__ = ["Consensus", "Method", "align", "mean_memberships", "reach_consensus", "vote"]

Labels = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
Method = Literal["vote", "coassociation"]

_MOST_ROUNDS = 20
# The choice of the first reference needs no more than these.
_MOST_COMPARED = 2000


@dataclass(frozen=True, eq=False)
class Consensus:
    """One label an object, and what each member's clusters are called in it.

    Parameters
    ----------
    labels : ndarray (n,), int
    names : ndarray (n_members, n_clusters), int
        ``names[m][k]`` is the consensus's name of member `m`'s cluster `k`.
    """

    labels: Labels
    names: Labels


def reach_consensus(memberships: Array, method: Method, *, seed: int) -> Consensus:
    """One clustering out of many.

    Parameters
    ----------
    memberships : ndarray (n_members, n, n_clusters)
        How much each member puts each object into each of its clusters; rows sum to one.
    method : {"vote", "coassociation"}
        "vote" brings the members' names in line with one another and lets them vote, until nothing
        changes (Strehl & Ghosh 2002, JMLR 3, 583, for the problem; Dimitriadou, Weingessel & Hornik
        2002 for voting). "coassociation" clusters the objects by how often two of them share a
        cluster: the normalised cut of the graph between objects and members' clusters (Fern &
        Brodley 2004, ICML 36), which has as many edges as there are objects times members.
    seed : int
        For the k-means of "coassociation".
    """
    if method == "vote":
        labels = _most_typical(memberships.argmax(axis=2), seed)
    else:
        labels = _coassociation_labels(memberships.argmax(axis=2), memberships.shape[2], seed)
    return _agree(memberships, labels)


def vote(memberships: Array, names: Labels) -> tuple[Labels, Array]:
    """Labels that most members give, and the share of them that give it.

    If two labels have as many votes, the one wins in which the members together see more
    membership; if that is equal too, the one of the lower number.

    Parameters
    ----------
    memberships : ndarray (n_members, n, n_clusters)
    names : ndarray (n_members, n_clusters), int
        As in `Consensus`.

    Returns
    -------
    labels : ndarray (n,), int
    shares : ndarray (n, n_clusters)
        Share of the votes for each label.
    """
    aligned = _renamed(memberships, names)
    n_members, n, n_clusters = aligned.shape
    votes = np.zeros((n, n_clusters))
    for given in aligned.argmax(axis=2):
        votes[np.arange(n), given] += 1
    # Memberships add up to less than one vote.
    score = votes + aligned.sum(axis=0) / (n_members + 1)
    return score.argmax(axis=1), votes / n_members


def mean_memberships(memberships: Array, names: Labels) -> Array:
    """Memberships under the consensus's names, the mean over the members, `(n, n_clusters)`."""
    mean: Array = _renamed(memberships, names).mean(axis=0)
    return mean


def align(labels: Labels, reference: Labels, n_clusters: int) -> Labels:
    """New names of clusters, under which most objects have the same name as in the reference.

    The Hungarian method (Kuhn 1955, Naval Res. Logist. Q. 2, 83) on the table of both labels.

    Parameters
    ----------
    labels, reference : ndarray (n,), int
        From 0 to `n_clusters - 1`.
    n_clusters : int

    Returns
    -------
    ndarray (n_clusters,), int
        ``align(...)[labels]`` are the labels by their new names.
    """
    counts = np.zeros((n_clusters, n_clusters), dtype=np.int64)
    np.add.at(counts, (labels, reference), 1)
    return match_one_to_one(counts)


def _agree(memberships: Array, labels: Labels) -> Consensus:
    """Align, vote, and again, until the vote stays as it is."""
    n_clusters = memberships.shape[2]
    given = memberships.argmax(axis=2)
    for _ in range(_MOST_ROUNDS):
        names = np.stack([align(own, labels, n_clusters) for own in given])
        voted, _ = vote(memberships, names)
        if np.array_equal(voted, labels):
            break
        labels = voted
    return Consensus(labels, names)


def _renamed(memberships: Array, names: Labels) -> Array:
    return np.stack([own[:, np.argsort(k)] for own, k in zip(memberships, names, strict=True)])


def _most_typical(given: Labels, seed: int) -> Labels:
    """Labels of the member that is most like the others."""
    n = given.shape[1]
    seen = np.random.default_rng(seed).permutation(n)[:_MOST_COMPARED]
    likeness = [
        np.mean([adjusted_rand_score(one[seen], other[seen]) for other in given]) for one in given
    ]
    return np.asarray(given[int(np.argmax(likeness))])


def _coassociation_labels(given: Labels, n_clusters: int, seed: int) -> Labels:
    n_members, n = given.shape
    columns = given + n_clusters * np.arange(n_members)[:, None]
    incidence = csr_array(
        (np.ones(n_members * n), (np.tile(np.arange(n), n_members), columns.ravel())),
        shape=(n, n_members * n_clusters),
    )
    sizes = np.maximum(np.asarray(incidence.sum(axis=0)).ravel(), 1.0)
    scaled = incidence.multiply(1.0 / np.sqrt(sizes)).tocsr()
    rank = min(n_clusters, min(scaled.shape) - 1)
    left, strengths, _ = svds(scaled, k=rank, rng=np.random.default_rng(seed))
    order = np.argsort(-strengths)
    places = left[:, order]
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), np.finfo(float).tiny)
    labels = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(places)
    return np.asarray(labels, dtype=np.int64)
