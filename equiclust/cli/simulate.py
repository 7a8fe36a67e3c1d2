"""`equiclust simulate`: images, maps and cubes whose kinds are known."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import write_table
from equiclust.io.output_checks import check_writable
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from equiclust.simulation.cloud_maps import SkyOptions

__all__ = ["TRUTH", "SimulateOptions", "write_clouds", "write_discs"]

TRUTH = "truth.ecsv"


_DESCRIPTIONS = {
    "id": "name of the map",
    "kinds": "kinds of texture, in the order of their numbers in the true map",
    "shares": "share of the map that each kind has",
    "slope": "of the power spectrum of the logarithm of each kind, where it is a fractal",
    "beam_fwhm": "full width of the beam at half maximum",
    "snr": "mean of the noise-free map, or a typical peak of a cube's lines, over the rms noise",
    "angle": "by which the sky is turned",
    "seed": "random_state with which the map is made again",
}

_UNITS = {"beam_fwhm": "pix", "angle": "deg"}


@dataclass(frozen=True)
class SimulateOptions:
    """What only discs or only clouds can be asked for; `None` where the user said nothing."""

    max_inclination: float | None = None
    views: int | None = None
    channels: int | None = None
    scale: float | None = None
    slope: float | None = None
    beam: float | None = None
    snr: float | None = None
    angle: float | None = None

    def check(self, what: str) -> None:
        """Refuse options of the other subject.

        Raises
        ------
        InputError
        """
        for field in fields(self):
            of_discs = field.name in ("max_inclination", "views")
            if getattr(self, field.name) is not None and of_discs != (what == "discs"):
                flag = f"--{field.name.replace('_', '-')}"
                raise InputError(
                    f"{flag} is for {'discs' if of_discs else 'clouds'} and cannot be given for "
                    f"{what}; leave it out"
                )

    @property
    def sky(self) -> SkyOptions:
        """What was said of a cloud's sky, by the names of `simulate_cloud_map`."""
        names = {"scale": "scale", "slope": "slope", "beam": "beam_fwhm", "snr": "snr"}
        names["angle"] = "angle"
        said: Any = {
            name: getattr(self, flag)
            for flag, name in names.items()
            if getattr(self, flag) is not None
        }
        chosen: SkyOptions = said
        return chosen


def write_discs(
    session: Session, options: SimulateOptions, *, n: int, size: int, seed: int, output: str
) -> Outcome:
    """Write discs as FITS, and their truth last: a folder that has it is complete."""
    from data_adapters import write_fits
    from equiclust.simulation.discs import simulate_discs, simulate_views

    folder = Path(output)
    check_writable(folder)
    said: Any = {"size": size, "random_state": seed}
    if options.max_inclination is not None:
        said["max_inclination"] = options.max_inclination
    with session.stage("simulating"):
        if options.views is None:
            images, truth = simulate_discs(n, **said)
        else:
            images, truth = simulate_views(n, n_views=options.views, **said)
    _check_free(folder, {f"{name}.fits" for name in images.ids})
    paths = write_fits(images, folder)
    write_table(truth, folder / TRUTH)
    record = {"folder": str(folder), "truth": str(folder / TRUTH), "n_images": len(paths)}
    what = "discs" if options.views is None else f"views of {n} discs"
    return Outcome(record, f"{len(paths)} {what} in {folder}, their truth in {folder / TRUTH}")


def write_clouds(
    session: Session, options: SimulateOptions, *, n: int, size: int, seed: int, output: str
) -> Outcome:
    """Write maps or cubes one at a time, each with its true map, and the table of them last."""
    from equiclust.simulation.cloud_files import truth_path
    from equiclust.simulation.sampling import image_seeds, root_seed, truth_table

    check_whole("n", n)
    folder = Path(output)
    check_writable(folder)
    _check_clouds(options, size)
    paths = [folder / f"cloud_{number:04d}.fits" for number in range(n)]
    _check_free(folder, {place.name for path in paths for place in (path, truth_path(path))})
    # Before the first file, since a seed that cannot be used leaves nothing behind.
    seeds = image_seeds(n, root_seed(seed))
    with session.stage("simulating") as update:
        rows = []
        for path, own in zip(paths, seeds, strict=True):
            rows.append(_write_cloud(path, options, size, own))
            update(len(rows), n, path.name)
    write_table(truth_table(rows, _DESCRIPTIONS, _UNITS), folder / TRUTH)
    what = "maps" if options.channels is None else "cubes"
    record = {"folder": str(folder), "truth": str(folder / TRUTH), "n_images": n}
    return Outcome(
        record,
        f"{n} {what} of clouds in {folder}, each with its true map in .truth.fits; their list is "
        f"{folder / TRUTH}",
    )


def _check_clouds(options: SimulateOptions, size: int) -> None:
    """Refuse before anything is written what cannot be drawn, in the words of the flags."""
    from equiclust.simulation.cloud_cubes import FEWEST_CHANNELS
    from equiclust.simulation.cloud_maps import SMALLEST, make_scene

    if size < SMALLEST:
        raise InputError(f"--size must be at least {SMALLEST} pixels for clouds, got {size}")
    try:
        make_scene((size, size), options.sky)
    except InputError as error:
        first, _, rest = str(error).partition(" ")
        raise InputError(f"--{first.removesuffix('_fwhm')} {rest}") from error
    if options.channels is not None and options.channels < FEWEST_CHANNELS:
        raise InputError(f"--channels must be at least {FEWEST_CHANNELS}, got {options.channels}")


def _write_cloud(path: Path, options: SimulateOptions, size: int, seed: int) -> dict[str, Any]:
    from equiclust.simulation.cloud_files import write_cloud_cube, write_cloud_map
    from equiclust.simulation.cloud_maps import kind_shares, kind_slopes, make_scene

    sky: SkyOptions = {**options.sky, "random_state": seed}
    scene = make_scene((size, size), sky)
    if options.channels is None:
        truth = write_cloud_map(path, (size, size), **sky)
    else:
        truth = write_cloud_cube(path, (options.channels, size, size), **sky)
    return {
        "id": path.stem,
        "kinds": ",".join(scene.kinds),
        "shares": kind_shares(truth, len(scene.kinds)),
        "slope": kind_slopes(scene),
        "beam_fwhm": scene.beam_fwhm,
        "snr": scene.snr,
        "angle": scene.angle,
        "seed": seed,
    }


def _check_free(folder: Path, ours: set[str]) -> None:
    """Refuse a folder with anything but what a simulation that was stopped has left."""
    found = sorted(os.listdir(folder)) if folder.is_dir() else []
    other = [name for name in found if name not in ours and not name.startswith(".partial-")]
    if other:
        raise OutputError(
            f"cannot write into {str(folder)!r}: it holds files already ({other[0]}); choose a new "
            "or empty folder"
        )
