"""Stamps that a run is given as a catalogue and mosaics."""

from __future__ import annotations

import logging
from pathlib import Path

from equiclust.cutouts.job import make_cutouts
from equiclust.cutouts.sizes import parse_size
from equiclust.cutouts.survey_images import Images
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.progress import Progress
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["check_stamps", "cut_for_run", "stamps_of_run"]

logger = logging.getLogger(__name__)

_SIZE = 64


def stamps_of_run(run_folder: Path) -> Path:
    """Where the stamps of a run lie: beside its folder.

    Parameters
    ----------
    run_folder : Path

    Returns
    -------
    Path
    """
    return run_folder.with_name(f"{run_folder.name}.stamps.fits")


def check_stamps(catalogue: object, size: object) -> None:
    """Refuse what no stamps can be cut by.

    Parameters
    ----------
    catalogue : object
        None where a run is given images.
    size : object
        Side of the stamps; None is the default.

    Raises
    ------
    InputError
    """
    if size is None:
        return
    if catalogue is None:
        raise InputError(
            f"cutout_size is of the stamps of a catalogue, got {shown(size)} without catalogue"
        )
    try:
        parse_size(size)
    except InputError as error:
        raise InputError(f"cutout_{error}") from error


def cut_for_run(
    catalogue: PathLike,
    images: Images | ImageSet,
    run_folder: Path,
    *,
    size: int | str | None = None,
    n_jobs: int | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Cut the stamps of a run, or take those that are cut.

    Parameters
    ----------
    catalogue : str or Path
    images : Images or ImageSet
        Mosaics or tiles, see `make_cutouts`.
    run_folder : Path
    size : int or str, optional
        Side of the stamps, 64 pixels by default.
    n_jobs : int, optional
        Processes; default one per core.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    Path
        The file of the stamps.

    Raises
    ------
    InputError
        When the catalogue or an image cannot be used, or no source gets a stamp.
    OutputError
        When the stamps cannot be written.
    """
    if isinstance(images, ImageSet):
        raise InputError(
            f"inputs must be files of mosaics where a catalogue is given, got {len(images)} images "
            "in memory"
        )
    output = stamps_of_run(run_folder)
    side = _SIZE if size is None else size
    found = make_cutouts(
        catalogue, images, output, size=side, n_jobs=n_jobs, on_progress=on_progress
    )
    logger.info("%s: %s", output, found.headline)
    return found.path
