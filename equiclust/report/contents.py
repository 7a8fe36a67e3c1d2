"""Content of a run folder, read once and brought into the order of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from equiclust.evaluation.invariance import Certificate
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.io.former_names import read_catalogue, read_metrics
from equiclust.io.manifest import DAMAGE
from equiclust.io.previews import Previews, read_previews
from equiclust.io.run_folder import RunFolder
from equiclust.report.figures.palette import name_of
from equiclust.typing import Float64Array, IntArray

__all__ = ["TRAINED", "Contents", "Rejected", "Sorting", "Words", "read_contents"]


@dataclass(frozen=True)
class Rejected:
    """A file that was left out.

    Parameters
    ----------
    path, reason : str
    """

    path: str
    reason: str


class Words(NamedTuple):
    """What things are called, by whether networks were trained or only encoders applied.

    Attributes
    ----------
    member, trained, trained_on, baseline : str
    """

    member: str
    trained: str
    trained_on: str
    baseline: str


class Sorting(NamedTuple):
    """What the groups of images are called, by whether labels were taught.

    Attributes
    ----------
    group : str
        One of them.
    score : str
        What says how surely an image belongs there; also the section on it.
    most, least : str
        Those that belong there most and least surely.
    apart : str
        Name of the images in none.
    why_apart : str
        Why they are in none.
    """

    group: str
    score: str
    most: str
    least: str
    apart: str
    why_apart: str


_CLUSTERED = Sorting(
    "cluster",
    "stability",
    "most stable",
    "least stable",
    name_of(-1),
    "the stability is too low for any cluster",
)
_TAUGHT = Sorting(
    "kind",
    "probability",
    "most probable",
    "least probable",
    "none of these",
    "they are unlike all labelled images",
)
TRAINED = Words("network", "trained", "trained on", "non-equivariant network")
_APPLIED = Words("member", "fitted", "fitted to", "encoder without averaging")


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that the report shows, `n` images in the order of the catalogue.

    Parameters
    ----------
    ids : tuple of str
    labels : ndarray (n,), int64
        From 0; -1 = "don't know".
    stability, outlier_score : ndarray (n,), float64
        NaN where unknown.
    probability : ndarray (n,), float64
        Of the kind, where labels were taught; else NaN.
    agreement, agreement_held_out : ndarray (n,), float64
        Shares of members that give the image its label: of all, and of those that were not trained
        on it; NaN where unknown.
    sky : ndarray (n, 2), float64
        Right ascension and declination in degrees, NaN where unknown.
    fold_labels : ndarray (n_folds, n), int64
        Labels by each member of the ensemble.
    with_latent : ndarray (m,), int64
        Rows that have a latent.
    latents : ndarray (m, d), float64
        Of those rows.
    previews : Previews
        Of some images only, or of none.
    preview_index : mapping
        From the row of an image to its index in the previews, for the images that have one.
    rejected : tuple of Rejected
    metrics : mapping
        As in `metrics.json`.
    certificate : Certificate or None
        `None` when invariance was not measured.
    """

    ids: tuple[str, ...]
    labels: IntArray
    stability: Float64Array
    probability: Float64Array
    outlier_score: Float64Array
    agreement: Float64Array
    agreement_held_out: Float64Array
    sky: Float64Array
    fold_labels: IntArray
    with_latent: IntArray
    latents: Float64Array
    previews: Previews
    preview_index: Mapping[int, int]
    rejected: tuple[Rejected, ...]
    metrics: Mapping[str, Any]
    certificate: Certificate | None

    @cached_property
    def cluster_labels(self) -> tuple[int, ...]:
        """Labels that occur, without -1."""
        return tuple(int(label) for label in np.unique(self.labels[self.labels >= 0]))

    @property
    def n_folds(self) -> int:
        """Number of members that labelled the images."""
        return len(self.fold_labels)

    @property
    def is_trained(self) -> bool:
        """Whether networks were trained, and not only encoders applied that were trained before."""
        return not self.entries("encoders") or bool(self.entries("histories"))

    @property
    def words(self) -> Words:
        """What the report calls what was done."""
        return TRAINED if self.is_trained else _APPLIED

    @property
    def n_held_out_folds(self) -> int:
        """Number of members that were not trained on an image, the same for all; 0 = unknown."""
        found = self.section("ensemble").get("held_out_folds")
        return found if isinstance(found, int) and 0 < found < self.n_folds else 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds by label; empty where no labels were taught."""
        return tuple(str(name) for name in self.entries("kinds", within="teaching"))

    @property
    def sorting(self) -> Sorting:
        """What the report calls the groups of images."""
        return _TAUGHT if self.kinds else _CLUSTERED

    @property
    def score(self) -> Float64Array:
        """How surely each image belongs to its group `(n,)`, 0 to 1; NaN where unknown."""
        return self.probability if self.kinds else self.stability

    @property
    def is_one_family(self) -> bool:
        """Whether the run searched for the number of clusters and found that there are none."""
        clusters = self.section("clusters")
        return clusters.get("n_clusters") == 1 and clusters.get("chosen") == "auto"

    def name_of(self, label: int) -> str:
        """Name of a label in the report.

        Parameters
        ----------
        label : int
            From 0; -1 = "don't know".

        Returns
        -------
        str
        """
        if self.kinds:
            return self.kinds[label] if 0 <= label < len(self.kinds) else self.sorting.apart
        return "one family" if label >= 0 and self.is_one_family else name_of(label)

    def section(self, name: str) -> Mapping[str, Any]:
        """Dictionary within the metrics.

        Parameters
        ----------
        name : str

        Returns
        -------
        mapping
            Empty when it was not recorded.
        """
        found = self.metrics.get(name)
        return found if isinstance(found, dict) else {}

    def entries(self, name: str, *, within: str = "") -> list[Any]:
        """List within the metrics, or within a section of them.

        Parameters
        ----------
        name : str
        within : str, default ""
            Name of a section.

        Returns
        -------
        list
            Empty when it was not recorded.
        """
        found = (self.section(within) if within else self.metrics).get(name)
        return found if isinstance(found, list) else []


def read_contents(run: RunFolder) -> Contents:
    """Read a run folder; only the catalogue and the latents must be there.

    Parameters
    ----------
    run : RunFolder
        Of a finished run.

    Returns
    -------
    Contents

    Raises
    ------
    InputError
        When the folder is not that of a finished run, or a file in it is damaged.
    """
    folder = RunFolder.open(run.path)
    catalogue = read_catalogue(folder.catalogue_ecsv)
    score = "probability" if "kind" in catalogue.colnames else "stability"
    _check_columns(folder.catalogue_ecsv, catalogue.colnames, ("id", "label", score))
    ids = tuple(str(name) for name in catalogue["id"])
    rows = {name: row for row, name in enumerate(ids)}
    with_latent, latents = _read_latents(folder.latents_fits, rows)
    previews = read_previews(folder.previews_npz)
    metrics, invariance = folder.metrics_json, folder.invariance_json
    return Contents(
        ids=ids,
        labels=np.asarray(catalogue["label"], dtype=np.int64),
        stability=_floats(catalogue, "stability"),
        probability=_floats(catalogue, "probability"),
        outlier_score=_floats(catalogue, "outlier_score"),
        agreement=_floats(catalogue, "agreement"),
        agreement_held_out=_floats(catalogue, "agreement_held_out"),
        sky=np.stack([_floats(catalogue, "ra"), _floats(catalogue, "dec")], axis=1),
        fold_labels=_fold_labels(catalogue),
        with_latent=with_latent,
        latents=latents,
        previews=previews,
        preview_index={rows[name]: i for i, name in enumerate(previews.ids) if name in rows},
        rejected=_read_rejected(folder.rejected_ecsv),
        metrics=read_metrics(metrics) if metrics.is_file() else {},
        certificate=_read_certificate(invariance) if invariance.is_file() else None,
    )


def _read_certificate(path: Path) -> Certificate:
    content = read_json(path)
    try:
        return Certificate.from_dict(content)
    except DAMAGE as error:
        raise InputError(
            f"{str(path)!r} does not hold a certificate ({error}); write it again by "
            "`equiclust check`"
        ) from error


def _floats(table: Any, name: str) -> Float64Array:
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    return np.asarray(table[name], dtype=np.float64)


def _fold_labels(table: Any) -> IntArray:
    names = [name for name in table.colnames if name.startswith("label_fold_")]
    columns = [np.asarray(table[name], dtype=np.int64) for name in names]
    return np.stack(columns) if columns else np.zeros((0, len(table)), np.int64)


def _check_columns(path: Path, found: list[str], wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"{str(path)!r} must have a column {missing[0]!r}, got {', '.join(found)}")


def _read_latents(path: Path, rows: Mapping[str, int]) -> tuple[IntArray, Float64Array]:
    table = read_table(path)
    _check_columns(path, table.colnames, ("id", "latent"))
    vectors = np.asarray(table["latent"], dtype=np.float64)
    # FITS drops the second axis of vectors of length one.
    vectors = vectors.reshape(len(vectors), -1) if len(vectors) else np.zeros((0, 1))
    known = [(rows[str(name)], i) for i, name in enumerate(table["id"]) if str(name) in rows]
    pairs = np.array(sorted(known), dtype=np.int64).reshape(-1, 2)
    latents = vectors[pairs[:, 1]]
    if not np.all(np.isfinite(latents)):
        raise InputError(f"{str(path)!r} holds latents that are not finite; repeat the run")
    return pairs[:, 0], latents


def _read_rejected(path: Path) -> tuple[Rejected, ...]:
    if not path.is_file():
        return ()
    table = read_table(path)
    _check_columns(path, table.colnames, ("path", "reason"))
    return tuple(
        Rejected(str(name), str(reason))
        for name, reason in zip(table["path"], table["reason"], strict=True)
    )
