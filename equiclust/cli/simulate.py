"""`equiclust simulate`: images, maps, cubes and frames whose true classes are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import InputError
from equiclust.progress import Progress

if TYPE_CHECKING:
    from equiclust.pipeline.simulated_files import SimulatedFiles
    from equiclust.pipeline.simulated_frames import SimulatedFrames

__all__ = ["simulate"]

# Flags of one subject alone, and the arguments of the library that they are.
_ARGUMENTS = {
    "discs": {"max_inclination": "max_inclination", "views": "n_views"},
    "clouds": {
        "channels": "n_channels",
        "scale": "scale",
        "slope": "slope",
        "beam": "beam_fwhm",
        "snr": "snr",
        "angle": "angle",
    },
    "frames": {"bad_fraction": "bad_fraction", "dtype": "dtype"},
}


def simulate(
    session: Session,
    what: Literal["discs", "clouds", "frames"],
    *,
    n: Annotated[int, "N"],
    size: Annotated[int | None, "PX"] = None,
    seed: Annotated[int, "S"] = 0,
    output: Annotated[str, "DIR|FILE.h5"],
    max_inclination: Annotated[float | None, "DEG"] = None,
    views: Annotated[int | None, "K"] = None,
    channels: Annotated[int | None, "K"] = None,
    scale: Annotated[float | None, "PX"] = None,
    slope: Annotated[float | None, "SLOPE"] = None,
    beam: Annotated[float | None, "PX"] = None,
    snr: Annotated[float | None, "RATIO"] = None,
    angle: Annotated[float | None, "DEG"] = None,
    bad_fraction: Annotated[float | None, "SHARE"] = None,
    dtype: Literal["uint16", "uint32"] | None = None,
) -> Outcome:
    """Simulate discs, maps and cubes of gas clouds, or detector frames, with known classes.

    Every image of discs holds one disc of one class. Every map of clouds holds regions of four
    textures, equally bright: a fractal, filaments, clumps and shells; the true map beside it,
    cloud_0000.truth.fits by cloud_0000.fits, holds the class of every pixel. Frames of a detector,
    of which a part is unusable, are in one NeXus file with the truth in /entry/truth.

    Parameters
    ----------
    what
        discs: protoplanetary discs of six classes, smooth, rings and gaps, cavity, spiral,
        crescent, planet. clouds: maps of gas clouds, or cubes with --channels. frames: powder
        diffraction with shutters, losses of beam, saturation, dead modules and hot pixels.
    n
        Number of discs, maps, cubes or frames.
    size
        Side in pixels; by default 128 for discs, 512 for clouds and 256 for frames.
    seed
        The same seed gives the same images.
    output
        New or empty folder for one FITS file per image or map, and truth.ecsv; for frames a new
        file that ends in .h5, .hdf5 or .nxs.
    max_inclination
        Discs: highest inclination in degrees, 60 by default; 0 is face-on.
    views
        Discs: number of images of every disc, each from another direction; the column system of
        the truth names the disc.
    channels
        Clouds: make cubes with this number of velocity channels of 0.2 km/s, in K; without it,
        maps in K km/s.
    scale
        Clouds: size of the structures in pixels, 32 by default; a square of this side shows a
        handful of filaments, clumps or shells.
    slope
        Clouds: slope of the power spectrum of the fractal, 2.2 by default; steeper is smoother.
    beam
        Clouds: full width of the beam at half maximum in pixels, 3 by default.
    snr
        Clouds: mean of the map, or typical peak of a cube's lines, over the rms of the noise; 10 by
        default.
    angle
        Clouds: rotation of the camera in degrees, 0 by default; another angle with the same seed
        shows the same sky, rotated.
    bad_fraction
        Frames: share of unusable ones, 0.1 by default.
    dtype
        Frames: type of the counts, uint16 by default.

    Examples
    --------
    equiclust simulate discs -n 120 --size 64 --seed 1 --output discs
    equiclust simulate discs -n 100 --views 2 --size 64 --output pairs
    equiclust simulate clouds -n 3 --size 512 --seed 1 --output clouds
    equiclust simulate clouds -n 1 --size 256 --channels 40 --output cubes
    equiclust simulate frames -n 2000 --bad-fraction 0.1 --output frames.h5
    """
    options = {
        "max_inclination": max_inclination,
        "views": views,
        "channels": channels,
        "scale": scale,
        "slope": slope,
        "beam": beam,
        "snr": snr,
        "angle": angle,
        "bad_fraction": bad_fraction,
        "dtype": dtype,
    }
    return _simulate_files(
        what, options, n=n, size=size, seed=seed, output=output, on_progress=session.on_progress
    )


def _simulate_files(
    what: str,
    options: Mapping[str, Any],
    *,
    n: int,
    size: int | None,
    seed: int,
    output: str,
    on_progress: Progress,
) -> Outcome:
    """Write a simulation by the flags of its subject alone, None where not given."""
    from equiclust.pipeline.simulated_files import write_clouds, write_discs
    from equiclust.pipeline.simulated_frames import SimulatedFrames, write_frames

    write: Any = {"discs": write_discs, "clouds": write_clouds, "frames": write_frames}[what]
    names = _ARGUMENTS[what]
    given = {flag: value for flag, value in options.items() if value is not None}
    for flag in given:
        if flag not in names:
            other = next(subject for subject, flags in _ARGUMENTS.items() if flag in flags)
            raise InputError(f"{flag} is for {other} and cannot be given for {what}; leave it out")
    arguments: dict[str, Any] = {names[flag]: value for flag, value in given.items()}
    if size is not None:
        arguments["size"] = size
    try:
        files = write(output, n, random_state=seed, on_progress=on_progress, **arguments)
    except InputError as error:
        raise InputError(_with_flag(str(error), names)) from error
    if isinstance(files, SimulatedFrames):
        return _describe_frames(files)
    return _describe(what, files, options, n)


def _with_flag(message: str, names: Mapping[str, str]) -> str:
    """The message with the flag in place of an argument that it begins with."""
    flags = {argument: flag for flag, argument in names.items()}
    first, _, rest = message.partition(" ")
    return f"{flags.get(first, first)} {rest}"


def _describe_frames(files: SimulatedFrames) -> Outcome:
    text = (
        f"{files.n_frames} frames in {files.path}, {files.n_bad} of them unusable; the truth is in "
        "/entry/truth"
    )
    record = {"file": str(files.path), "n_frames": files.n_frames, "n_bad": files.n_bad}
    return Outcome(record, text)


def _describe(what: str, files: SimulatedFiles, options: Mapping[str, Any], n: int) -> Outcome:
    count, views = len(files.paths), options["views"]
    if what == "discs":
        noun = "discs" if views is None else f"views of {n} discs"
        text = f"{count} {noun} in {files.folder}, their truth in {files.truth}"
    else:
        noun = "maps" if options["channels"] is None else "cubes"
        text = (
            f"{count} {noun} of clouds in {files.folder}, each with its true map in .truth.fits; "
            f"their list is {files.truth}"
        )
    record = {"folder": str(files.folder), "truth": str(files.truth), "n_images": count}
    return Outcome(record, text)
