"""Headers of cubes on the sky of a map, whose planes are groups of its channels."""

from __future__ import annotations

import logging
import math

from astropy.io import fits

from data_adapters.fits_headers import CHANNEL_AXIS, number
from data_adapters.sky.sky_map import MapLike, as_sky_map
from equiclust.validation import check_whole

__all__ = ["cube_header"]

logger = logging.getLogger(__name__)


def cube_header(sky: MapLike, *, first: int = 0, group: int = 1) -> fits.Header:
    """Header of three axes for a cube on the sky of `sky`.

    Parameters
    ----------
    sky : SkyMap
    first : int, default 0
        Channel of `sky` with which the cube begins.
    group : int, default 1
        Number of channels of `sky` that each plane of the cube covers.

    Returns
    -------
    astropy.io.fits.Header

    Raises
    ------
    InputError
        When `group` is not a whole number of at least 1.
    """
    sky = as_sky_map(sky)
    check_whole("group", group)
    header = sky.header.copy()
    header["WCSAXES"] = 3
    if sky.spectral is None or not sky.spectral.cards:
        if sky.spectral is not None:
            logger.warning(
                "%s: its spectral values stand in a table, which a cube of labels cannot keep; "
                "channels are counted there",
                sky.path,
            )
        header["CTYPE3"] = CHANNEL_AXIS
        return header
    cards, step = sky.spectral.cards, sky.spectral.step
    header.extend(cards, update=True)
    reference = number(cards, "CRPIX3")
    reference = reference if math.isfinite(reference) else 0.0
    header["CRPIX3"] = (reference - first - 0.5) / group + 0.5
    # A header has increments of one sort or the other; a matrix makes CDELT count for nothing.
    name = "CD3_3" if any(card_name.startswith("CD1_") for card_name in header) else "CDELT3"
    header[name] = (step if math.isfinite(step) else 1.0) * group
    return header
