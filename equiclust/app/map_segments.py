"""The segments of a label map: their table page by page, and which of them a pixel is in."""

from __future__ import annotations

import math
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from equiclust.app.map_labels import LabelPlanes
from equiclust.app.map_planes import MOST_PIXELS, Box, thinned
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.segmentation.outputs import SegmentFiles
from equiclust.segmentation.segment_table import find_segments
from equiclust.typing import Array
from equiclust.validation import check_choice, check_flag, check_whole

__all__ = ["SegmentIndex"]

_LARGEST_PAGE = 500


class SegmentIndex:
    """Connected pieces of the labels: the table of the job, and the piece that each pixel is in.

    The pieces are found when a pixel is first asked for, and their numbers kept as 4 bytes a pixel.

    Parameters
    ----------
    planes : LabelPlanes
        The labels.
    """

    def __init__(self, planes: LabelPlanes) -> None:
        self._planes, self._lock = planes, Lock()
        self._ids: npt.NDArray[np.int32] | None = None
        self._boxes: list[Any] = []
        self.note = ""
        path = SegmentFiles(planes.path).segments
        try:
            table = read_table(path)
            if not {"id", "label", "n_pixels", "x", "y"} <= set(table.colnames):
                raise InputError(f"{path} is no table of segments")
        except InputError as error:
            self.table: Any = None
            self.note = f"Segments are not listed: {error}."
            return
        self.table = table
        if math.prod(planes.shape) > MOST_PIXELS:
            self.note = (
                f"The label map has more than {MOST_PIXELS} pixels: its segments are listed, but "
                "not looked up by pixel or outlined."
            )

    def __len__(self) -> int:
        return 0 if self.table is None else len(self.table)

    @property
    def by_pixel(self) -> bool:
        """Whether the segment of a pixel can be looked up."""
        return self.table is not None and math.prod(self._planes.shape) <= MOST_PIXELS

    def ids(self) -> npt.NDArray[np.int32] | None:
        """Number of the segment of every pixel, `(n_planes, h, w)`, 0 in none.

        Returns
        -------
        ndarray or None
            None where `by_pixel` is False, or the table is of other labels; `note` then says so.
        """
        with self._lock:
            if self._ids is None and self.by_pixel:
                self._find()
            return self._ids

    def _find(self) -> None:
        # Smaller pieces than the smallest of the table got no number.
        least = int(np.min(self.table["n_pixels"])) if len(self.table) else MOST_PIXELS + 1
        found = find_segments(self._planes.whole(), min_pixels=max(least, 1))
        sizes = np.bincount(found.ids.ravel(), minlength=len(found.labels) + 1)[1:]
        table = self.table
        if not (
            np.array_equal(found.labels, table["label"])
            and np.array_equal(sizes, table["n_pixels"])
            and np.array_equal(table["id"], np.arange(1, len(table) + 1))
        ):
            self.note = (
                f"Segments are not listed: {SegmentFiles(self._planes.path).segments} is not the "
                "table of this label map."
            )
            self.table = None
            return
        self._ids = found.ids.reshape(self._planes.shape)
        self._boxes = ndimage.find_objects(self._ids, max_label=len(table))

    def nearest(self, plane: int, box: Box, step: int) -> npt.NDArray[np.int32] | None:
        """The segment in the middle of every block of pixels, as `LabelPlanes.nearest`.

        Parameters
        ----------
        plane : int
            From 0.
        box : Box
            Which pixels.
        step : int
            Side of a block in pixels.

        Returns
        -------
        ndarray (ceil(h / step), ceil(w / step)), int32, or None
            0 in none; None where segments cannot be looked up.
        """
        ids = self.ids()
        if ids is None:
            return None
        return thinned(ids[plane, box.y0 : box.y1, box.x0 : box.x1], step)

    def at(self, plane: int, x: int, y: int) -> int:
        """Segment of a pixel.

        Parameters
        ----------
        plane, x, y : int
            Plane, column and row, from 0.

        Returns
        -------
        int
            From 1; 0 where there is none, or none can be looked up.
        """
        ids = self.ids()
        return 0 if ids is None else int(ids[plane, y, x])

    @property
    def columns(self) -> list[dict[str, str]]:
        """Name, unit and description of every column of the table."""
        if self.table is None:
            return []
        return [
            {
                "name": name,
                "unit": "" if column.unit is None else str(column.unit),
                "description": str(column.description or ""),
            }
            for name, column in zip(self.table.colnames, self.table.itercols(), strict=True)
        ]

    def page(
        self, first: int = 0, count: int = 50, *, sort: str = "id", descending: bool = False
    ) -> dict[str, Any]:
        """Some rows of the table.

        Parameters
        ----------
        first : int, default 0
            Rows before the page.
        count : int, default 50
            Rows of the page, at most 500.
        sort : str, default "id"
            Column by which the table is sorted; NaN comes last.
        descending : bool, default False
            Largest first.

        Returns
        -------
        dict
            "columns" as `columns`, "rows" as lists of plain values, "first" and "total".

        Raises
        ------
        InputError
            When an argument is out of range.
        """
        check_whole("first", first, 0)
        check_whole("count", count, 1, largest=_LARGEST_PAGE)
        check_flag("descending", descending)
        if self.table is None:
            return {"columns": [], "rows": [], "first": 0, "total": 0}
        check_choice("sort", sort, tuple(self.table.colnames))
        chosen = self._order(sort, descending)[first : first + count]
        rows = [self._row(index) for index in chosen]
        return {"columns": self.columns, "rows": rows, "first": first, "total": len(self)}

    def _order(self, sort: str, descending: bool) -> Array:
        values = np.asarray(self.table[sort])
        order = np.argsort(-values if descending else values, kind="stable")
        return np.asarray(order)

    def position(self, number: int, *, sort: str = "id", descending: bool = False) -> int:
        """How many rows stand before a segment in the sorted table.

        Parameters
        ----------
        number : int
            Segment, from 1.
        sort : str, default "id"
            As for `page`.
        descending : bool, default False
            As for `page`.

        Returns
        -------
        int
        """
        self._check(number)
        check_choice("sort", sort, tuple(self.table.colnames))
        return int(np.flatnonzero(self._order(sort, descending) == number - 1)[0])

    def _row(self, index: int) -> list[Any]:
        return [np.asarray(value).item() for value in self.table[int(index)]]

    def _check(self, number: int) -> None:
        check_whole("segment", number, 1, largest=len(self))

    def segment(self, number: int) -> dict[str, Any]:
        """One segment: its row of the table, and where it lies.

        Parameters
        ----------
        number : int
            From 1.

        Returns
        -------
        dict
            "row" by column name; "box" with the first and last rows and columns, y0, y1, x0, x1,
            and "planes", the first plane and the one behind the last; both None where segments
            cannot be looked up.

        Raises
        ------
        InputError
            When there is no such segment.
        """
        self.ids()
        self._check(number)
        row = dict(zip(self.table.colnames, self._row(number - 1), strict=True))
        if not self._boxes:
            return {"number": number, "row": row, "box": None, "planes": None}
        planes, rows, columns = self._boxes[number - 1]
        box = [rows.start, rows.stop, columns.start, columns.stop]
        return {"number": number, "row": row, "box": box, "planes": [planes.start, planes.stop]}
