"""Channels of a cube read in groups, the next of them while the last is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from data_adapters.sky.sky_map import SkyMap
from equiclust.typing import Array

__all__ = ["ChannelGroup", "bytes_read_ahead", "channels_at_once", "groups_read_ahead"]

# Bytes of channels that are read at once where one alone would cost as much as all of them.
TOGETHER = 1 << 28
# Channels that are worked on together where their order in the file does not ask for more, so that
# the sums of a pixel are fetched from memory once for all of them.
_TOGETHER = 8


class ChannelGroup(NamedTuple):
    """Consecutive channels.

    Parameters
    ----------
    channels : slice
        Which of the cube.
    planes : ndarray (n, h, w)
        Their pixels, until the next group is asked for.
    """

    channels: slice
    planes: Array


def channels_at_once(sky: SkyMap, *, least: int = 1, height: int | None = None) -> int:
    """Channels to read together.

    Parameters
    ----------
    sky : SkyMap
    least : int, default 1
        Channels that are to be read together if the memory allows.
    height : int, optional
        Rows that are read; by default all.

    Returns
    -------
    int
        At least 1.
    """
    pixels = (sky.shape[1] if height is None else height) * sky.shape[2]
    as_stored = min(sky.channel_step, TOGETHER // max(1, 8 * pixels))
    return max(1, as_stored, min(least, TOGETHER // max(1, 4 * pixels)))


def bytes_read_ahead(sky: SkyMap) -> int:
    """Memory that `groups_read_ahead` takes.

    Parameters
    ----------
    sky : SkyMap

    Returns
    -------
    int
        In bytes, of float32.
    """
    return 2 * channels_at_once(sky, least=_TOGETHER) * sky.shape[1] * sky.shape[2] * 4


def groups_read_ahead(sky: SkyMap, used: range) -> Iterator[ChannelGroup]:
    """Channels in groups; a thread reads the next group in the meantime.

    Parameters
    ----------
    sky : SkyMap
        Not to be read by others until the last group.
    used : range
        Channels, of step 1.

    Yields
    ------
    ChannelGroup
        Two arrays take turns in holding the pixels.
    """
    at_once = channels_at_once(sky, least=_TOGETHER)
    parts = [slice(k, min(k + at_once, used.stop)) for k in range(used.start, used.stop, at_once)]
    held = [np.empty((at_once, *sky.shape[1:]), sky.dtype) for _ in range(2)]

    def read(number: int) -> ChannelGroup:
        part = parts[number]
        return ChannelGroup(part, sky.read(part, out=held[number % 2][: part.stop - part.start]))

    with sky, ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, 0)
        for number in range(len(parts)):
            group = ahead.result()
            if number + 1 < len(parts):
                ahead = reader.submit(read, number + 1)
            yield group
