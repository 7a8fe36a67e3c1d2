"""Sections "Clusters", "Outliers" and "Don't know": pictures of the images in each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.evaluation.cluster_descriptions import ClusterDescription, order_by_typicality
from equiclust.io.manifest import DAMAGE
from equiclust.report.contents import Contents
from equiclust.report.figures.palette import Mark, mark_of
from equiclust.report.figures.pictures import picture
from equiclust.report.formatting import counted, percent
from equiclust.typing import Float64Array, IntArray

__all__ = ["Cluster", "Clusters", "Tile", "describe_unassigned", "make_clusters", "tile_of"]

TYPICAL, UNCERTAIN, OUTLIERS = 24, 6, 12
"""Most pictures of each group."""

_PICTURE_SIDE = 96
_MOST_PICTURES = 1200
_FEWEST_TYPICAL = 4
_MOST_NAMED = 3


@dataclass(frozen=True)
class Tile:
    """One image with its caption.

    Parameters
    ----------
    id : str
    picture : str
        Data URI; empty when there is no preview.
    caption : str
    """

    id: str
    picture: str
    caption: str


@dataclass(frozen=True)
class Cluster:
    """One cluster, or the images without one.

    Parameters
    ----------
    label : int
        From 0; -1 = images without a cluster.
    name : str
    mark : Mark
    count : int
        Images in the cluster, shown or not.
    share : float
        Of all images, from 0 to 1.
    mean_score : float
        Of the stability, or of the probability where labels were taught; NaN when unknown.
    typical, uncertain : tuple of Tile
        Largest score first, of equal ones the nearest to the mean latent; and smallest score first.
        No image is in both.
    description : ClusterDescription or None
        What sets the cluster apart; None where that was not recorded.
    """

    label: int
    name: str
    mark: Mark
    count: int
    share: float
    mean_score: float
    typical: tuple[Tile, ...]
    uncertain: tuple[Tile, ...]
    description: ClusterDescription | None


@checks_types
@dataclass(frozen=True)
class Clusters:
    """All clusters by label, the images without one, and the outliers of the whole set.

    Parameters
    ----------
    clusters : tuple of Cluster
    unassigned : Cluster
        May have no images.
    unassigned_sentence : str
    outliers : tuple of Tile
        Largest outlier score first.
    all_pictured : bool
        Whether every image has a preview.
    """

    clusters: tuple[Cluster, ...]
    unassigned: Cluster
    unassigned_sentence: str
    outliers: tuple[Tile, ...]
    all_pictured: bool

    @property
    def has_descriptions(self) -> bool:
        """Whether it was recorded what sets the clusters apart."""
        return any(cluster.description for cluster in self.clusters)


def make_clusters(contents: Contents) -> Clusters:
    """Choose and draw pictures of all clusters, fewer of each when there are many.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Clusters
    """
    labels = contents.cluster_labels
    room = _MOST_PICTURES // (len(labels) + 1) - UNCERTAIN
    typical = min(TYPICAL, max(room, _FEWEST_TYPICAL))
    latents = np.full((len(contents.ids), contents.latents.shape[1]), np.nan)
    latents[contents.with_latent] = contents.latents
    return Clusters(
        tuple(_cluster(contents, latents, label, typical) for label in labels),
        _cluster(contents, latents, -1, typical),
        describe_unassigned(contents),
        _outliers(contents),
        all(row in contents.preview_index for row in range(len(contents.ids))),
    )


def describe_unassigned(contents: Contents) -> str:
    """State how many images have no label.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    str
        One sentence.
    """
    count, total = int(np.sum(contents.labels < 0)), len(contents.ids)
    apart, why = contents.sorting.apart, contents.sorting.why_apart
    if not count:
        return "Every image has a label."
    if count == total:
        return f"Every image has the label “{apart}”: {why}."
    have = "has" if count == 1 else "have"
    share = percent(count / total)
    return f"{counted(count, 'image')} of {total:,} ({share}) {have} the label “{apart}”: {why}."


def _cluster(contents: Contents, latents: Float64Array, label: int, n_typical: int) -> Cluster:
    members = np.flatnonzero((contents.labels == label) if label >= 0 else (contents.labels < 0))
    scores = contents.score[members]
    by_score = _candidates(contents, order_by_typicality(contents.score, latents, members))
    typical = by_score[:n_typical]
    uncertain = by_score[n_typical:][-UNCERTAIN:][::-1]
    known = scores[np.isfinite(scores)]

    def caption(row: int) -> str:
        value = contents.score[row]
        number = f"{value:.2f}" if np.isfinite(value) else "unknown"
        proposed = _proposed(contents, row) if label < 0 else ""
        return f"{number} · {proposed}" if proposed else number

    return Cluster(
        label=label,
        name=contents.name_of(label),
        mark=mark_of(label),
        count=len(members),
        share=len(members) / max(len(contents.ids), 1),
        mean_score=float(known.mean()) if len(known) else float("nan"),
        typical=_tiles(contents, typical, caption),
        uncertain=_tiles(contents, uncertain, caption),
        description=_description(contents, label),
    )


def _description(contents: Contents, label: int) -> ClusterDescription | None:
    """What was recorded of a cluster; None also where the record is damaged."""
    for entry in contents.entries("cluster_descriptions"):
        with suppress(*DAMAGE):
            found = ClusterDescription.from_dict(entry)
            if found.label == label:
                return found
    return None


def _proposed(contents: Contents, row: int) -> str:
    """Clusters that the networks propose for an image, most frequent first; empty for one."""
    labels = contents.fold_labels[:, row]
    if len(labels) < 2:
        return ""
    proposed, counts = np.unique(labels[labels >= 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_NAMED]
    return " or ".join(str(label) for label in proposed[order])


def _outliers(contents: Contents) -> tuple[Tile, ...]:
    known = np.flatnonzero(np.isfinite(contents.outlier_score))
    order = known[_descending(contents.outlier_score[known])]
    shown = _candidates(contents, order)[:OUTLIERS]
    return _tiles(contents, shown, lambda row: _outlier_caption(contents, row))


def _outlier_caption(contents: Contents, row: int) -> str:
    score = f"{contents.outlier_score[row]:.2f}"
    cluster = contents.name_of(int(contents.labels[row]))
    return score if contents.is_one_family else f"{score} · {cluster}"


def _descending(values: Float64Array) -> IntArray:
    """Indices by falling value, unknown last, ties in the order of the catalogue."""
    return np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")


def _candidates(contents: Contents, rows: IntArray) -> IntArray:
    """Those rows that have a preview; all of them when none has."""
    pictured = np.array([row for row in rows if int(row) in contents.preview_index], np.int64)
    return pictured if len(pictured) else rows


def _tiles(contents: Contents, rows: IntArray, caption: Callable[[int], str]) -> tuple[Tile, ...]:
    return tuple(tile_of(contents, row, caption(row)) for row in rows.tolist())


def tile_of(contents: Contents, row: int, caption: str) -> Tile:
    """One image with its caption.

    Parameters
    ----------
    contents : Contents
    row : int
        Of the image.
    caption : str

    Returns
    -------
    Tile
    """
    index = contents.preview_index.get(row)
    shown = "" if index is None else picture(contents.previews.images[index], side=_PICTURE_SIDE)
    return Tile(contents.ids[row], shown, caption)
