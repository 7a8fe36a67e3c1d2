"""Sizes of stamps, as pixels or angles."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from astropy import units

from equiclust.exceptions import InputError
from equiclust.validation import is_real, shown

__all__ = ["LARGEST_SIZE", "StampSize", "parse_size"]

LARGEST_SIZE = 8192
"""Largest side of a stamp in pixels."""

_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z'\"]*)\s*")
_UNITS = {
    "": None,
    "px": None,
    "pix": None,
    "pixel": None,
    "pixels": None,
    "'": "arcmin",
    '"': "arcsec",
}


class StampSize(NamedTuple):
    """Side of stamps.

    Attributes
    ----------
    value : float
        In `unit`.
    unit : str, default ""
        Unit of an angle; empty for pixels.
    """

    value: float
    unit: str = ""

    def pixels(self, scale: float) -> int:
        """Side in pixels.

        Parameters
        ----------
        scale : float
            Degrees of a pixel; NaN where it is unknown.

        Returns
        -------
        int

        Raises
        ------
        InputError
            When it is an angle and the scale is unknown, or it is out of range.
        """
        if not self.unit:
            return int(self.value)
        if not math.isfinite(scale):
            raise InputError(
                f"size {self.value:g}{self.unit} is an angle, but the images have no coordinates; "
                "give it in pixels"
            )
        side = round(float((self.value * units.Unit(self.unit)).to_value("deg")) / scale)
        if not 1 <= side <= LARGEST_SIZE:
            raise InputError(
                f"size must be from 1 to {LARGEST_SIZE} pixels, got {self.value:g}{self.unit}, "
                f"which is {side} pixels"
            )
        return side


def parse_size(size: object) -> StampSize:
    """Side of stamps from what a user gives.

    Parameters
    ----------
    size : object
        A whole number of pixels, or text such as ``64``, ``10arcsec`` or ``0.5 arcmin``.

    Returns
    -------
    StampSize

    Raises
    ------
    InputError
        When it is neither, or out of range.
    """
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is not None:
        value, name = float(found[1]), found[2]
        unit = _UNITS.get(name.lower(), name)
    elif is_real(size):
        value, unit = float(size), None
    else:
        raise _wrong(size)
    if unit is not None:
        try:
            units.Unit(unit).to("deg")
        except (ValueError, TypeError) as error:
            raise _wrong(size) from error
        if not value > 0:
            raise _wrong(size)
        return StampSize(value, unit)
    if not 1 <= value <= LARGEST_SIZE or value != int(value):
        raise _wrong(size)
    return StampSize(value)


def _wrong(size: object) -> InputError:
    return InputError(
        f"size must be a whole number of pixels from 1 to {LARGEST_SIZE}, or an angle such as "
        f"10arcsec, got {shown(size)}"
    )
