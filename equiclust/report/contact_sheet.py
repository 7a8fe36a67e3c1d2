"""Contact sheet: a row for each query image, with the images that are most similar to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from equiclust.io.atomic import atomic_path
from equiclust.report.figures.pictures import COLOUR_MAP
from equiclust.report.figures.style import plain_text, styled
from equiclust.typing import Float32Array, PathLike

__all__ = ["SheetTile", "write_contact_sheet"]

# What the PNG files say they were written by, so that they are not read as images.
_SOFTWARE = "equiclust similar"

_TILE = 1.3
"""Side of a picture in inches."""

_CAPTION, _GAP = 0.42, 0.06
_DPI = 120
_LONGEST_NAME = 22
_INK = "#1B2733"


@dataclass(frozen=True)
class SheetTile:
    """One tile of a contact sheet: a picture, or a placeholder where the image is not available.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32, or None
        From 0 to 1, the first row at the bottom.
    name, remark : str
        Two lines of caption.

    Examples
    --------
    >>> from equiclust import simulate_discs
    >>> from equiclust.report import SheetTile
    >>> images, truth = simulate_discs(1, size=32, random_state=0)
    >>> pixels = images.pixels[0] / images.pixels[0].max()
    >>> tile = SheetTile(pixels.clip(0, 1), images.ids[0], "query")
    >>> missing = SheetTile(None, "disc_9", "no longer on disk")
    """

    pixels: Float32Array | None
    name: str
    remark: str


def write_contact_sheet(
    path: PathLike, rows: Sequence[Sequence[SheetTile]], *, queries: bool = True
) -> None:
    """Write one PNG file with rows of pictures.

    Parameters
    ----------
    path : path-like
        Ends in .png; an older file is replaced.
    rows : sequence of sequence of SheetTile
        At least one row with at least one tile.
    queries : bool, default True
        Whether the first tile of each row is the query image, which gets a frame.

    Raises
    ------
    OutputError
        When the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust.report import SheetTile, write_contact_sheet
    >>> dark, bright = np.zeros((1, 32, 32), np.float32), np.ones((1, 32, 32), np.float32)
    >>> row = [SheetTile(dark, "disc_1", "query"), SheetTile(bright, "disc_2", "distance 0.12")]
    >>> write_contact_sheet("similar.png", [row])
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
        for panels, row in zip(grid, rows, strict=True):
            for column, axes in enumerate(panels):
                axes.set(xticks=[], yticks=[])
                axes.grid(visible=False)
                axes.spines[:].set_visible(False)
                if column < len(row):
                    _draw(axes, row[column], is_query=queries and column == 0)
        with atomic_path(path) as draft:
            sheet.set_dpi(_DPI)
            canvas.print_png(str(draft), metadata={"Software": _SOFTWARE})


def _draw(axes: Any, tile: SheetTile, *, is_query: bool) -> None:
    if tile.pixels is None:
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.text(0.5, 0.5, "no picture", ha="center", va="center", fontsize=8, color=_INK)
    elif len(tile.pixels) == 3:
        axes.imshow(np.moveaxis(tile.pixels, 0, -1).clip(0.0, 1.0), origin="lower")
    else:
        axes.imshow(tile.pixels.mean(axis=0), origin="lower", cmap=COLOUR_MAP, vmin=0, vmax=1)
    axes.set_xlabel(
        f"{plain_text(tile.name, longest=_LONGEST_NAME)}\n{plain_text(tile.remark)}",
        fontsize=7, fontweight="bold" if is_query else "normal", color=_INK,
    )  # fmt: skip
    if is_query:
        axes.spines[:].set(visible=True, color=_INK, linewidth=2.0)
