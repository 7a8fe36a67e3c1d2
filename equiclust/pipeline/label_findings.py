"""What the user should know of labels that were withheld."""

from __future__ import annotations

from equiclust.typing import IntArray

__all__ = ["label_findings"]

# Share of images without a label above which it is said.
_MANY = 0.5


def label_findings(labels: IntArray, n_clusters: int) -> list[str]:
    """Say that most images have no label, and which clusters have no image.

    Parameters
    ----------
    labels : ndarray (n,), int
        -1 where none is certain enough.
    n_clusters : int
        Number of clusters.

    Returns
    -------
    list of str
        Empty where there is nothing to say.
    """
    found = []
    n_withheld = int((labels < 0).sum())
    if n_withheld > _MANY * len(labels):
        found.append(
            f"{n_withheld} of {len(labels)} images have no label: the networks agree too little on "
            "where they belong. A run with --reliability 0, into another folder, gives every image "
            "its most likely cluster; the column stability says how likely it is"
        )
    empty = [str(k) for k in range(n_clusters) if not (labels == k).any()]
    if empty:
        who = f"Cluster {empty[0]} has" if len(empty) == 1 else f"Clusters {', '.join(empty)} have"
        found.append(f"{who} no image whose label is certain enough")
    return found
