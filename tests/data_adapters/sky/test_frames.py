"""Frames and equinoxes are those of the header, unless they cannot be meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_adapters.sky.sky_map import open_sky_map
from equiclust.celestial import celestial_frame
from tests.data_adapters.sky.cubes import CUBE, header_of, save


def frame_of(path: Path, **cards: Any) -> Any:
    """Frame of a map with these cards."""
    sky = open_sky_map(save(path, CUBE[0], header_of("ra", "dec", **cards)))
    assert sky.wcs is not None
    return celestial_frame(sky.wcs)


@pytest.mark.parametrize("frame", ["FK5", "FK4", "FK4-NO-E", "ICRS"])
def test_blanks_around_a_frame_mean_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, frame: str
) -> None:
    expected = frame_of(tmp_path / "plain.fits", RADESYS=frame)
    for i, said in enumerate((f" {frame}", f"  {frame} ")):
        assert frame_of(tmp_path / f"{i}.fits", RADESYS=said).is_equivalent_frame(expected)
    assert not caplog.text


@pytest.mark.parametrize("frame", [{}, {"RADESYS": "FK5"}])
@pytest.mark.parametrize("name", ["EQUINOX", "EPOCH"])
@pytest.mark.parametrize("year", [0, -999.0, 1699.0, 2201.0, True, "0.0"])
def test_a_year_that_is_no_equinox_is_ignored_aloud(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    frame: dict[str, str],
    name: str,
    year: object,
) -> None:
    expected = frame_of(tmp_path / "plain.fits", **frame)
    found = frame_of(tmp_path / "x.fits", **frame, **{name: year})
    assert found.is_equivalent_frame(expected)
    assert f"{name} is {year}, which is no year of an equinox; it is ignored" in caplog.text


@pytest.mark.parametrize("year", [1855.0, 1950.0, 1975, 2000.0, 2010.5, "B1950", "2000."])
def test_a_year_of_an_equinox_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, year: Any
) -> None:
    found = frame_of(tmp_path / "x.fits", EQUINOX=year)
    number = float(str(year).strip("B"))
    scale = found.equinox.byear if number < 1984.0 else found.equinox.jyear
    assert scale == pytest.approx(number, abs=1e-9)
    assert not caplog.text


def test_cards_without_value_are_no_cards(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = frame_of(tmp_path / "x.fits", RADESYS=None, EQUINOX=None, EPOCH=None)
    assert found.name == "icrs"
    assert not caplog.text


@pytest.mark.parametrize("cards", [{}, {"RADESYS": "FK5"}, {"RADESYS": "FK4", "EQUINOX": 1950.0}])
def test_galactic_axes_are_galactic_whatever_the_frame_of_others(
    tmp_path: Path, cards: dict[str, Any]
) -> None:
    kinds = {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}
    assert frame_of(tmp_path / "x.fits", **kinds, **cards).name == "galactic"


@pytest.mark.parametrize(("said", "meant"), [
    ("fk5", "FK5"), ("J2000.0", "FK5"), ("B1950", "FK4"), ("FK4_NO_E", "FK4-NO-E"),
    ("fk4-no-e", "FK4-NO-E"), ("icrf3", "ICRS"),
])  # fmt: skip
def test_other_names_of_a_frame_are_understood(tmp_path: Path, said: str, meant: str) -> None:
    found, expected = (
        frame_of(tmp_path / f"{i}.fits", RADESYS=name) for i, name in enumerate((said, meant))
    )
    assert found.is_equivalent_frame(expected)
