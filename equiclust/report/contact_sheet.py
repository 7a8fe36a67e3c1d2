"""Images in rows, each beside those that are most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from equiclust.io.atomic import atomic_path
from equiclust.report.drawing import plain_text, styled
from equiclust.report.pictures import COLOUR_MAP

__all__ = ["SheetTile", "write_contact_sheet"]

_TILE = 1.3
"""Side of a picture in inches."""

_CAPTION, _GAP = 0.42, 0.06
_DPI = 120
_LONGEST_NAME = 22
_INK = "#1B2733"


@dataclass(frozen=True)
class SheetTile:
    """One picture, or the place of one that is not to be had.

    Parameters
    ----------
    pixels : ndarray (c, h, w), optional
        In 0 to 1, the first row at the bottom.
    name, remark : str
        Written below.
    """

    pixels: npt.NDArray[np.float32] | None
    name: str
    remark: str


def write_contact_sheet(path: Path, rows: Sequence[Sequence[SheetTile]]) -> None:
    """Write one PNG file: in every row what was asked about, framed, and then its neighbours.

    Parameters
    ----------
    path : Path
    rows : sequence of sequence of SheetTile
        At least one row with at least one tile.
    """
    columns = max(len(row) for row in rows)
    with styled():
        width, height = columns * (_TILE + _GAP), len(rows) * (_TILE + _CAPTION)
        sheet = Figure(figsize=(width + _GAP, height + _GAP))
        canvas = FigureCanvasAgg(sheet)
        grid = sheet.subplots(len(rows), columns, squeeze=False)
        sheet.subplots_adjust(
            left=_GAP / (width + _GAP),
            right=1.0 - _GAP / (width + _GAP),
            bottom=_CAPTION / (height + _GAP),
            top=1.0 - _GAP / (height + _GAP),
            wspace=_GAP / _TILE,
            hspace=_CAPTION / _TILE,
        )
        for places, row in zip(grid, rows, strict=True):
            for column, axes in enumerate(places):
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
                axes.spines[:].set_visible(False)
                if column < len(row):
                    _draw(axes, row[column], asked=column == 0)
        with atomic_path(path) as draft:
            sheet.set_dpi(_DPI)
            canvas.print_png(str(draft))


def _draw(axes: Any, tile: SheetTile, *, asked: bool) -> None:
    if tile.pixels is None:
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.text(0.5, 0.5, "no picture", ha="center", va="center", fontsize=8, color=_INK)
    elif len(tile.pixels) == 3:
        axes.imshow(np.moveaxis(tile.pixels, 0, -1).clip(0.0, 1.0), origin="lower")
    else:
        axes.imshow(tile.pixels.mean(axis=0), origin="lower", cmap=COLOUR_MAP, vmin=0, vmax=1)
    axes.set_xlabel(
        f"{plain_text(tile.name, longest=_LONGEST_NAME)}\n{plain_text(tile.remark)}",
        fontsize=7, fontweight="bold" if asked else "normal", color=_INK,
    )  # fmt: skip
    if asked:
        axes.spines[:].set(visible=True, color=_INK, linewidth=2.0)
