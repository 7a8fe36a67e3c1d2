"""Positions on the sky from tables of any origin: which columns have them, and in what units."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.ucds import ucd_of
from equiclust.typing import Float64Array
from equiclust.validation import check_choice, shown

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.table import Column, Table

__all__ = ["FRAMES", "angle_degrees", "find_sky_columns", "named_column", "sky_positions"]

FRAMES = ("auto", "icrs", "fk5", "fk4", "galactic")
"""Frames in which the positions of a table may be."""


class _System(NamedTuple):
    """A pair of columns as tables name them, the most usual first, and the frame they are in."""

    frame: str
    ucds: tuple[str, str]
    names: tuple[tuple[str, str], ...]


_SYSTEMS = (
    _System(
        "icrs",
        ("pos.eq.ra", "pos.eq.dec"),
        (
            ("ra", "dec"), ("ra_icrs", "de_icrs"), ("ra_icrs", "dec_icrs"), ("raj2000", "dej2000"),
            ("raj2000", "decj2000"), ("_raj2000", "_dej2000"), ("ra_j2000", "dec_j2000"),
            ("alpha_j2000", "delta_j2000"), ("alpha_sky", "delta_sky"), ("ra_deg", "dec_deg"),
            ("radeg", "decdeg"), ("radeg", "dedeg"), ("_ra", "_dec"), ("_ra", "_de"),
            ("right_ascension", "declination"), ("ra_mean", "dec_mean"), ("ramean", "decmean"),
            ("target_ra", "target_dec"), ("alpha", "delta"), ("rightascension", "declination"),
            ("alphawin_j2000", "deltawin_j2000"), ("ra2000", "dec2000"), ("_ra_icrs", "_de_icrs"),
            ("raj2000_deg", "dej2000_deg"), ("ra_j2000_deg", "dec_j2000_deg"), ("ra", "decl"),
            ("coord_ra", "coord_dec"), ("s_ra", "s_dec"),
        ),
    ),
    _System("fk4", ("", ""), (("rab1950", "deb1950"), ("ra1950", "dec1950"))),
    _System(
        "galactic",
        ("pos.galactic.lon", "pos.galactic.lat"),
        (("glon", "glat"), ("l", "b"), ("gal_lon", "gal_lat")),
    ),
)  # fmt: skip
_MAIN = "meta.main"
# UCDs of the year 2000, which old tables have.
_FORMER = {"pos_eq_ra_main": "pos.eq.ra;meta.main", "pos_eq_dec_main": "pos.eq.dec;meta.main"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_HOURS = ("h", "hour", "hourangle", "hr")


@checks_types
def sky_positions(
    table: Table, ra: str = "", dec: str = "", *, frame: str = "auto", skip_invalid: bool = False
) -> SkyCoord:
    """Positions of the rows of a table.

    Columns are found by a `SkyCoord` column, by UCD, then by the usual names in any case.

    Parameters
    ----------
    table : astropy.table.Table
    ra, dec : str, default ""
        Columns with right ascension and declination, to be named where they are not found or not
        meant. Numbers without a unit are degrees; text with colons, blanks or letters between
        its parts is hours and degrees, unless the unit is that of degrees.
    frame : {"auto", "icrs", "fk5", "fk4", "galactic"}, default "auto"
        Frame of the positions, J2000 and B1950; "auto" is what names, UCDs and metadata of the
        table say, or else ICRS.
    skip_invalid : bool, default False
        Whether a row whose values are no angles has no position, and is not refused.

    Returns
    -------
    astropy.coordinates.SkyCoord (n,)
        ICRS; NaN where a row has no position.

    Raises
    ------
    InputError
        When there are no such columns or too many, or a value is no angle.
    """
    from astropy.coordinates import SkyCoord
    from astropy.table import Table

    if not isinstance(table, Table):
        raise InputError(f"table must be a table, got {shown(table)}")
    if not ra and not dec:
        ready = [name for name in table.colnames if isinstance(table[name], SkyCoord)]
        if len(ready) == 1:
            return table[ready[0]].icrs
    check_choice("frame", frame, FRAMES)
    first, second, named = find_sky_columns(table, ra, dec)
    used = _frame_of(table, named) if frame == "auto" else frame
    longitude = _degrees(table[first], hours=used != "galactic", strict=not skip_invalid)
    latitude = _degrees(table[second], hours=False, strict=not skip_invalid)
    _check_range(second, latitude, 90.0, strict=not skip_invalid)
    _check_range(first, longitude, 360.0, strict=not skip_invalid)
    known = np.isfinite(longitude) & np.isfinite(latitude)
    places = [np.where(known, one, np.nan) for one in (longitude, latitude)]
    options = {"equinox": "B1950"} if used == "fk4" else {}
    return SkyCoord(*places, unit="deg", frame=used, **options).icrs


def _frame_of(table: Table, named: str) -> str:
    """Frame that the metadata of a table say, unless the columns themselves say another."""
    said = {str(key).casefold(): str(value).casefold() for key, value in table.meta.items()}
    for key in ("radesys", "radecsys", "frame", "system", "coosys"):
        words = "".join(one for one in said.get(key, "") if one.isalnum()).removeprefix("eq")
        found = next((one for one in FRAMES[1:] if words.startswith(one)), "")
        if found and named == "icrs":
            return found
    return named


def find_sky_columns(table: Table, ra: str = "", dec: str = "") -> tuple[str, str, str]:
    """Columns of a table that say where its rows are on the sky.

    Parameters
    ----------
    table : astropy.table.Table
    ra, dec : str, default ""
        As for `sky_positions`.

    Returns
    -------
    longitude, latitude : str
        Names of columns.
    frame : {"icrs", "fk4", "galactic"}

    Raises
    ------
    InputError
        When there are none, or more than one pair with the same claim.
    """
    if ra or dec:
        return named_column(table, "ra", ra), named_column(table, "dec", dec), "icrs"
    for system in _SYSTEMS:
        found = _by_ucd(table, system.ucds) if system.ucds[0] else None
        if found is not None:
            return *found, system.frame
    lower: dict[str, list[str]] = {}
    for name in table.colnames:
        lower.setdefault(name.strip().casefold(), []).append(name)
    for system in _SYSTEMS:
        for one, other in system.names:
            if len(lower.get(one, ())) == len(lower.get(other, ())) == 1:
                return lower[one][0], lower[other][0], system.frame
    raise InputError(
        f"ra and dec must be named: no two columns of {_listed(table)} are known as positions"
    )


def named_column(table: Table, argument: str, name: str) -> str:
    """Name of a column as the table has it.

    Parameters
    ----------
    table : astropy.table.Table
    argument : str
        What the column is for, as the user calls it.
    name : str
        As the user gives it; in any case, where that is not ambiguous.

    Returns
    -------
    str

    Raises
    ------
    InputError
        When it does not exist, or several could be meant.
    """
    if name in table.colnames:
        return name
    found = [one for one in table.colnames if one.casefold() == name.casefold()]
    if len(found) != 1:
        raise InputError(f"{argument} must be one of {_listed(table)}, got {shown(name)}")
    return str(found[0])


def _by_ucd(table: Table, ucds: tuple[str, str]) -> tuple[str, str] | None:
    """The one pair of columns with these UCDs, the main one where there are several."""
    found: list[list[str]] = []
    for ucd in ucds:
        words = {name: _words(table[name]) for name in table.colnames}
        own = [name for name, said in words.items() if said[:1] == [ucd]]
        main = [name for name in own if _MAIN in words[name]]
        found.append(main or own)
    if not all(found):
        return None
    if any(len(names) > 1 for names in found):
        listed = ", ".join(name for names in found for name in names)
        raise InputError(f"ra and dec must be named: {listed} are all positions by their UCDs")
    return found[0][0], found[1][0]


def _words(column: Any) -> list[str]:
    ucd = ucd_of(column).strip().casefold()
    return [word.strip() for word in _FORMER.get(ucd, ucd).split(";")]


def _listed(table: Table) -> str:
    names = [str(name) for name in table.colnames]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _degrees(column: Column, *, hours: bool, strict: bool) -> Float64Array:
    """Angles in degrees, NaN where there is none."""
    from astropy import units as u

    unit = getattr(column, "unit", None)
    values = np.ma.asarray(column)
    mask = np.ma.getmaskarray(values)
    name = str(column.info.name)
    if values.dtype.kind in "USO":
        texts = ["" if gone else _plain(text) for text, gone in zip(values.data, mask, strict=True)]
        return _parsed(name, texts, unit, hours=hours, strict=strict)
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise InputError(f"the column {name!r} must hold angles, got {values.dtype}")
    numbers = np.where(mask, np.nan, np.asarray(values.data, dtype=np.float64))
    numbers[np.isinf(numbers)] = np.nan
    if unit is None or not str(unit):
        return numbers
    if str(unit) in _HOURS:
        unit = u.hourangle
    try:
        return np.asarray(numbers * u.Unit(unit).to(u.deg), dtype=np.float64)
    except (u.UnitConversionError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"the column {name!r} must be in units of angles, got {shown(str(unit))}"
        ) from error


def _plain(text: Any) -> str:
    found = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return "" if found.strip().casefold() in ("", "nan", "none", "null", "--") else found.strip()


def _parsed(name: str, texts: list[str], unit: Any, *, hours: bool, strict: bool) -> Float64Array:
    from astropy import units as u
    from astropy.coordinates import Angle

    found = np.full(len(texts), np.nan)
    in_degrees = str(unit or "").casefold() in ("deg", "degree", "d:m:s", '"d:m:s"')
    for row, text in enumerate(texts):
        if not text:
            continue
        if _NUMBER.fullmatch(text):
            scale = 15.0 if str(unit or "") in _HOURS else 1.0
            found[row] = scale * float(text)
            continue
        try:
            angle = Angle(text, unit=u.hourangle if hours and not in_degrees else u.deg)
        except Exception as error:
            if not strict:
                continue
            raise InputError(
                f"the column {name!r} must hold angles, got {shown(text)} in row {row}"
            ) from error
        found[row] = angle.deg
    return found


def _check_range(name: str, degrees: Float64Array, most: float, *, strict: bool) -> None:
    beyond = np.flatnonzero(np.abs(degrees) > most)
    if not strict:
        degrees[beyond] = np.nan
    elif len(beyond):
        row = int(beyond[0])
        raise InputError(
            f"the column {name!r} must lie within {most:g} degrees, got {degrees[row]:g} in row "
            f"{row}"
        )


def angle_degrees(argument: str, value: Any) -> float:
    """An angle with its unit, in degrees.

    Parameters
    ----------
    argument : str
        What the user calls it.
    value : str or astropy.units.Quantity
        Such as "1arcsec" or "0.5 deg".

    Returns
    -------
    float
        Above 0.

    Raises
    ------
    InputError
        When it has no unit of angles, or is not above 0.
    """
    from astropy import units as u

    try:
        if not isinstance(value, str | u.Quantity):
            raise TypeError
        degrees = float(u.Quantity(value).to_value(u.deg))
    except (TypeError, ValueError, AttributeError, u.UnitConversionError) as error:
        raise InputError(
            f"{argument} must be an angle with its unit, such as 1arcsec, got {shown(value)}"
        ) from error
    if not (math.isfinite(degrees) and 0.0 < degrees <= 180.0):
        raise InputError(f"{argument} must be above 0 and at most 180 degrees, got {shown(value)}")
    return degrees
