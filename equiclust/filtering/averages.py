"""The average frame of every class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_adapters.frames import FrameSeries
from equiclust.exceptions import UnreadableFileError
from equiclust.filtering.features import plain_frames
from equiclust.filtering.frame_filter import REASONS, UNCERTAIN, Judgement
from equiclust.typing import BoolArray, Float64Array

__all__ = ["AverageFrame", "average_frames"]

_MOST_FRAMES = 48


@dataclass(frozen=True, eq=False)
class AverageFrame:
    """Mean of frames of one class.

    Parameters
    ----------
    name : str
        "usable", "uncertain", or what is wrong with them.
    mean : ndarray (h, w), float64
        In counts; NaN where no frame measured anything.
    n_averaged, n_frames : int
        Number of frames in the mean and in the class.
    """

    name: str
    mean: Float64Array
    n_averaged: int
    n_frames: int


def average_frames(
    series: FrameSeries, judgement: Judgement, mask_value: float | None
) -> list[AverageFrame]:
    """Average up to 48 frames of every class, evenly spread over the series.

    Parameters
    ----------
    series : FrameSeries
    judgement : Judgement
    mask_value : float or None
        See `plain_frames`.

    Returns
    -------
    list of AverageFrame
        The usable ones first, then the most frequent; classes without a readable frame are left
        out.
    """
    classes = _classes(judgement)
    order = sorted(classes, key=lambda name: (name != REASONS[0], -classes[name].sum()))
    found = [_average(series, name, classes[name], mask_value) for name in order]
    return [one for one in found if one.n_averaged]


def _classes(judgement: Judgement) -> dict[str, BoolArray]:
    uncertain = judgement.label == UNCERTAIN
    classes = {name: (judgement.reason == i) & ~uncertain for i, name in enumerate(REASONS)}
    classes["uncertain"] = uncertain
    return {name: members for name, members in classes.items() if members.any()}


def _average(
    series: FrameSeries, name: str, members: BoolArray, mask_value: float | None
) -> AverageFrame:
    indices = np.flatnonzero(members)
    n = min(len(indices), _MOST_FRAMES)
    total, count, n_read = np.zeros(series.frame_shape), np.zeros(series.frame_shape), 0
    for index in indices[np.linspace(0, len(indices) - 1, n).astype(int)].tolist():
        stack, within = series.locate(index)
        try:
            plain, masked = plain_frames(stack.read(within, within + 1), mask_value)
        except UnreadableFileError:
            continue
        is_valid = plain[0] != masked
        total[is_valid] += plain[0][is_valid]
        count += is_valid
        n_read += 1
    with np.errstate(invalid="ignore"):
        return AverageFrame(name, total / count, n_read, len(indices))
