"""The catalogue of a taught run: the kinds of the images instead of their clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from equiclust.io.catalogue import printable
from equiclust.io.ucds import add_ucds, set_ucd
from equiclust.teaching.kinds import NONE_OF_THESE, Kinds

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["make_taught_catalogue"]

# They describe the clusters, not the kinds.
_OF_CLUSTERS = (
    *("label_coarse", "label_fine", "label_2", "label_3"),
    *("stability", "agreement", "agreement_held_out"),
)
_OWN = ("id", "path", "label", "kind", "probability", "given", "novelty")
# Further columns of catalogues, so that no kind takes their names.
_TAKEN = (*_OWN, *_OF_CLUSTERS, "cluster", "outlier_score", "ra", "dec")
# What a header of FITS can hold.
_LONGEST = 60


def make_taught_catalogue(table: Table, kinds: Kinds) -> Table:
    """Catalogue with kinds.

    Parameters
    ----------
    table : astropy.table.Table
        The catalogue of the same images by the model that was taught, or an earlier taught one; not
        modified.
    kinds : Kinds

    Returns
    -------
    astropy.table.Table
        Columns id, path, label (index of the kind, -1 = none of these), kind, probability, given
        (the kind by which the image was labelled, else empty), novelty, one column of probabilities
        for every kind, cluster (the label before), and those of `table` that do not describe the
        clusters.
    """
    from astropy.table import Column, Table

    names = [printable(name) for name in kinds.names]
    given = [names[one] if one >= 0 else "" for one in kinds.given]
    taught = Table(meta=dict(table.meta))
    taught["id"], taught["path"] = table["id"], table["path"]
    for name, values, text in (
        ("label", kinds.labels, f"kind from 0, alphabetical; -1 = {NONE_OF_THESE}"),
        ("kind", _texts(kinds.kinds), "name of the kind"),
        ("probability", kinds.probability, "calibrated probability of the kind, 0 to 1"),
        ("given", _texts(given), "label of the image, empty where it has none"),
        ("novelty", kinds.novelty, f"distance to labelled images; above 1 = {NONE_OF_THESE}"),
    ):
        taught[name] = Column(values, description=text)
    left_out = {*_OWN, *_OF_CLUSTERS, "cluster", *_columns_of_kinds(table)}
    rest = [
        name
        for name in table.colnames
        if name not in left_out and not name.startswith("label_fold_")
    ]
    for k, name in enumerate(_column_names(names, rest)):
        text = f"probability of the kind {names[k]!r}"
        taught[name] = Column(kinds.probabilities[:, k], description=text)
        set_ucd(taught[name], "stat.probability")
    before = table["cluster" if "cluster" in table.colnames else "label"]
    taught["cluster"] = Column(np.asarray(before), description="cluster from 0; -1 = don't know")
    for name in rest:
        taught[name] = table[name]
    return add_ucds(taught)


def _columns_of_kinds(table: Table) -> list[str]:
    """Names of the columns of probabilities in a taught catalogue; empty in any other."""
    if "cluster" not in table.colnames:
        return []
    names: list[str] = table.colnames
    return names[names.index("novelty") + 1 : names.index("cluster")]


def _column_names(kinds: Sequence[str], others: Sequence[str]) -> list[str]:
    """The names of the kinds where every format of tables can hold them, else kind_00 and so on."""
    taken = {name.casefold() for name in (*_TAKEN, *others)}
    found = []
    for k, kind in enumerate(kinds):
        usable = kind.isascii() and len(kind) <= _LONGEST and not kind.startswith("#")
        name = kind if usable and kind.casefold() not in taken else f"kind_{k:02d}"
        taken.add(name.casefold())
        found.append(name)
    return found


def _texts(values: Sequence[str]) -> np.ndarray:
    return np.array([printable(text) for text in values], dtype=np.str_)
