"""A label map opened plane by plane."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from data_adapters.fits_files import open_fits
from data_adapters.fits_headers import card, errors_named
from data_adapters.sky.sky_map import open_sky_map
from equiclust.app.map_planes import MOST_PIXELS, Box, MapPlanes
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.report.figures.palette import mark_of
from equiclust.segmentation.segment_map import MASKED

__all__ = ["LabelPlanes"]

# What earlier versions called the extension of the memberships.
_MEMBERSHIP = ("MEMBERSHIP", "CONFIDENCE")


class _Facts(NamedTuple):
    """What the headers of a label map say."""

    flat: bool
    membership: str
    unit: str
    rows: list[tuple[int, str, int]]


class LabelPlanes:
    """Labels and memberships of a file of `write_segment_map`, read plane by plane.

    Parameters
    ----------
    path : Path
        The label map.

    Raises
    ------
    UnreadableFileError
        When the file is missing, damaged, or no label map.
    """

    def __init__(self, path: Path) -> None:
        with errors_named(path), open_fits(path) as hdus:
            facts = _facts_of(hdus, path)
        self.path, self.flat, self.unit = path, facts.flat, facts.unit
        self.rows = facts.rows
        self.labels = MapPlanes(open_sky_map(path, part="0"))
        self.membership = MapPlanes(open_sky_map(path, part=facts.membership))
        if self.labels.sky.shape != self.membership.sky.shape:
            self.close()
            raise UnreadableFileError(
                f"{path}: it is no label map: labels have shape {self.labels.sky.shape} and "
                f"memberships {self.membership.sky.shape}"
            )

    def close(self) -> None:
        """Let go of what is held."""
        self.labels.close()
        self.membership.close()

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(n_planes, h, w)`."""
        return self.labels.sky.shape

    @property
    def clusters(self) -> list[dict[str, Any]]:
        """Every label with its name, colour in reports and pixels; masked ones have no colour."""
        return [
            {
                "label": label,
                "name": meaning,
                "colour": "" if label == MASKED else mark_of(label).colour,
                "n_pixels": n_pixels,
            }
            for label, meaning, n_pixels in self.rows
        ]

    def nearest(self, plane: int, box: Box, step: int) -> npt.NDArray[np.int16]:
        """The label in the middle of every block of pixels.

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
        ndarray (ceil(h / step), ceil(w / step)), int16
            Cluster from 0; -1 = "don't know"; -2 = masked.
        """
        return self.labels.nearest(plane, box, step).astype(np.int16)

    def whole(self) -> npt.NDArray[np.int16]:
        """All labels, `(h, w)` or `(g, h, w)` int16.

        Raises
        ------
        InputError
            When there are more than `MOST_PIXELS`.
        """
        if math.prod(self.shape) > MOST_PIXELS:
            raise InputError(
                f"{self.path} has {math.prod(self.shape)} pixels, more than the {MOST_PIXELS} up "
                "to which the segment of a pixel is looked up"
            )
        found = np.empty(self.shape, dtype=np.int16)
        for plane in range(len(found)):
            found[plane] = self.labels.rows(plane, 0, self.shape[1])
        return found[0] if self.flat else found


def _facts_of(hdus: fits.HDUList, path: Path) -> _Facts:
    header = hdus[0].header
    names = {hdu.name for hdu in hdus[1:]}
    membership = next((name for name in _MEMBERSHIP if name in names), "")
    if int(header["BITPIX"]) != 16 or "UNSURE" not in header or not membership:
        raise UnreadableFileError(
            f"{path}: it is no label map: `equiclust segment` writes int16 labels with the card "
            "UNSURE and the image MEMBERSHIP"
        )
    if header["NAXIS"] not in (2, 3):
        raise UnreadableFileError(f"{path}: labels must have 2 or 3 axes, got {header['NAXIS']}")
    return _Facts(header["NAXIS"] == 2, membership, card(header, "DATAUNIT"), _label_rows(hdus))


def _label_rows(hdus: fits.HDUList) -> list[tuple[int, str, int]]:
    """Label, meaning and pixels, from the table of the file; "don't know" and masked last."""
    data = hdus["LABELS"].data
    rows = [
        (int(label), str(meaning).strip(), int(n))
        for label, meaning, n in zip(data["label"], data["meaning"], data["n_pixels"], strict=True)
    ]
    return sorted(rows, key=lambda row: (row[0] < 0, abs(row[0])))
