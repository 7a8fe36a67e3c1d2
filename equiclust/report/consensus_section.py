"""The members of the ensemble: how well each draws images it has not seen, and who agrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.report.consensus_figures import draw_agreement, draw_scores
from equiclust.report.contents import Contents
from equiclust.report.quantities import (
    NOT_APPLICABLE,
    aligned,
    counted,
    is_number,
    percent,
    share_changed,
)

__all__ = ["ConsensusClustering", "ConsensusRow", "agreement_matrix", "make_consensus"]

_LOPSIDED = 0.75
_SCORES = ("mse", "ms_ssim", "psnr")
_COLUMNS = ("n_training", "n_held_out", *_SCORES, "agreement", "seconds")
_COUNTS = ("n_training", "n_held_out")
_DECIMALS = {"ms_ssim": 4, "psnr": 2, "seconds": 1}


@dataclass(frozen=True)
class ConsensusRow:
    """A line of the table: who, and its cells in the order of the columns."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ConsensusClustering:
    """What is known of the ensemble; no members and empty texts for one network alone.

    Attributes
    ----------
    sentences : tuple of str
        Who was trained on what, and whether the ensemble draws better than its members.
    members : tuple of ConsensusRow
    summary : tuple of ConsensusRow
        The mean member and the ensemble.
    scores_figure, agreement_figure : str
        Data URIs.
    agreement_sentence : str
    """

    sentences: tuple[str, ...]
    members: tuple[ConsensusRow, ...]
    summary: tuple[ConsensusRow, ...]
    scores_figure: str
    agreement_figure: str
    agreement_sentence: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.members or self.agreement_figure or self.agreement_sentence)


def make_consensus(contents: Contents) -> ConsensusClustering:
    """Table of the members, their mean beside the ensemble, and their agreement."""
    record = contents.section("ensemble")
    members = [
        _flat(entry)
        for entry in contents.entries("members", within="ensemble")
        if isinstance(entry, dict)
    ]
    mean, ensemble = _mean(record, members), _scores(_within(record, "held_out"), "ensemble")
    names = [_name(entry, index) for index, entry in enumerate(members)]
    lines = _lines([*members, mean, ensemble])
    figure, sentence = _agreement(contents.fold_labels)
    return ConsensusClustering(
        sentences=tuple(_sentences(record, members, mean, ensemble)),
        members=tuple(map(ConsensusRow, names, lines)),
        summary=(ConsensusRow("mean member", lines[-2]), ConsensusRow("ensemble", lines[-1])),
        scores_figure=draw_scores(members, mean, ensemble) if members else "",
        agreement_figure=figure,
        agreement_sentence=sentence,
    )


def agreement_matrix(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Adjusted Rand index between every two rows of labels `(k, n)`; 1 on the diagonal.

    Hubert & Arabie (1985), J. Classif. 2, 193. Being of partitions, it does not ask what the
    members call their clusters.
    """
    k = len(labels)
    matrix = np.eye(k)
    for i in range(k):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = adjusted_rand_index(labels[i], labels[j])
    return matrix


def _flat(entry: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a member, with its scores among them."""
    scores = _within(entry, "held_out")
    found = {key: entry.get(key) for key in ("fold", *_COLUMNS) if key not in _SCORES}
    found |= {key: scores.get(key) for key in _SCORES}
    return {key: float(value) for key, value in found.items() if is_number(value)}


def _within(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _scores(held_out: Mapping[str, Any], name: str) -> dict[str, float]:
    found = _within(held_out, name)
    return {key: float(found[key]) for key in _SCORES if is_number(found.get(key))}


def _mean(record: Mapping[str, Any], members: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean member: as recorded, the rest worked out from those that are known."""
    known = {key: [entry[key] for entry in members if key in entry] for key in _COLUMNS}
    means = {key: math.fsum(values) / len(values) for key, values in known.items() if values}
    return means | _scores(_within(record, "held_out"), "member_mean")


def _name(entry: Mapping[str, float], index: int) -> str:
    return f"fold {int(entry.get('fold', index))}"


def _lines(entries: Sequence[Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Cells of all lines; within a column all measured numbers have the same decimals."""
    columns = []
    for key in _COLUMNS:
        values = [entry.get(key) for entry in entries]
        if key == "agreement":
            columns.append([percent(value) for value in values])
        elif key in _COUNTS:
            columns.append([_count(value) for value in values])
        else:
            columns.append(aligned(values, decimals=_DECIMALS.get(key)))
    return list(zip(*columns, strict=True))


def _count(value: float | None) -> str:
    if value is None:
        return NOT_APPLICABLE
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _sentences(
    record: Mapping[str, Any],
    members: Sequence[Mapping[str, float]],
    mean: Mapping[str, float],
    ensemble: Mapping[str, float],
) -> list[str]:
    found = []
    if members:
        n_folds, held_out = record.get("n_folds"), record.get("held_out_folds")
        split = ""
        if is_number(n_folds) and is_number(held_out):
            split = (
                f" The images were dealt into {int(n_folds)} folds; each network trained without "
                f"{int(held_out)} of them, so that it can be judged by images it has not seen."
            )
        found.append(f"{counted(len(members), 'network')} judged every image.{split}")
    if "mse" in mean and "mse" in ensemble:
        errors = [entry["mse"] for entry in members if "mse" in entry]
        best = (
            ", and less than that of any single member"
            if ensemble["mse"] < min(errors, default=0)
            else ""
        )
        found.append(
            "On images held out from training, the mean of the networks' drawings has a mean "
            f"squared error (MSE) of {ensemble['mse']:#.3g}, "
            f"{share_changed(ensemble['mse'], mean['mse'])} the mean member's "
            f"({mean['mse']:#.3g}){best}."
        )
    if "ms_ssim" in mean and "ms_ssim" in ensemble:
        found.append(
            f"Its MS-SSIM is {ensemble['ms_ssim']:.4f}, that of the mean member "
            f"{mean['ms_ssim']:.4f}."
        )
    return found


def _agreement(labels: npt.NDArray[np.int64]) -> tuple[str, str]:
    """The heat map as data URI and what it shows in words; both empty for fewer than two."""
    k = len(labels)
    if k < 2 or labels.shape[1] < 2:
        return "", ""
    if np.all(labels == labels[:, :1]):
        return "", "Every network puts all images together: there is nothing to disagree on."
    matrix = agreement_matrix(labels)
    rows, columns = np.tril_indices(k, -1)
    pairs = matrix[rows, columns]
    least = int(np.argmin(pairs))
    sentence = (
        f"The labels of two networks agree by {_signed(pairs.mean())} on average (adjusted Rand "
        "index: 1 = the same clusters, 0 = no better than chance)"
    )
    if k > 2:
        i, j = sorted((int(rows[least]), int(columns[least])))
        sentence += f"; least alike are those of folds {i} and {j}, with {_signed(pairs[least])}"
    return draw_agreement(matrix), f"{sentence}.{_lopsided(labels)}"


def _lopsided(labels: npt.NDArray[np.int64]) -> str:
    """What reconciles a high share of agreement with a low Rand index; else empty."""
    largest = np.mean([np.unique(row, return_counts=True)[1].max() / len(row) for row in labels])
    if largest < _LOPSIDED:
        return ""
    return (
        f" A network puts {percent(float(largest))} of the images into its largest cluster on "
        "average, so two networks share many labels by chance; this index leaves those out."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")
