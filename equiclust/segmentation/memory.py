"""Memory and disk that a segmentation needs, estimated before it starts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from joblib import cpu_count

from data_adapters.sky.read_ahead import bytes_read_ahead
from data_adapters.sky.sky_map import SkyMap
from equiclust.exceptions import InputError
from equiclust.memory import parse_bytes, readable_size
from equiclust.segmentation.options import STATISTICS, SegmentOptions
from equiclust.segmentation.texture_axes import block_pixels

__all__ = ["MemoryEstimate", "estimate_memory"]

# Bytes, measured: Python with its libraries while tiles are encoded; the same while a network is
# trained; every process that trains another network; and each pixel while the moments of a cube are
# summed, while segments are measured, and those of a cube, whose velocities are known, and
# throughout.
_BASE = 1_000_000_000
_TRAINING = 1_750_000_000
_BESIDE = 1_500_000_000
_PER_PIXEL_OF_SUMS = 60
_PER_PIXEL, _PER_PIXEL_WITH_VELOCITIES = 70, 100
_ALWAYS = 16
# The same while the number of clusters is chosen after statistics, or these are computed; every
# process that helps to choose it, each of which stays for some minutes; beside it each pixel of a
# block of rows whose statistics are computed, and of it each processor.
_CHOOSING, _BESIDE_CHOOSING = 1_250_000_000, 320_000_000
_PER_PIXEL_OF_BLOCK, _PER_PIXEL_AND_THREAD = 140, 110


class MemoryEstimate(NamedTuple):
    """Memory and disk that a segmentation needs.

    Parameters
    ----------
    summary : str
        Bytes to read, tiles, memory and disk, as one line of text.
    n_jobs : int or None
        Networks to train at a time; None for one per core.
    """

    summary: str
    n_jobs: int | None


def estimate_memory(
    sky: SkyMap,
    options: SegmentOptions,
    max_memory: str = "auto",
    n_jobs: int | None = None,
    *,
    learns: bool = True,
) -> MemoryEstimate:
    """Memory and disk that a segmentation needs.

    Parameters
    ----------
    sky : SkyMap
        Map or cube.
    options : SegmentOptions
        How it is segmented.
    max_memory : str, default "auto"
        Limit, see `parse_bytes`; "auto" sets none. If several processes do not fit, there is one.
    n_jobs : int, optional
        Processes that train networks or choose the number of clusters if they fit; default as many
        as there are cores.
    learns : bool, default True
        Whether networks and clusters are learned, and not those of another map.

    Returns
    -------
    MemoryEstimate
        With the number of processes.

    Raises
    ------
    InputError
        When more is needed than `max_memory`.
    """
    n_planes = -(-sky.shape[0] // options.channel_group) if options.cube == "channels" else 1
    pixels = sky.shape[1] * sky.shape[2]
    memory = _BASE + pixels * n_planes * _PER_PIXEL
    if sky.shape[0] > 1 and options.cube != "channels":
        summing = pixels * _PER_PIXEL_OF_SUMS + bytes_read_ahead(sky)
        memory = _BASE + max(summing, pixels * _PER_PIXEL_WITH_VELOCITIES)
    if learns and options.trains:
        memory = max(memory, _TRAINING + pixels * n_planes * _ALWAYS)
    if options.used_encoder == STATISTICS:
        memory = max(memory, _CHOOSING + pixels * n_planes * _ALWAYS + _of_block(sky, options))
    if not sky.by_section:
        memory += sky.n_bytes
    beside = _beside(options, n_jobs) if learns else 0
    limit = None if max_memory == "auto" else parse_bytes(max_memory)
    if limit is None or memory + beside <= limit:
        memory += beside
    elif beside:
        n_jobs = 1
    n_tiles = n_planes * len(options.tiling(sky.shape[1:]))
    disk = n_tiles * 4 * options.n_values
    summary = (
        f"{readable_size(sky.n_bytes)} to read, {n_tiles} tiles, at most {readable_size(memory)} "
        f"of memory and {readable_size(disk)} of disk on the way"
    )
    if limit is not None and memory > limit:
        raise InputError(
            f"max_memory is {max_memory}, but the map needs {readable_size(memory)}"
            + ("; increase channel_group" if n_planes > 1 else "")
        )
    return MemoryEstimate(summary, n_jobs)


def _beside(options: SegmentOptions, n_jobs: int | None) -> int:
    """Memory of all processes beside this one."""
    n_processes = cpu_count() if n_jobs is None else n_jobs
    if options.trains:
        n_processes = min(n_processes, options.n_networks)
        return n_processes * _BESIDE if n_processes > 1 else 0
    chooses = options.n_clusters == "auto"
    return n_processes * _BESIDE_CHOOSING if chooses and n_processes > 1 else 0


def _of_block(sky: SkyMap, options: SegmentOptions) -> int:
    threads = max(torch.get_num_threads(), 1)
    per_pixel = _PER_PIXEL_OF_BLOCK + threads * _PER_PIXEL_AND_THREAD
    return block_pixels(options.tiling(sky.shape[1:])) * per_pixel
