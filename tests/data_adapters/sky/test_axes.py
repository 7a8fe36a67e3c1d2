"""Axes are taken for what their types say, in whatever order they come."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from data_adapters import read
from data_adapters.sky.sky_map import open_sky_map
from equiclust.exceptions import UnreadableFileError

TYPES = {"vrad": "VRAD", "ra": "RA---TAN", "dec": "DEC--TAN", "freq": "FREQ", "stokes": "STOKES"}
LENGTHS = {"ra": 6, "dec": 5, "freq": 3, "stokes": 4}


def _saved(path: Path, values: npt.NDArray[Any], ctypes: list[str], **cards: Any) -> Path:
    """An image whose axes have these types, fastest first."""
    header = fits.Header()
    for axis, ctype in enumerate(ctypes, start=1):
        header.update({f"CTYPE{axis}": ctype, f"CRVAL{axis}": 1.0, f"CRPIX{axis}": 1.0})
        header[f"CDELT{axis}"] = 1.0
    header.update(cards)
    kind = fits.CompImageHDU if path.name.endswith(".fz") else fits.ImageHDU
    fits.HDUList([fits.PrimaryHDU(), kind(values, header)]).writeto(path)
    return path


@pytest.mark.parametrize("ending", ["fits", "fits.gz", "fits.fz"])
@pytest.mark.parametrize("names", list(itertools.permutations(LENGTHS)), ids="-".join)
def test_of_four_axes_in_any_order_stokes_i_is_read(
    tmp_path: Path, names: tuple[str, ...], ending: str
) -> None:
    shape = [LENGTHS[name] for name in reversed(names)]
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = _saved(tmp_path / f"x.{ending}", values, [TYPES[name] for name in names])
    order = [name for name in reversed(names) if name not in ("freq", "stokes")]
    wanted = np.einsum(
        values,
        [list(reversed(names)).index(name) for name in reversed(names)],
        [list(reversed(names)).index(name) for name in ("stokes", "freq", *order)],
    )
    for name, plane in (("", 0), ("V", 3)):
        sky = open_sky_map(path, stokes=name)
        assert sky.stokes == (name or "I")
        assert sky.spectral is not None
        np.testing.assert_array_equal(sky.read(), wanted[plane])
        np.testing.assert_array_equal(sky.read(slice(1, 3), slice(2, 4)), wanted[plane, 1:3, 2:4])


def test_a_stokes_image_is_no_cube_and_what_is_left_out_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.random.default_rng(0).normal(size=(3, 8, 9)).astype(np.float32)
    path = _saved(tmp_path / "iqu.fits", values, ["RA---TAN", "DEC--TAN", "STOKES"])
    (image,) = read(path).images
    np.testing.assert_array_equal(image.pixels[0], values[0])
    assert "I is read, not Q, U" in caplog.text


@pytest.mark.parametrize(("asked", "first"), [("", -5.0), ("Q", -1.0), ("W", 1.0)])
def test_a_stokes_parameter_that_is_not_there_is_refused(
    tmp_path: Path, asked: str, first: float
) -> None:
    ctypes = ["RA---TAN", "DEC--TAN", "STOKES"]
    path = _saved(tmp_path / "x.fits", np.zeros((2, 8, 9), np.float32), ctypes, CRVAL3=first)
    with pytest.raises(UnreadableFileError, match=r"Stokes axis holds .* by --stokes"):
        open_sky_map(path, stokes=asked)


@pytest.mark.parametrize(
    "ctypes", [["OFFSET", "VRAD"], ["WAVE", "LINEAR"], ["FREQ", "TIME"], ["LAMBDA", "ANGLE"]]
)
def test_a_map_with_a_spectral_axis_is_a_map(tmp_path: Path, ctypes: list[str]) -> None:
    values = np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32)
    path = tmp_path / "pv.fits"
    header = fits.Header([("CTYPE1", ctypes[0]), ("CTYPE2", ctypes[1])])
    behind = fits.ImageHDU(np.full((8, 9), 777.0))
    fits.HDUList([fits.PrimaryHDU(values, header), behind]).writeto(path)
    sky = open_sky_map(path)
    assert (sky.shape, sky.spectral, sky.wcs) == ((1, 8, 9), None, None)
    np.testing.assert_array_equal(sky.read()[0], values)
    np.testing.assert_array_equal(read(path).images[0].pixels[0], values)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_spectral_axis_of_a_cube_without_sky_is_that_of_the_channels(
    tmp_path: Path, place: int
) -> None:
    ctypes = ["LINEAR", "LINEAR"]
    ctypes.insert(place, "WAVE")
    values = np.moveaxis(np.arange(3 * 8 * 9, dtype=np.float32).reshape(3, 8, 9), 0, 2 - place)
    sky = open_sky_map(_saved(tmp_path / "x.fits", np.ascontiguousarray(values), ctypes))
    assert sky.spectral is not None
    np.testing.assert_array_equal(sky.read(), np.moveaxis(values, 2 - place, 0))


@pytest.mark.parametrize("single", ["ra", "dec"])
@pytest.mark.parametrize("names", list(itertools.permutations(["ra", "dec", "vrad"])), ids="-".join)
def test_position_against_velocity_is_a_map_where_the_other_position_is_one_pixel(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...], single: str
) -> None:
    lengths = {"ra": 9, "dec": 9, "vrad": 8, single: 1}
    shape = [lengths[name] for name in reversed(names)]
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = _saved(tmp_path / "pv.fits", values, [TYPES[name] for name in names])
    sky = open_sky_map(path)
    assert (sky.wcs, sky.spectral, len(sky.header)) == (None, None, 0)
    np.testing.assert_array_equal(sky.read()[0], np.squeeze(values))
    np.testing.assert_array_equal(read(path).images[0].pixels[0], np.squeeze(values))
    named = " and ".join(TYPES[name] for name in names if name != single)
    assert f"it is a map along {named}, without celestial coordinates" in caplog.text


def test_of_three_long_axes_beside_a_single_pixel_the_spectral_one_is_that_of_the_channels(
    tmp_path: Path,
) -> None:
    values = np.random.default_rng(0).normal(size=(2, 8, 1, 9)).astype(np.float32)
    path = _saved(tmp_path / "x.fits", values, ["RA---TAN", "DEC--TAN", "VRAD", "TIME"])
    np.testing.assert_array_equal(open_sky_map(path).read(), values[:, :, 0].transpose(1, 0, 2))


STOKES_CARDS: list[dict[str, Any]] = [
    {"CDELT3": -1.0},
    {"CD1_1": 1.0, "CD2_2": 1.0, "CD3_3": -1.0},
    {"PC3_3": -1.0},
    {"PC003003": -1.0},
    {"PC3_3": -0.5, "CDELT3": 2.0},
    {"CDELT3": "-1.0", "CRVAL3": "-1"},
    {"CRVAL3": 0.0, "CRPIX3": 0.0, "CDELT3": -1.0},
    {"CD1_1": 1.0, "CD2_2": 1.0, "CDELT3": -1.0},
]


@pytest.mark.parametrize("cards", STOKES_CARDS, ids=str)
def test_stokes_planes_are_those_of_the_linear_transform(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cards: dict[str, Any]
) -> None:
    values = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    ctypes = ["RA---TAN", "DEC--TAN", "STOKES"]
    path = _saved(tmp_path / "x.fits", values, ctypes, **{"CRVAL3": -1.0} | cards)
    with pytest.raises(UnreadableFileError, match=r"holds RR, LL, RL, LR and not I; .* --stokes"):
        open_sky_map(path)
    np.testing.assert_array_equal(open_sky_map(path, stokes="RL").read()[0], values[2])
    texts = [name for name, value in cards.items() if isinstance(value, str)]
    assert all(f"{name} is the text '-1" in caplog.text for name in texts)


ODD_STOKES: list[dict[str, Any]] = [
    {"CRVAL3": "one"}, {"CRPIX3": "x"}, {"CRPIX3": 1.5}, {"CDELT3": 0.0}, {"CDELT3": 0.5},
    {"CRVAL3": -1e308, "CDELT3": 1e308, "CRPIX3": 9.0},
    {"PC3_1": 0.1}, {"CD1_1": 1.0, "CD2_2": 1.0, "CD3_2": 0.5, "CD3_3": 1.0}, {"PC3_3": "y"},
]  # fmt: skip


@pytest.mark.parametrize("cards", ODD_STOKES, ids=str)
def test_stokes_planes_that_cannot_be_told_are_refused(
    tmp_path: Path, cards: dict[str, Any]
) -> None:
    ctypes = ["RA---TAN", "DEC--TAN", "STOKES"]
    path = _saved(tmp_path / "x.fits", np.zeros((2, 5, 6), np.float32), ctypes, **cards)
    for asked in ("", "Q"):
        with pytest.raises(UnreadableFileError, match=r"cannot be told, since .*; mend the header"):
            open_sky_map(path, stokes=asked)


def test_the_only_stokes_plane_is_read_whatever_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.random.default_rng(0).normal(size=(1, 5, 6)).astype(np.float32)
    ctypes = ["RA---TAN", "DEC--TAN", "STOKES"]
    path = _saved(tmp_path / "x.fits", values, ctypes, CRVAL3=1.5)
    sky = open_sky_map(path)
    assert sky.stokes == ""
    np.testing.assert_array_equal(sky.read(), values)
    assert "its Stokes parameter is not known, since its values 1.5" in caplog.text
