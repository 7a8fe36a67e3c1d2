"""Maps and cubes of many skies, units and spectral axes, small and made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from scipy import ndimage

__all__ = ["SKIES", "write_sky"]

Axis = dict[str, Any]
Make = Callable[[], tuple[npt.NDArray[Any], list[Axis], dict[str, Any]]]

HEIGHT, WIDTH, CHANNELS = 40, 52, 9


def _brightness(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Clouds above 0, with brighter channels in the middle."""
    rng = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(rng.normal(size=shape), (0,) * (len(shape) - 2) + (3, 3))
    values = np.exp(2.0 * values / values.std())
    if len(shape) == 3:
        line = np.exp(-(((np.arange(shape[0]) - shape[0] / 2.0) / 1.5) ** 2))
        values = values * line[:, None, None] + 0.01 * rng.normal(size=shape)
    return values.astype(np.float32)


def _axis(ctype: str, value: float, step: float, pixel: float, unit: str = "deg") -> Axis:
    return {"CTYPE": ctype, "CRVAL": value, "CDELT": step, "CRPIX": pixel, "CUNIT": unit}


def _sky(
    lon: str = "RA---TAN",
    lat: str = "DEC--TAN",
    at: tuple[float, float] = (83.8, -5.4),
    step: float = 1e-3,
    *,
    tall: float = 1.0,
    middle: tuple[float, float] = (26.5, 20.0),
) -> list[Axis]:
    return [_axis(lon, at[0], -step, middle[0]), _axis(lat, at[1], tall * step, middle[1])]


def _turned(axes: list[Axis], angle: float) -> dict[str, float]:
    """CD matrix of these axes turned."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    dx, dy = axes[0]["CDELT"], axes[1]["CDELT"]
    return {"CD1_1": dx * c, "CD1_2": -dy * s, "CD2_1": dx * s, "CD2_2": dy * c}


BEAM = {"BMAJ": 4.2e-3, "BMIN": 3.1e-3, "BPA": 25.0}


def _map(axes: list[Axis], unit: str, **cards: Any) -> Any:
    return _brightness(HEIGHT, WIDTH), axes, {"BUNIT": unit, **cards}


def _turned_interferometer() -> Any:
    axes = _sky(step=1e-3)
    return _map(axes, "Jy/beam", RADESYS="ICRS", **BEAM, **_turned(axes, 33.0))


def _over_the_first_meridian() -> Any:
    axes = _sky("RA---SIN", "DEC--SIN", (0.001, 41.3), 0.02)
    return _map(axes, "K", RADESYS="FK5", EQUINOX=2000.0)


def _whole_sky_plate_carree() -> Any:
    axes = [_axis("GLON-CAR", 0.0, -4.0, 45.5), _axis("GLAT-CAR", 0.0, 4.0, 23.0)]
    return _brightness(45, 90), axes, {"BUNIT": "MJy/sr"}


def _whole_sky_aitoff() -> Any:
    return _map(_sky("GLON-AIT", "GLAT-AIT", (0.0, 0.0), 7.0), "MJy/sr")


def _north_pole() -> Any:
    return _map(_sky("RA---ZEA", "DEC--ZEA", (30.0, 90.0), 0.5), "MJy/sr", RADESYS="ICRS")


def _south_pole() -> Any:
    axes = _sky("RA---STG", "DEC--STG", (120.0, -89.8), 0.05)
    return _map(axes, "mJy/arcsec2", CROTA2=21.0, RADESYS="FK5", EQUINOX=2000.0)


def _old_equinox() -> Any:
    axes = _sky("RA---GLS", "DEC--GLS", (81.5, 0.0), 4e-3, middle=(26.5, -300.0))
    return _map(axes, "Jy/beam", EQUINOX=1950.0, RADESYS="FK4", BMAJ=0.012, BMIN=0.012, BPA=0.0)


def _ecliptic() -> Any:
    return _map(_sky("ELON-SFL", "ELAT-SFL", (120.0, 0.0), 0.7), "Jy/pixel")


def _oblong_pixels_with_polynomials() -> Any:
    axes = _sky("RA---TAN-SIP", "DEC--TAN-SIP", (210.0, 54.3), 4e-4, tall=2.5)
    more = {"A_ORDER": 2, "A_2_0": 2e-4, "A_1_1": -1e-4, "B_ORDER": 2, "B_0_2": 3e-4}
    return _map(axes, "MJy/sr", RADESYS="ICRS", **more)


def _plate_polynomials() -> Any:
    axes = _sky("RA---TPV", "DEC--TPV", (187.7, 12.4), 1e-2)
    more = {"PV1_1": 1.0, "PV1_5": 0.05, "PV2_1": 1.0, "PV2_7": 0.08}
    return _map(axes, "MJy/sr", RADESYS="ICRS", **more, **_turned(axes, -12.0))


def _supergalactic_slant() -> Any:
    axes = _sky("SLON-SIN", "SLAT-SIN", (104.0, -2.0), 0.1)
    return _map(axes, "Jy/sr", PV2_1=0.1, PV2_2=-0.2)


def _more_than_a_turn() -> Any:
    axes = [_axis("GLON-CAR", 180.0, -1.0, 1.0), _axis("GLAT-CAR", 0.0, 1.0, 17.0)]
    return _brightness(33, 361), axes, {"BUNIT": "K km/s"}


def _galaxy_far_from_the_equator() -> Any:
    axes = _sky("GLON-CAR", "GLAT-CAR", (30.0, 0.0), 0.05, middle=(26.5, -900.0))
    return _map(axes, "MJY/SR")


def _cube(spectral: Axis, axes: list[Axis], unit: str, **cards: Any) -> Any:
    return _brightness(CHANNELS, HEIGHT, WIDTH), [*axes, spectral], {"BUNIT": unit, **cards}


LINE = 345.79599e9


def _descending_frequencies() -> Any:
    spectral = _axis("FREQ", LINE, -488.28e3, 5.0, "Hz")
    values, axes, cards = _cube(spectral, _sky("RA---SIN", "DEC--SIN"), "Jy/beam", **BEAM)
    stokes = _axis("STOKES", 1.0, 1.0, 1.0, "")
    return values[None], [*axes, stokes], {**cards, "RESTFRQ": LINE, "SPECSYS": "LSRK"}


def _beam_of_every_channel() -> Any:
    spectral = _axis("VRAD", 2.0, 0.5, 1.0, "km/s")
    return _cube(spectral, _sky(), "Jy/beam", CASAMBM=True, RESTFRQ=LINE)


def _optical_velocities() -> Any:
    spectral = _axis("VOPT", 1.5e6, 1.0e4, 4.0, "m/s")
    axes = _sky("GLON-SFL", "GLAT-SFL", (210.0, 0.0), 0.01)
    return _cube(spectral, axes, "K", RESTWAV=0.2110611405)


def _wavelengths() -> Any:
    spectral = _axis("WAVE", 6562.8, 1.25, 5.0, "Angstrom")
    axes = _sky("RA---TAN", "DEC--TAN", (150.1, 2.2), 5e-5)
    return _cube(spectral, axes, "MJy/sr", RESTWAV=6.5628e-7)


def _spectrum_first_and_two_stokes() -> Any:
    spectral, stokes = _axis("FREQ", 1.4204e9, 1e5, 1.0, "Hz"), _axis("STOKES", 1.0, 1.0, 1.0, "")
    values = _brightness(CHANNELS, HEIGHT, WIDTH)
    cards = {"BUNIT": "Jy/beam", "RESTFRQ": 1.420405752e9, **BEAM}
    stored = np.stack([values, -0.5 * values]).transpose(2, 3, 0, 1)
    return stored, [spectral, stokes, *_sky()], cards


def _wavelengths_over_frequencies() -> Any:
    spectral = _axis("VOPT-F2W", 9.0e6, 2.0e5, 3.0, "m/s")
    return _cube(spectral, _sky("RA---ARC", "DEC--ARC"), "Jy/beam", RESTFRQ=1.420405752e9, **BEAM)


def _gigahertz_over_the_first_meridian() -> Any:
    spectral = _axis("FREQ", 115.2712, 0.0005, 4.0, "GHz")
    axes = _sky("RA---TAN", "DEC--TAN", (359.999, -30.0), 0.01)
    values, axes, cards = _cube(spectral, axes, "K", RESTFRQ=115.2712018e9)
    values[:, 10:14, 20:25] = np.nan
    return values, axes, cards


def _scaled_integers_over_a_pole() -> Any:
    spectral = _axis("VRAD", 20.0, -1.5, 1.0, "km/s")
    axes = _sky("RA---ARC", "DEC--ARC", (0.0, 90.0), 0.1)
    values, axes, cards = _cube(spectral, axes, "K", RESTFRQ=115.2712018e9)
    stored = np.clip(np.round((values - 30.0) / 2e-3), -32767, 32767).astype(np.int16)
    stored[:, 3:7, 30:33] = -32768
    return stored, axes, {**cards, "BSCALE": 2e-3, "BZERO": 30.0, "BLANK": -32768}


def _latitude_first() -> Any:
    spectral = _axis("VELO", -4000.0, 500.0, 2.0, "m/s")
    values = _brightness(CHANNELS, WIDTH, HEIGHT)
    lon, lat = _sky("RA---SIN", "DEC--SIN", (10.7, 41.3), 0.003, middle=(30.0, 18.0))
    return values, [lat, lon, spectral], {"BUNIT": "mJy/beam", **BEAM, "RESTFRQ": 1.420405752e9}


SKIES: dict[str, Make] = {
    "turned interferometer": _turned_interferometer,
    "over the first meridian": _over_the_first_meridian,
    "whole sky plate carree": _whole_sky_plate_carree,
    "whole sky aitoff": _whole_sky_aitoff,
    "north pole": _north_pole,
    "south pole": _south_pole,
    "old equinox": _old_equinox,
    "ecliptic": _ecliptic,
    "oblong pixels with polynomials": _oblong_pixels_with_polynomials,
    "plate polynomials": _plate_polynomials,
    "supergalactic slant": _supergalactic_slant,
    "more than a turn": _more_than_a_turn,
    "galaxy far from the equator": _galaxy_far_from_the_equator,
    "descending frequencies": _descending_frequencies,
    "beam of every channel": _beam_of_every_channel,
    "optical velocities": _optical_velocities,
    "wavelengths": _wavelengths,
    "spectrum first and two stokes": _spectrum_first_and_two_stokes,
    "wavelengths over frequencies": _wavelengths_over_frequencies,
    "gigahertz over the first meridian": _gigahertz_over_the_first_meridian,
    "scaled integers over a pole": _scaled_integers_over_a_pole,
    "latitude first": _latitude_first,
}
"""Makers of pixels, axes in the order of FITS, and further cards."""


def write_sky(name: str, folder: Path) -> Path:
    """One of `SKIES` as a file."""
    values, axes, cards = SKIES[name]()
    header = fits.Header(_cards(axes))
    if any(card.startswith("CD1_") for card in cards):
        for number in (1, 2):
            del header[f"CDELT{number}"]
    scaling = {key: cards[key] for key in ("BSCALE", "BZERO", "BLANK") if key in cards}
    header.update({key: value for key, value in cards.items() if key not in scaling})
    path = folder / f"{name.replace(' ', '_')}.fits"
    hdus = fits.HDUList([fits.PrimaryHDU(values, header)])
    if cards.get("CASAMBM"):
        hdus.append(_beams(len(values)))
    hdus.writeto(path, overwrite=True)
    if scaling:
        with fits.open(path, mode="update", do_not_scale_image_data=True) as opened:
            opened[0].header.update(scaling)
    return path


def _cards(axes: list[Axis]) -> Iterator[tuple[str, Any]]:
    for number, axis in enumerate(axes, start=1):
        for key, value in axis.items():
            if value != "":
                yield f"{key}{number}", value


def _beams(count: int) -> fits.BinTableHDU:
    sides = 9.0 + 1.5 * np.arange(count)
    columns = [
        fits.Column("BMAJ", "1E", unit="arcsec", array=1.3 * sides),
        fits.Column("BMIN", "1E", unit="arcsec", array=sides),
        fits.Column("BPA", "1E", unit="deg", array=np.full(count, 10.0)),
        fits.Column("CHAN", "1J", array=np.arange(count)),
        fits.Column("POL", "1J", array=np.zeros(count)),
    ]
    return fits.BinTableHDU.from_columns(columns, name="BEAMS")
