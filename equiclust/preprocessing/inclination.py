"""Inclinations of discs, from the ellipse that a circle becomes when it is seen from the side.

`Preprocessor` with ``canonical="inclination"`` undoes what is measured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.preprocessing.background import border
from equiclust.preprocessing.batch import batches
from equiclust.preprocessing.ellipse import Ellipses, ellipticities, measure_ellipses
from equiclust.preprocessing.sky import beam_moments, to_sky

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["EDGE_ON", "INCLINATION_COLUMNS", "measure_inclinations"]


INCLINATION_COLUMNS = {
    "inclination": "of a flat round disc that would look so; 0 = face-on",
    "inclination_error": "standard error of the inclination",
    "position_angle": "of the major axis, east of north; without coordinates from up to the left",
    "position_angle_error": "standard error of the position angle",
    "inclination_note": "why there is no inclination, or what it does not account for",
}
EDGE_ON = "edge-on"
"""How the note of a disc begins that is seen edge-on."""

_NO_OBJECT = "no object on a sky that lies whole within the frame and is not masked"
_UNRESOLVED = "not resolved by the beam"
_NO_BEAM = "beam not known: an upper limit of the axis ratio"
# A lower limit of the inclination below this, in degrees, is not worth reporting.
_LEAST_LIMIT = 45.0
# The angle of an axis of which nothing is known: uniform over half a turn.
_ANY_ANGLE = 180.0 / np.sqrt(12.0)
_ROUND = 1e-6


@checks_types
def measure_inclinations(images: ImagesLike) -> Table:
    r"""Inclination and position angle of the disc in every image, taken as flat and round.

    With the ellipticity :math:`e = (a^2 - b^2) / (a^2 + b^2)` of the second moments of its light
    and :math:`\sigma` its error, see `equiclust.preprocessing.ellipse.measure_ellipses`,

    .. math::

        \cos^2 i = \frac{1 - e}{1 + e}, \qquad
        \sigma_i = \frac{i(e + \sigma) - i(e - \sigma)}{2}, \qquad
        \sigma_{PA} = \frac{\sigma}{2 e}.

    Where the beam and the coordinates are known, the beam is taken off first.

    Parameters
    ----------
    images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        Channels are summed.

    Returns
    -------
    astropy.table.Table
        `id` and the columns of `INCLINATION_COLUMNS`, angles in degrees. Without an object on a
        sky, or where the object goes on beyond the frame, is masked or not resolved, they are nan,
        and the note says why. Where only the minor axis is lost in the beam the inclination is nan
        too, and the note has its lower limit.

    Raises
    ------
    InputError
        When there is no image.

    Examples
    --------
    >>> from equiclust.preprocessing.inclination import measure_inclinations
    >>> from equiclust.simulation.discs import simulate_discs
    >>> images, truth = simulate_discs(4, size=64, random_state=0)
    >>> measure_inclinations(images).colnames[:3]
    ['id', 'inclination', 'inclination_error']
    """
    given = as_image_set(images)
    if not len(given):
        raise InputError("images must hold at least one image, got none")
    rows: dict[int, dict[str, Any]] = {}
    for members in batches(given, 1):
        chosen = [given[i] for i in members]
        rows.update(zip(members, _rows(chosen), strict=True))
    return _table([rows[i] for i in range(len(given))])


def _rows(images: list[Image]) -> list[dict[str, Any]]:
    """One row for each of several images of one shape and mask."""
    mask = images[0].mask
    if mask.all():
        return [_row(image, _NO_OBJECT) for image in images]
    beams = np.stack([beam_moments(image) for image in images])
    pixels = np.stack([image.pixels for image in images])
    ellipses = measure_ellipses(pixels, mask, border(mask), beams=beams)
    return [_measured(image, ellipses, i, bool(beams[i].any())) for i, image in enumerate(images)]


def _measured(image: Image, ellipses: Ellipses, i: int, has_beam: bool) -> dict[str, Any]:
    if not ellipses.measured[i]:
        return _row(image, _NO_OBJECT)
    if not ellipses.resolved[i]:
        return _row(image, _UNRESOLVED)
    local = to_sky(image, ellipses.centres[i])
    seen = local @ ellipses.moments[i] @ local.T
    e = float(np.linalg.norm(ellipticities(seen[None])))
    error = float(ellipses.errors[i])
    inclination, least, most = (_inclination(value) for value in (e, e - error, e + error))
    north, east = np.linalg.eigh(seen)[1][:, 1]
    angles = {
        "position_angle": float(np.degrees(np.arctan2(east, north)) % 180.0),
        "position_angle_error": _angle_error(e, error),
    }
    if ellipses.edge_on[i]:
        if least < _LEAST_LIMIT:
            return _row(image, _UNRESOLVED)
        return _row(image, f"{EDGE_ON}: at least {least:.0f} deg", **angles)
    return _row(
        image,
        "" if has_beam else _NO_BEAM,
        inclination=inclination,
        inclination_error=(most - least) / 2.0,
        **angles,
    )


def _angle_error(ellipticity: float, error: float) -> float:
    if ellipticity <= error or ellipticity < _ROUND:
        return float(_ANY_ANGLE)
    return float(min(np.degrees(error / (2.0 * ellipticity)), _ANY_ANGLE))


def _inclination(ellipticity: float) -> float:
    e = min(max(ellipticity, 0.0), 1.0)
    return float(np.degrees(np.arccos(np.sqrt((1.0 - e) / (1.0 + e)))))


def _row(image: Image, note: str, **found: float) -> dict[str, Any]:
    missing = dict.fromkeys(INCLINATION_COLUMNS, np.nan)
    return {"id": image.id, **missing, **found, "inclination_note": note}


def _table(rows: list[dict[str, Any]]) -> Table:
    from astropy.table import Table

    table = Table(rows=rows)
    for name, description in INCLINATION_COLUMNS.items():
        table[name].description = description
        table[name].unit = None if name == "inclination_note" else "deg"
    return table
