"""Flags, weights and tables of distortion are never taken for the image; nothing is hidden."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import read
from data_adapters.sky import open_sky_map
from equiclust.exceptions import UnreadableFileError

SCIENCE = np.arange(64.0, dtype=np.float32).reshape(8, 8)
AUXILIARY = (
    *("DQ", "MASK", "MSK", "FLAGS", "BADPIX", "DQ_2", "QUALITY", "MASK_IMAGE"),
    *("WHT", "WEIGHT", "WGT", "WT", "EXPOSURE", "COVERAGE", "NSAMP", "Hits", "CON", "TIME"),
    *("ERR", "ERROR", "VAR", "IVAR", "VARIANCE", "STAT", "RMS", "NOISE_MAP", "VAR_POISSON"),
    *("WCSDVARR", "D2IMARR", "APERTURE", "PSF", "UNCERT", "SEGMENTATION"),
    *("INVVAR", "DATA_QUALITY", "DataQuality", "PIXELDQ", "BADPIXELS", "Bad Pixels", "BPMASK"),
    *("OBJMASK", "SCI_ERR", "CCD1.DQ", "image.mask", "WEIGHT_F200W", "CONFMAP", "NHITS"),
    *("EXPOSURE_MAP", "VAR_FLAT", "ERR_SKY", "invVarMap"),
)
# Read where there is nothing better.
BESIDE = (
    *(
        "BKG",
        "PB",
        "FLUX.PB",
        "SKY",
        "SKYMODEL",
        "Residual",
        "S/N",
        "DEPTH_MAP",
        "GAIN",
        "EXPOSURE_2",
    ),
    *("PSF_MODEL", "MASK_FREE_NGC1"),
)
SCIENTIFIC = (
    "",
    "SCI",
    "DATA",
    "FLUX",
    "IMAGE",
    "MOMENT0",
    "SDSS",
    "CO21",
    "COSMOS",
    "WT_LUP",
    "STATION",
    *("DETECTOR1", "TIMESLICE", "CONTINUUM", "SEGMENT1A", "COVER", "NOBSIDE", "PBCOR", "SIGMA_ORI"),
    *("MASKED", "CO_OBS", "M33_SIGMA", "WHTSPOT"),
)


def write(path: Path, *named: tuple[str, int]) -> Path:
    """An empty primary, then images that differ by their number."""
    images = [
        fits.ImageHDU(SCIENCE + 100 * number, name=name, ver=version)
        for number, (name, version) in enumerate(named)
    ]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return path


@pytest.mark.parametrize("name", AUXILIARY)
def test_the_image_of_science_is_taken(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.fits", (name, 1), ("SCI", 1))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE + 100)
    np.testing.assert_array_equal(open_sky_map(path, part=name).read()[0], SCIENCE)


@pytest.mark.parametrize("name", AUXILIARY)
def test_a_file_of_nothing_else_is_refused_and_says_how_to_read_it(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UnreadableFileError, match=rf"no image of two axes.*\[{name.upper()},1\]"):
        open_sky_map(write(tmp_path / "x.fits", (name, 1)))


@pytest.mark.parametrize("name", SCIENTIFIC)
def test_other_names_are_science(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.fits", (name, 1), ("DQ", 1))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE)


@pytest.mark.parametrize("name", BESIDE)
def test_what_lies_beside_an_image_is_read_where_there_is_no_other(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / "x.fits", (name, 1), ("ERR", 1), ("CO21", 1))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE + 200)
    assert read([f"{path}[*]"]).images.ids == ("x[CO21,1]",)
    path = write(tmp_path / "y.fits", ("ERR", 1), (name, 1))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE + 100)


@pytest.mark.parametrize("name", ["SCI", "Image", "DATA", "SCIENCE_2", "FLUX", "IMAGE.SCI"])
def test_an_image_that_is_called_so_goes_before_those_of_other_names(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / "x.fits", ("XYZ", 1), ("", 1), (name, 1), ("SCI", 7))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE + 200)


@pytest.mark.parametrize("name", ["OPTICAL_DEPTH", "SPIRAL_ARMS", "HIGH_RES", "ALL_SKY_CO"])
def test_words_of_science_in_a_name_are_no_flags(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "x.fits", ("ERR", 1), (name, 1), ("XYZ", 1))
    np.testing.assert_array_equal(open_sky_map(path).read()[0], SCIENCE + 100)


def test_what_an_image_holds_may_be_said_by_btype(tmp_path: Path) -> None:
    noise, data = fits.ImageHDU(SCIENCE), fits.ImageHDU(SCIENCE + 100)
    noise.header["BTYPE"], data.header["BTYPE"] = "Uncertainty", "Intensity"
    fits.HDUList([fits.PrimaryHDU(), noise, data]).writeto(tmp_path / "x.fits")
    np.testing.assert_array_equal(open_sky_map(tmp_path / "x.fits").read()[0], SCIENCE + 100)
    noise.writeto(tmp_path / "y.fits")
    np.testing.assert_array_equal(open_sky_map(tmp_path / "y.fits").read()[0], SCIENCE)


def test_classes_of_heasarc_and_eso_tell_errors(tmp_path: Path) -> None:
    error, data = fits.ImageHDU(SCIENCE), fits.ImageHDU(SCIENCE + 100)
    error.header["HDUCLAS2"], data.header["HDUCLAS2"] = "ERROR", "DATA"
    fits.HDUList([fits.PrimaryHDU(), error, data]).writeto(tmp_path / "x.fits")
    np.testing.assert_array_equal(open_sky_map(tmp_path / "x.fits").read()[0], SCIENCE + 100)


def test_what_is_passed_over_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "x.fits", ("SCI", 1), ("ERR", 1), ("SCI", 2))
    with caplog.at_level(logging.WARNING):
        open_sky_map(path)
    assert "[SCI,1] is read, and not its other images: ERR,1, SCI,2" in caplog.text


def test_all_images_of_a_name_or_of_science_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.fits", ("SCI", 1), ("ERR", 1), ("SCI", 2), ("", 1))
    every = read([f"{path}[SCI,*]"]).images
    assert every.ids == ("x[SCI,1]", "x[SCI,2]")
    np.testing.assert_array_equal(every.pixels[:, 0], [SCIENCE, SCIENCE + 200])
    assert read([f"{path}[*]"]).images.ids == ("x[SCI,1]", "x[SCI,2]", "x[4]")
    (refused,) = read([f"{path}[DQ,*]"]).rejected
    assert "no image answers to [DQ,*]" in refused.reason
