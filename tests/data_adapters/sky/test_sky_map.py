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
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from data_adapters.sky.sky_map import SkyMap, cube_header, open_sky_map
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Beam

# Channel, row, column: sizes that cannot be mistaken for each other.
CUBE = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
AXES: dict[str, dict[str, Any]] = {
    "ra": {"CTYPE": "RA---TAN", "CRVAL": 83.8, "CDELT": -1.1e-4, "CRPIX": 2.0, "CUNIT": "deg"},
    "dec": {"CTYPE": "DEC--TAN", "CRVAL": -5.4, "CDELT": 1.3e-4, "CRPIX": 3.0, "CUNIT": "deg"},
    "vel": {"CTYPE": "VRAD", "CRVAL": 1e3, "CDELT": 250.0, "CRPIX": 1.0, "CUNIT": "m/s"},
    "stokes": {"CTYPE": "STOKES", "CRVAL": 1.0, "CDELT": 1.0, "CRPIX": 1.0},
}


def header_of(*names: str, **cards: Any) -> fits.Header:
    """Header of axes in the order of FITS, fastest first."""
    header = fits.Header()
    for number, name in enumerate(names, start=1):
        for stem, value in AXES[name].items():
            header[f"{stem}{number}"] = value
    header.update(cards)
    return header


def save(path: Path, data: npt.NDArray[Any], header: fits.Header | None = None) -> Path:
    fits.PrimaryHDU(data, header).writeto(path)
    return path


def stored_with(path: Path, stored: npt.NDArray[Any], **cards: Any) -> Path:
    save(path, stored)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header.update(cards)
    return path


def on_sky(wcs: WCS, width: int, height: int) -> npt.NDArray[np.float64]:
    x, y = np.meshgrid([0, width - 1, width / 3], [0, height - 1, height / 3])
    return np.stack(wcs.all_pix2world(x.ravel(), y.ravel(), 0))


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


def test_a_line_of_sky_is_a_map_too(tmp_path: Path) -> None:
    path = save(tmp_path / "x.fits", CUBE[:, :1], header_of("ra", "dec", "vel"))
    np.testing.assert_array_equal(open_sky_map(path).read(), CUBE[:, :1])


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


def check_sky(path: Path, folder: Path) -> None:
    """Header and WCS put every pixel where the input's own header puts it."""
    cube = open_sky_map(path)
    _, height, width = cube.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = fits.getheader(path)
        count = header["NAXIS"]
        whole = WCS(header, naxis=[1, 2]) if count == 2 else WCS(header).celestial
        expected = on_sky(whole, width, height)
    assert cube.wcs is not None
    np.testing.assert_allclose(on_sky(cube.wcs, width, height), expected, rtol=0, atol=1e-9)
    product = folder / "product.fits"
    fits.PrimaryHDU(np.zeros((height, width), np.int16), cube.header).writeto(product)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = WCS(fits.getheader(product))
    np.testing.assert_allclose(on_sky(again, width, height), expected, rtol=0, atol=1e-9)
    assert not {"NAXIS", "BITPIX", "CTYPE3", "CRVAL4", "BSCALE", "BZERO"} & set(cube.header)


MAPS = {
    "HorseHead": (1, 893, 891),
    "PerA_Extn2MASS_F_Gal": (1, 313, 217),
    "filaments_updatedhdr": (1, 256, 256),
    "gc_bolocam_gps": (1, 638, 640),
    "gc_msx_e": (1, 149, 149),
    "l1448_13co": (53, 105, 105),
    "orion_12CO_mom0": (1, 177, 209),
    "spitzer_example_image": (1, 513, 1025),
}


@pytest.mark.parametrize("name", MAPS)
def test_real_maps_keep_their_sky(data_folder: Path, tmp_path: Path, name: str) -> None:
    path = data_folder / "gas_maps" / f"{name}.fits"
    if not path.exists():
        pytest.skip(f"{name} is not there")
    check_sky(path, tmp_path)
    with open_sky_map(path) as sky:
        assert sky.shape == MAPS[name]
        read = sky.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = fits.getdata(path).astype(np.float32)
    np.testing.assert_array_equal(read, whole.reshape(read.shape))


def test_a_velocity_axis_without_rest_frequency_has_values(data_folder: Path) -> None:
    path = data_folder / "gas_maps" / "l1448_13co.fits"
    if not path.exists():
        pytest.skip("the cube is not there")
    spectral = open_sky_map(path).spectral
    assert spectral is not None
    np.testing.assert_allclose(spectral.values, -9959.44378305 + 66.42361 * (np.arange(53) + 188))
    assert (spectral.unit, spectral.ctype) == ("m s-1", "VOPT")


def rotated(**cards: Any) -> fits.Header:
    header = header_of("ra", "dec", "vel")
    header.update({"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8})
    header.update(cards)
    return header


def test_a_turned_sky_with_many_digits_is_kept(tmp_path: Path) -> None:
    header = rotated(CRVAL1=83.82208333333333, CDELT1=-4.251724137931034e-05)
    check_sky(save(tmp_path / "x.fits", CUBE, header), tmp_path)


@pytest.mark.parametrize(
    "names", [("vel", "ra", "dec"), ("ra", "vel", "dec"), ("vel", "dec", "ra")], ids="-".join
)
def test_the_sky_of_odd_orders_is_renumbered(tmp_path: Path, names: tuple[str, ...]) -> None:
    header = header_of(*names)
    first, second = (number for number, name in enumerate(names, start=1) if name != "vel")
    for i, j, value in ((1, 1, 0.8), (1, 2, -0.6), (2, 1, 0.6), (2, 2, 0.8)):
        header[f"PC{(first, second)[i - 1]}_{(first, second)[j - 1]}"] = value
    cube = open_sky_map(save(tmp_path / "x.fits", CUBE, header))
    whole = WCS(header).sub([first, second])
    assert cube.wcs is not None
    np.testing.assert_allclose(on_sky(cube.wcs, 5, 6), on_sky(whole, 5, 6), rtol=0, atol=1e-11)
    np.testing.assert_allclose(
        on_sky(WCS(cube.header), 5, 6), on_sky(whole, 5, 6), rtol=0, atol=1e-11
    )


def test_sip_distortions_are_kept(tmp_path: Path) -> None:
    cards = {"A_ORDER": 2, "A_2_0": 1e-3, "B_ORDER": 2, "B_0_2": -2e-3}
    header = header_of("ra", "dec", CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", **cards)
    path = save(tmp_path / "x.fits", CUBE[0], header)
    check_sky(path, tmp_path)
    assert open_sky_map(path).header["A_2_0"] == 1e-3


def test_polynomials_of_tpv_are_kept_beside_other_axes(tmp_path: Path) -> None:
    polynomials = {"PV1_1": 1.0, "PV1_5": 0.05, "PV2_1": 1.0, "PV2_7": 0.08}
    cards = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CDELT1": -0.1, "CDELT2": 0.1}
    flat, deep = (
        header_of(*names, **cards, **polynomials)
        for names in (("ra", "dec"), ("ra", "dec", "stokes"))
    )
    map_ = open_sky_map(save(tmp_path / "flat.fits", CUBE[0], flat))
    cube = open_sky_map(save(tmp_path / "deep.fits", CUBE[:1], deep))
    assert map_.wcs is not None
    assert cube.wcs is not None
    np.testing.assert_allclose(on_sky(cube.wcs, 6, 5), on_sky(map_.wcs, 6, 5), rtol=1e-12)


@pytest.mark.parametrize(("ctype", "unit", "standard"), [
    ("VOPT-F2W", "KM/S", "km/s"), ("FREQ-W2F", "HZ", "Hz"), ("WAVN", "1/m", "m-1"),
])  # fmt: skip
def test_units_of_other_spellings_do_not_make_an_axis_linear(
    tmp_path: Path, ctype: str, unit: str, standard: str
) -> None:
    cards = {"CTYPE3": ctype, "CRVAL3": 1.2e4, "CDELT3": 3e3, "RESTFRQ": 1.42e9}
    one, other = (
        open_sky_map(
            save(tmp_path / f"{i}.fits", CUBE, header_of("ra", "dec", "vel", **cards, CUNIT3=text))
        )
        for i, text in enumerate((unit, standard))
    )
    assert one.spectral is not None
    assert other.spectral is not None
    np.testing.assert_array_equal(one.spectral.values, other.spectral.values)
    # The labels of channels have their sky and their spectrum too.
    again = WCS(cube_header(one))
    np.testing.assert_allclose(
        again.all_pix2world([[0, 0, 2]], 0), WCS(cube_header(other)).all_pix2world([[0, 0, 2]], 0)
    )


def test_channels_of_an_axis_that_is_not_linear_have_the_widths_between_their_edges(
    tmp_path: Path,
) -> None:
    cards = {"CTYPE3": "VOPT-F2W", "CRVAL3": 9e6, "CDELT3": 2e5, "RESTFRQ": 1.420405752e9}
    header = header_of("ra", "dec", "vel", **cards)
    sky = open_sky_map(save(tmp_path / "cube.fits", np.concatenate([CUBE, CUBE]), header))
    edges = np.stack([np.zeros(9), np.zeros(9), np.arange(9) - 0.5], axis=1)
    expected = np.diff(WCS(header).all_pix2world(edges, 0)[:, 2])
    assert sky.spectral is not None
    np.testing.assert_allclose(sky.spectral.widths, expected, rtol=2e-4)


def test_an_increment_beside_a_matrix_of_the_sky_alone_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    matrix = {"CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4}
    header = header_of("ra", "dec", "vel", **matrix)
    sky = open_sky_map(save(tmp_path / "cube.fits", CUBE, header))
    assert sky.spectral is not None
    np.testing.assert_allclose(sky.spectral.values, 1e3 + 250.0 * np.arange(4))
    assert "the increment is CDELT3, 250" in caplog.text


def test_a_spoiled_spectral_axis_does_not_cost_the_sky(tmp_path: Path) -> None:
    for i, cards in enumerate([{"CUNIT3": "Bananas"}, {"CTYPE3": "VOPT-XYZ"}, {"CDELT3": 0.0}]):
        path = save(tmp_path / f"{i}.fits", CUBE, header_of("ra", "dec", "vel", **cards))
        cube = open_sky_map(path)
        assert cube.wcs is not None
        assert cube.header["CRVAL1"] == 83.8
        assert cube.spectral is not None
        assert np.all(np.isfinite(cube.spectral.values))


@pytest.mark.parametrize("cards", [{}, {"CTYPE1": "LINEAR"}, {"CTYPE1": "RA---XYZ"}])
def test_a_map_without_sky_is_read(tmp_path: Path, cards: dict[str, Any]) -> None:
    cube = open_sky_map(save(tmp_path / "x.fits", CUBE, fits.Header(cards)))
    assert (cube.wcs, len(cube.header)) == (None, 0)
    np.testing.assert_array_equal(cube.read(), CUBE)


@pytest.mark.parametrize(
    ("cards", "values", "unit"),
    [
        ({"CUNIT3": "km/s", "CRVAL3": 1.0, "CDELT3": -0.25}, [1.0, 0.75, 0.5, 0.25], "km/s"),
        ({"CUNIT3": ""}, [1000.0, 1250.0, 1500.0, 1750.0], "m s-1"),
        (
            {"CTYPE3": "FREQ", "CUNIT3": "GHz", "CRVAL3": 115.27, "CDELT3": 0.001},
            [115.27, 115.271, 115.272, 115.273],
            "GHz",
        ),
        ({"CTYPE3": "VELO-LSR"}, [1000.0, 1250.0, 1500.0, 1750.0], "m/s"),
        ({"CTYPE3": "", "CUNIT3": "m/s"}, [1000.0, 1250.0, 1500.0, 1750.0], "m/s"),
        ({"CUNIT3": "KM/S?"}, [1000.0, 1250.0, 1500.0, 1750.0], "KM/S?"),
    ],
)
def test_channels_have_values_in_the_unit_of_the_header(
    tmp_path: Path, cards: dict[str, Any], values: list[float], unit: str
) -> None:
    path = save(tmp_path / "x.fits", CUBE, header_of("ra", "dec", "vel", **cards))
    spectral = open_sky_map(path).spectral
    assert spectral is not None
    np.testing.assert_allclose(spectral.values, values, rtol=1e-12)
    assert spectral.unit == unit
    np.testing.assert_allclose(spectral.widths, abs(values[1] - values[0]), rtol=1e-6)


@pytest.mark.parametrize("matrix", [False, True])
@pytest.mark.parametrize(("first", "group"), [(0, 1), (1, 1), (0, 2), (1, 3)])
def test_a_cube_header_puts_planes_in_the_middle_of_their_channels(
    tmp_path: Path, matrix: bool, first: int, group: int
) -> None:
    header = header_of("ra", "dec", "vel")
    if matrix:
        for i in (1, 2, 3):
            header[f"CD{i}_{i}"] = header.pop(f"CDELT{i}")
    cube = open_sky_map(save(tmp_path / "x.fits", CUBE, header))
    assert cube.spectral is not None
    expected = cube.spectral.values[first : first + group].mean()
    wcs = WCS(cube_header(cube, first=first, group=group))
    np.testing.assert_allclose(wcs.all_pix2world(1.0, 2.0, 0.0, 0), [83.8, -5.4, expected])


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
