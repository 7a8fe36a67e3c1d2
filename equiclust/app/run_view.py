"""`RunView`: a finished run as the application shows it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.app.bench import Bench
from equiclust.app.columns import Column, find_columns
from equiclust.app.kind_list import KindList
from equiclust.app.label_file import LabelFile
from equiclust.app.teacher import Teacher
from equiclust.app.thumbnails import Thumbnails
from equiclust.app.trials import Trials
from equiclust.evaluation.similarity import LatentIndex
from equiclust.exceptions import InputError
from equiclust.pipeline.results import Run
from equiclust.pipeline.run_pictures import RunPictures
from equiclust.pipeline.taught_catalogue import make_taught_catalogue
from equiclust.report.figures.projections import Projection, project
from equiclust.typing import Float64Array, IntArray, PathLike
from equiclust.validation import shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["RunView"]

_MOST_FOUND = 500
_NUMBERS = ("stability", "outlier_score", "probability", "ra", "dec")


class RunView:
    """A finished run: columns, pictures, neighbours, labels, and what follows from the labels.

    Parameters
    ----------
    run : Run
    labels_path : path-like, optional
        File of the labels; default ``labels.csv`` in the folder of the run.

    Attributes
    ----------
    run : Run
    labels : LabelFile
    kinds : KindList
    teacher : Teacher
    pictures : RunPictures
    thumbnails : Thumbnails
    """

    def __init__(self, run: Run, labels_path: PathLike | None = None) -> None:
        self.run = run
        self._ids = [str(name) for name in run.catalogue["id"]]
        self._paths = [str(path) for path in run.catalogue["path"]]
        self.labels = LabelFile(
            run.folder.labels_csv if labels_path is None else labels_path, self._ids, self._paths
        )
        self.kinds = KindList(run.folder.explore_json)
        self.teacher = Teacher(run, self.labels)
        self.pictures = RunPictures(run)
        self.thumbnails = Thumbnails(self.pictures)
        self._projections: dict[str, Projection] = {}
        self._projecting = Lock()

    def __len__(self) -> int:
        return len(self._ids)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Columns to colour by, by name."""
        return find_columns(self.run)

    def column(self, name: str) -> Column:
        """One of the columns.

        Parameters
        ----------
        name : str

        Returns
        -------
        Column

        Raises
        ------
        InputError
            When there is none of this name.
        """
        if name not in self.columns:
            raise InputError(f"name must be one of {', '.join(self.columns)}, got {shown(name)}")
        return self.columns[name]

    def projection(self, method: str) -> Projection:
        """Positions of the images in a plane; computed once.

        Parameters
        ----------
        method : {"pca", "umap", "tsne"}

        Returns
        -------
        Projection

        Raises
        ------
        InputError
            When the method is another one, or there are too many images for it.
        """
        with self._projecting:
            if method not in self._projections:
                latents = self.run.latents.astype(np.float64)
                self._projections[method] = project(latents, method)
            return self._projections[method]

    def records(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """What the gallery says of some images.

        Parameters
        ----------
        rows : sequence of int

        Returns
        -------
        list of dict
            row, id, path, cluster, and numbers where they are known.

        Raises
        ------
        InputError
            When a row is not there.
        """
        self.check_rows(rows)
        numbers = [name for name in _NUMBERS if name in self.columns]
        return [
            {
                "row": row,
                "id": self._ids[row],
                "path": self._paths[row],
                "label": int(self.run.labels[row]),
                **{name: float(self.columns[name].values[row]) for name in numbers},
            }
            for row in rows
        ]

    def check_rows(self, rows: Sequence[int]) -> None:
        """Refuse rows that are not in the catalogue.

        Parameters
        ----------
        rows : sequence of int

        Raises
        ------
        InputError
            When one is not there.
        """
        for row in rows:
            if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(self):
                raise InputError(f"rows must be 0 to {len(self) - 1}, got {shown(row)}")

    def details(self, row: int) -> dict[str, Any]:
        """Everything the catalogue and the confounders say of one image.

        Parameters
        ----------
        row : int

        Returns
        -------
        dict
            Text by title.

        Raises
        ------
        InputError
            When the row is not there.
        """
        self.check_rows([row])
        found = {"id": self._ids[row], "file": self._paths[row] or "none: it came from memory"}
        for column in self.columns.values():
            value = column.values[row]
            if column.what == "groups":
                text = column.names[int(value)] if value >= 0 else "none"
            else:
                text = f"{float(value):.5g} {column.unit}".strip() if value == value else "unknown"
            found[column.title] = text
        return found

    def find(self, text: str) -> list[int]:
        """Rows whose id or file holds a text, whatever its case.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of int
            At most 500.
        """
        wanted = text.casefold()
        pairs = enumerate(zip(self._ids, self._paths, strict=True))
        found = (row for row, pair in pairs if any(wanted in one.casefold() for one in pair))
        return [row for row, _ in zip(found, range(_MOST_FOUND), strict=False)]

    @cached_property
    def bench(self) -> Bench:
        """Tries changes on single images."""
        return Bench(self)

    @cached_property
    def trials(self) -> Trials:
        """Short runs with other settings."""
        return Trials(self.run)

    @cached_property
    def _index(self) -> LatentIndex:
        return LatentIndex(self.run.latents)

    def nearest(self, row: int, n: int = 12) -> list[tuple[int, float]]:
        """Images with the nearest latents.

        Parameters
        ----------
        row : int
        n : int, default 12

        Returns
        -------
        list of (int, float)
            Rows and distances, the nearest first, without the image itself.

        Raises
        ------
        InputError
            When the row is not there.
        """
        self.check_rows([row])
        distances, rows = self._index.query(self.run.latents[row : row + 1], n + 1)
        pairs = zip(rows[0].tolist(), distances[0].tolist(), strict=True)
        return [(other, distance) for other, distance in pairs if other != row][:n]

    @cached_property
    def _directions(self) -> Float64Array:
        """Unit vectors on the sky `(n, 3)`, NaN where the place is unknown."""
        if not {"ra", "dec"} <= self.columns.keys():
            return np.full((len(self), 3), np.nan)
        catalogue = self.run.catalogue
        ra, dec = (np.radians(np.asarray(catalogue[name], dtype=float)) for name in ("ra", "dec"))
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)

    def sky_neighbours(self, row: int, n: int = 12) -> list[tuple[int, float]]:
        """Images that are nearest on the sky.

        Parameters
        ----------
        row : int
        n : int, default 12

        Returns
        -------
        list of (int, float)
            Rows and angles in degrees, the nearest first; empty where the place is unknown.

        Raises
        ------
        InputError
            When the row is not there.
        """
        self.check_rows([row])
        chords = np.linalg.norm(self._directions - self._directions[row], axis=1)
        chords[row] = np.nan
        order = [int(k) for k in np.argsort(chords)[:n] if np.isfinite(chords[k])]
        angles = np.degrees(2 * np.arcsin(np.minimum(chords[order] / 2, 1.0)))
        return list(zip(order, angles.tolist(), strict=True))

    def table(self, rows: Sequence[int] | None = None) -> Table:
        """Catalogue with the kinds that the labels teach, where they teach any.

        Parameters
        ----------
        rows : sequence of int, optional
            By default all.

        Returns
        -------
        astropy.table.Table

        Raises
        ------
        InputError
            When a row is not there.
        """
        table = self.run.catalogue
        kinds = self.teacher.update().kinds
        if kinds is not None:
            table = make_taught_catalogue(table, kinds)
        if rows is None:
            return table
        self.check_rows(rows)
        return table[np.asarray(rows, dtype=np.int64)]

    def teach(self, output: PathLike | None = None) -> Path:
        """Write a run with the kinds that the labels teach, as `equiclust teach` does.

        Parameters
        ----------
        output : str or path, optional
            Folder; by default beside that of the run, with ``_taught`` at its end.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InputError
            When the labels name no two kinds.
        OutputError
            When the folder cannot be written, or holds something else.
        """
        return self.run.teach(self.labels.path, output=output).path

    @property
    def clusters(self) -> IntArray:
        """Labels that occur `(k,)`, -1 first where it does."""
        return np.unique(self.run.labels)
