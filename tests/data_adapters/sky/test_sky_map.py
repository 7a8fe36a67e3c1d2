"""Maps and cubes as they come, read by section."""

from __future__ import annotations

import gzip
import itertools
import os
import pickle
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError, UnreadableFileError
from tests.data_adapters.sky.cubes import CUBE, header_of, save


def stored_with(path: Path, stored: npt.NDArray[Any], **cards: Any) -> Path:
    save(path, stored)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header.update(cards)
    return path


ORDERS = list(itertools.permutations(["ra", "dec", "vel"]))


@pytest.mark.parametrize("names", ORDERS, ids="-".join)
def test_the_sky_comes_last_whatever_the_order_of_axes(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    # In the array the last name is the slowest axis; of the sky, the faster is the column.
    sky = [name for name in names if name != "vel"]
    places = {"vel": 0, sky[1]: 1, sky[0]: 2}
    stored = CUBE.transpose([places[name] for name in reversed(names)])
    path = save(tmp_path / "x.fits", np.ascontiguousarray(stored), header_of(*names))
    with open_sky_map(path) as cube:
        assert cube.shape == CUBE.shape
        np.testing.assert_array_equal(cube.read(), CUBE)
        np.testing.assert_array_equal(cube.read(slice(1, 3), slice(2, 4)), CUBE[1:3, 2:4])
    assert cube.wcs is not None
    longitude = sky.index("ra")
    point = cube.wcs.all_pix2world(*([1.0, 2.0] if longitude == 0 else [2.0, 1.0]), 0)
    np.testing.assert_allclose([point[longitude], point[1 - longitude]], [83.8, -5.4])
    assert cube.spectral is not None
    np.testing.assert_allclose(cube.spectral.values, [1e3, 1250.0, 1500.0, 1750.0])
    assert cube.channel_step == (1 if names[2] == "vel" else 4)


@pytest.mark.parametrize("shape", [(1, 4, 5, 6), (4, 1, 5, 6), (1, 1, 4, 5, 6)])
def test_axes_of_one_pixel_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    names = ["ra", "dec", *("vel" if n > 1 else "stokes" for n in reversed(shape[:-2]))]
    path = save(tmp_path / "x.fits", CUBE.reshape(shape), header_of(*names))
    cube = open_sky_map(path)
    np.testing.assert_array_equal(cube.read(), CUBE)
    assert cube.spectral is not None
    assert cube.spectral.ctype == "VRAD"


def test_a_map_has_one_channel_and_keeps_its_degenerate_spectral_axis(tmp_path: Path) -> None:
    flat = save(tmp_path / "flat.fits", CUBE[0], header_of("ra", "dec"))
    assert open_sky_map(flat).shape == (1, 5, 6)
    assert open_sky_map(flat).spectral is None
    deep = save(tmp_path / "deep.fits", CUBE[:1], header_of("ra", "dec", "vel"))
    spectral = open_sky_map(deep).spectral
    assert spectral is not None
    np.testing.assert_allclose(spectral.values, [1e3])
    np.testing.assert_allclose(spectral.widths, [250.0])


def test_colours_and_times_are_channels(tmp_path: Path) -> None:
    for kind in ("COLOUR", "TIME", ""):
        path = tmp_path / f"{kind}.fits"
        save(path, CUBE, header_of("ra", "dec", CTYPE3=kind))
        cube = open_sky_map(path)
        assert (cube.shape, cube.spectral) == (CUBE.shape, None)


@pytest.mark.parametrize("dtype", ["u1", ">i2", "u2", "i4", "i8", "f4", ">f8"])
def test_every_type_of_number_is_read(tmp_path: Path, dtype: str) -> None:
    path = save(tmp_path / "x.fits", CUBE.astype(dtype))
    np.testing.assert_array_equal(open_sky_map(path).read(), CUBE)


def test_scale_zero_and_blank_are_applied(tmp_path: Path) -> None:
    stored = np.array([[1, 2, -99], [3, 4, 5]], dtype=np.int16)
    path = stored_with(tmp_path / "x.fits", stored, BLANK=-99, BSCALE=0.5, BZERO=10.0)
    np.testing.assert_array_equal(
        open_sky_map(path).read()[0], np.where(stored == -99, np.nan, stored * 0.5 + 10)
    )


@pytest.mark.parametrize("blank", [2**63 - 1, 2**62 + 1, -(2**63)])
def test_a_blank_of_64_bits_is_exact(tmp_path: Path, blank: int) -> None:
    stored = np.arange(30, dtype=">i8").reshape(5, 6)
    stored[1, 2], stored[3, 4] = blank, blank // 2
    values = open_sky_map(stored_with(tmp_path / "map.fits", stored, BLANK=blank)).read()[0]
    assert np.argwhere(np.isnan(values)).tolist() == [[1, 2]]


def test_a_blank_means_nothing_to_floats(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = save(tmp_path / "x.fits", CUBE - 7.0, fits.Header({"BLANK": -7}))
    np.testing.assert_array_equal(open_sky_map(path).read(), CUBE - 7.0)


def test_infinities_are_blank(tmp_path: Path) -> None:
    data = np.array([[1.0, np.nan, np.inf], [-np.inf, 1e300, 2.0]])
    read = open_sky_map(save(tmp_path / "x.fits", data)).read()[0]
    np.testing.assert_array_equal(np.isnan(read), [[False, True, True], [True, False, False]])


@pytest.mark.parametrize("dtype", ["i2", "f4"])
@pytest.mark.parametrize("tile", [None, (2, 3, 4)])
def test_a_tile_compressed_cube_is_read(
    tmp_path: Path, dtype: str, tile: tuple[int, ...] | None
) -> None:
    path = tmp_path / "x.fits.fz"
    packed = fits.CompImageHDU(
        CUBE.astype(dtype),
        header_of("ra", "dec", "vel", BUNIT="K"),
        compression_type="GZIP_1",
        quantize_level=0.0,
        tile_shape=tile,
        name="SCI",
    )
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    with open_sky_map(path) as cube:
        np.testing.assert_array_equal(cube.read(), CUBE)
        np.testing.assert_array_equal(cube.read(slice(1, 4), slice(2, 3)), CUBE[1:4, 2:3])
    assert cube.unit == "K"
    assert cube.wcs is not None
    assert (cube.channel_step, cube.by_section) == (1 if tile is None else 2, True)


def test_a_compressed_cube_with_scale_blank_and_stokes_is_read(tmp_path: Path) -> None:
    plain = stored_with(
        tmp_path / "p.fits", CUBE.astype("i2")[None], BLANK=7, BSCALE=0.5, BZERO=3.0
    )
    path = tmp_path / "x.fits"
    with fits.open(plain, do_not_scale_image_data=True) as hdus:
        packed = fits.CompImageHDU(
            hdus[0].data, hdus[0].header, compression_type="RICE_1", do_not_scale_image_data=True
        )
        packed.header.update({"BLANK": 7, "BSCALE": 0.5, "BZERO": 3.0})
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    expected = open_sky_map(plain).read()
    np.testing.assert_array_equal(expected, np.where(CUBE == 7, np.nan, CUBE * 0.5 + 3.0))
    np.testing.assert_array_equal(open_sky_map(path).read(), expected)


def test_a_packed_file_is_read_whole_if_it_fits(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits.gz", CUBE)
    cube = open_sky_map(path)
    assert not cube.by_section
    np.testing.assert_array_equal(cube.read(slice(2, 3), slice(1, None)), CUBE[2:3, 1:])
    with pytest.raises(UnreadableFileError, match=r"480 bytes unpacked.*100 allowed; unpack"):
        open_sky_map(path, whole_limit=100)


def test_extensions_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    images = [fits.ImageHDU(CUBE + i, name="SCI", ver=i + 1) for i in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    for name, part, first in [("", "", 0), ("[SCI,2]", "", 1), ("[2]", "", 1), ("", "sci", 0)]:
        assert open_sky_map(f"{path}{name}", part=part).read()[0, 0, 0] == first
    assert open_sky_map(f"{path}[2]").path == f"{path}[2]"
    with pytest.raises(UnreadableFileError, match="no extension 'ERR'"):
        open_sky_map(f"{path}[ERR]")


@given(st.data())
def test_any_section_is_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "section.fits"
    if not path.exists():
        save(path, CUBE)
    channels, rows = data.draw(st.slices(4)), data.draw(st.slices(5))
    cube = open_sky_map(path)
    if {channels.step, rows.step} <= {None, 1}:
        np.testing.assert_array_equal(cube.read(channels, rows), CUBE[channels, rows])
    else:
        with pytest.raises(InputError, match="must be a slice of step 1"):
            cube.read(channels, rows)


def test_sections_larger_than_a_block_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_adapters.sky.sections.BLOCK_BYTES", 50)
    cube = open_sky_map(save(tmp_path / "x.fits", CUBE))
    np.testing.assert_array_equal(cube.read(slice(1, 3), slice(1, 5)), CUBE[1:3, 1:5])


@pytest.mark.parametrize("packed", [False, True])
def test_reading_holds_what_it_returns_and_one_copy(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "x.fits"
    shape = (50, 500, 500)
    stored = np.broadcast_to(np.arange(500, dtype=np.int32), shape)
    hdu = fits.CompImageHDU(stored, name="SCI") if packed else fits.ImageHDU(stored, name="SCI")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    del stored, hdu
    with open_sky_map(path) as cube:
        cube.read(slice(0, 1), slice(0, 1))
        tracemalloc.start()
        try:
            one = cube.read(slice(7, 8))
            peak_of_one = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            rows = cube.read(slice(None), slice(100, 150))
            peak_of_rows = tracemalloc.get_traced_memory()[1] - one.nbytes
        finally:
            tracemalloc.stop()
    # A compressed file has its index of tiles, 25,000 of them, besides.
    spare = 4_000_000 if packed else 1_200_000
    assert peak_of_one < 2 * one.nbytes + spare
    assert peak_of_rows < 2 * rows.nbytes + spare
    assert rows[3, 4, 5] == 5.0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
def test_the_file_is_open_within_the_block_only(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", CUBE)

    def n_open() -> int:
        links = (Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        return sum(link.is_symlink() and os.readlink(link) == str(path) for link in links)

    cube = open_sky_map(path)
    cube.read()
    assert n_open() == 0
    with cube, cube:
        cube.read()
        assert n_open() == 1
    assert n_open() == 0


def test_it_can_be_sent_to_another_process(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", CUBE, header_of("ra", "dec", "vel"))
    with open_sky_map(path) as cube:
        again: SkyMap = pickle.loads(pickle.dumps(cube))
        np.testing.assert_array_equal(again.read(), cube.read())
    assert again.header == cube.header


def truncated(path: Path) -> None:
    save(path, np.ones((9, 40, 40)))
    path.write_bytes(path.read_bytes()[:20000])


def gzip_cut(path: Path) -> None:
    save(path, np.random.default_rng(0).standard_normal((9, 40, 40)))
    path.write_bytes(gzip.compress(path.read_bytes())[:20000])


BAD_FILES = {
    "truncated": (truncated, "truncated"),
    "text": (lambda path: path.write_text("RA Dec\n" * 600), "not a FITS file"),
    "empty": (lambda path: path.touch(), "it is empty"),
    "missing": (lambda path: None, "No such file"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "line": (lambda path: save(path, np.ones(7)), "no image"),
    "four axes": (
        lambda path: save(
            path, np.ones((2, 3, 4, 5)), header_of("ra", "dec", "vel", "stokes", CTYPE4="TIME")
        ),
        r"TIME of 2, VRAD of 3.*extract one cube",
    ),
    "scale": (lambda path: stored_with(path, np.ones((2, 3)), BSCALE="wide"), "BSCALE"),
    "gzip cut": (gzip_cut, "truncated"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    make, reason = BAD_FILES[kind]
    path = tmp_path / "bad.fits"
    make(path)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        open_sky_map(path).read()
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_cut_or_gone_after_it_was_opened_is_said_so(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", np.ones((9, 40, 40)))
    cube = open_sky_map(path)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(UnreadableFileError, match="ends before its pixels"):
        cube.read()
    path.unlink()
    with pytest.raises(UnreadableFileError, match="No such file"):
        cube.read()
