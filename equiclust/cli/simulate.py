"""`equiclust simulate`: which flag is for what, and the result in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from equiclust.cli.session import Outcome
from equiclust.exceptions import InputError
from equiclust.pipeline.simulated_files import SimulatedFiles, write_clouds, write_discs
from equiclust.progress import Progress

__all__ = ["simulate_files"]

_WRITERS: dict[str, Callable[..., SimulatedFiles]] = {
    "discs": write_discs,
    "clouds": write_clouds,
}
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
}


def simulate_files(
    what: str,
    options: Mapping[str, Any],
    *,
    n: int,
    size: int | None,
    seed: int,
    output: str,
    on_progress: Progress,
) -> Outcome:
    """Write simulated discs or clouds.

    Parameters
    ----------
    what : {"discs", "clouds"}
        Subject.
    options : mapping of str to object
        Values of the flags of one subject alone, None where they were not given.
    n : int
        Number of discs or clouds.
    size : int or None
        Side in pixels; None is the default of the subject.
    seed : int
        Seed of everything random.
    output : str
        Folder.
    on_progress : callable
        See `equiclust.progress.Progress`.

    Returns
    -------
    Outcome
        Paths and their number.

    Raises
    ------
    InputError
        When a flag is of the other subject, or a value cannot be used.
    """
    names = _ARGUMENTS[what]
    given = {flag: value for flag, value in options.items() if value is not None}
    for flag in given:
        if flag not in names:
            other = next(subject for subject, flags in _ARGUMENTS.items() if flag in flags)
            raise InputError(f"{flag} is for {other} and cannot be given for {what}; leave it out")
    arguments = {names[flag]: value for flag, value in given.items()}
    if size is not None:
        arguments["size"] = size
    try:
        files = _WRITERS[what](output, n, random_state=seed, on_progress=on_progress, **arguments)
    except InputError as error:
        raise InputError(_with_flag(str(error), names)) from error
    return _describe(what, files, options, n)


def _with_flag(message: str, names: Mapping[str, str]) -> str:
    """The message with the flag in place of an argument that it begins with."""
    flags = {argument: flag for flag, argument in names.items()} | {"random_state": "seed"}
    first, _, rest = message.partition(" ")
    return f"{flags.get(first, first)} {rest}"


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
