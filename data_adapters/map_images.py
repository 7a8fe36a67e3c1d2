"""Images of maps and cubes: one of each, or one of each plane where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data_adapters.array_axes import axes_of
from data_adapters.fits_headers import CHANNEL_AXIS
from data_adapters.sky.sky_map import SkyMap
from data_adapters.stacks import images_of_stack, numbered_names
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

__all__ = ["check_is_image", "images_of_map", "is_stack_of_planes"]


def is_stack_of_planes(sky: SkyMap, axes: str) -> bool:
    """Whether the planes of a cube are images of their own: asked for, and of no named quantity.

    Parameters
    ----------
    sky : SkyMap
    axes : str
        Letters of `data_adapters.read`.

    Returns
    -------
    bool
    """
    is_cube = sky.shape[0] > 1 and not sky.channel_ctype
    return is_cube and bool(axes) and axes_of(sky.shape, axes, Path(sky.path)) == "nhw"


def check_is_image(sky: SkyMap, axes: str) -> None:
    """Refuse a cube whose planes are neither images nor channels of one.

    Parameters
    ----------
    sky : SkyMap
    axes : str
        Letters of `data_adapters.read`.

    Raises
    ------
    UnreadableFileError
    """
    if sky.shape[0] == 1 or sky.channel_ctype == CHANNEL_AXIS or is_stack_of_planes(sky, axes):
        return
    named = "" if sky.channel_ctype else ", or say axes='nhw' (--axes nhw) if each is an image"
    raise UnreadableFileError(
        f"{sky.path}: it holds a cube of shape {sky.shape}; make an image of it first, one "
        f"plane or a moment map{named}"
    )


def images_of_map(
    sky: SkyMap, id: str, axes: str, first: int = 0, most_bytes: int | None = None
) -> Iterator[tuple[Image, ...]]:
    """The image of a map, or those of the planes of a cube, some at a time.

    Parameters
    ----------
    sky : SkyMap
    id : str
        Of the image; those of planes have their numbers behind it.
    axes : str
        Letters of `data_adapters.read`: ``nhw`` where each plane of a cube is an image.
    first : int, default 0
        Number of the first image that is read.
    most_bytes : int, optional
        About how many bytes the pixels of one part may take; by default all are read at once.

    Yields
    ------
    tuple of Image

    Raises
    ------
    UnreadableFileError
        When it is a cube, whose planes are no images.
    """
    check_is_image(sky, axes)
    if is_stack_of_planes(sky, axes):
        yield from _planes(sky, id, first, most_bytes)
    elif first == 0:
        values, wcs, file = sky.read(), sky.wcs, sky.file
        yield (Image.from_values(values, id, path=file, wcs=wcs, unit=sky.unit, beam=sky.beam),)


def _planes(
    sky: SkyMap, id: str, first: int, most_bytes: int | None
) -> Iterator[tuple[Image, ...]]:
    n, height, width = sky.shape
    bytes_of_one = height * width * max(sky.dtype.itemsize, 4)
    step = n if most_bytes is None else max(1, most_bytes // bytes_of_one)
    with sky:
        for start in range(first, n, step):
            last = min(start + step, n)
            yield images_of_stack(
                sky.read(channels=slice(start, last))[:, None],
                numbered_names(id, n, start, last),
                sky.file,
                wcs=sky.wcs,
                unit=sky.unit,
                beam=sky.beam,
            )
