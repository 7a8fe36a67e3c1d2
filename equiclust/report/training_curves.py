"""Training curves, whatever terms the objective had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import MaxNLocator

from equiclust.report.contents import Contents
from equiclust.report.drawing import (
    linear_scale,
    log_scale,
    panels,
    plain_text,
    prefers_log,
    styled,
    svg_uri,
)
from equiclust.report.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.quantities import is_number

__all__ = ["TermNote", "Training", "make_training"]

Series = tuple[list[float], list[float]]

_NOT_TERMS = ("epoch", "seconds")
_PANELS = (
    ("Objective", "weighted sum of the terms", ("total",)),
    ("Reconstruction", "mean squared error", ("mse", "validation_mse")),
    ("Perceptual distance", "distance of features", ("perceptual",)),
    ("Variance term", "lack of variance", ("variance",)),
    ("Covariance term", "squared covariance", ("covariance",)),
    ("Invariance term", "squared distance of views", ("invariance",)),
    ("Learning rate", "step size", ("learning_rate",)),
)
_SERIES_NAMES = {"mse": "training, augmented", "validation_mse": "held out, as they are"}
_STROKES = ((OURS_COLOUR, "-", "o"), (BASELINE_COLOUR, "--", "s"))

_MEANINGS = {
    "total": "what training minimises: the terms below, each times its weight",
    "mse": "mean squared difference between image and reconstruction, training images after "
    "augmentation",
    "validation_mse": "the same for images held out from training, without augmentation; if it "
    "rises while the other falls, the network learns by heart",
    "perceptual": "distance between image and reconstruction as a network trained on photographs "
    "sees them",
    "variance": "by how much the standard deviation of a latent's coordinates falls short of 1; "
    "0 = every coordinate is in use",
    "covariance": "how much coordinates of the latent repeat each other; 0 = not at all",
    "invariance": "mean squared distance between the latents of two augmented views of one image",
    "learning_rate": "how far one step of the training goes; it warms up, then falls",
}


@dataclass(frozen=True)
class TermNote:
    """A curve, what it means, and where it started and ended."""

    name: str
    meaning: str
    first: float
    last: float


@dataclass(frozen=True)
class Training:
    """Data URI of the curves (empty without any), and what to read beside them."""

    figure: str
    n_epochs: int
    seconds: float
    terms: tuple[TermNote, ...]


def make_training(contents: Contents) -> Training:
    """Curves of every term that was recorded."""
    history = [record for record in contents.entries("history") if isinstance(record, dict)]
    series = {name: _series(history, name) for name in _names(history)}
    series = {name: points for name, points in series.items() if points[0]}
    notes = tuple(
        TermNote(name, _MEANINGS.get(name, "a further term"), values[0], values[-1])
        for name, (_, values) in series.items()
    )
    seconds = _series(history, "seconds")[1]
    return Training(_drawn(series) if series else "", len(history), math.fsum(seconds), notes)


def _names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Known terms first and in our order, then others in theirs."""
    found = {str(name) for record in history for name in record if name not in _NOT_TERMS}
    known = [name for _, _, names in _PANELS for name in names if name in found]
    return known + sorted(found - set(known))


def _series(history: Sequence[Mapping[str, Any]], name: str) -> Series:
    """Epochs, counted from 1, and values of those that were recorded as finite numbers."""
    epochs, values = [], []
    for index, record in enumerate(history):
        value = record.get(name)
        if is_number(value):
            epoch = record.get("epoch")
            epochs.append(float(epoch if is_number(epoch) else index) + 1.0)
            values.append(float(value))
    return epochs, values


def _drawn(series: Mapping[str, Series]) -> str:
    known = {name for _, _, names in _PANELS for name in names}
    others = tuple((name, "value", (name,)) for name in series if name not in known)
    shown = [panel for panel in (*_PANELS, *others) if any(name in series for name in panel[2])]
    with styled():
        sheet, axes = panels(len(shown), columns=4, width=11.9, height=2.4)
        for place, (title, y_label, names) in zip(axes, shown, strict=True):
            present = [name for name in names if name in series]
            _draw_panel(place, {name: series[name] for name in present})
            place.set_title(plain_text(title), loc="left")
            place.set(xlabel="epoch", ylabel=y_label)
        return svg_uri(sheet)


def _draw_panel(axes: Any, curves: Mapping[str, Series]) -> None:
    for (name, (epochs, values)), (colour, line, marker) in zip(
        curves.items(), _STROKES, strict=False
    ):
        dots = marker if len(epochs) <= 12 else ""
        label = _SERIES_NAMES.get(name, name)
        axes.plot(
            epochs, values, line, color=colour, marker=dots, ms=4.0, lw=1.6, label=plain_text(label)
        )
    if prefers_log([value for _, values in curves.values() for value in values]):
        log_scale(axes)
    else:
        linear_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(curves) > 1:
        axes.legend(fontsize=8.0)
