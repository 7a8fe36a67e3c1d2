"""What identifies an object in memory: a digest of all that it holds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from data_adapters.objects.arrays import pixels_of_array
from data_adapters.objects.kinds import ARRAYS, MAPS, Kind
from data_adapters.objects.pixels import Pixels
from equiclust.io.fit_record import image_set_digest
from equiclust.typing import Array

__all__ = ["digest_of"]

_PREFIX = "sha256:"
_BLOCK = 1 << 26


def digest_of(value: Any, kind: Kind, name: str) -> str:
    """SHA-256 of values, masks, units and coordinates, which are read for it part by part.

    Parameters
    ----------
    value : object
        Of one of the kinds of `data_adapters.objects.kinds`.
    kind : Kind
    name : str
        As messages call it.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.
    """
    if kind == Kind.IMAGE:
        return image_set_digest([value])
    digest = hashlib.sha256()
    for part in _parts(value, kind, name):
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return _PREFIX + digest.hexdigest()


def _parts(value: Any, kind: Kind, name: str) -> Iterator[bytes | Array]:
    if kind in ARRAYS:
        pixels, unit = pixels_of_array(value, name)
        yield f"{pixels.dtype.str}{pixels.shape}{unit}".encode()
        yield from _blocks(pixels)
    elif kind in MAPS:
        from data_adapters.sky.sky_map import open_sky_map

        sky = open_sky_map(value)
        cards = "" if sky.wcs is None else repr(sky.wcs.to_header(relax=True))
        yield f"{sky.shape}{sky.unit}{sky.beam}{sky.channel_ctype}{cards}".encode()
        step = max(1, _BLOCK // (8 * sky.shape[1] * sky.shape[2]))
        with sky:
            for first in range(0, sky.shape[0], step):
                yield sky.read(slice(first, min(first + step, sky.shape[0])))
    else:
        at = value.tell()
        value.seek(0)
        while content := value.read(_BLOCK):
            yield content
        value.seek(at)


def _blocks(pixels: Pixels) -> Iterator[Array]:
    """All values, some of the first axis at a time: whole chunks where they fit."""
    n = pixels.shape[0]
    depth = 1 if pixels.chunks is None else pixels.chunks[0]
    size = math.prod(pixels.shape[1:]) * pixels.dtype.itemsize
    step = max(1, _BLOCK // (depth * size)) * depth
    rest = (slice(None),) * (len(pixels.shape) - 1)
    for first in range(0, n, step):
        yield pixels.read((slice(first, min(first + step, n)), *rest))
