"""Simulated images, maps and cubes in a folder, with their true classes."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from data_adapters import write_fits
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import write_table
from equiclust.io.locks import LOCK_NAME, exclusive
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.staging import PREFIX, recover, staged
from equiclust.progress import Progress, start_stage
from equiclust.simulation.cloud_cubes import MIN_CHANNELS
from equiclust.simulation.cloud_files import truth_path, write_cloud_cube, write_cloud_map
from equiclust.simulation.cloud_scene import (
    MIN_SIDE,
    SkyOptions,
    class_shares,
    class_slopes,
    make_scene,
)
from equiclust.simulation.discs import simulate_discs, simulate_views
from equiclust.simulation.sampling import RandomState, image_seeds, root_seed, truth_table
from equiclust.typing import PathLike
from equiclust.validation import check_whole

__all__ = ["TRUTH", "SimulatedFiles", "write_clouds", "write_discs"]

TRUTH = "truth.ecsv"
"""Name of the table of true classes, which is written last: a folder that has it is complete."""

_DESCRIPTIONS = {
    "id": "name of the map",
    "kinds": "classes of texture, in the order of their numbers in the true map",
    "shares": "share of the map that each class has",
    "slope": "of the power spectrum of the logarithm of each class, where it is a fractal",
    "beam_fwhm": "full width of the beam at half maximum",
    "snr": "mean of the noise-free map, or a typical peak of a cube's lines, over the rms noise",
    "angle": "by which the sky is rotated",
    "seed": "random_state with which the map is made again",
}
_UNITS = {"beam_fwhm": "pix", "angle": "deg"}


@dataclass(frozen=True)
class SimulatedFiles:
    """Files of a simulation.

    Parameters
    ----------
    folder : Path
        Where they lie.
    paths : tuple of Path
        The images, maps or cubes.
    """

    folder: Path
    paths: tuple[Path, ...]

    @property
    def truth(self) -> Path:
        """Table of the true classes, one row per image."""
        return self.folder / TRUTH


def write_discs(
    folder: PathLike,
    n: int,
    *,
    size: int = 128,
    max_inclination: float = 60.0,
    n_views: int | None = None,
    random_state: RandomState = None,
    on_progress: Progress | None = None,
) -> SimulatedFiles:
    """Simulate protoplanetary discs, one FITS file each.

    Parameters
    ----------
    folder : path-like
        New or empty, or what a stopped call with the same arguments has left.
    n : int
        Number of discs.
    size : int, default 128
        Side of the images in pixels.
    max_inclination : float, default 60.0
        Highest inclination in degrees; 0 is face-on.
    n_views : int, optional
        Images per disc, each from another direction; default one image per disc.
    random_state : int, Generator, RandomState or None, optional
        The same seed gives the same files; None is another simulation every time.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    SimulatedFiles
        Paths of the images and of their table.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When the folder cannot be written, or holds anything else.
    """
    place = output_path(folder)
    options: Any = {
        "size": size,
        "max_inclination": max_inclination,
        "random_state": random_state,
    }
    with _held(place):
        start_stage(on_progress, "simulating")
        if n_views is None:
            images, truth = simulate_discs(n, **options)
        else:
            images, truth = simulate_views(n, n_views=n_views, **options)
        paths = [place / f"{name}.fits" for name in images.ids]
        _check_free(place, paths)
        with staged(place / TRUTH) as drafts:
            _put_in_place(write_fits(images, drafts), paths)
        write_table(truth, place / TRUTH)
    return SimulatedFiles(place, tuple(paths))


def write_clouds(
    folder: PathLike,
    n: int,
    *,
    size: int = 512,
    n_channels: int | None = None,
    on_progress: Progress | None = None,
    **sky: Unpack[SkyOptions],
) -> SimulatedFiles:
    """Simulate maps or cubes of gas clouds, one FITS file each, with the true map beside it.

    Parameters
    ----------
    folder : path-like
        New or empty, or what a stopped call with the same arguments has left.
    n : int
        Number of maps.
    size : int, default 512
        Side of the maps in pixels, at least 32.
    n_channels : int, optional
        Velocity channels of cubes; default maps.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.
    **sky : optional
        As in `simulate_cloud_map`. Without `random_state`, every call is another simulation.

    Returns
    -------
    SimulatedFiles
        Paths of the maps and of their table.

    Raises
    ------
    InputError
        When an argument cannot be used.
    OutputError
        When the folder cannot be written, or holds anything else.
    """
    check_whole("n", n)
    place = output_path(folder)
    _check_clouds(size, n_channels, sky)
    seeds = image_seeds(n, root_seed(sky.get("random_state")))
    paths = [place / f"cloud_{number:04d}.fits" for number in range(n)]
    rows: dict[Path, dict[str, Any]] = {}
    with _held(place):
        _check_free(place, [part for path in paths for part in (path, truth_path(path))])
        update = start_stage(on_progress, "simulating")
        # What is there first: if anything of it is not ours, nothing has been written yet.
        order = sorted(zip(paths, seeds, strict=True), key=lambda one: not _has_files(one[0]))
        for path, seed in order:
            rows[path] = _write_cloud(path, size, n_channels, {**sky, "random_state": seed})
            update(len(rows), n, path.name)
        write_table(
            truth_table([rows[path] for path in paths], _DESCRIPTIONS, _UNITS), place / TRUTH
        )
    return SimulatedFiles(place, tuple(paths))


def _check_clouds(size: int, n_channels: int | None, sky: SkyOptions) -> None:
    if size < MIN_SIDE:
        raise InputError(f"size must be at least {MIN_SIDE} pixels for clouds, got {size}")
    if n_channels is not None and n_channels < MIN_CHANNELS:
        raise InputError(f"n_channels must be at least {MIN_CHANNELS}, got {n_channels}")
    make_scene((size, size), sky)


def _write_cloud(path: Path, size: int, n_channels: int | None, sky: SkyOptions) -> dict[str, Any]:
    """Write one map or cube with its true map; return its row of the table."""
    scene = make_scene((size, size), sky)
    with staged(path) as drafts:
        draft = drafts / path.name
        if n_channels is None:
            truth = write_cloud_map(draft, (size, size), **sky)
        else:
            truth = write_cloud_cube(draft, (n_channels, size, size), **sky)
        # The true map first: a map has its truth.
        _put_in_place([truth_path(draft), draft], [truth_path(path), path])
    return {
        "id": path.stem,
        "kinds": ",".join(scene.classes),
        "shares": class_shares(truth, len(scene.classes)),
        "slope": class_slopes(scene),
        "beam_fwhm": scene.beam_fwhm,
        "snr": scene.snr,
        "angle": scene.angle,
        "seed": scene.seed,
    }


def _has_files(path: Path) -> bool:
    return os.path.lexists(path) or os.path.lexists(truth_path(path))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    check_writable(folder)
    with exclusive(folder, inside=True):
        recover(folder)
        yield


def _check_free(folder: Path, ours: Iterable[Path]) -> None:
    """Refuse a folder with anything but what a stopped simulation may have left."""
    known = {path.name for path in ours} | {LOCK_NAME}
    found = sorted(os.listdir(folder))
    other = [name for name in found if name not in known and not name.startswith(PREFIX)]
    if other:
        raise OutputError(
            f"cannot write into {str(folder)!r}: it holds files already ({other[0]}); choose a new "
            "or empty folder"
        )


def _put_in_place(drafts: Sequence[Path], paths: Sequence[Path]) -> None:
    """Move files into place; equal ones that are there stay, and others are never overwritten."""
    for draft, path in zip(drafts, paths, strict=True):
        if os.path.lexists(path) and not (
            path.is_file() and not path.is_symlink() and filecmp.cmp(draft, path, shallow=False)
        ):
            raise OutputError(
                f"cannot write {str(path)!r}: it exists and is not of this simulation; choose a "
                "new or empty folder"
            )
    for draft, path in zip(drafts, paths, strict=True):
        if not path.exists():
            os.replace(draft, path)
