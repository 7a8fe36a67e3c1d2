"""Figure on stability: reliability against coverage, its distribution, and agreement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from equiclust.report.contents import Contents
from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR, UNKNOWN
from equiclust.report.figures.style import panels, styled, svg_uri
from equiclust.report.formatting import percent
from equiclust.typing import Float64Array

__all__ = ["WorkingPoint", "agreement_of_trained", "draw_stability"]

T = TypeVar("T", float, Float64Array)

_BINS = np.linspace(0.0, 1.0, 21)
_COARSE_BINS = np.linspace(0.0, 1.0, 11)
_REQUESTED_COLOUR = "#3A4753"


@dataclass(frozen=True)
class WorkingPoint:
    """Reliability that was requested, and what was reached; shares, NaN = unknown.

    Parameters
    ----------
    requested : float
        Reliability, from 0 to 1.
    coverage, reliability : float
        Reached, from 0 to 1.
    """

    requested: float
    coverage: float
    reliability: float

    @property
    def is_known(self) -> bool:
        """Whether the coverage and the reliability that were reached are known."""
        return bool(np.isfinite(self.coverage) and np.isfinite(self.reliability))


def agreement_of_trained(contents: Contents, all_members: T, held_out: T) -> T:
    """Agreement of the members that trained on an image, given that of all and of the others.

    With `k` members of which `u` did not train on the image: `(k * all - u * held_out) / (k - u)`.

    Parameters
    ----------
    contents : Contents
        Gives the numbers of members.
    all_members, held_out : float or ndarray (n,), float64
        Shares of members that agree: of all, and of those that did not train on the image.

    Returns
    -------
    float or ndarray (n,), float64
    """
    n, n_held_out = contents.n_folds, contents.n_held_out_folds
    return (n * all_members - n_held_out * held_out) / (n - n_held_out)


def draw_stability(
    contents: Contents, curve: Sequence[tuple[float, float]], point: WorkingPoint
) -> str:
    """Draw up to three panels: reliability against coverage, stability, and agreement.

    Parameters
    ----------
    contents : Contents
    curve : sequence of (float, float)
        Pairs of coverage and reliability by rising coverage; the first panel is left out when
        empty.
    point : WorkingPoint

    Returns
    -------
    str
        Data URI; empty when nothing is known.
    """
    painters: list[Callable[[Any], None]] = []
    if curve:
        painters.append(lambda axes: _draw_curve(axes, curve, point))
    if np.isfinite(contents.stability).any():
        painters.append(lambda axes: _draw_histogram(axes, contents))
    if np.isfinite(contents.agreement_held_out).any():
        painters.append(lambda axes: _draw_agreement(axes, contents))
    if not painters:
        return ""
    with styled():
        sheet, axes = panels(len(painters), columns=3, width=11.9, height=3.2)
        for panel, paint in zip(axes, painters, strict=True):
            paint(panel)
        return svg_uri(sheet)


def _draw_curve(axes: Any, curve: Sequence[tuple[float, float]], point: WorkingPoint) -> None:
    coverage, reliability = zip(*curve, strict=True)
    axes.plot(coverage, reliability, color=OURS_COLOUR, lw=1.8)
    if np.isfinite(point.requested):
        label = f"requested: {percent(point.requested)}"
        axes.axhline(point.requested, color=_REQUESTED_COLOUR, ls=":", lw=1.4, label=label)
    if point.is_known:
        label = f"labelled: {percent(point.coverage)}, reliability {percent(point.reliability)}"
        axes.plot(
            point.coverage, point.reliability, "D", color=BASELINE_COLOUR, ms=7.0, label=label
        )
    heights = [*reliability, point.requested, point.reliability]
    lowest = float(np.nanmin(heights))
    axes.set(xlim=(0.0, 1.02), ylim=(max(lowest - 0.35 * (1.0 - lowest) - 0.01, -0.02), 1.01))
    axes.set_title("Reliability against coverage", loc="left")
    axes.set(xlabel="coverage: share of images labelled", ylabel="reliability (mean stability)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100.0 * value:.3g} %"))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8.0, loc="lower left")


def _draw_histogram(axes: Any, contents: Contents) -> None:
    known = np.isfinite(contents.stability)
    groups = [
        ("with a label", contents.labels >= 0, OURS_COLOUR),
        ("don't know", contents.labels < 0, UNKNOWN.colour),
    ]
    shown = [(name, known & chosen, colour) for name, chosen, colour in groups]
    shown = [group for group in shown if group[1].any()]
    axes.hist(
        [contents.stability[chosen] for _, chosen, _ in shown],
        bins=_BINS,
        stacked=True,
        color=[colour for _, _, colour in shown],
        label=[f"{name} ({int(chosen.sum()):,})" for name, chosen, _ in shown],
        ec="white",
        lw=0.6,
    )
    _make_room(axes)
    axes.set_title("Stability", loc="left")
    axes.set(xlim=(0.0, 1.0), xlabel="stability (no unit)", ylabel="number of images")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8.0, loc="upper left")


def _draw_agreement(axes: Any, contents: Contents) -> None:
    first, name = contents.agreement, f"all {contents.words.member}s"
    if contents.n_held_out_folds:
        first = agreement_of_trained(contents, first, contents.agreement_held_out)
        name = f"{contents.words.trained_on} the image"
    axes.hist(
        [_shares(first), _shares(contents.agreement_held_out)],
        bins=_COARSE_BINS,
        color=[OURS_COLOUR, BASELINE_COLOUR],
        label=[name, f"not {contents.words.trained_on} it"],
    )
    _make_room(axes)
    axes.set_title(f"Agreement of the {contents.words.member}s on an image", loc="left")
    axes.set(
        xlim=(0.0, 1.0),
        xlabel=f"share of the {contents.words.member}s that give this label",
        ylabel="number of images",
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100.0 * value:.3g} %"))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8.0, loc="upper left")


def _make_room(axes: Any) -> None:
    """Room for the legend above the bars."""
    axes.set_ylim(0.0, 1.25 * axes.get_ylim()[1])


def _shares(values: Float64Array) -> Float64Array:
    """Known values from 0 to 1, without the rounding errors that would change their bin."""
    return np.clip(np.round(values[np.isfinite(values)], 9), 0.0, 1.0)
