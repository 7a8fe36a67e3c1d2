"""One image, and one cube, as every package holds them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import zarr
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, Cutout2D, NDData
from astropy.utils.masked import Masked
from astropy.wcs import WCS

with warnings.catch_warnings():
    # It uses what astropy will not have for ever.
    warnings.simplefilter("ignore")
    from spectral_cube import Projection, SpectralCube

__all__ = ["BARE", "CUBES", "IMAGES", "OPENED", "write_cube", "write_image"]

_UNIT = u.Unit("Jy/beam")
OPENED: list[Any] = []
"""What is to be closed behind a test."""

_CARDS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.123456789012345, "CRVAL2": 20.1,
    "CDELT1": -1e-3, "CDELT2": 1e-3, "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1": 5.0,
    "CRPIX2": 6.5, "BUNIT": "Jy/beam", "BMAJ": 3e-3, "BMIN": 2e-3, "BPA": 10.0,
}  # fmt: skip
_SPECTRAL = {
    "CTYPE3": "VRAD", "CRVAL3": 1000.0, "CDELT3": 500.0, "CUNIT3": "m/s", "CRPIX3": 1.0,
    "RESTFRQ": 1.4e9,
}  # fmt: skip


def write_image(path: Path, seed: int) -> Path:
    """A map of 20 x 24 pixels, one of them blank, with beam, unit and coordinates."""
    values = np.random.default_rng(seed).normal(size=(20, 24)).astype(np.float32)
    values[3, 4] = np.nan
    fits.writeto(path, values, fits.Header(_CARDS))
    return path


def write_cube(path: Path, seed: int) -> Path:
    values = np.random.default_rng(seed).normal(size=(6, 20, 24)).astype(np.float32)
    values[2, 3, 4] = np.nan
    fits.writeto(path, values, fits.Header({**_CARDS, **_SPECTRAL}))
    return path


def _read(path: Path) -> tuple[np.ndarray, fits.Header]:
    values, header = fits.getdata(path, header=True)
    return values.astype(np.float32), header


def _hidden(path: Path) -> tuple[np.ndarray, np.ndarray, fits.Header]:
    """Values without NaN, and the mask that hides what is in their place."""
    values, header = _read(path)
    blank = np.isnan(values)
    return np.where(blank, np.float32(7.0), values), blank, header


def _ccd(path: Path) -> CCDData:
    values, mask, header = _hidden(path)
    return CCDData(values, unit=_UNIT, mask=mask, wcs=WCS(header), meta=header)


def _nddata(path: Path) -> NDData:
    values, mask, header = _hidden(path)
    wide = np.pad(values, 2), np.pad(mask, 2)
    wcs = WCS(header)
    wcs.wcs.crpix += 2
    # Sliced, as photutils and others do.
    whole = NDData(wide[0] * _UNIT, mask=wide[1], wcs=wcs, meta=header)
    return CCDData(whole)[2:-2, 2:-2]


def _opened(path: Path) -> fits.HDUList:
    hdus = fits.open(path)
    OPENED.append(hdus)
    return hdus


def _open_file(path: Path) -> Any:
    file = path.open("rb")
    OPENED.append(file)
    return file


def _loaded(path: Path) -> fits.HDUList:
    hdus = _opened(path)
    assert hdus[0].data is not None
    return hdus


def _pair(path: Path, make: Callable[[np.ndarray], Any]) -> tuple[Any, WCS]:
    values, header = _read(path)
    return make(values), WCS(header)


def _hdf5(values: np.ndarray) -> h5py.Dataset:
    file = h5py.File.in_memory()
    return file.create_dataset("a", data=values, chunks=tuple(min(7, n) for n in values.shape))


def _dask(values: np.ndarray) -> da.Array:
    return da.from_array(values, chunks=7)


def _zarr(values: np.ndarray) -> zarr.Array:
    return zarr.array(values, chunks=tuple(min(7, n) for n in values.shape))


# What keeps the coordinates of the file.
IMAGES: dict[str, Callable[[Path], Any]] = {
    "CCDData": _ccd,
    "NDData": _nddata,
    "HDU": lambda path: _opened(path)[0],
    "HDUList": _opened,
    "HDUList, loaded": _loaded,
    "HDU in memory": lambda path: fits.PrimaryHDU(*_read(path)),
    "(array, WCS)": lambda path: _pair(path, np.asarray),
    "(array, Header)": _read,
    "(dask, WCS)": lambda path: _pair(path, _dask),
    "(Zarr, WCS)": lambda path: _pair(path, _zarr),
    "(HDF5, WCS)": lambda path: _pair(path, _hdf5),
    "(Quantity, WCS)": lambda path: _pair(path, lambda values: values * _UNIT),
    "Cutout2D": lambda path: Cutout2D(_read(path)[0], (12, 10), (20, 24), wcs=WCS(_read(path)[1])),
    "Projection": lambda path: Projection.from_hdu(_opened(path)[0]),
    "open file": _open_file,
    "file in memory": lambda path: io.BytesIO(path.read_bytes()),
    "path": str,
}
# Arrays without coordinates.
BARE: dict[str, Callable[[np.ndarray], Any]] = {
    "dask": _dask,
    "Zarr": _zarr,
    "HDF5": _hdf5,
    "Quantity": lambda values: values * _UNIT,
    "masked array": lambda values: np.ma.masked_invalid(values),
    "Masked": lambda values: Masked(np.nan_to_num(values), np.isnan(values)),
    "Masked Quantity": lambda values: Masked(np.nan_to_num(values) * _UNIT, np.isnan(values)),
}
CUBES: dict[str, Callable[[Path], Any]] = {
    "SpectralCube": SpectralCube.read,
    "SpectralCube by dask": lambda path: SpectralCube.read(path, use_dask=True),
    **{name: IMAGES[name] for name in ("CCDData", "HDU", "HDUList, loaded", "(array, WCS)")},
    **{name: IMAGES[name] for name in ("(dask, WCS)", "(Zarr, WCS)", "(HDF5, WCS)")},
}
