"""CASA images, folders that hold a table, as maps that are read chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits

from data_adapters.objects.coordinates import header_of_coordinates
from data_adapters.objects.held_maps import HeldMap, beam_table, described
from data_adapters.objects.pixels import Pixels
from equiclust.exceptions import UnreadableFileError
from equiclust.optional import import_optional

__all__ = ["casa_map", "is_casa_image"]

TABLE = "table.dat"
"""File in the folder of every table of CASA."""


def is_casa_image(path: Path) -> bool:
    """Whether a path is the folder of a table of CASA.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    return (path / TABLE).is_file()


def casa_map(path: Path) -> HeldMap:
    """Pixels and header of a CASA image; nothing but its description is read.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    HeldMap
        Blank where the default mask of the image says so.

    Raises
    ------
    UnreadableFileError
        When the folder holds another table.
    MissingPackageError
        When casa-formats-io is not installed.
    """
    casa = import_optional("casa_formats_io", extra="casa", purpose="a CASA image")
    keywords = casa.getdesc(str(path)).get("_keywords_", {})
    if "coords" not in keywords:
        raise UnreadableFileError(f"{path}: it is a table of CASA that holds no image")
    values = casa.image_to_dask(str(path))
    name = str(keywords.get("Image_defaultmask") or "mask0")
    mask = None
    if "/" not in name and (path / name / TABLE).is_file():
        mask = ~casa.image_to_dask(str(path), mask=name)
    wcs = casa.coordsys_to_astropy_wcs(keywords["coords"])
    pixels = Pixels(values, str(path), mask)
    header, hdus = header_of_coordinates(wcs, pixels.shape, str(path))
    header["BUNIT"] = str(keywords.get("units", ""))
    _add_beams(header, hdus, keywords.get("imageinfo", {}))
    return described(header, pixels, None, hdus, str(path), file=str(path))


def _add_beams(header: fits.Header, hdus: fits.HDUList, info: Mapping[str, Any]) -> None:
    """One beam as cards of the header, one for each plane as a table."""
    if "restoringbeam" in info:
        beam = _degrees(info["restoringbeam"])
        header.update(zip(("BMAJ", "BMIN", "BPA"), beam, strict=True))
    elif "perplanebeams" in info:
        given = dict(info["perplanebeams"])
        n_channels, n_stokes = int(given["nChannels"]), int(given["nStokes"])
        numbers = range(n_channels * n_stokes)
        beams = np.array([_degrees(given[f"*{number}"]) for number in numbers])
        channels, planes = np.tile(np.arange(n_channels), n_stokes), np.arange(n_stokes)
        hdus.append(beam_table(beams, channels, np.repeat(planes, n_channels)))


def _degrees(beam: Mapping[str, Any]) -> list[float]:
    return [
        float(units.Quantity(beam[name]["value"], beam[name]["unit"]).to_value("deg"))
        for name in ("major", "minor", "positionangle")
    ]
