"""Small surveys on disk, beside the whole mosaics that their tiles are parts of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from equiclust.typing import Float32Array, Float64Array

__all__ = ["SIDE", "Survey", "header_of", "make_survey"]

SIDE = 160
_TILE, _STEP = 64, 48


@dataclass(frozen=True)
class Survey:
    """Tiles of two bands, and what they were cut from."""

    folder: Path
    mosaics: dict[str, Float32Array]
    wcs: WCS
    positions: Float64Array
    catalogue: Path

    @property
    def images(self) -> list[str]:
        return [f"{band}={self.folder}/*_{band}.fits" for band in self.mosaics]


def header_of(kind: str, x0: int = 0, y0: int = 0) -> fits.Header:
    """Header of a part of the mosaic that begins at column `x0` and row `y0`."""
    header = fits.Header()
    code = {"tan": "TAN", "sip": "TAN-SIP", "tpv": "TPV"}[kind]
    header["CTYPE1"], header["CTYPE2"] = f"RA---{code}", f"DEC--{code}"
    header["CRVAL1"], header["CRVAL2"] = 359.998, 41.0
    header["CRPIX1"], header["CRPIX2"] = 80.37 - x0, 75.21 - y0
    header["CD1_1"], header["CD1_2"] = -7.1e-5, 1.3e-5
    header["CD2_1"], header["CD2_2"] = 1.3e-5, 7.1e-5
    header["RADESYS"], header["BUNIT"] = "ICRS", "nJy"
    header["BMAJ"], header["BMIN"], header["BPA"] = 3e-4, 2e-4, 12.5
    if kind == "sip":
        header["A_ORDER"] = header["B_ORDER"] = 2
        header["A_2_0"], header["A_1_1"], header["B_0_2"] = 2.1e-5, -1e-5, 1.7e-5
    if kind == "tpv":
        header["PV1_0"], header["PV1_1"], header["PV1_4"] = 1e-6, 1.0, 0.3
        header["PV2_0"], header["PV2_1"], header["PV2_4"] = -2e-6, 1.0, -0.2
    return header


def make_survey(
    folder: Path, *, kind: str = "sip", n: int = 60, bands: str = "gr", margin: float = 18.0
) -> Survey:
    """Nine overlapping tiles a band, of a mosaic with some blank pixels, and a catalogue.

    Sources lie anywhere in the mosaic, and up to `margin` pixels outside of it.
    """
    rng = np.random.default_rng(5)
    mosaics = {}
    for band in bands:
        values = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
        values[30:36, 40:47] = np.nan
        mosaics[band] = values
        for row in range(3):
            for column in range(3):
                y0, x0 = row * _STEP, column * _STEP
                part = values[y0 : y0 + _TILE, x0 : x0 + _TILE]
                path = folder / f"tile_{row}{column}_{band}.fits"
                fits.writeto(path, part, header_of(kind, x0, y0))
    wcs = WCS(header_of(kind))
    pixels = rng.uniform(-margin, SIDE - 1 + margin, size=(n, 2))
    positions = wcs.all_pix2world(pixels, 0)
    catalogue = folder / "sources.ecsv"
    names = [f"s{k:03d}" for k in range(n)]
    Table({"name": names, "ra": positions[:, 0], "dec": positions[:, 1]}).write(catalogue)
    return Survey(folder, mosaics, wcs, positions, catalogue)
