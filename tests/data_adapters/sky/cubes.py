"""Small cubes on the sky for the tests of maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

# Channel, row, column: sizes that cannot be mistaken for each other.
CUBE = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
AXES: dict[str, dict[str, Any]] = {
    "ra": {"CTYPE": "RA---TAN", "CRVAL": 83.8, "CDELT": -1.1e-4, "CRPIX": 2.0, "CUNIT": "deg"},
    "dec": {"CTYPE": "DEC--TAN", "CRVAL": -5.4, "CDELT": 1.3e-4, "CRPIX": 3.0, "CUNIT": "deg"},
    "vel": {"CTYPE": "VRAD", "CRVAL": 1e3, "CDELT": 250.0, "CRPIX": 1.0, "CUNIT": "m/s"},
    "stokes": {"CTYPE": "STOKES", "CRVAL": 1.0, "CDELT": 1.0, "CRPIX": 1.0},
}


def header_of(*names: str, **cards: Any) -> fits.Header:
    """Header of axes in the order of FITS, fastest first."""
    header = fits.Header()
    for number, name in enumerate(names, start=1):
        for stem, value in AXES[name].items():
            header[f"{stem}{number}"] = value
    header.update(cards)
    return header


def save(path: Path, data: npt.NDArray[Any], header: fits.Header | None = None) -> Path:
    fits.PrimaryHDU(data, header).writeto(path)
    return path
