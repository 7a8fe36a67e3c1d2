"""A round part of the sky, and the images of a catalogue that lie in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.sky_columns import angle_degrees
from equiclust.typing import IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["SkyField", "rows_within"]


class SkyField(NamedTuple):
    """A cone.

    Attributes
    ----------
    ra, dec : float
        Of its middle, in degrees (ICRS).
    radius : float
        In degrees.
    """

    ra: float
    dec: float
    radius: float

    @classmethod
    def of(cls, near: tuple[float, float] | None, radius: object) -> Self | None:
        """The cone of two arguments; None where neither is given.

        Parameters
        ----------
        near : (float, float) or None
            Right ascension and declination in degrees.
        radius : str, astropy.units.Quantity, or None
            An angle with its unit, such as "30arcmin".

        Returns
        -------
        SkyField or None

        Raises
        ------
        InputError
            When only one of both is given, or a number is out of range.
        """
        if near is None and radius is None:
            return None
        if near is None or radius is None:
            raise InputError("near and radius must be given together, got one of them alone")
        ra, dec = near
        if not (-360 <= ra <= 360 and -90 <= dec <= 90):
            raise InputError(
                f"near must be right ascension and declination in degrees, got {ra:g} {dec:g}"
            )
        return cls(ra, dec, angle_degrees("radius", radius))


def rows_within(catalogue: Table, field: SkyField, where: Path) -> IntArray:
    """Rows of a catalogue in a part of the sky.

    Parameters
    ----------
    catalogue : astropy.table.Table
    field : SkyField
    where : Path
        Of the run, for the message.

    Returns
    -------
    ndarray (m,), int

    Raises
    ------
    InputError
        When no image lies there, or it is not known where they lie.
    """
    from astropy.coordinates import angular_separation

    if not {"ra", "dec"} <= set(catalogue.colnames):
        raise InputError(f"the images of {str(where)!r} have no places on the sky; leave out near")
    ra, dec = (np.radians(np.asarray(catalogue[name], dtype=np.float64)) for name in ("ra", "dec"))
    apart = angular_separation(np.radians(field.ra), np.radians(field.dec), ra, dec)
    rows = np.flatnonzero(np.degrees(apart) <= field.radius)
    if not len(rows):
        raise InputError(
            f"no image of {str(where)!r} lies within {field.radius:g} degrees of "
            f"{field.ra:g} {field.dec:g}"
        )
    return rows
