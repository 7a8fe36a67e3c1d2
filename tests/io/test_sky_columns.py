"""Positions are found in tables of any origin, in degrees, or the user is asked for the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table

from equiclust.exceptions import InputError
from equiclust.io.sky_columns import angle_degrees, find_sky_columns, sky_positions
from equiclust.io.ucds import set_ucd

RA, DEC = np.array([0.0, 15.25, 359.9]), np.array([-89.5, 0.0, 45.5])


def degrees(table: Table, **names: str) -> np.ndarray:
    found = sky_positions(table, **names)
    return np.array([found.ra.deg, found.dec.deg])


@pytest.mark.parametrize(
    "names",
    [("ra", "dec"), ("RAJ2000", "DEJ2000"), ("RA_ICRS", "DE_ICRS"), ("ALPHA_J2000", "DELTA_J2000")],
)
def test_usual_names_are_found_in_any_case(names: tuple[str, str]) -> None:
    table = Table({"n": [1, 2, 3], names[1]: DEC, names[0]: RA})
    assert np.array_equal(degrees(table), [RA, DEC])


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (RA / 15.0, "hourangle"), (RA / 15.0, "h"), (np.radians(RA), "rad"),
        (60.0 * RA, "arcmin"), (RA.astype(">f4"), "deg"), (RA, None),
    ],
)  # fmt: skip
def test_units_are_those_of_the_column(values: Any, unit: str | None) -> None:
    table = Table({"ra": Column(values, unit=unit), "dec": DEC})
    np.testing.assert_allclose(degrees(table), [RA, DEC], atol=2e-5)


def test_text_is_read_as_astropy_reads_it() -> None:
    sky = SkyCoord(RA, DEC, unit="deg")
    ra = sky.ra.to_string(unit=u.hourangle, sep=":", precision=6)
    dec = sky.dec.to_string(sep=" ", precision=6)
    np.testing.assert_allclose(degrees(Table({"ra": ra, "dec": dec})), [RA, DEC], atol=1e-8)
    in_degrees = Column(["10:30:00", "1d30m", "12.5"], unit="deg")
    found = degrees(Table({"ra": in_degrees, "dec": ["+1.5", "-2e0", " 3 "]}))
    np.testing.assert_allclose(found, [[10.5, 1.5, 12.5], [1.5, -2.0, 3.0]])


def test_ucds_count_more_than_names_and_the_main_one_most() -> None:
    table = Table({"ra": RA + 0.1, "dec": DEC, "x": RA, "y": DEC, "z": RA / 2.0})
    for name, ucd in (("x", "pos.eq.ra;meta.main"), ("y", "POS_EQ_DEC_MAIN"), ("z", "pos.eq.ra")):
        set_ucd(table[name], ucd)
    assert find_sky_columns(table) == ("x", "y", "icrs")
    set_ucd(table["z"], "pos.eq.ra;meta.main")
    with pytest.raises(InputError, match="must be named: x, z, y are all positions"):
        sky_positions(table)
    assert np.array_equal(degrees(table, ra="z", dec="dec"), [RA / 2.0, DEC])


def test_other_frames_become_icrs() -> None:
    sky = SkyCoord(RA, DEC, unit="deg")
    galactic, old = sky.galactic, sky.transform_to("fk4")
    for table in (
        Table({"GLON": galactic.l.deg, "GLAT": galactic.b.deg}),
        Table({"RAB1950": old.ra.deg, "DEB1950": old.dec.deg}),
        QTable({"place": galactic}),
    ):
        found = sky_positions(table)
        assert found.separation(sky).max() < 1e-6 * u.arcsec


def test_rows_without_a_position_have_none() -> None:
    table = Table(
        {"ra": MaskedColumn(RA, mask=[True, False, False]), "dec": ["-1:00:00", "", "2:30:00"]}
    )
    found = degrees(table)
    assert np.isnan(found[:, :2]).all()
    assert found[:, 2].tolist() == pytest.approx([359.9, 2.5])
    assert len(sky_positions(table[:0])) == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Table({"a": RA, "b": DEC}), "ra and dec must be named"),
        (Table({"ra": RA, "RA": RA, "dec": DEC}), "ra and dec must be named"),
        (Table({"ra": RA, "dec": 10.0 * DEC}), "'dec' must lie within 90 degrees, got -895 in row"),
        (Table({"ra": 60.0 * RA, "dec": DEC}), "'ra' must lie within 360"),
        (Table({"ra": Column(RA, unit="Jy"), "dec": DEC}), "units of angles, got 'Jy'"),
        (Table({"ra": ["x", "1", "2"], "dec": DEC}), "must hold angles, got 'x' in row 0"),
        (Table({"ra": np.zeros((3, 2)), "dec": DEC}), "must hold angles"),
    ],
)
def test_what_is_no_position_is_refused(table: Table, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sky_positions(table)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="ra must be one of a, dec, got 'alpha'"):
        sky_positions(Table({"a": RA, "dec": DEC}), "alpha", "dec")


def test_an_angle_needs_its_unit() -> None:
    assert angle_degrees("radius", "36 arcsec") == pytest.approx(0.01)
    assert angle_degrees("radius", 0.5 * u.deg) == 0.5
    for wrong in ("1", 1.0, "", None, "1 Jy", "-1 deg", "nan deg", "200 deg", [1]):
        with pytest.raises(InputError, match="radius must be"):
            angle_degrees("radius", wrong)
