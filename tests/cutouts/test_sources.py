"""Catalogues of any format and any content, and the names of stamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from hypothesis import given
from hypothesis import strategies as st

from equiclust.cutouts import make_cutouts
from equiclust.cutouts.sizes import parse_size
from equiclust.cutouts.sources import CatalogueOptions, _stamp_names, read_sources
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from tests.cutouts.surveys import Survey, header_of, make_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return make_survey(tmp_path_factory.mktemp("survey"), kind="tan", n=30)


@pytest.mark.parametrize("suffix", [".fits", ".vot", ".csv", ".parquet"])
def test_every_format_gives_the_same_stamps(survey: Survey, suffix: str, tmp_path: Path) -> None:
    table = Table.read(survey.catalogue)
    table["ra"].info.meta = {"ucd": "pos.eq.ra;meta.main"}
    path = tmp_path / f"catalogue{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    table.write(path, **({"format": "votable"} if suffix == ".vot" else {}))
    make_cutouts(survey.catalogue, survey.images, tmp_path / "a.fits", size=8)
    make_cutouts(path, survey.images, tmp_path / "b.fits", size=8)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_positions_are_found_by_ucd_before_names() -> None:
    table = Table({"ra": [1.0], "dec": [2.0], "lon": [10.0], "lat": [20.0]})
    table["lon"].info.meta = {"ucd": "pos.eq.ra;meta.main"}
    table["lat"].info.meta = {"ucd": "pos.eq.dec;meta.main"}
    found = read_sources(table, CatalogueOptions()).positions
    np.testing.assert_array_equal(found, [[10.0, 20.0]])
    named = read_sources(table, CatalogueOptions(ra="ra", dec="DEC")).positions
    np.testing.assert_array_equal(named, [[1.0, 2.0]])


@pytest.mark.parametrize("names", [("RAJ2000", "DEJ2000"), ("ALPHA_J2000", "DELTA_J2000")])
def test_usual_names_are_known(names: tuple[str, str]) -> None:
    table = Table({names[0]: [1.0], names[1]: [2.0]})
    np.testing.assert_array_equal(read_sources(table, CatalogueOptions()).positions, [[1.0, 2.0]])


def test_units_and_sexagesimal_text_are_understood() -> None:
    sky = SkyCoord([10.5, 200.25], [-33.0, 41.5], unit="deg")
    text = Table(
        {"ra": sky.ra.to_string("hour", precision=6), "dec": sky.dec.to_string(precision=6)}
    )
    colons = Table(
        {
            "ra": sky.ra.to_string("hour", sep=":", precision=6),
            "dec": sky.dec.to_string(sep=" ", precision=6),
        }
    )
    radians = Table({"ra": sky.ra.rad, "dec": sky.dec.rad})
    radians["ra"].unit = radians["dec"].unit = "rad"
    hours = Table({"ra": sky.ra.hour, "dec": sky.dec.deg})
    hours["ra"].unit = "h"
    mixed = Table({"ra": np.array([str(one) for one in sky.ra.deg]), "dec": sky.dec.deg})
    for table in (text, colons, radians, hours, mixed):
        found = read_sources(table, CatalogueOptions()).positions
        np.testing.assert_allclose(found, np.stack([sky.ra.deg, sky.dec.deg], axis=1), atol=1e-8)


def test_frames_are_converted() -> None:
    sky = SkyCoord([10.5, 200.25], [-33.0, 41.5], unit="deg")
    table = Table({"l": sky.galactic.l.deg, "b": sky.galactic.b.deg})
    found = read_sources(table, CatalogueOptions(ra="l", dec="b", frame="galactic"))
    np.testing.assert_allclose(found.positions, np.stack([sky.ra.deg, sky.dec.deg], 1), atol=1e-9)
    old = Table({"ra": sky.fk5.ra.deg, "dec": sky.fk5.dec.deg}, meta={"RADESYS": "FK5"})
    np.testing.assert_allclose(
        read_sources(old, CatalogueOptions()).positions, found.positions, atol=1e-9
    )


def test_hostile_values_are_listed_and_the_rest_go_on(survey: Survey, tmp_path: Path) -> None:
    good = survey.wcs.all_pix2world([[70.0, 70.0]], 0)[0]
    ra = [good[0], np.nan, np.inf, good[0], 1e300, -90.0, good[0] - 360.0]
    dec = [good[1], good[1], good[1], 95.0, good[1], good[1], good[1]]
    ids = ["a/../b", "A/../B", "", "x" * 300, "..", "é\n'q'", "a_.._b"]
    found = make_cutouts(
        Table({"id": ids, "ra": ra, "dec": dec}), survey.images, tmp_path / "stamps", size=8
    )
    table, rejected = read_table(found.table), read_table(found.rejected)
    assert sorted(table["row"]) == [1, 7]
    assert list(rejected["row"]) == [2, 3, 4, 5, 6]
    files = sorted(path.name for path in (tmp_path / "stamps").iterdir())
    assert (
        files == sorted(f"{name}.fits" for name in table["id"]) == ["a_.._b-3.fits", "a_.._b.fits"]
    )


def test_masked_rows_and_numbers_as_ids() -> None:
    table = Table({"id": [7, 7, 8], "dec": [1.0, 2.0, 3.0]})
    table["ra"] = MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False])
    found = read_sources(table, CatalogueOptions())
    assert found.ids.tolist() == ["7", "7", "8"]
    assert found.names.tolist() == ["7", "7-2", "8"]
    assert np.isnan(found.positions).any(axis=1).tolist() == [False, True, False]


@given(st.lists(st.text(max_size=70), max_size=30))
def test_names_of_stamps_are_unique_and_plain(ids: list[str]) -> None:
    names = _stamp_names(np.array(ids, dtype=np.str_)).tolist()
    assert len(names) == len(ids)
    assert len({name.lower() for name in names}) == len(ids)
    for name in names:
        assert 0 < len(name) < 66
        assert name.isascii()
        assert not set(name) & set("/\\'\"[]* \0")
        assert not name.startswith(".")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (Table({"a": [1.0]}), {}, "no two columns of a are known as positions"),
        (Table({"ra": [1.0], "dec": [2.0]})[:0], {}, "must have rows, got none in the table"),
        (
            Table({"ra": [1.0], "dec": [2.0]}),
            {"ra": "q", "dec": "dec"},
            "ra must be one of ra, dec",
        ),
        (Table({"ra": [1.0], "dec": [2.0]}), {"ra": "ra"}, "must be given together"),
        (Table({"u": [1.0], "v": [2.0]}), {"x": "u", "y": "v"}, "origin .* must be said"),
        (Table({"u": [1.0], "v": [2.0]}), {"x": "u", "y": "v", "origin": 2}, "origin must be 1"),
        (Table({"ra": [1.0], "dec": [2.0]}), {"origin": 1}, "without x and y"),
        (Table({"ra": [1.0], "dec": [2.0]}), {"frame": "mars"}, "frame must be one of"),
    ],
)
def test_what_cannot_be_used_is_refused(table: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_sources(table, CatalogueOptions(**options))


def test_a_unit_that_is_no_angle_is_refused() -> None:
    table = Table({"ra": [1.0], "dec": [2.0]})
    table["dec"].unit = "kg"
    with pytest.raises(InputError, match="column 'dec' must be in units of angles, got 'kg'"):
        read_sources(table, CatalogueOptions())


def test_pixel_positions_count_from_where_they_are_said_to(tmp_path: Path) -> None:
    values = np.arange(900, dtype=np.float32).reshape(30, 30)
    fits.writeto(tmp_path / "map.fits", values)
    zero = Table({"xcentroid": [10.0], "ycentroid": [20.0]})
    one = Table({"X_IMAGE": [11.0], "Y_IMAGE": [21.0]})
    said = Table({"u": [11.0], "v": [21.0]})
    cases = [
        (zero, {"x": "xcentroid", "y": "ycentroid"}),
        (one, {"x": "X_IMAGE", "y": "Y_IMAGE"}),
        (said, {"x": "u", "y": "v", "origin": 1}),
    ]
    for k, (table, columns) in enumerate(cases):
        make_cutouts(table, tmp_path / "map.fits", tmp_path / f"s{k}", size=3, **columns)
        data = fits.getdata(tmp_path / f"s{k}" / "source_0.fits")
        np.testing.assert_array_equal(data, values[19:22, 9:12])
    with pytest.raises(InputError, match="it has no coordinates"):
        make_cutouts(Table({"ra": [1.0], "dec": [1.0]}), tmp_path / "map.fits", tmp_path / "s")
    fits.writeto(tmp_path / "map2.fits", values, header_of("tan"))
    with pytest.raises(InputError, match="are of one image, got 2"):
        make_cutouts(zero, f"{tmp_path}/map*.fits", tmp_path / "s", x="xcentroid", y="ycentroid")


@pytest.mark.parametrize(
    "size", [0, -1, 2.5, "x", "3kg", "1e9", True, None, "10 parsec", "0arcsec"]
)
def test_sizes_that_cannot_be_are_refused(size: Any) -> None:
    with pytest.raises(InputError, match="size must be a whole number of pixels from 1"):
        parse_size(size)
