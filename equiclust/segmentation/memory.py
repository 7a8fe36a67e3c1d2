"""How much memory and disk a segmentation needs, told and judged before it starts."""

from __future__ import annotations

import re
from typing import NamedTuple

from data_adapters.sky.sky_map import SkyMap
from equiclust.exceptions import InputError
from equiclust.segmentation.segment import SegmentOptions
from equiclust.segmentation.texture_networks import LATENT_DIM

__all__ = ["MemoryEstimate", "check_memory", "parse_bytes"]

# Measured: Python with its libraries; the same while a network is trained, and a process for each
# that is trained beside it; and what a pixel takes while a cube's moments are summed up, while
# segments are measured, and throughout.
_BASE = 600_000_000
_TRAINING = 1_750_000_000
_BESIDE = 1_500_000_000
_PER_PIXEL_OF_CUBE = 120
_PER_PIXEL = 70
_ALWAYS = 16
_PREFIXES = ("", "K", "M", "G", "T")
_SIZE = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Bytes of ``2GB``, ``500 MB`` or ``1.5GiB``.

    Raises
    ------
    InputError
        When it is no size.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InputError(f"--max-memory must be a size like 2GB or 500MB, got {text!r}")
    power = _PREFIXES.index(found[2].upper())
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)


class MemoryEstimate(NamedTuple):
    """What the work needs, in words, and how many networks may be trained at a time."""

    told: str
    n_jobs: int | None


def check_memory(
    sky: SkyMap, options: SegmentOptions, max_memory: str, n_jobs: int | None = None
) -> MemoryEstimate:
    """What the work needs; under a bound one network is trained at a time if more have no room.

    Raises
    ------
    InputError
        When it is more than the user allows.
    """
    n_planes = -(-sky.shape[0] // options.channel_group) if options.cube == "channels" else 1
    pixels = sky.shape[1] * sky.shape[2]
    moments = sky.shape[0] > 1 and options.cube != "channels"
    each = _PER_PIXEL_OF_CUBE if moments else _PER_PIXEL * n_planes
    memory = max(_BASE + pixels * each, _TRAINING + pixels * n_planes * _ALWAYS)
    if not sky.by_section:
        memory += sky.n_bytes
    n_tiles = n_planes * len(options.tiling(sky.shape[1:]))
    disk = n_tiles * 4 * LATENT_DIM * options.n_networks
    told = (
        f"{_size(sky.n_bytes)} to read, {n_tiles} tiles, at most {_size(memory)} of memory and "
        f"{_size(disk)} of disk on the way"
    )
    if max_memory != "auto" and memory > parse_bytes(max_memory):
        raise InputError(
            f"--max-memory is {max_memory}, but the map needs {_size(memory)}"
            + ("; take more channels together by --channel-group" if n_planes > 1 else "")
        )
    if max_memory != "auto" and memory + options.n_networks * _BESIDE > parse_bytes(max_memory):
        n_jobs = 1
    return MemoryEstimate(told, n_jobs)


def _size(n_bytes: float) -> str:
    power = 0
    while n_bytes >= 1000 and power < len(_PREFIXES) - 1:
        n_bytes, power = n_bytes / 1000, power + 1
    return f"{n_bytes:.3g} {_PREFIXES[power]}B"
