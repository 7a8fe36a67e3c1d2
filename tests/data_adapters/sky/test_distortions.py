"""A distortion of a header is applied, or its loss is said in one sentence."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters import read
from data_adapters.sky import open_sky_map
from data_adapters.sky.geometry import celestial_wcs
from tests.data_adapters.sky.cubes import CUBE, header_of, save

CORNER = np.array([[5.0, 4.0]])
TERMS = {"A_ORDER": 2, "A_2_0": 1e-3, "B_ORDER": 2, "B_0_2": -2e-3}
# IRAF's own example of eight terms, which wcslib does not read, and a short one, which it does.
LONG = "3. 4. 4. 2. -0.3171856965643079 -0.015652479325533 -0.3126038394350166 0.1511955040928311 "
LONG += "0.002318100364838772 0.01749134520424022 -0.01082784423020123 -0.1387962673564234 "
SHORT = "1. 2. 2. 2. 0. 1. 0. 1. 0.002 0. 0. "


def projected(code: str, **cards: Any) -> fits.Header:
    return header_of("ra", "dec", CTYPE1=f"RA---{code}", CTYPE2=f"DEC--{code}", **cards)


def by_iraf(code: str, terms: str) -> fits.Header:
    cards = {"WAT0_001": "system=image"}
    for axis, name in ((1, "lngcor"), (2, "latcor")):
        text = f'wtype={code.lower()} axtype=x {name} = "{terms}"'
        for start in range(0, len(text), 68):
            cards[f"WAT{axis}_{start // 68 + 1:03d}"] = text[start : start + 68]
    return projected(code, **cards, PV2_1=1.0)


def with_records(header: fits.Header, *records: str) -> fits.Header:
    for record in records:
        header.append(fits.Card.fromstring(record))
    return header


LOST = {
    "TNX": by_iraf("TNX", LONG),
    "ZPX": by_iraf("ZPX", LONG),
    "TNX without its terms": projected("TNX"),
    "CPDIS1": projected("TAN", CPDIS1="NONSENSE"),
    "CQDIS1": projected("TAN", CQDIS1="NONSENSE"),
    "CPDIS2": projected("TAN", CPDIS1="LOOKUP", CPDIS2="LOOKUP"),
    "D2IMDIS1": projected("TAN", D2IMDIS1="LOOKUP"),
    "DP1": with_records(projected("TAN"), "DP1     = 'EXTVER: 1.0'", "DP1     = 'NAXES: 2.0'"),
    "DQ2": with_records(projected("TAN"), "DQ2     = 'NAXES: 2.0'"),
    "A_ORDER of SIP without terms": projected("TAN-SIP", A_ORDER=2, B_ORDER=2),
    "terms A_i_j": projected("TAN-SIP", A_2_0=1e-3, B_0_2=1e-3),
    "terms B_i_j": projected("TAN-SIP", **TERMS, B_0_3=1e-5),
    "SIP": projected("TAN-SIP"),
    "XYZ": projected("TAN-XYZ"),
}


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("deep", [False, True])
def test_a_distortion_that_is_not_applied_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, deep: bool
) -> None:
    header = LOST[name].copy()
    if deep:
        header.update({"CTYPE3": "STOKES", "CRVAL3": 1.0, "CDELT3": 1.0, "CRPIX3": 1.0})
    sky = open_sky_map(save(tmp_path / "x.fits", CUBE[:1] if deep else CUBE[0], header))
    plain = header_of("ra", "dec")
    if name == "ZPX":
        plain = projected("ZPN", PV2_1=1.0)
    if name != "terms B_i_j":
        assert sky.wcs is not None
        np.testing.assert_allclose(
            sky.wcs.all_pix2world(CORNER, 0), WCS(plain).all_pix2world(CORNER, 0), rtol=1e-12
        )
    (said,) = [text for text in caplog.messages if "a distortion of its header" in text]
    assert name.removesuffix(" without its terms") in said
    assert "positions are off" in said


APPLIED = {
    "short TNX": by_iraf("TNX", SHORT),
    "SIP": projected("TAN-SIP", **TERMS),
    "SIP without suffix": projected("TAN", **TERMS),
    "TPV": projected("TPV", PV1_1=1.0, PV1_5=0.05, PV2_1=1.0),
    "none": projected("TAN"),
    "terms of 0": projected("TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=0.0, B_0_2=0.0),
}


@pytest.mark.parametrize("name", APPLIED)
def test_a_distortion_that_is_applied_needs_no_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    sky = open_sky_map(save(tmp_path / "x.fits", CUBE[0], APPLIED[name]))
    assert [record.message for record in caplog.records if record.levelno > logging.DEBUG] == []
    expected = WCS(APPLIED[name]).all_pix2world(CORNER, 0)
    again = celestial_wcs(sky.header)
    for found in (sky.wcs, again):
        assert found is not None
        np.testing.assert_allclose(found.all_pix2world(CORNER, 0), expected, rtol=1e-12)


def test_what_astropy_says_of_a_missing_suffix_is_for_the_debug_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "x.fits", CUBE[0], projected("TAN", **TERMS))
    sky, (image,) = open_sky_map(path), read(path).images
    assert celestial_wcs(sky.header) is not None
    # As an image goes to another process.
    pickle.loads(pickle.dumps(image)).wcs.to_header(relax=True)
    pickle.loads(pickle.dumps(sky))
    assert "SIP" not in "".join(capfd.readouterr())
    assert {record.name for record in caplog.records} <= {"data_adapters.fits_headers"}
    assert not logging.getLogger("astropy").filters


def test_a_sky_of_one_place_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Terms of a plate of the Digitized Sky Survey without its other cards.
    header = projected("TAN", AMDX1=1.0, AMDY1=1.0)
    assert open_sky_map(save(tmp_path / "x.fits", CUBE[0], header)).wcs is None
    assert "left out" in caplog.text
