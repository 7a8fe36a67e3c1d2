"""Images written to FITS files that `read` reads again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from data_adapters.fits_headers import CHANNEL_AXIS
from equiclust.argument_types import checks_types
from equiclust.images import Image
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.typing import PathLike

__all__ = ["write_fits"]

# Bytes of a file name, of the 255 that most systems allow, less suffix and number.
LONGEST_NAME = 240


@checks_types
def write_fits(images: ImagesLike, folder: PathLike) -> list[Path]:
    """Write every image to a FITS file of its own, named by its id.

    Masked pixels become NaN; values are float32 or, where that cannot hold them, float64. Unit,
    beam and celestial coordinates go to the header, the id to `OBJECT`. Several channels are planes
    of a third axis. Files of the same name are replaced, each whole or not at all.

    Parameters
    ----------
    images : ImageSet or another of `ImagesLike`
    folder : str or Path
        Made if it does not exist.

    Returns
    -------
    list of Path
        One file for every image, in order. Characters that a file name cannot hold become ``_``.

    Raises
    ------
    OutputError
        When the folder cannot be written to.

    Examples
    --------
    >>> from data_adapters import read, write_fits
    >>> from equiclust import simulate_discs
    >>> images, truth = simulate_discs(2, size=32, random_state=0)
    >>> write_fits(images, "discs")
    [PosixPath('discs/disc_00000.fits'), PosixPath('discs/disc_00001.fits')]
    >>> again = read("discs").images
    >>> again[0].unit, bool((again.pixels == images.pixels).all())
    ('Jy/beam', True)
    """
    images = as_image_set(images)
    paths = [Path(folder, name) for name in _file_names(images.ids)]
    for image, path in zip(images, paths, strict=True):
        with atomic_path(path) as draft:
            _hdu_of(image).writeto(draft)
    return paths


def _hdu_of(image: Image) -> fits.PrimaryHDU:
    exact = (image.offset, image.scale) != (0.0, 1.0)
    values = np.where(image.mask, np.float32(np.nan), image.values if exact else image.pixels)
    header = fits.Header() if image.wcs is None else image.wcs.to_header(relax=True)
    if len(values) > 1:
        if image.wcs is not None:
            header["WCSAXES"] = 3
        header["CTYPE3"] = CHANNEL_AXIS
    header["OBJECT"] = printable(image.id, ascii_only=True)
    if image.unit:
        header["BUNIT"] = printable(image.unit, ascii_only=True)
    if image.beam is not None:
        header["BMAJ"], header["BMIN"], header["BPA"] = image.beam
    return fits.PrimaryHDU(values if len(values) > 1 else values[0], header=header)


def _file_names(ids: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    # Some file systems take `A` and `a` for the same file.
    taken: set[str] = set()
    for id in ids:
        stem = re.sub(r"[^\w.+\-\[\]]", "_", id).lstrip(".") or "image"
        stem = stem.encode()[:LONGEST_NAME].decode(errors="ignore")
        number, name = 2, f"{stem}.fits"
        while name.lower() in taken:
            name, number = f"{stem}-{number}.fits", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
