"""Section "Training": curves of all terms of the objective."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from equiclust.argument_types import checks_types
from equiclust.report.contents import Contents
from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.figures.style import (
    linear_scale,
    log_scale,
    panels,
    plain_text,
    prefers_log,
    styled,
    svg_uri,
)
from equiclust.report.formatting import is_number

__all__ = ["TermNote", "Training", "make_training"]

Series = tuple[list[float], list[float]]
History = Sequence[Mapping[str, Any]]

_NOT_TERMS = ("epoch", "seconds")
_PANELS = (
    ("Objective", "weighted sum of the terms", ("total",)),
    ("Reconstruction", "mean squared error", ("mse", "validation_mse")),
    ("Perceptual distance", "distance of features", ("perceptual",)),
    ("Variance term", "missing variance", ("variance",)),
    ("Covariance term", "squared covariance", ("covariance",)),
    ("Invariance term", "squared distance of views", ("invariance",)),
    ("Rotation term", "change over spread", ("rotation",)),
    ("Learning rate", "step size", ("learning_rate",)),
)
_SERIES_NAMES = {"mse": "training, augmented", "validation_mse": "held out, not augmented"}
_STROKES = ((OURS_COLOUR, "-", "o"), (BASELINE_COLOUR, "--", "s"))

_MEANINGS = {
    "total": "what training minimises: the terms below, each multiplied by its weight",
    "mse": "mean squared difference between image and reconstruction, training images after "
    "augmentation",
    "validation_mse": "the same for held-out images, without augmentation; if it rises while the "
    "other falls, the network overfits",
    "perceptual": "distance between image and reconstruction in the features of a network that was "
    "trained on photographs",
    "variance": "by how much the standard deviation of the latent's coordinates falls short of 1; "
    "0 = every coordinate is in use",
    "covariance": "how redundant the coordinates of the latent are; 0 = not at all",
    "invariance": "mean squared distance between the latents of two augmented views of one image",
    "rotation": "mean squared change of the latent when an image is rotated by any angle, divided "
    "by the spread between images",
    "learning_rate": "step size of the optimiser; it warms up, then falls",
}


@dataclass(frozen=True)
class TermNote:
    """A curve, what it means, and its first and last values.

    Parameters
    ----------
    name, meaning : str
    first, last : float
        Of the median over the members.
    lowest, highest : float
        Of the members' last values.
    """

    name: str
    meaning: str
    first: float
    last: float
    lowest: float
    highest: float


@checks_types
@dataclass(frozen=True)
class Training:
    """Curves of all members of the ensemble.

    Parameters
    ----------
    figure : str
        Data URI; empty when nothing was recorded.
    n_members : int
        Networks that have a history.
    n_epochs : tuple of int
        Fewest and most epochs of a member.
    seconds : float
        Of all members together.
    started_from : tuple of str
        Parts of the network that were initialised with pretrained weights.
    terms : tuple of TermNote
    """

    figure: str
    n_members: int
    n_epochs: tuple[int, int]
    seconds: float
    started_from: tuple[str, ...]
    terms: tuple[TermNote, ...]


def make_training(contents: Contents) -> Training:
    """Draw the curves of every recorded term, of every member of the ensemble.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Training
    """
    histories = _histories(contents)
    curves = {name: _members(histories, name) for name in _names(histories)}
    curves = {name: members for name, members in curves.items() if members}
    lengths = [len(history) for history in histories]
    return Training(
        figure=_drawn(curves) if curves else "",
        n_members=len(histories),
        n_epochs=(min(lengths, default=0), max(lengths, default=0)),
        seconds=math.fsum(
            value for _, values in _members(histories, "seconds") for value in values
        ),
        started_from=tuple(str(name) for name in contents.entries("started_from")),
        terms=tuple(_note(name, members) for name, members in curves.items()),
    )


def _histories(contents: Contents) -> list[History]:
    """Epochs of every member; a single network has one history."""
    found = contents.entries("histories") or [contents.entries("history")]
    histories = [
        [record for record in history if isinstance(record, dict)]
        for history in found
        if isinstance(history, list)
    ]
    return [history for history in histories if history]


def _note(name: str, members: Sequence[Series]) -> TermNote:
    _, middle = _median(members)
    ends = [values[-1] for _, values in members]
    meaning = _MEANINGS.get(name, "a further term")
    return TermNote(name, meaning, middle[0], middle[-1], min(ends), max(ends))


def _names(histories: Sequence[History]) -> list[str]:
    """Known terms first, then further ones by name."""
    found = {str(name) for history in histories for record in history for name in record}
    known = [name for _, _, names in _PANELS for name in names if name in found]
    return known + sorted(found - set(known) - set(_NOT_TERMS))


def _members(histories: Sequence[History], name: str) -> list[Series]:
    """Curves of those members that recorded the term."""
    found = [_series(history, name) for history in histories]
    return [series for series in found if series[0]]


def _series(history: History, name: str) -> Series:
    """Epochs, counted from 1, and values, where the value is a finite number."""
    epochs, values = [], []
    for index, record in enumerate(history):
        value = record.get(name)
        if is_number(value):
            epoch = record.get("epoch")
            epochs.append(float(epoch if is_number(epoch) else index) + 1.0)
            values.append(float(value))
    return epochs, values


def _median(members: Sequence[Series]) -> Series:
    """Median over the members at the epochs that at least half of them have."""
    at: dict[float, list[float]] = {}
    for epochs, values in members:
        for epoch, value in zip(epochs, values, strict=True):
            at.setdefault(epoch, []).append(value)
    most = max(len(values) for values in at.values())
    epochs = sorted(epoch for epoch, values in at.items() if 2 * len(values) >= most)
    return epochs, [float(np.median(at[epoch])) for epoch in epochs]


def _drawn(curves: Mapping[str, Sequence[Series]]) -> str:
    known = {name for _, _, names in _PANELS for name in names}
    others = tuple((name, "value", (name,)) for name in curves if name not in known)
    shown = [entry for entry in (*_PANELS, *others) if any(name in curves for name in entry[2])]
    with styled():
        sheet, axes = panels(len(shown), columns=4, width=11.9, height=2.4)
        for panel, (title, y_label, names) in zip(axes, shown, strict=True):
            present = [name for name in names if name in curves]
            _draw_panel(panel, {name: curves[name] for name in present})
            panel.set_title(plain_text(title), loc="left")
            panel.set(xlabel="epoch", ylabel=y_label)
        return svg_uri(sheet)


def _draw_panel(axes: Any, curves: Mapping[str, Sequence[Series]]) -> None:
    """Thin lines for several members, a thick line for their median."""
    for (name, members), (colour, line, marker) in zip(curves.items(), _STROKES, strict=False):
        if len(members) > 1:
            for epochs, values in members:
                axes.plot(epochs, values, "-", color=colour, lw=0.6, alpha=0.4)
        epochs, values = _median(members)
        dots = marker if len(epochs) <= 12 else ""
        label = plain_text(_SERIES_NAMES.get(name, name))
        width = 2.2 if len(members) > 1 else 1.6
        axes.plot(epochs, values, line, color=colour, marker=dots, ms=4.0, lw=width, label=label)
    if prefers_log([v for members in curves.values() for _, values in members for v in values]):
        log_scale(axes)
    else:
        linear_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(curves) > 1:
        axes.legend(fontsize=8.0)
