"""Figures on the ensemble: scores of its members, and the agreement between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.figures.style import linear_scale, panels, styled, svg_uri
from equiclust.report.formatting import fixed
from equiclust.typing import Float64Array

__all__ = ["draw_agreement", "draw_scores"]

_PANELS = (
    ("mse", "Mean squared error of held-out images", "MSE (no unit)", "lower is better"),
    ("ms_ssim", "MS-SSIM of held-out images", "MS-SSIM (no unit)", "higher is better"),
)
_MEMBER_COLOUR = "#6B7885"
_MOST_WITH_NUMBERS = 12
_MOST_TICKS = 20
_COLOURS = "Blues"
_DARK_FROM = 0.68


def draw_scores(
    members: Sequence[Mapping[str, float]],
    mean: Mapping[str, float],
    ensemble: Mapping[str, float],
) -> str:
    """Draw the held-out scores by fold, with lines for the mean member and the ensemble.

    Parameters
    ----------
    members : sequence of mapping
        "mse" and "ms_ssim" of each member, and its "fold", as far as they are known.
    mean, ensemble : mapping
        The same scores of the mean member and of the ensemble.

    Returns
    -------
    str
        Data URI; empty when no score is known.
    """
    shown = [panel for panel in _PANELS if any(panel[0] in entry for entry in members)]
    if not shown:
        return ""
    with styled():
        sheet, axes = panels(len(shown), columns=2, width=11.9, height=2.9)
        for panel, (key, title, y_label, better) in zip(axes, shown, strict=True):
            known = [
                (entry.get("fold", index), entry[key])
                for index, entry in enumerate(members)
                if key in entry
            ]
            folds, values = zip(*known, strict=True)
            panel.plot(folds, values, "o", color=_MEMBER_COLOUR, ms=6.0, label="member")
            if key in mean:
                panel.axhline(mean[key], color=BASELINE_COLOUR, ls="--", label="mean member")
            if key in ensemble:
                panel.axhline(ensemble[key], color=OURS_COLOUR, lw=2.2, label="ensemble")
            panel.set_title(f"{title} ({better})", loc="left")
            panel.set(xlabel="fold", ylabel=y_label)
            panel.margins(x=0.08, y=0.15)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            linear_scale(panel)
        handles, labels = axes[0].get_legend_handles_labels()
        sheet.legend(handles, labels, loc="outside lower center", ncols=3)
        return svg_uri(sheet)


def draw_agreement(matrix: Float64Array) -> str:
    """Draw the agreement between members as a heat map, without its diagonal.

    Parameters
    ----------
    matrix : ndarray (k, k), float64
        Adjusted Rand index of every two members.

    Returns
    -------
    str
        Data URI.
    """
    k = len(matrix)
    lowest = min(0.0, math.floor(10.0 * float(matrix.min())) / 10.0)
    with styled():
        sheet = Figure(figsize=(5.6, 4.6), layout="constrained")
        axes = sheet.subplots()
        shown = np.ma.masked_array(matrix, mask=np.eye(k, dtype=bool))
        cells = axes.pcolormesh(shown, cmap=_COLOURS, vmin=lowest, vmax=1.0, ec="white", lw=0.6)
        axes.set_facecolor("#E6EAEE")
        axes.grid(visible=False)
        axes.set(xlabel="fold", ylabel="fold", aspect="equal")
        ticks = np.arange(0, k, -(-k // _MOST_TICKS))
        axes.set_xticks(ticks + 0.5, ticks)
        axes.set_yticks(ticks + 0.5, ticks)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        if k <= _MOST_WITH_NUMBERS:
            for i, j in np.argwhere(~np.eye(k, dtype=bool)):
                share = (matrix[i, j] - lowest) / (1.0 - lowest)
                colour = "white" if share > _DARK_FROM else "#1B2733"
                text = fixed(matrix[i, j])
                axes.text(j + 0.5, i + 0.5, text, ha="center", va="center", size=7.5, color=colour)
        bar = sheet.colorbar(cells, ax=axes, shrink=0.85)
        bar.set_label("adjusted Rand index (no unit)")
        bar.outline.set_visible(False)
        return svg_uri(sheet)
