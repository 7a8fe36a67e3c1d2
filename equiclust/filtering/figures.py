"""Figures of the report on frames: flux over time, and the average frame of every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from equiclust.filtering.averages import AverageFrame
from equiclust.filtering.features import FrameFeatures
from equiclust.filtering.frame_filter import Judgement
from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR, UNKNOWN
from equiclust.report.figures.style import panels, styled, svg_uri
from equiclust.typing import Array

__all__ = ["draw_averages", "draw_flux"]

_MOST_POINTS = 20_000
_MANY = 10_000
_GROUPS = ((1, "usable", OURS_COLOUR), (0, "not usable", BASELINE_COLOUR))


def draw_flux(features: FrameFeatures, judgement: Judgement) -> str:
    """Draw the flux of the frames in the order in which they were taken.

    Parameters
    ----------
    features : FrameFeatures
    judgement : Judgement

    Returns
    -------
    str
        Data URI. Of each class at most 20,000 frames are drawn, evenly spread.
    """
    flux = features.flux
    with styled():
        sheet = Figure(figsize=(11.9, 3.4), layout="constrained")
        axes: Any = sheet.subplots()
        for label, name, colour in (*_GROUPS, (-1, "uncertain", UNKNOWN.colour)):
            members = np.flatnonzero((judgement.label == label) & np.isfinite(flux))
            if len(members) == 0:
                continue
            shown = members[:: max(len(members) // _MOST_POINTS, 1)]
            axes.plot(
                shown,
                flux[shown],
                ".",
                color=colour,
                ms=4.0 if len(flux) < _MANY else 1.8,
                # The usable ones, which lie closely, in front.
                zorder=3 if label == 1 else 2,
                mew=0.0,
                label=f"{name} ({len(members):,})",
                rasterized=True,
            )
        axes.set_yscale("symlog", linthresh=max(float(np.nanmedian(flux)) * 0.02, 1e-30))
        axes.set(xlabel="frame", ylabel="flux (counts per pixel)", xlim=(0, max(len(flux) - 1, 1)))
        axes.set_ylim(bottom=0.0)
        axes.legend(
            fontsize=8.0, loc="upper left", bbox_to_anchor=(0.0, 1.16), ncols=3, markerscale=4.0
        )
        sheet.set_dpi(150)
        return svg_uri(sheet)


def draw_averages(averages: Sequence[AverageFrame]) -> str:
    """Draw the average frames side by side, with a colour bar each.

    Parameters
    ----------
    averages : sequence of AverageFrame
        At least one.

    Returns
    -------
    str
        Data URI.
    """
    with styled():
        sheet, axes = panels(len(averages), columns=4, width=11.9, height=3.3)
        for panel, one in zip(axes, averages, strict=True):
            _draw_average(sheet, panel, one)
        return svg_uri(sheet)


def _draw_average(sheet: Figure, axes: Any, one: AverageFrame) -> None:
    shown = axes.imshow(one.mean, norm=_norm(one.mean), cmap="inferno", interpolation="nearest")
    axes.set_title(f"{one.name}\nmean of {one.n_averaged:,} of {one.n_frames:,}", loc="left")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_facecolor("#C8CED4")
    sheet.colorbar(shown, ax=axes, shrink=0.8, label="counts")


def _norm(mean: Array) -> Any:
    """Logarithmic where the counts span more than a factor of ten; None is linear."""
    positive = mean[np.isfinite(mean) & (mean > 0)]
    if len(positive) == 0:
        return None
    low, high = np.quantile(positive, [0.01, 0.999])
    return LogNorm(max(low, 1e-3 * high), high, clip=True) if high > 10 * low else None
