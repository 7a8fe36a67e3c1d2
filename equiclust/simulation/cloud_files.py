"""Simulated clouds out to FITS files, each with its true map beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import atomic_path
from equiclust.simulation.cloud_cubes import (
    cube_header,
    draw_gas,
    iterate_channels,
    make_cube_scene,
)
from equiclust.simulation.cloud_maps import observe_sky, rotate_quarter_turns
from equiclust.simulation.cloud_scene import (
    CloudScene,
    Int16Array,
    SkyOptions,
    make_scene,
    scene_wcs,
    sky_header,
)
from equiclust.typing import Float32Array, PathLike

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["BYTES_PER_PIXEL", "truth_path", "write_cloud_cube", "write_cloud_map"]

Progress = Callable[[int, int], None]

BYTES_PER_PIXEL = 160
"""Most memory that writing takes at scales of 16 pixels or more, in bytes for each pixel of the
square on which the sky is drawn, as wide as the map's diagonal and a margin. It does not depend on
the number of channels."""


@checks_types
def truth_path(path: PathLike) -> Path:
    """Path of the true classes of a simulated map or cube: ``x.truth.fits`` for ``x.fits``.

    Parameters
    ----------
    path : path-like
        Ends in ``.fits``.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When the name does not end in ``.fits``.

    Examples
    --------
    >>> from equiclust.simulation import truth_path
    >>> truth_path("clouds/cloud.fits").as_posix()
    'clouds/cloud.truth.fits'
    """
    place = Path(path)
    if place.suffix != ".fits":
        raise InputError(f"path must end in .fits, got {str(place)!r}")
    return place.with_suffix(".truth.fits")


@checks_types
def write_cloud_map(
    path: PathLike, shape: tuple[int, int], *, overwrite: bool = False, **sky: Unpack[SkyOptions]
) -> Int16Array:
    """Simulate a map and write it with its true map; each file whole or not at all.

    Parameters
    ----------
    path : path-like
        Ends in ``.fits``. The true map goes to `truth_path`, first: a map has its truth.
    shape : tuple of two ints
        Height and width in pixels.
    overwrite : bool, default False
        Whether files that exist are replaced.
    **sky : optional
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
        When a file exists, or cannot be written.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from equiclust.simulation import truth_path, write_cloud_map
    >>> truth = write_cloud_map("cloud.fits", (64, 96), scale=16.0, random_state=0)
    >>> fits.getdata("cloud.fits").shape
    (64, 96)
    >>> bool((fits.getdata(truth_path("cloud.fits")) == truth).all())
    True
    """
    truth_place = _check_free(path, overwrite)
    scene = make_scene(shape, sky)
    values, truth = observe_sky(scene)
    _write_truth(truth_place, truth, scene)
    header = sky_header(scene, "K km/s")
    header["OBJECT"] = Path(path).stem
    _write_planes(Path(path), header, scene.shape, [values])
    return truth


@checks_types
def write_cloud_cube(
    path: PathLike,
    shape: tuple[int, int, int],
    *,
    channel_width: float = 0.2,
    line_widths: float | tuple[float, ...] | None = None,
    n_lines: int = 1,
    velocity: float = 8.0,
    overwrite: bool = False,
    progress: Progress | None = None,
    **sky: Unpack[SkyOptions],
) -> Int16Array:
    """Simulate a cube and write it channel by channel; it may be larger than memory.

    The file holds what `simulate_cloud_cube` gives. Memory is bounded, see `BYTES_PER_PIXEL`.

    Parameters
    ----------
    path : path-like
        Ends in ``.fits``. The true map, of two axes, goes to `truth_path`.
    shape : (int, int, int)
        Channels, height and width.
    channel_width : float, default 0.2
        Width of a channel in km/s.
    line_widths : float or sequence of float, optional
        Full widths of the lines at half maximum in km/s, see `simulate_cloud_cube`.
    n_lines : int, default 1
        Clouds behind each other, 1 or 2.
    velocity : float, default 8.0
        Middle of the band in km/s.
    overwrite : bool, default False
        Whether files that exist are replaced.
    progress : callable, optional
        Called with the number of channels written and of all channels.
    **sky : optional
        As in `simulate_cloud_cube`.

    Returns
    -------
    ndarray (h, w), int16
        The true map.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When a file exists, or cannot be written.

    Examples
    --------
    >>> from astropy.io import fits
    >>> from equiclust.simulation import write_cloud_cube
    >>> truth = write_cloud_cube("cube.fits", (8, 48, 64), channel_width=0.5, random_state=0)
    >>> fits.getdata("cube.fits").shape, truth.shape
    ((8, 48, 64), (48, 64))
    >>> fits.getheader("cube.fits")["BUNIT"]
    'K'
    """
    truth_place = _check_free(path, overwrite)
    scene, lines = make_cube_scene(shape, (channel_width, line_widths, n_lines, velocity), sky)
    gas, classes = draw_gas(scene, lines)
    truth = rotate_quarter_turns(classes, scene)
    _write_truth(truth_place, truth, scene)
    header = cube_header(scene, lines)
    header["OBJECT"] = Path(path).stem
    full = (lines.n_channels, *scene.shape)
    _write_planes(Path(path), header, full, iterate_channels(scene, lines, gas), progress)
    return truth


def _check_free(path: PathLike, overwrite: bool) -> Path:
    """Path of the true map."""
    truth_place = truth_path(path)
    for place in (Path(path), truth_place):
        if not overwrite and os.path.lexists(place):
            raise OutputError(
                f"cannot write {str(place)!r}: it exists; choose another path or set overwrite=True"
            )
    return truth_place


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


def _write_truth(path: Path, truth: Int16Array, scene: CloudScene) -> None:
    """Values are places among the classes, which the header names."""
    from astropy.io import fits

    header = scene_wcs(scene).to_header()
    for number, class_name in enumerate(scene.classes):
        header[f"KIND{number}"] = (class_name, f"what {number} stands for")
    with atomic_path(path) as draft:
        fits.PrimaryHDU(np.asarray(truth, dtype=np.int16), header).writeto(draft)
