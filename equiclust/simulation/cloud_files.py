"""Simulated clouds out to FITS files, each with its true map beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.simulation.cloud_cubes import (
    cube_header,
    draw_gas,
    iterate_channels,
    make_cube_scene,
)
from equiclust.simulation.cloud_maps import (
    CloudScene,
    Float32Array,
    IntArray,
    SkyOptions,
    make_scene,
    observe_sky,
    rotate_quarter_turns,
    scene_wcs,
    sky_header,
)

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["BYTES_PER_PIXEL", "truth_path", "write_cloud_cube", "write_cloud_map"]

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]

BYTES_PER_PIXEL = 160
"""Most memory that writing takes at scales of 16 pixels or more, in bytes for each pixel of the
square on which the sky is drawn, as wide as the map's diagonal and a margin. It does not depend on
the number of channels."""


def truth_path(path: PathLike) -> Path:
    """Where the true map of a simulated map or cube lies: ``cloud.truth.fits`` by ``cloud.fits``.

    Raises
    ------
    InputError
        When the name does not end in ``.fits``.
    """
    place = Path(path)
    if place.suffix != ".fits":
        raise InputError(f"path must end in .fits, got {str(place)!r}")
    return place.with_suffix(".truth.fits")


def write_cloud_map(path: PathLike, shape: tuple[int, int], **sky: Unpack[SkyOptions]) -> IntArray:
    """Simulate a map and write it with its true map; each file whole or not at all.

    Parameters
    ----------
    path : path-like
        Ends in ``.fits``. The true map goes to `truth_path`, first: a map has its truth.
    shape : (int, int)
        Height and width.
    **sky
        As in `simulate_cloud_map`.

    Returns
    -------
    ndarray (h, w), int16
        The true map.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When the place cannot be written.
    """
    truth_place = truth_path(path)
    scene = make_scene(shape, sky)
    values, truth = observe_sky(scene)
    _write_truth(truth_place, truth, scene)
    header = sky_header(scene, "K km/s")
    header["OBJECT"] = Path(path).stem
    _write_planes(Path(path), header, scene.shape, [values])
    return truth


def write_cloud_cube(
    path: PathLike,
    shape: tuple[int, int, int],
    *,
    channel_width: float = 0.2,
    line_widths: float | tuple[float, ...] | None = None,
    n_lines: int = 1,
    velocity: float = 8.0,
    progress: Progress | None = None,
    **sky: Unpack[SkyOptions],
) -> IntArray:
    """Simulate a cube and write it channel by channel; it may be larger than memory.

    The file holds what `simulate_cloud_cube` gives. Memory is bounded, see `BYTES_PER_PIXEL`.

    Parameters
    ----------
    path : path-like
        Ends in ``.fits``. The true map, of two axes, goes to `truth_path`.
    shape : (int, int, int)
        Channels, height and width.
    channel_width, line_widths, n_lines, velocity, **sky
        As in `simulate_cloud_cube`.
    progress : callable, optional
        Called with the number of channels written and that of all.

    Returns
    -------
    ndarray (h, w), int16
        The true map.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When the place cannot be written.
    """
    truth_place = truth_path(path)
    scene, lines = make_cube_scene(shape, (channel_width, line_widths, n_lines, velocity), sky)
    gas, kinds = draw_gas(scene, lines)
    truth = rotate_quarter_turns(kinds, scene)
    _write_truth(truth_place, truth, scene)
    header = cube_header(scene, lines)
    header["OBJECT"] = Path(path).stem
    full = (lines.n_channels, *scene.shape)
    _write_planes(Path(path), header, full, iterate_channels(scene, lines, gas), progress)
    return truth


def _write_planes(
    path: Path,
    header: fits.Header,
    shape: tuple[int, ...],
    planes: Iterable[Float32Array],
    progress: Progress | None = None,
) -> None:
    from astropy.io import fits

    structure = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", len(shape))])
    for number, length in enumerate(reversed(shape), start=1):
        structure[f"NAXIS{number}"] = length
    structure.extend(header, update=True)
    n_planes = shape[0] if len(shape) == 3 else 1
    with atomic_path(path) as draft, draft.open("wb") as file:
        file.write(structure.tostring().encode("ascii"))
        for done, plane in enumerate(planes, start=1):
            plane.astype(">f4").tofile(file)
            if progress is not None:
                progress(done, n_planes)
        # FITS files come in blocks of 2880 bytes.
        file.write(bytes(-file.tell() % 2880))


def _write_truth(path: Path, truth: IntArray, scene: CloudScene) -> None:
    """Values are places among the kinds, which the header names."""
    from astropy.io import fits

    header = scene_wcs(scene).to_header()
    for number, kind in enumerate(scene.kinds):
        header[f"KIND{number}"] = (kind, f"what {number} stands for")
    with atomic_path(path) as draft:
        fits.PrimaryHDU(np.asarray(truth, dtype=np.int16), header).writeto(draft)
