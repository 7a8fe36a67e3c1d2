"""Celestial axes are known however their types are spelled, or it is said that they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_adapters.sky.celestial_types import standard_type
from data_adapters.sky.sky_map import open_sky_map
from equiclust.celestial import celestial_frame
from tests.data_adapters.sky.cubes import CUBE, header_of, save

SPELLINGS = {
    ("RA---TAN", "DEC--TAN"): [
        ("RA-TAN", "DEC-TAN"),
        ("RA--TAN", "DEC-TAN"),
        ("RA---TAN", "DEC---TAN"),
        ("ra---tan", "dec--tan"),
        (" RA---TAN", "DEC--TAN "),
        ("RA_--TAN", "DEC--TAN"),
    ],
    ("RA---SIN", "DEC--SIN"): [("RA-SIN", "DEC--SIN")],
    ("GLON-TAN", "GLAT-TAN"): [("GLON--TAN", "GLAT---TAN"), ("glon-tan", "GLAT-tan")],
    ("RA---TAN-SIP", "DEC--TAN-SIP"): [("RA-TAN-SIP", "Dec-Tan-Sip")],
    ("RA", "DEC"): [("ra", "dec"), ("RA--", "DEC-")],
}
PAIRS = [(right, wrong) for right, several in SPELLINGS.items() for wrong in several]


@pytest.mark.parametrize(("right", "wrong"), PAIRS, ids=str)
def test_dashes_blanks_and_small_letters_do_not_cost_the_sky(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    right: tuple[str, str],
    wrong: tuple[str, str],
) -> None:
    first, second = (
        open_sky_map(
            save(
                tmp_path / f"{i}.fits",
                CUBE,
                header_of("ra", "dec", "vel", CTYPE1=pair[0], CTYPE2=pair[1]),
            )
        )
        for i, pair in enumerate((right, wrong))
    )
    assert first.wcs is not None
    assert second.wcs is not None
    corners = [[0.0, 0.0], [5.0, 4.0]]
    np.testing.assert_array_equal(
        second.wcs.all_pix2world(corners, 0), first.wcs.all_pix2world(corners, 0)
    )
    assert second.header == first.header
    for said, meant in zip(wrong, right, strict=True):
        assert (f"{said!r}, taken for {meant}" in caplog.text) == (said.strip() != meant)


@pytest.mark.parametrize("ctype", ["VRAD", "LINEAR", "RA---XYZ", "DECLINE", "STOKES", "", "RAY"])
def test_other_types_are_left_alone(ctype: str) -> None:
    assert standard_type(ctype) == ctype


@pytest.mark.parametrize("kind", ["RA-XYZ", "RA--XYZ", "RA---XYZ"])
def test_a_sky_of_an_unknown_projection_is_left_out_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    header = header_of("ra", "dec", CTYPE1=kind, CTYPE2=kind.replace("RA", "DEC"))
    assert open_sky_map(save(tmp_path / "x.fits", CUBE[0], header)).wcs is None
    assert "its coordinates are" in caplog.text


@pytest.mark.parametrize("pair", [
    ("HLON-TAN", "HLAT-TAN"), ("MALN-CAR", "MALT-CAR"), ("MELN-TAN", "MELT-TAN"),
    ("HPLN-TAN", "HPLT-TAN"), ("TLON-CAR", "TLAT-CAR"), ("ALON-TAN", "ALAT-TAN"),
])  # fmt: skip
def test_coordinates_that_are_none_of_the_sky_have_no_right_ascension(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pair: tuple[str, str]
) -> None:
    for i, cards in enumerate(({}, {"RADESYS": "FK5"})):
        header = header_of("ra", "dec", CTYPE1=pair[0], CTYPE2=pair[1], **cards)
        sky = open_sky_map(save(tmp_path / f"{i}.fits", CUBE[0], header))
        np.testing.assert_array_equal(sky.read(), CUBE[:1])
        assert sky.wcs is not None
        with pytest.raises(ValueError, match=f"{pair[0]}, {pair[1]} is not known"):
            celestial_frame(sky.wcs)
    said = f"the frame of its axes {pair[0]}, {pair[1]} is not known; right ascension and"
    assert caplog.text.count(said) == 2
