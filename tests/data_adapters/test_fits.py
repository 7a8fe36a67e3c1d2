"""FITS images as they come, and files that only call themselves so."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters import read
from data_adapters.fits import FitsAdapter
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Beam, Image

RAMP = np.arange(12.0, dtype=np.float32).reshape(3, 4)


def celestial_header(
    ra_axis: int = 1, dec_axis: int = 2, *, naxis: int = 2, **cards: Any
) -> fits.Header:
    wcs = WCS(naxis=naxis)
    wcs.wcs.ctype = ["LINEAR"] * naxis
    wcs.wcs.ctype[ra_axis - 1], wcs.wcs.ctype[dec_axis - 1] = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval[ra_axis - 1], wcs.wcs.crval[dec_axis - 1] = 83.8, -5.4
    wcs.wcs.cdelt[ra_axis - 1], wcs.wcs.cdelt[dec_axis - 1] = -1e-4, 1e-4
    wcs.wcs.crpix = [2.0] * naxis
    header = wcs.to_header()
    header.update(cards)
    return header


def read_one(path: Path, part: str = "") -> Image:
    [image] = FitsAdapter().read(path, part)
    return image


def save(path: Path, data: npt.NDArray[Any] | None, header: fits.Header | None = None) -> Path:
    fits.PrimaryHDU(data, header).writeto(path)
    return path


@pytest.mark.parametrize("suffix", [".fits", ".FIT", ".fts", ".fits.gz", ".fit.bz2"])
def test_pixels_and_name_are_read(tmp_path: Path, suffix: str) -> None:
    image = read_one(save(tmp_path / f"disc.v2{suffix}", RAMP))
    np.testing.assert_array_equal(image.pixels, RAMP[None])
    assert image.id == "disc.v2"
    assert (image.unit, image.beam, image.wcs, image.mask.any()) == ("", None, None, False)


@pytest.mark.parametrize("dtype", ["u1", "i1", ">i2", "u2", "i4", "u4", "i8", "f4", ">f8"])
def test_every_type_of_number_is_read(tmp_path: Path, dtype: str) -> None:
    image = read_one(save(tmp_path / "x.fits", RAMP.astype(dtype)))
    np.testing.assert_array_equal(image.pixels[0], RAMP)


def test_a_tile_compressed_image_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.fits.fz"
    header = celestial_header(BUNIT="K")
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(RAMP.astype("i4"), header)]).writeto(path)
    image = read_one(path)
    np.testing.assert_array_equal(image.pixels[0], RAMP)
    assert image.unit == "K"
    assert image.wcs is not None


def test_scale_zero_and_blank_are_applied(tmp_path: Path) -> None:
    header = fits.Header({"BLANK": -99, "BSCALE": 0.5, "BZERO": 10.0})
    stored = np.array([[1, 2, -99], [3, 4, 5]], dtype=np.int16)
    hdu = fits.PrimaryHDU(stored)
    path = tmp_path / "x.fits"
    hdu.writeto(path)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header.update(header)
    image = read_one(path)
    np.testing.assert_array_equal(image.mask, stored == -99)
    np.testing.assert_array_equal(image.pixels[0], np.where(stored == -99, 0, stored * 0.5 + 10))


def test_what_is_not_finite_is_masked(tmp_path: Path) -> None:
    data = np.array([[1.0, np.nan, np.inf], [-np.inf, 1e300, 2.0]])
    image = read_one(save(tmp_path / "x.fits", data))
    np.testing.assert_array_equal(image.mask, [[False, True, True], [True, False, False]])
    assert np.isfinite(image.pixels).all()


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (3, 1, 4), (1, 3, 4, 1)])
def test_axes_of_one_pixel_are_dropped_and_their_coordinates_too(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    long = [len(shape) - axis for axis, length in enumerate(shape) if length > 1]
    header = celestial_header(long[1], long[0], naxis=len(shape))
    image = read_one(save(tmp_path / "x.fits", RAMP.reshape(shape), header))
    np.testing.assert_array_equal(image.pixels[0], RAMP)
    assert image.wcs is not None
    assert image.wcs.naxis == 2
    np.testing.assert_allclose(image.wcs.wcs_pix2world([[2, 2]], 1), [[83.8, -5.4]])
    assert list(image.wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"]


def test_coordinates_keep_the_order_of_the_pixel_axes(tmp_path: Path) -> None:
    image = read_one(save(tmp_path / "x.fits", RAMP, celestial_header(2, 1)))
    assert image.wcs is not None
    assert list(image.wcs.wcs.ctype) == ["DEC--TAN", "RA---TAN"]


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
        {"CTYPE1": "RA---TAN", "CTYPE2": "GLAT-TAN"},
        {"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"},
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": 0.0},
    ],
)
def test_coordinates_of_no_use_are_left_out(tmp_path: Path, cards: dict[str, Any]) -> None:
    image = read_one(save(tmp_path / "x.fits", RAMP, fits.Header(cards)))
    assert image.wcs is None
    np.testing.assert_array_equal(image.pixels[0], RAMP)


@pytest.mark.parametrize(
    ("cards", "beam"),
    [
        ({"BMAJ": 0.02, "BMIN": 0.01, "BPA": 30.0}, Beam(0.02, 0.01, 30.0)),
        ({"BMAJ": 0.02}, Beam(0.02, 0.02, 0.0)),
        ({"BMAJ": 0.0, "BMIN": 0.0}, None),
        ({"BMAJ": "wide"}, None),
        ({"BMIN": 0.01}, None),
    ],
)
def test_the_beam_is_kept(tmp_path: Path, cards: dict[str, Any], beam: Beam | None) -> None:
    assert read_one(save(tmp_path / "x.fits", RAMP, fits.Header(cards))).beam == beam


@pytest.mark.parametrize("unit", ["Jy/beam", "Jy/Beam", "furlongs^^2", "42"])
def test_any_unit_is_kept_as_text(tmp_path: Path, unit: str) -> None:
    path = save(tmp_path / "x.fits", RAMP, fits.Header({"BUNIT": unit}))
    assert read_one(path).unit == unit


def test_a_card_that_cannot_be_parsed_costs_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", RAMP, fits.Header({"BUNIT": "K", "BMAJ": 0.5}))
    content = path.read_bytes()
    for good, bad in {b"'K       '": b"'K        ", b"  0.5": b"0.5.5"}.items():
        assert content.count(good) == 1
        content = content.replace(good, bad)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_one(path).pixels[0], RAMP)


@pytest.fixture
def extensions(tmp_path: Path) -> Path:
    """A file with a table, a line, two images of one name and a cube."""
    path = tmp_path / "many.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])], name="TAB")
    fits.HDUList(
        [
            fits.PrimaryHDU(),
            table,
            fits.ImageHDU(RAMP[:1], name="LINE"),
            fits.ImageHDU(RAMP, name="SCI", ver=1),
            fits.ImageHDU(RAMP + 1, name="SCI", ver=2),
            fits.ImageHDU(np.ones((2, 3, 4)), name="CUBE"),
        ]
    ).writeto(path)
    return path


def test_the_first_image_is_taken_or_the_one_asked_for(extensions: Path) -> None:
    assert read_one(extensions).id == "many"
    for part, first in {"": 0, "3": 0, "4": 1, "sci": 0, "SCI,2": 1, " SCI , 2": 1}.items():
        image = read_one(extensions, part)
        assert image.pixels[0, 0, 0] == first
        assert image.path == (f"{extensions}[{part}]" if part else str(extensions))
    assert read_one(extensions, "SCI,2").id == "many[SCI,2]"


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("9", r"no extension '9', only .*TAB \(a table\)"),
        ("ERR", r"no extension 'ERR'"),
        ("TAB", r"'TAB' is no image"),
        ("0", r"'0' is no image"),
        ("LINE", r"shape \(1, 4\)"),
        ("CUBE", r"cube of shape \(2, 3, 4\).*moment map"),
    ],
)
def test_a_wrong_extension_is_named(extensions: Path, part: str, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        read_one(extensions, part)
    assert str(extensions) in str(caught.value)


def _truncated(path: Path) -> None:
    fits.PrimaryHDU(np.ones((100, 100))).writeto(path)
    path.write_bytes(path.read_bytes()[:10000])


def _header_cut(path: Path) -> None:
    fits.PrimaryHDU(RAMP).writeto(path)
    path.write_bytes(path.read_bytes()[:1000])


def _gzip_cut(path: Path) -> None:
    fits.PrimaryHDU(np.random.default_rng(0).standard_normal((100, 100))).writeto(path)
    path.write_bytes(gzip.compress(path.read_bytes())[:20000])


def _table_only(path: Path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])]).writeto(path)


def _zero_size(path: Path) -> None:
    fits.PrimaryHDU(np.zeros((0, 5))).writeto(path)


BAD_FILES = {
    "truncated": (_truncated, "truncated"),
    "header cut": (_header_cut, "truncated"),
    "gzip cut": (_gzip_cut, "truncated"),
    "text": (lambda path: path.write_text("RA Dec\n1 2\n" * 400), "not a FITS file"),
    "short text": (lambda path: path.write_text("hello"), "not a FITS file"),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 40), "not a FITS file"),
    "empty": (lambda path: path.touch(), "it is empty"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "missing": (lambda path: None, "No such file"),
    "table": (_table_only, "a table"),
    "no data": (lambda path: fits.PrimaryHDU().writeto(path), "empty"),
    "zero size": (_zero_size, r"no image.*(\(0, 5\)|empty)"),
    "one pixel": (lambda path: fits.PrimaryHDU(np.ones((1, 1))).writeto(path), "no image"),
    "line": (lambda path: fits.PrimaryHDU(np.ones(7)).writeto(path), "no image"),
    "cube": (lambda path: fits.PrimaryHDU(np.ones((2, 3, 4))).writeto(path), "cube"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_path_and_reason(tmp_path: Path, kind: str) -> None:
    make, reason = BAD_FILES[kind]
    path = tmp_path / "bad.fits"
    make(path)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        read_one(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_forbidden_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", RAMP)
    path.chmod(0)
    with pytest.raises(UnreadableFileError, match="Permission denied"):
        read_one(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
def test_no_file_stays_open(tmp_path: Path, extensions: Path) -> None:
    _truncated(tmp_path / "bad.fits")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        read_one(extensions)
        with pytest.raises(UnreadableFileError):
            read_one(tmp_path / "bad.fits")
    assert len(os.listdir("/proc/self/fd")) == before


def cube_file(path: Path, ctype: str = "", **cards: object) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 99, (5, 4, 6)).astype(np.int16)
    header = fits.Header(list(cards.items()))
    if ctype:
        header["CTYPE3"] = ctype
    fits.writeto(path, values, header)
    return values


def test_the_planes_of_a_cube_are_images_where_the_axes_say_so(tmp_path: Path) -> None:
    values = cube_file(tmp_path / "x.fits", BUNIT="Jy/beam", BLANK=7)
    images = read(tmp_path / "x.fits", axes="nhw").images
    assert images.ids == ("x_0", "x_1", "x_2", "x_3", "x_4")
    assert {image.unit for image in images} == {"Jy/beam"}
    np.testing.assert_array_equal(images.mask, values == 7)
    seen = ~images.mask
    np.testing.assert_array_equal(images.pixels[:, 0][seen], values[seen])


def test_all_extensions_are_stacks_then(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).random((3, 4, 6)).astype(np.float32)
    hdus = [fits.PrimaryHDU(planes[0]), fits.ImageHDU(planes), fits.ImageHDU(planes[1])]
    fits.HDUList(hdus).writeto(tmp_path / "x.fits")
    images = read(f"{tmp_path}/x.fits[*]", axes="nhw").images
    expected = np.concatenate([planes[:1], planes, planes[1:2]])
    np.testing.assert_array_equal(images.pixels[:, 0], expected)


@pytest.mark.parametrize("axes", ["", "nhwc", "chw", "nchw", "hw"])
def test_without_these_axes_a_cube_is_refused_with_a_hint(tmp_path: Path, axes: str) -> None:
    cube_file(tmp_path / "x.fits")
    [(_, reason)] = read(tmp_path / "x.fits", axes=axes).rejected
    assert "say axes='nhw' (--axes nhw) if each is an image" in reason or "do not fit" in reason


@pytest.mark.parametrize("ctype", ["VRAD", "FREQ", "WAVE", "DEPTH"])
def test_planes_of_a_named_quantity_are_never_images(tmp_path: Path, ctype: str) -> None:
    cube_file(tmp_path / "x.fits", ctype)
    [(_, reason)] = read(tmp_path / "x.fits", axes="nhw").rejected
    assert "moment map" in reason
    assert "nhw" not in reason
