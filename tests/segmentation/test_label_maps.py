"""Segment maps in FITS files: what is written is read back, on the same sky."""

from __future__ import annotations

import itertools
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from equiclust.exceptions import OutputError, UnreadableFileError
from equiclust.images import Beam
from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
from equiclust.segmentation.segment_map import SegmentMap
from tests.segmentation.segment_maps import blobs, cube_sky, make_map, sky

SHAPE = (30, 41)


def velocities() -> dict[str, Any]:
    low = np.random.default_rng(2).random(SHAPE).astype(np.float32)
    low[3] = np.nan
    return {"velocity_low": low, "velocity_high": low + 2, "velocity_unit": "m/s"}


MAPS = {
    "bare": lambda: make_map(blobs(SHAPE)),
    "sky": lambda: make_map(blobs(SHAPE), sky(), unit="Jy/beam", beam=Beam(1e-2, 8e-3, 30.0)),
    "galactic": lambda: make_map(blobs(SHAPE), sky("GLON-CAR", "GLAT-CAR", HISTORY="by hand")),
    "velocities": lambda: make_map(blobs(SHAPE), sky(), unit="K", **velocities()),
    "cube": lambda: make_map(blobs((5, *SHAPE)), cube_sky(), unit="K"),
    "nothing": lambda: make_map(np.full((3, 3), -1, np.int16)),
}


@pytest.fixture(params=MAPS)
def segment_map(request: pytest.FixtureRequest) -> SegmentMap:
    return MAPS[request.param]()


def test_what_is_written_is_read_back(tmp_path: Path, segment_map: SegmentMap) -> None:
    write_segment_map(segment_map, tmp_path / "labels.fits")
    back = read_segment_map(tmp_path / "labels.fits")
    for name in ("labels", "membership", "coverage", "velocity_low", "velocity_high"):
        here, there = getattr(segment_map, name), getattr(back, name)
        assert (here is None) == (there is None)
        if here is not None:
            np.testing.assert_array_equal(there, here)
            assert there.dtype == here.dtype
    assert (back.unit, back.beam) == (segment_map.unit, segment_map.beam)
    assert back.velocity_unit == segment_map.velocity_unit
    assert back.header.tostring() == segment_map.header.tostring()


def test_float_coverage_stays_float(tmp_path: Path) -> None:
    coverage = np.full(SHAPE, 2.5, dtype=np.float32)
    labels = blobs(SHAPE)
    membership = np.full(SHAPE, np.nan, dtype=np.float32)
    write_segment_map(SegmentMap(labels, membership, coverage, sky()), tmp_path / "x.fits")
    np.testing.assert_array_equal(read_segment_map(tmp_path / "x.fits").coverage, coverage)


def test_the_file_keeps_to_the_standard(tmp_path: Path, segment_map: SegmentMap) -> None:
    write_segment_map(segment_map, tmp_path / "labels.fits")
    with fits.open(tmp_path / "labels.fits", checksum=True) as hdus:
        hdus.verify("exception")
        assert (tmp_path / "labels.fits").stat().st_size % 2880 == 0
        assert hdus[0].data.dtype == ">i2"
        names = [hdu.name for hdu in hdus]
    layers = ["VELOCITY_LOW", "VELOCITY_HIGH"] if segment_map.velocity_low is not None else []
    assert names == ["PRIMARY", "MEMBERSHIP", "COVERAGE", *layers, "LABELS"]


@pytest.mark.parametrize("kind", ["sky", "galactic", "velocities", "cube"])
def test_every_layer_lies_on_the_sky_of_the_input(tmp_path: Path, kind: str) -> None:
    segment_map = MAPS[kind]()
    write_segment_map(segment_map, tmp_path / "labels.fits")
    expected = WCS(segment_map.header)
    corners = np.array([[0, 0], [0, 29], [40, 0], [40, 29]], dtype=float)
    if kind == "cube":
        corners = np.hstack([corners, [[0], [4], [0], [4]]])
    with fits.open(tmp_path / "labels.fits") as hdus:
        for hdu in hdus[:-1]:
            found = WCS(hdu.header)
            assert list(found.wcs.ctype) == list(expected.wcs.ctype)
            np.testing.assert_allclose(
                found.all_pix2world(corners, 0),
                expected.all_pix2world(corners, 0),
                rtol=0.0,
                atol=1e-9,
            )


def test_header_and_table_say_what_labels_mean(tmp_path: Path) -> None:
    segment_map = make_map(blobs(SHAPE))
    write_segment_map(segment_map, tmp_path / "labels.fits")
    with fits.open(tmp_path / "labels.fits") as hdus:
        header, table = hdus[0].header, hdus["LABELS"].data
        assert (header["UNSURE"], header["MASKED"]) == (-1, -2)
        assert "masked" in header.comments["MASKED"]
        meanings = dict(zip(table["label"].tolist(), table["meaning"], strict=True))
        counts = dict(zip(table["label"].tolist(), table["n_pixels"].tolist(), strict=True))
    assert meanings[-2] == "masked in the input"
    assert (meanings[-1], meanings[2]) == ("don't know", "cluster 2")
    values, numbers = np.unique(segment_map.labels, return_counts=True)
    assert counts == dict(zip(values.tolist(), numbers.tolist(), strict=True))


def test_cards_of_the_input_that_are_not_of_its_sky_are_left_out(tmp_path: Path) -> None:
    header = sky(BUNIT="K", BLANK=0, BZERO=3.0, EXTNAME="SCI", DATAMAX=7.0, BMAJ=1.0, NAXIS1=9)
    header.append(fits.Card.fromstring("ODD     = 'never closed"))
    write_segment_map(make_map(blobs(SHAPE), header), tmp_path / "labels.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = read_segment_map(tmp_path / "labels.fits")
    np.testing.assert_array_equal(back.labels, blobs(SHAPE))
    assert (back.unit, back.beam) == ("", None)
    assert "EXTNAME" not in back.header
    assert back.header["CRVAL1"] == header["CRVAL1"]


def test_a_unit_that_is_not_ascii_does_no_harm(tmp_path: Path) -> None:
    write_segment_map(make_map(blobs(SHAPE), unit="µJy/beam"), tmp_path / "x.fits")
    assert read_segment_map(tmp_path / "x.fits").unit == "?Jy/beam"


def test_what_was_there_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.fits"
    for seed in (0, 1):
        write_segment_map(make_map(blobs(SHAPE, seed)), path)
    np.testing.assert_array_equal(read_segment_map(path).labels, blobs(SHAPE, 1))
    assert os.listdir(path.parent) == ["labels.fits"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        write_segment_map(make_map(blobs(SHAPE)), tmp_path / "file" / "labels.fits")


def _image_only(path: Path) -> None:
    fits.PrimaryHDU(blobs(SHAPE)).writeto(path)


def _float_labels(path: Path) -> None:
    write_segment_map(make_map(blobs(SHAPE)), path)
    with fits.open(path, memmap=False) as hdus:
        hdus[0].data = hdus[0].data.astype(np.float32)
        hdus.writeto(path, overwrite=True)


def _cut(path: Path) -> None:
    write_segment_map(make_map(blobs(SHAPE)), path)
    path.write_bytes(path.read_bytes()[:4000])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.write_text("x" * 4000), ""),
        (lambda path: fits.PrimaryHDU().writeto(path), "no segment map"),
        (_image_only, "no segment map.*MEMBERSHIP"),
        (_float_labels, "no segment map: labels must be int16, got float32"),
        (_cut, ""),
    ],
)
def test_another_file_is_refused_with_path_and_reason(
    tmp_path: Path, make: Any, reason: str
) -> None:
    path = tmp_path / "bad.fits"
    make(path)
    with warnings.catch_warnings():
        # astropy warns of what is cut short.
        warnings.simplefilter("ignore")
        with pytest.raises(UnreadableFileError, match=reason) as caught:
            read_segment_map(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


REAL = ["HorseHead", "PerA_Extn2MASS_F_Gal", "gc_bolocam_gps", "l1448_13co", "orion_12CO_mom0"]


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore")
def test_real_headers_keep_their_sky(data_folder: Path, tmp_path: Path, name: str) -> None:
    path = data_folder / "gas_maps" / f"{name}.fits"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    with fits.open(path, memmap=False) as hdus:
        header, shape = hdus[0].header, hdus[0].shape
    write_segment_map(make_map(np.zeros(shape, np.int16), header), tmp_path / "labels.fits")
    with fits.open(tmp_path / "labels.fits") as hdus:
        hdus.verify("exception")
        found, expected = WCS(hdus[0].header), WCS(header)
    corners = np.array(list(itertools.product(*((0.0, side - 1.0) for side in shape[::-1]))))
    np.testing.assert_allclose(
        found.all_pix2world(corners, 0), expected.all_pix2world(corners, 0), rtol=0.0, atol=1e-9
    )
