"""`CatalogueRows`: what a catalogue says of images besides their labels, without their pixels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from equiclust.images import Image, ImageSet
from equiclust.typing import Float64Array, IntArray

__all__ = ["CatalogueRows"]

logger = logging.getLogger(__name__)


class CatalogueRows(NamedTuple):
    """Names, files and places of images.

    Attributes
    ----------
    ids : tuple of str
    paths : tuple of str
        Files that they came from; empty where there is none.
    positions : ndarray (n, 2), float64, or None
        Right ascension and declination of the centres in degrees (ICRS), NaN where unknown; None
        where no image has a WCS.
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    positions: Float64Array | None

    @classmethod
    def of(cls, images: ImageSet, ids: Sequence[str] | None = None) -> Self:
        """Rows of images.

        Parameters
        ----------
        images : ImageSet
            As read, before any preprocessing, which may lose the WCS.
        ids : sequence of str, optional
            Names in place of those of the images.

        Returns
        -------
        CatalogueRows
        """
        positions = None
        if any(image.wcs is not None for image in images):
            positions = np.array([_centre(image) for image in images])
        paths = tuple(image.path or "" for image in images)
        return cls(images.ids if ids is None else tuple(ids), paths, positions)

    def take(self, indices: IntArray) -> CatalogueRows:
        """Some of the rows.

        Parameters
        ----------
        indices : ndarray (m,), int
            In the order wanted.

        Returns
        -------
        CatalogueRows
        """
        chosen = indices.tolist()
        positions = None if self.positions is None else self.positions[indices]
        ids, paths = (tuple(texts[row] for row in chosen) for texts in (self.ids, self.paths))
        return CatalogueRows(ids, paths, positions)

    @classmethod
    def joined(cls, parts: Sequence[CatalogueRows]) -> Self:
        """All rows of several, in order.

        Parameters
        ----------
        parts : sequence of CatalogueRows

        Returns
        -------
        CatalogueRows
        """
        positions = None
        if any(part.positions is not None for part in parts):
            unknown = (np.full((len(part.ids), 2), np.nan) for part in parts)
            positions = np.concatenate(
                [
                    nothing if part.positions is None else part.positions
                    for part, nothing in zip(parts, unknown, strict=True)
                ]
            )
        ids = tuple(id for part in parts for id in part.ids)
        return cls(ids, tuple(path for part in parts for path in part.paths), positions)


def _centre(image: Image) -> tuple[float, float]:
    """Right ascension and declination in degrees, NaN where they are not known."""
    if image.wcs is None or not image.wcs.has_celestial:
        return np.nan, np.nan
    # astropy takes a second to import, which a reader need not wait for.
    from equiclust.celestial import sky_positions

    _, height, width = image.shape
    try:
        middle = 0.5 * (width - 1), 0.5 * (height - 1)
        place = sky_positions(image.wcs.celestial, *middle).icrs
    except (ValueError, AttributeError) as error:
        logger.warning("no sky position for %s: %s", image.id, error)
        return np.nan, np.nan
    return float(place.ra.deg), float(place.dec.deg)
