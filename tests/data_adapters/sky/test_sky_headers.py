"""Sky, spectral axis and beams of a map are those of the file's header."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.sky.cube_headers import cube_header
from data_adapters.sky.geometry import celestial_wcs
from data_adapters.sky.sky_map import open_sky_map
from tests.data_adapters.sky.cubes import CUBE, header_of, save


def on_sky(wcs: WCS, width: int, height: int) -> npt.NDArray[np.float64]:
    x, y = np.meshgrid([0, width - 1, width / 3], [0, height - 1, height / 3])
    return np.stack(wcs.all_pix2world(x.ravel(), y.ravel(), 0))


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


@pytest.mark.parametrize("cards", [{"CUNIT3": "Bananas"}, {"CTYPE3": "VOPT-XYZ"}, {"CDELT3": 0.0}])
def test_a_spoiled_spectral_axis_does_not_cost_the_sky(
    tmp_path: Path, cards: dict[str, Any]
) -> None:
    cube = open_sky_map(save(tmp_path / "x.fits", CUBE, header_of("ra", "dec", "vel", **cards)))
    assert cube.wcs is not None
    assert cube.header["CRVAL1"] == 83.8
    assert cube.spectral is None or np.all(np.diff(cube.spectral.values) > 0.0)
    # Nor does it cost that of the labels of its channels.
    labels = cube_header(cube)
    for sky in (celestial_wcs(labels), WCS(labels).celestial):
        assert sky is not None
        np.testing.assert_array_equal(on_sky(sky, 6, 5), on_sky(cube.wcs, 6, 5))


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
