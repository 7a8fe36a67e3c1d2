"""Spectral values are those of the header or its table, or left out in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.sky import open_sky_map
from data_adapters.sky.cube_headers import cube_header
from data_adapters.sky.sky_map import SkyMap
from data_adapters.sky.spectral import spectral_axis
from tests.data_adapters.sky.cubes import CUBE, header_of

WAVES = np.array([5000.0, 5020.0, 5040.0, 5560.0])
CELLS = {"PS3_0": "WCS-TABLE", "PS3_1": "WAVES"}
TABLE: dict[str, Any] = {"CTYPE3": "WAVE-TAB", "CUNIT3": "Angstrom", "CRVAL3": 1.0, "CDELT3": 1.0}


def table(values: Any = WAVES, unit: str = "Angstrom", name: str = "WCS-TABLE") -> fits.BinTableHDU:
    n = len(values)
    column = fits.Column("WAVES", f"{n}D", unit=unit, array=values[None], dim=f"(1,{n})")
    return fits.BinTableHDU.from_columns([column], name=name)


def opened(path: Path, *tables: fits.BinTableHDU, **cards: Any) -> SkyMap:
    header = header_of("ra", "dec", "vel", **cards)
    fits.HDUList([fits.PrimaryHDU(CUBE, header), *tables]).writeto(path)
    return open_sky_map(path)


@pytest.mark.parametrize(("ctype", "unit"), [("WAVE-TAB", "Angstrom"), ("FREQ-TAB", "GHz")])
@pytest.mark.parametrize("stated", [True, False])
def test_values_of_a_table_are_exact(tmp_path: Path, ctype: str, unit: str, stated: bool) -> None:
    cards = {**TABLE, **CELLS, "CTYPE3": ctype, "CUNIT3": unit if stated else ""}
    sky = opened(tmp_path / "x.fits", table(unit=unit), **cards)
    assert sky.spectral is not None
    np.testing.assert_array_equal(sky.spectral.values, WAVES)
    assert sky.spectral.unit == unit
    np.testing.assert_allclose(sky.spectral.widths, [20.0, 20.0, 270.0, 520.0])
    with fits.open(tmp_path / "x.fits") as hdus:
        whole = WCS(hdus[0].header, fobj=hdus)
    assert sky.wcs is not None
    np.testing.assert_allclose(
        sky.wcs.all_pix2world([[5.0, 4.0]], 0)[0], whole.all_pix2world([[5.0, 4.0, 0.0]], 0)[0, :2]
    )


def test_channels_between_the_rows_of_a_table_are_interpolated(tmp_path: Path) -> None:
    sky = opened(tmp_path / "x.fits", table(WAVES[:2]), **TABLE | CELLS | {"CDELT3": 0.25})
    assert sky.spectral is not None
    np.testing.assert_allclose(sky.spectral.values, [5000.0, 5005.0, 5010.0, 5015.0])


UNKNOWN: dict[str, dict[str, Any]] = {
    "CRVAL3": {"CRVAL3": "abc"},
    "CRPIX3": {"CRPIX3": "x"},
    "CDELT3": {"CDELT3": "250.0"},
    "CD3_3": {"CD3_3": "x", "CD1_1": -1e-4, "CD2_2": 1e-4},
    "PC3_3": {"PC3_3": "x"},
    "PV3_0": {"CTYPE3": "WAVE-GRI", "CUNIT3": "m", "PV3_0": "x"},
    "increment is 0": {"CDELT3": 0.0},
    "depend on the place": {"PC3_1": 0.1},
    "not be used": TABLE | CELLS,
    "cannot be used": TABLE,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_values_that_cannot_be_known_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sky = opened(tmp_path / "x.fits", **UNKNOWN[name])
    assert sky.spectral is None
    (said,) = [text for text in caplog.messages if "channels counted" in text]
    assert name in said
    assert sky.wcs is not None
    np.testing.assert_allclose(sky.wcs.wcs.crval, [83.8, -5.4])


@pytest.mark.parametrize(("name", "values", "unit"), [
    ("in Angstrom by the header and in nm by the table", WAVES, "nm"),
    ("rise or fall", WAVES[[0, 2, 1, 3]], "Angstrom"),
    ("cannot be computed", WAVES[:2], "Angstrom"),
])  # fmt: skip
def test_tables_that_do_not_fit_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, values: Any, unit: str
) -> None:
    assert opened(tmp_path / "x.fits", table(values, unit), **TABLE | CELLS).spectral is None
    assert name in caplog.text


def test_one_axis_of_a_table_of_two_is_left_out(tmp_path: Path) -> None:
    cells = np.stack(np.meshgrid(WAVES, np.arange(2.0)), axis=-1)[None]
    column = fits.Column("WAVES", "16D", unit="Angstrom", array=cells, dim="(2,4,2)")
    both = fits.BinTableHDU.from_columns([column], name="WCS-TABLE")
    assert opened(tmp_path / "x.fits", both, **TABLE | CELLS).spectral is None


def test_labels_of_channels_do_not_need_the_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sky = opened(tmp_path / "x.fits", table(), **TABLE | CELLS)
    header = cube_header(sky)
    assert "cannot keep" in caplog.text
    assert sky.wcs is not None
    np.testing.assert_array_equal(
        WCS(header).celestial.all_pix2world([[5.0, 4.0]], 0),
        sky.wcs.all_pix2world([[5.0, 4.0]], 0),
    )


@pytest.mark.parametrize("cards", [
    {"CTYPE3": "FELO-HEL", "CRVAL3": 5e6, "CDELT3": -2e4},
    {"CTYPE3": "WAVE", "CUNIT3": "A"},
    {"CTYPE3": "VOPT-XYZ", "CUNIT3": "km/s"},
])  # fmt: skip
def test_values_taken_as_linear_are_linear_for_the_labels_too(
    tmp_path: Path, cards: dict[str, Any]
) -> None:
    sky = opened(tmp_path / "x.fits", **cards)
    assert sky.spectral is not None
    pixels = np.stack([np.zeros(4), np.zeros(4), np.arange(4)], axis=1)
    world = WCS(cube_header(sky)).all_pix2world(pixels, 0)
    steps = np.diff(sky.spectral.values)
    np.testing.assert_allclose(np.diff(world[:, 2]) / steps, (world[1, 2] - world[0, 2]) / steps)


def test_labels_have_no_velocities_of_wavelengths_in_air(tmp_path: Path) -> None:
    cards = {"CTYPE3": "AWAV-XYZ", "CUNIT3": "nm", "RESTWAV": 1e-6}
    sky = opened(tmp_path / "x.fits", **cards)
    again = spectral_axis(cube_header(sky), 3, 4, tmp_path)
    for axis in (sky.spectral, again):
        assert axis is not None
        assert axis.kind == "wavelength"
        assert axis.velocities(axis.values) is None


def test_a_sky_that_the_spectrum_depends_on_is_kept(tmp_path: Path) -> None:
    turned, straight = (opened(tmp_path / f"{value}.fits", PC3_1=value).wcs for value in (0.1, 0.0))
    assert turned is not None
    assert straight is not None
    np.testing.assert_array_equal(
        turned.all_pix2world([[5.0, 4.0]], 0), straight.all_pix2world([[5.0, 4.0]], 0)
    )
