"""The gallery: what the images of each cluster look like, and which ones do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from equiclust.report.contents import Contents
from equiclust.report.palette import Mark, mark_of
from equiclust.report.pictures import picture

__all__ = ["Cluster", "Gallery", "Tile", "make_gallery"]

Rows = npt.NDArray[np.int64]

TYPICAL, UNCERTAIN, OUTLIERS = 24, 6, 12
"""Most pictures of each sort."""

_PICTURE_SIDE = 96
_MOST_PICTURES = 1200
_FEWEST_TYPICAL = 4
_MOST_NAMED = 3


@dataclass(frozen=True)
class Tile:
    """One image with its caption; an empty picture when there is no preview."""

    id: str
    picture: str
    caption: str


@dataclass(frozen=True)
class Cluster:
    """One cluster, or the images without one.

    Attributes
    ----------
    count : int
        Images in the cluster, shown or not.
    share : float
        Of all images.
    mean_confidence : float
        NaN when unknown.
    typical, uncertain : tuple of Tile
        Most confident first, and least confident first. No image is in both.
    """

    label: int
    name: str
    mark: Mark
    count: int
    share: float
    mean_confidence: float
    typical: tuple[Tile, ...]
    uncertain: tuple[Tile, ...]


@dataclass(frozen=True)
class Gallery:
    """All clusters by label, the images without one, and the outliers of the whole set.

    Attributes
    ----------
    unassigned : Cluster
        Maybe of no images.
    """

    clusters: tuple[Cluster, ...]
    unassigned: Cluster
    outliers: tuple[Tile, ...]
    all_pictured: bool


def make_gallery(contents: Contents) -> Gallery:
    """Pictures of all clusters, fewer of each when there are many."""
    labels = contents.cluster_labels
    room = _MOST_PICTURES // (len(labels) + 1) - UNCERTAIN
    typical = min(TYPICAL, max(room, _FEWEST_TYPICAL))
    pictured = contents.preview_index
    return Gallery(
        tuple(_cluster(contents, label, typical) for label in labels),
        _cluster(contents, -1, typical),
        _outliers(contents),
        all(row in pictured for row in range(len(contents.ids))),
    )


def _cluster(contents: Contents, label: int, n_typical: int) -> Cluster:
    members = np.flatnonzero((contents.labels == label) if label >= 0 else (contents.labels < 0))
    confidence = contents.confidence[members]
    by_confidence = _candidates(contents, members[_descending(confidence)])
    typical = by_confidence[:n_typical]
    uncertain = by_confidence[n_typical:][-UNCERTAIN:][::-1]
    known = confidence[np.isfinite(confidence)]

    def said(row: int) -> str:
        value = contents.confidence[row]
        known = f"{value:.2f}" if np.isfinite(value) else "unknown"
        votes = _named(contents, row) if label < 0 else ""
        return f"{known} · {votes}" if votes else known

    return Cluster(
        label=label,
        name=contents.name_of(label),
        mark=mark_of(label),
        count=len(members),
        share=len(members) / max(len(contents.ids), 1),
        mean_confidence=float(known.mean()) if len(known) else float("nan"),
        typical=_tiles(contents, typical, said),
        uncertain=_tiles(contents, uncertain, said),
    )


def _named(contents: Contents, row: int) -> str:
    """Clusters that the networks name for an image, most votes first; empty for one network."""
    votes = contents.fold_labels[:, row]
    if len(votes) < 2:
        return ""
    named, counts = np.unique(votes[votes >= 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_NAMED]
    return " or ".join(str(label) for label in named[order])


def _outliers(contents: Contents) -> tuple[Tile, ...]:
    known = np.flatnonzero(np.isfinite(contents.outlier_score))
    order = known[_descending(contents.outlier_score[known])]
    return _tiles(
        contents,
        _candidates(contents, order)[:OUTLIERS],
        lambda row: " · ".join(_outlier_words(contents, row)),
    )


def _outlier_words(contents: Contents, row: int) -> list[str]:
    score = f"{contents.outlier_score[row]:.2f}"
    cluster = contents.name_of(int(contents.labels[row]))
    return [score] if contents.is_one_family else [score, cluster]


def _descending(values: npt.NDArray[np.float64]) -> Rows:
    """Indices by falling value, unknown last, ties in the order of the catalogue."""
    return np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")


def _candidates(contents: Contents, rows: Rows) -> Rows:
    """Those rows that have a picture; all of them when none has."""
    pictured = np.array([row for row in rows if int(row) in contents.preview_index], np.int64)
    return pictured if len(pictured) else rows


def _tiles(contents: Contents, rows: Rows, said: Callable[[int], str]) -> tuple[Tile, ...]:
    return tuple(
        Tile(contents.ids[row], _picture_of(contents, row), said(row)) for row in rows.tolist()
    )


def _picture_of(contents: Contents, row: int) -> str:
    place = contents.preview_index.get(row)
    return "" if place is None else picture(contents.previews.images[place], side=_PICTURE_SIDE)
