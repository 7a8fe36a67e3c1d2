"""Section "Consensus": held-out scores of the networks, and how far their clusters agree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.report.contents import Contents, Words
from equiclust.report.figures.consensus import draw_agreement, draw_scores
from equiclust.report.formatting import (
    NOT_APPLICABLE,
    align_column,
    compare_to,
    counted,
    fixed,
    is_number,
    percent,
)
from equiclust.typing import Float64Array, IntArray

__all__ = ["ConsensusRow", "ConsensusSection", "agreement_matrix", "make_consensus"]

_IMBALANCED = 0.75
_SCORES = ("mse", "ms_ssim", "psnr")
_COLUMNS = ("n_training", "n_held_out", *_SCORES, "agreement", "seconds")
_COUNTS = ("n_training", "n_held_out")
_DECIMALS = {"ms_ssim": 4, "psnr": 2, "seconds": 1}


@dataclass(frozen=True)
class ConsensusRow:
    """One row of the table.

    Parameters
    ----------
    name : str
    cells : tuple of str
        In the order of the columns.
    """

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class ConsensusSection:
    """What the report states on the ensemble; no members and empty texts for a single network.

    Parameters
    ----------
    sentences : tuple of str
        How the images were split, and whether the ensemble reconstructs better than its members.
    members : tuple of ConsensusRow
    summary : tuple of ConsensusRow
        The mean member and the ensemble.
    scores_figure, agreement_figure : str
        Data URIs, or empty.
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
        """Whether there was only one network."""
        return not (self.members or self.agreement_figure or self.agreement_sentence)


def make_consensus(contents: Contents) -> ConsensusSection:
    """Tabulate the members, their mean and the ensemble, and measure their agreement.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    ConsensusSection
    """
    record = contents.section("ensemble")
    members = [
        _flat(entry)
        for entry in contents.entries("members", within="ensemble")
        if isinstance(entry, dict)
    ]
    mean, ensemble = _mean_member(record, members), _scores(_within(record, "held_out"), "ensemble")
    names = [_name(entry, index) for index, entry in enumerate(members)]
    cells = _cells([*members, mean, ensemble], scored=contents.is_trained)
    # Without scores there is nothing to say of the ensemble as a whole.
    summary = (ConsensusRow("mean member", cells[-2]), ConsensusRow("ensemble", cells[-1]))
    figure, sentence = _agreement(contents.fold_labels, contents.words.member)
    return ConsensusSection(
        sentences=tuple(_sentences(record, members, mean, ensemble, contents.words)),
        members=tuple(map(ConsensusRow, names, cells)),
        summary=summary if contents.is_trained else summary[:1],
        scores_figure=draw_scores(members, mean, ensemble) if members else "",
        agreement_figure=figure,
        agreement_sentence=sentence,
    )


def agreement_matrix(labels: IntArray) -> Float64Array:
    """Adjusted Rand index of every two rows of labels (Hubert & Arabie 1985, J. Classif. 2, 193).

    It compares partitions, so the members may number their clusters differently.

    Parameters
    ----------
    labels : ndarray (k, n), int64
        Of `n` images, by `k` members.

    Returns
    -------
    ndarray (k, k), float64
        1 on the diagonal.
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


def _mean_member(
    record: Mapping[str, Any], members: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Scores of the mean member: as recorded, otherwise the mean of the known ones."""
    known = {key: [entry[key] for entry in members if key in entry] for key in _COLUMNS}
    means = {key: math.fsum(values) / len(values) for key, values in known.items() if values}
    return means | _scores(_within(record, "held_out"), "member_mean")


def _name(entry: Mapping[str, float], index: int) -> str:
    return f"fold {int(entry.get('fold', index))}"


def _cells(entries: Sequence[Mapping[str, float]], *, scored: bool) -> list[tuple[str, ...]]:
    """Cells of all rows; within a column all scores have the same number of decimals."""
    columns = []
    for key in (key for key in _COLUMNS if scored or key not in _SCORES):
        values = [entry.get(key) for entry in entries]
        if key == "agreement":
            columns.append([percent(value) for value in values])
        elif key in _COUNTS:
            columns.append([_count(value) for value in values])
        else:
            columns.append(align_column(values, decimals=_DECIMALS.get(key)))
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
    words: Words,
) -> list[str]:
    found = []
    if members:
        n_folds, held_out = record.get("n_folds"), record.get("held_out_folds")
        split = ""
        if is_number(n_folds) and is_number(held_out):
            split = (
                f" The images were split into {int(n_folds)} folds; each {words.member} was "
                f"{words.trained} without {int(held_out)} of them"
                f"{', on which it is evaluated' if 'mse' in mean else ''}."
            )
        found.append(f"{counted(len(members), words.member)} labelled every image.{split}")
    if "mse" in mean and "mse" in ensemble:
        errors = [entry["mse"] for entry in members if "mse" in entry]
        best = (
            ", and less than that of any single member"
            if ensemble["mse"] < min(errors, default=0)
            else ""
        )
        found.append(
            "On held-out images, the mean reconstruction of the networks has a mean squared error "
            f"(MSE) of {ensemble['mse']:#.3g}, "
            f"{compare_to(ensemble['mse'], mean['mse'])} the mean member's "
            f"({mean['mse']:#.3g}){best}."
        )
    if "ms_ssim" in mean and "ms_ssim" in ensemble:
        found.append(
            f"Its MS-SSIM is {ensemble['ms_ssim']:.4f}, that of the mean member "
            f"{mean['ms_ssim']:.4f}."
        )
    return found


def _agreement(labels: IntArray, member: str) -> tuple[str, str]:
    """Heat map as data URI, and a sentence on it; both empty for fewer than two members."""
    k = len(labels)
    if k < 2 or labels.shape[1] < 2:
        return "", ""
    if np.all(labels == labels[:, :1]):
        return (
            "",
            f"Every {member} puts all images into one cluster, so there is nothing to compare.",
        )
    matrix = agreement_matrix(labels)
    rows, columns = np.tril_indices(k, -1)
    pairs = matrix[rows, columns]
    least = int(np.argmin(pairs))
    sentence = (
        f"The labels of two {member}s have an adjusted Rand index of {fixed(pairs.mean())} on "
        "average (1 = the same clusters, 0 = no better than chance)"
    )
    if k > 2:
        i, j = sorted((int(rows[least]), int(columns[least])))
        sentence += f"; lowest for folds {i} and {j}, with {fixed(pairs[least])}"
    return draw_agreement(matrix), f"{sentence}.{_imbalance(labels, member)}"


def _imbalance(labels: IntArray, member: str) -> str:
    """Why a low index can go with a high share of equal labels; empty for balanced clusters."""
    largest = np.mean([np.unique(row, return_counts=True)[1].max() / len(row) for row in labels])
    if largest < _IMBALANCED:
        return ""
    return (
        f" A {member} puts {percent(float(largest))} of the images into its largest cluster on "
        "average. Many labels then agree by chance; the adjusted Rand index corrects for that."
    )
