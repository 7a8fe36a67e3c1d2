"""The beams of the channels are those of the table, for the Stokes plane that is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_adapters.sky.sky_map import open_sky_map
from equiclust.images import Beam
from tests.data_adapters.sky.cubes import CUBE, header_of


def beams(n: int, *, unit: str = "arcsec", **columns: Any) -> fits.BinTableHDU:
    given = {"BMAJ": 3.6 + np.arange(n), "BMIN": np.full(n, 1.8), "BPA": np.full(n, 10.0)}
    given |= {"CHAN": np.arange(n), "POL": np.zeros(n, int)} | columns
    units = {"BMAJ": unit, "BMIN": unit, "BPA": "deg"}
    return fits.BinTableHDU.from_columns(
        [fits.Column(name, "E", array=v, unit=units.get(name)) for name, v in given.items()],
        name="BEAMS",
    )


def test_every_channel_has_its_beam(tmp_path: Path) -> None:
    image = fits.PrimaryHDU(CUBE, header_of("ra", "dec", "vel", CASAMBM=True))
    path = tmp_path / "x.fits"
    fits.HDUList([image, beams(4, CHAN=[3, 2, 1, 0])]).writeto(path)
    cube = open_sky_map(path)
    assert cube.channel_beams is not None
    majors = [beam.major * 3600 for beam in cube.channel_beams]
    np.testing.assert_allclose(majors, [6.6, 5.6, 4.6, 3.6], rtol=1e-6)
    assert cube.beam == cube.channel_beams[0]
    np.testing.assert_allclose(cube.beam[1:], [0.0005, 10.0], rtol=1e-6)


def test_beams_that_do_not_fit_are_left_out_and_missing_ones_are_nan(tmp_path: Path) -> None:
    image = fits.PrimaryHDU(CUBE, header_of("ra", "dec", "vel", BMAJ=0.002))
    fits.HDUList([image, beams(3)]).writeto(tmp_path / "three.fits")
    cube = open_sky_map(tmp_path / "three.fits")
    assert (cube.channel_beams, cube.beam) == (None, Beam(0.002, 0.002, 0.0))
    fits.HDUList([image, beams(4, BMAJ=[0.0, 1.0, 2.0, 1.0])]).writeto(tmp_path / "four.fits")
    four = open_sky_map(tmp_path / "four.fits").channel_beams
    assert four is not None
    assert np.isnan(four[0].major)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("start", [1.0, 4.0])
def test_every_stokes_plane_has_its_beams(tmp_path: Path, start: float, first: int) -> None:
    cards = {"CRVAL4": start, "CDELT4": 1.0 if start == 1.0 else -1.0}
    image = fits.PrimaryHDU(
        np.stack([CUBE] * 4), header_of("ra", "dec", "vel", "stokes", CASAMBM=True, **cards)
    )
    columns = {"CHAN": np.tile(np.arange(4), 4), "POL": first + np.repeat(np.arange(4), 4)}
    majors = 3.6 * (1 + np.repeat(np.arange(4), 4))
    table = beams(16, BMAJ=majors, BMIN=majors, BPA=np.zeros(16), **columns)
    fits.HDUList([image, table]).writeto(tmp_path / "x.fits")
    for name in ("", *"IQUV"):
        sky = open_sky_map(tmp_path / "x.fits", stokes=name)
        plane = "IQUV".index(sky.stokes) if start == 1.0 else "VUQI".index(sky.stokes)
        assert sky.channel_beams is not None
        found = [beam.major * 1e3 for beam in sky.channel_beams]
        np.testing.assert_allclose(found, 1.0 + plane, rtol=1e-6)


@pytest.mark.parametrize(("n_planes", "known"), [(1, True), (2, False), (4, True)])
def test_beams_of_other_stokes_planes_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, n_planes: int, known: bool
) -> None:
    image = fits.PrimaryHDU(np.stack([CUBE] * 4), header_of("ra", "dec", "vel", "stokes"))
    n = 4 * n_planes
    columns = {"CHAN": np.arange(n) % 4, "POL": np.arange(n) // 4}
    fits.HDUList([image, beams(n, **columns)]).writeto(tmp_path / "x.fits")
    assert (open_sky_map(tmp_path / "x.fits", stokes="Q").channel_beams is not None) == known
    assert ("it is for 2 Stokes planes, and the map has 4" in caplog.text) != known


@pytest.mark.parametrize(("unit", "factor"), [
    ("arcsec", 1.0), ("ARCSEC", 1.0), ("arcseconds", 1.0), ("DEG", 3600.0), ("degrees", 3600.0),
    ("Arcmin", 60.0), ("mas", 1e-3), ("", 1.0),
])  # fmt: skip
def test_units_of_beams_are_understood_as_those_of_pixels(
    tmp_path: Path, unit: str, factor: float
) -> None:
    image = fits.PrimaryHDU(CUBE, header_of("ra", "dec", "vel"))
    fits.HDUList([image, beams(4, unit=unit)]).writeto(tmp_path / "x.fits")
    found = open_sky_map(tmp_path / "x.fits").channel_beams
    assert found is not None
    majors = [beam.major * 3600.0 / factor for beam in found]
    np.testing.assert_allclose(majors, 3.6 + np.arange(4), rtol=1e-6)


def test_beams_in_a_unit_of_no_angle_are_left_out_in_one_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = fits.PrimaryHDU(CUBE, header_of("ra", "dec", "vel"))
    fits.HDUList([image, beams(4, unit="Jy")]).writeto(tmp_path / "x.fits")
    assert open_sky_map(tmp_path / "x.fits").channel_beams is None
    assert "the unit of BMAJ is 'Jy', which is none of an angle" in caplog.text
