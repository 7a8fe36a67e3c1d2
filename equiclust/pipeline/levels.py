"""Levels of kinds above and below the clusters of a run: columns of the catalogue, and a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from equiclust.clustering.cluster_merges import LEVEL, Merge
from equiclust.clustering.cluster_tree import ClusterTree, Levels
from equiclust.clustering.selection import UNIMODALITY_LEVEL
from equiclust.clustering.separation import pair_p_value

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["add_levels", "level_record"]

Record = dict[str, Any]

COARSE = "cluster of the coarser level: several clusters that are alike; -1 = don't know"
FINE = "cluster of the finer level: parts of the clusters; -1 = don't know"

# Levels of evidence, from the p-value up to which they are called so.
_WORDS = ((0.001, "strong"), (LEVEL, "clear"), (0.05, "weak"))
# The ends of the table of p-values.
_LEAST_P = 0.0001


def add_levels(table: Table, levels: Levels) -> Table:
    """Catalogue with columns `label_coarse` and `label_fine` after `label`.

    Parameters
    ----------
    table : astropy.table.Table
        Not modified.
    levels : Levels
        Of the same images.

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column

    wider = table.copy()
    place = wider.colnames.index("label") + 1
    columns = [
        Column(levels.coarse, name="label_coarse", description=COARSE),
        Column(levels.fine, name="label_fine", description=FINE),
    ]
    wider.add_columns(columns, indexes=[place, place])
    return wider


def level_record(tree: ClusterTree | None, unimodal_p: float | None) -> Record:
    """What `metrics.json` says of the levels.

    Parameters
    ----------
    tree : ClusterTree or None
    unimodal_p : float or None
        Probability of dips as large as those of all images if these have one mode, if it is known.

    Returns
    -------
    dict
        `levels`: `sentence`, `n_clusters` at every level, and the `tree`, each of whose nodes has
        the `size`, the `labels` of its members, its `children` and, where it has some, the
        `evidence` that they are apart: `dip`, `p` and `words`. One that is made of clusters has
        `n_clusters`, the number of clusters that were left when it was made; one that is not split
        has `fine`, its fine label. Empty without a tree.
    """
    if tree is None:
        return {}
    return {
        "levels": {
            "sentence": _sentence(tree, unimodal_p),
            "n_clusters": {
                "coarse": tree.n_coarse_,
                "label": tree.n_clusters,
                "fine": tree.n_fine_,
            },
            "coarse": tree.coarse_.tolist(),
            "tree": _tree(tree),
        }
    }


def _tree(tree: ClusterTree) -> Record:
    """The root, with everything below it."""
    nodes = {label: _cluster(tree, label) for label in range(tree.n_clusters)}
    for k, merge in enumerate(tree.merges_):
        children = [nodes.pop(merge.first), nodes.pop(merge.second)]
        left = tree.n_clusters - 1 - k
        nodes[tree.n_clusters + k] = _merged(children, merge) | {"n_clusters": left}
    (root,) = nodes.values()
    return root


def _merged(children: list[Record], merge: Merge) -> Record:
    # The larger one first, as everywhere.
    ordered = sorted(children, key=lambda node: (-node["size"], node["labels"]))
    return {
        "size": sum(node["size"] for node in children),
        "labels": sorted(label for node in children for label in node["labels"]),
        "evidence": _evidence(merge.dip),
        "children": ordered,
    }


def _cluster(tree: ClusterTree, label: int) -> Record:
    node: Record = {"size": int(tree.sizes_[label]), "labels": [label], "children": []}
    first = int(tree.first_fine_[label])
    if label in tree.splits_:
        node["evidence"] = _evidence(tree.splits_[label].dip)
        node["children"] = [
            {"size": size, "labels": [label], "fine": first + k, "children": []}
            for k, size in enumerate(tree.parts_[label])
        ]
    else:
        node["fine"] = first
    return node


def _evidence(dip: float) -> Record:
    p = pair_p_value(dip)
    return {"dip": dip, "p": p, "words": _words(p)}


def _words(p: float) -> str:
    """A level of evidence in words and number."""
    word = next((word for most, word in _WORDS if p <= most), "none")
    sign = "<=" if p <= _LEAST_P * (1 + 1e-9) else "="
    return f"{word}: p {sign} {p:.2g}"


def _why_one(unimodal_p: float | None) -> str:
    if unimodal_p is None:
        return ""
    if unimodal_p <= UNIMODALITY_LEVEL:
        return " (they spread along a bend, but no two parts have a gap at their boundary)"
    return f" (evidence of more than one: {_words(unimodal_p)})"


def _sentence(tree: ClusterTree, unimodal_p: float | None) -> str:
    if tree.n_clusters == 1:
        return (
            f"All images are one cluster{_why_one(unimodal_p)}, so there are no levels above or "
            "below it"
        )
    coarse, fine = tree.n_coarse_, tree.n_fine_
    above = (
        "no coarser level is supported better"
        if coarse == tree.n_clusters
        else f"a coarser level makes {coarse}"
    )
    n_split = len(tree.splits_)
    below = (
        "none of them has parts with a gap between them"
        if not n_split
        else f"{n_split} of them {'has' if n_split == 1 else 'have'} parts, which makes {fine}"
    )
    weakest = pair_p_value(tree.merges_[0].dip)
    return (
        f"Of the {tree.n_clusters} clusters {above}, and {below}; the evidence that the two "
        f"nearest of the {tree.n_clusters} are apart is {_words(weakest)}"
    )
