"""Channels of a cube with brightness per one beam, where their beams differ in size."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from astropy import units

from data_adapters.sky.read_ahead import ChannelGroup, channels_at_once, groups_read_ahead
from data_adapters.sky.sky_map import SkyMap
from data_adapters.units import parse_unit
from equiclust.typing import Float32Array

__all__ = ["groups_of_one_beam", "planes_of_one_beam"]

logger = logging.getLogger(__name__)


def groups_of_one_beam(sky: SkyMap, used: range) -> Iterator[ChannelGroup]:
    """Channels in groups, with brightness per the largest beam.

    Parameters
    ----------
    sky : SkyMap
    used : range
        Channels.

    Yields
    ------
    ChannelGroup
        A channel that has no beam is blank.
    """
    factors = _beam_factors(sky)
    for group in groups_read_ahead(sky, used):
        if factors is not None:
            np.multiply(group.planes, factors[group.channels, None, None], out=group.planes)
            np.copyto(group.planes, np.nan, where=np.isinf(group.planes))
        yield group


def planes_of_one_beam(
    sky: SkyMap, used: range, rows: slice = slice(None)
) -> Iterator[Float32Array]:
    """Channels one by one, with brightness per the largest beam.

    Several are read at once where one costs as much as all.

    Parameters
    ----------
    sky : SkyMap
    used : range
        Channels.
    rows : slice, default slice(None)
        Rows to read, of step 1; by default all.

    Yields
    ------
    ndarray (n_rows, w), float32
        A channel that has no beam is blank.
    """
    together = channels_at_once(sky, height=len(range(*rows.indices(sky.shape[1]))))
    factors = _beam_factors(sky)
    with sky:
        for first in range(used.start, used.stop, together):
            last = min(first + together, used.stop)
            planes = sky.read(slice(first, last), rows)
            if factors is not None:
                planes *= factors[first:last, None, None]
            yield from planes


def _beam_factors(sky: SkyMap) -> Float32Array | None:
    """Factors that give the brightness of every channel per the beam of the cube, the largest.

    A channel that has no beam becomes blank. None where nothing is to be done.
    """
    unit = parse_unit(sky.unit)
    if sky.channel_beams is None or sky.beam is None or unit is None:
        return None
    if dict(zip(unit.bases, unit.powers, strict=True)).get(units.beam) != -1:
        return None
    areas = np.array([beam.major * beam.minor for beam in sky.channel_beams])
    factors = sky.beam.major * sky.beam.minor / areas
    if np.all(factors == 1.0):
        return None
    logger.warning(
        "%s: its channels have beams of several sizes; brightness is per beam of %.4g x %.4g "
        "arcsec, the largest, in all of them",
        sky.path,
        3600.0 * sky.beam.major,
        3600.0 * sky.beam.minor,
    )
    return np.asarray(factors, dtype=np.float32)
