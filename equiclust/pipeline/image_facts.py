"""What of images outlives their pixels on the way to a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from equiclust.io.catalogue_rows import CatalogueRows

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["ImageFacts"]


class ImageFacts(NamedTuple):
    """Names, places and measures of images.

    Attributes
    ----------
    rows : CatalogueRows
    inclinations : astropy.table.Table or None
        From `measure_inclinations`, where the preprocessor removes inclination.
    confounders : astropy.table.Table or None
        From `measure_confounders`, where the model removes confounders.
    """

    rows: CatalogueRows
    inclinations: Table | None
    confounders: Table | None

    @classmethod
    def joined(cls, parts: Sequence[ImageFacts]) -> Self:
        """Facts of all images of several parts, in order.

        Parameters
        ----------
        parts : sequence of ImageFacts
            At least one.

        Returns
        -------
        ImageFacts
        """
        return cls(
            CatalogueRows.joined([part.rows for part in parts]),
            _stacked([part.inclinations for part in parts]),
            _stacked([part.confounders for part in parts]),
        )


def _stacked(tables: Sequence[Table | None]) -> Table | None:
    from equiclust.io.block_tables import joined_tables

    known = [table for table in tables if table is not None]
    return joined_tables(known) if known else None
