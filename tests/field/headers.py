"""Headers of maps and cubes as observatories may write them: a strategy for hypothesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from hypothesis import strategies as st

__all__ = ["Made", "images"]

SKIES = (("RA", "DEC"), ("GLON", "GLAT"), ("ELON", "ELAT"), ("SLON", "SLAT"))
# Projections about a point of tangency, and those about the equator, with their parameters.
PROJECTIONS: dict[str, dict[str, float]] = {
    **{kind: {} for kind in ("TAN", "SIN", "ARC", "STG", "ZEA", "NCP")},
    **{kind: {} for kind in ("CAR", "AIT", "SFL", "MOL", "CEA", "MER", "GLS", "PAR")},
    "TAN-SIP": {"A_ORDER": 2, "A_2_0": 1e-4, "B_ORDER": 2, "B_1_1": -2e-4},
    "TPV": {"PV{lon}_0": 1e-4, "PV{lon}_1": 1.01, "PV{lat}_1": 0.98, "PV{lat}_4": 0.02},
    "ZPN": {"PV{lat}_1": 1.0, "PV{lat}_3": 0.1},
    "COE": {"PV{lat}_1": 45.0, "PV{lat}_2": 10.0},
    "AZP": {"PV{lat}_1": 2.0},
}
# The reference point is a pole of their own, so that any LONPOLE goes with it.
ZENITHAL = ("TAN", "SIN", "ARC", "STG", "ZEA", "ZPN")
# Spectral axis: unit, value and increment in it, and cards that it needs.
SPECTRA: dict[tuple[str, str], tuple[float, float, dict[str, Any]]] = {
    ("FREQ", "Hz"): (1.420405752e9, -15.259e3, {"RESTFRQ": 1.420405752e9}),
    ("FREQ", "GHz"): (345.79, 1e-5, {"RESTFREQ": 345.79599e9}),
    ("FREQ", ""): (1.42e9, 1e4, {}),
    ("VRAD", "m/s"): (-4000.0, 250.0, {"RESTFRQ": 115.271e9}),
    ("VRAD", "km/s"): (12.5, -0.0625, {}),
    ("VELO", "m/s"): (5000.0, 100.0, {"SPECSYS": "LSRK"}),
    ("VOPT", "km/s"): (1200.0, 5.0, {"RESTWAV": 0.21106}),
    ("VOPT", "KM/S"): (1200.0, 5.0, {}),
    ("VOPT-F2W", "m/s"): (1.2e6, 5e3, {"RESTFRQ": 1.420405752e9}),
    ("FREQ-W2F", "Hz"): (3.4e11, 1e8, {"RESTFRQ": 3.45e11}),
    ("WAVE", "m"): (5e-7, 2e-10, {"RESTWAV": 4.86e-7}),
    ("WAVE", "Angstrom"): (6500.0, 1.25, {}),
    ("AWAV", "nm"): (656.0, 0.125, {}),
    ("ZOPT", ""): (0.5, 1e-3, {}),
    ("ENER", "eV"): (6400.0, 12.0, {}),
    ("WAVN", "1/m"): (2e6, 100.0, {}),
}
TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


class Made(NamedTuple):
    """Header and stored pixels of a primary array, slowest axis first."""

    header: fits.Header
    stored: npt.NDArray[Any]

    def write(self, path: Path) -> Path:
        """As the bytes stand, without astropy's own ideas of scaling."""
        content = self.header.tostring(padding=True).encode() + self.stored.tobytes()
        path.write_bytes(content + b"\0" * (-len(content) % 2880))
        return path


@st.composite
def images(draw: st.DrawFn) -> Made:
    """A map or cube with its axes in any order."""
    others = draw(st.sets(st.sampled_from(("spectral", "stokes", "linear"))))
    order = draw(st.permutations(["lon", "lat", *sorted(others)]))
    lengths = {"lon": 7, "lat": 5, "linear": 1}
    lengths["spectral"] = draw(st.sampled_from((1, 4)))
    lengths["stokes"] = draw(st.sampled_from((1, 2, 4)))
    numbers = {name: number for number, name in enumerate(order, start=1)}
    stored, scaling = draw(_pixels(tuple(lengths[name] for name in reversed(order))))
    header = fits.Header([("SIMPLE", True), ("BITPIX", scaling.pop("BITPIX"))])
    header["NAXIS"] = len(order)
    for name, number in numbers.items():
        header[f"NAXIS{number}"] = lengths[name]
    header.update(scaling)
    header.update(draw(_sky_cards(numbers["lon"], numbers["lat"], len(order))))
    if "spectral" in numbers:
        number = numbers["spectral"]
        header.update(draw(_spectral_cards(number)))
        if any(name.startswith("CD") and "_" in name for name in header):
            header[f"CD{number}_{number}"] = header[f"CDELT{number}"]
    if "stokes" in numbers:
        header.update(_axis(numbers["stokes"], "STOKES", 1.0, 1.0, 1.0, ""))
    if "linear" in numbers:
        header.update(_axis(numbers["linear"], "", 3.0, 2.0, 1.0, ""))
    return Made(header, stored)


def _axis(
    number: int, ctype: str, value: float, step: float, pixel: float, unit: str
) -> dict[str, Any]:
    cards = {"CTYPE": ctype, "CRVAL": value, "CDELT": step, "CRPIX": pixel, "CUNIT": unit}
    return {f"{name}{number}": given for name, given in cards.items() if given != ""}


@st.composite
def _pixels(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    bitpix = draw(st.sampled_from(sorted(TYPES)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    cards: dict[str, Any] = {"BITPIX": bitpix}
    if bitpix > 0:
        limits = np.iinfo(TYPES[bitpix])
        stored = rng.integers(max(limits.min, -30000), min(limits.max, 30000), shape)
        blank = draw(st.sampled_from((None, int(limits.min), int(limits.max), 17)))
        if blank is not None:
            cards["BLANK"] = blank
            stored[rng.random(shape) < 0.2] = blank
    else:
        stored = rng.normal(size=shape) * draw(st.sampled_from((1.0, 1e-20, 1e30)))
        stored[rng.random(shape) < 0.2] = np.nan
    scales = st.sampled_from(((1.0, 0.0), (0.0125, -3.0), (1.0, 32768.0), (-2.5e-3, 1e4)))
    scale, zero = draw(st.none() | scales) or (None, None)
    if scale is not None:
        cards.update(BSCALE=scale, BZERO=zero)
    return stored.astype(TYPES[bitpix]), cards


@st.composite
def _sky_cards(draw: st.DrawFn, lon: int, lat: int, count: int) -> dict[str, Any]:
    names = draw(st.sampled_from(SKIES))
    # Of other axes astropy refuses SIP, and wcslib goes wrong with TPV.
    alone = (lon, lat, count) == (1, 2, 2)
    kinds = [kind for kind in PROJECTIONS if alone or kind not in ("TAN-SIP", "TPV")]
    kind = draw(st.sampled_from(kinds))
    unit = draw(st.sampled_from(("deg", "", "arcsec")))
    step = draw(st.sampled_from((2e-4, 0.01, 1.0))) * (3600.0 if unit == "arcsec" else 1.0)
    at = draw(st.sampled_from(((83.8, -5.4), (0.0, 0.0), (359.9999, 41.0), (266.4, -89.9))))
    if kind in ("NCP", "GLS"):
        at = at[0], 60.0
    per_degree = 3600.0 if unit == "arcsec" else 1.0
    cards: dict[str, Any] = {}
    for name, number, value, way in zip(names, (lon, lat), at, (-1, 1), strict=True):
        ctype = (
            f"{name}{'-' * (5 - len(name))}{kind}" if kind != "TAN-SIP" else f"{name:-<5}TAN-SIP"
        )
        pixel = draw(st.sampled_from((1.0, 3.5, -20.25)))
        cards.update(_axis(number, ctype, value * per_degree, way * step, pixel, unit))
    given = PROJECTIONS[kind]
    cards.update({name.format(lon=lon, lat=lat): value for name, value in given.items()})
    if kind in ZENITHAL:
        cards.update(draw(st.sampled_from(({}, {"LONPOLE": 170.0}))))
    cards.update(draw(_matrix(lon, lat, step)))
    if names[0] == "RA":
        frames = ({}, {"RADESYS": "ICRS"}, {"RADESYS": "FK5", "EQUINOX": 2000.0})
        old = ({"EQUINOX": 1950.0}, {"RADESYS": "FK4", "EQUINOX": 1950.0}, {"EPOCH": 1950.0})
        cards.update(draw(st.sampled_from((*frames, *old))))
    return cards


@st.composite
def _matrix(draw: st.DrawFn, lon: int, lat: int, step: float) -> dict[str, Any]:
    """Rotation and skew of the sky as one of the ways in use writes it."""
    way = draw(st.sampled_from(("none", "PC", "CD", "CROTA", "PC001001")))
    angle = draw(st.sampled_from((30.0, -117.0)))
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = {(lon, lon): c, (lon, lat): -s, (lat, lon): 1.1 * s, (lat, lat): 1.1 * c}
    if way == "PC":
        return {f"PC{i}_{j}": float(value) for (i, j), value in turn.items()}
    if way == "CD":
        sign = {lon: -step, lat: step}
        return {f"CD{i}_{j}": float(sign[i] * value) for (i, j), value in turn.items()}
    if way == "PC001001":
        return {f"PC{i:03}{j:03}": float(value) for (i, j), value in turn.items()}
    return {f"CROTA{lat}": angle} if way == "CROTA" else {}


@st.composite
def _spectral_cards(draw: st.DrawFn, number: int) -> dict[str, Any]:
    (ctype, unit), (value, step, more) = draw(st.sampled_from(sorted(SPECTRA.items(), key=str)))
    pixel = draw(st.sampled_from((1.0, 3.0, -10.5)))
    return {**_axis(number, ctype, value, step, pixel, unit), **more}
