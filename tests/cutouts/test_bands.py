"""Which channel an image is of, and bands whose pixels lie otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from data_adapters import read
from equiclust.cutouts import make_cutouts
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.io.catalogue import read_table
from tests.cutouts.surveys import header_of


def written(folder: Path, name: str, header: fits.Header, values: np.ndarray) -> str:
    fits.writeto(folder / name, values.astype(np.float32), header)
    return str(folder / name)


@pytest.fixture
def source() -> Table:
    place = WCS(header_of("tan")).all_pix2world([[30.0, 25.0]], 0)[0]
    return Table({"ra": [place[0]], "dec": [place[1]]})


def test_bands_are_named_by_a_card(tmp_path: Path, source: Table) -> None:
    for name, value in (("a", 1.0), ("b", 2.0)):
        header = header_of("tan")
        header["FILTER"] = {"a": "r", "b": "g"}[name]
        written(tmp_path, f"{name}.fits", header, np.full((50, 60), value))
    images = f"{tmp_path}/?.fits"
    with pytest.raises(InputError, match=r"of several filters: r \(a\.fits\), g \(b\.fits\)"):
        make_cutouts(source, images, tmp_path / "s.zarr", size=8)
    found = make_cutouts(
        source, images, tmp_path / "s.zarr", size=8, band_keyword="FILTER", bands=["g", "r"]
    )
    pixels = read(str(found.path)).images[0].pixels
    assert found.bands == ("g", "r")
    assert pixels[:, 0, 0].tolist() == [2.0, 1.0]
    with pytest.raises(InputError, match="has no card 'NO' that names its band"):
        make_cutouts(source, images, tmp_path / "t.zarr", band_keyword="NO")
    with pytest.raises(InputError, match="bands must be those of the images"):
        make_cutouts(source, f"g={images}", tmp_path / "t.zarr", bands=["g", "r"])
    with pytest.raises(InputError, match="must have its band before it"):
        make_cutouts(source, [f"g={images}", images], tmp_path / "t.zarr")


def test_other_pixels_are_refused_or_interpolated(tmp_path: Path, source: Table) -> None:
    """Values that are linear on the sky are interpolated exactly."""
    wcs = WCS(header_of("tan"))
    other = header_of("tan", -20, -20)
    other["CRPIX1"] += 0.4
    other["CD1_1"], other["CD2_2"] = -9e-5, 9e-5
    other["CD1_2"] = other["CD2_1"] = -2e-5
    ys, xs = np.mgrid[:90, :90]
    away = wcs.all_world2pix(*WCS(other).all_pix2world(xs, ys, 0), 0)
    plain = 2.0 * xs[:50, :60] - ys[:50, :60]
    g = written(tmp_path, "g.fits", header_of("tan"), plain)
    r = written(tmp_path, "r.fits", other, 2.0 * away[0] - away[1])
    with pytest.raises(InputError, match=r"r\.fits: the pixels of band 'r' lie otherwise"):
        make_cutouts(source, {"g": g, "r": r}, tmp_path / "s.zarr", size=12)
    assert not (tmp_path / "s.zarr").exists()
    found = make_cutouts(source, {"g": g, "r": r}, tmp_path / "s.zarr", size=12, resample=True)
    image = read(str(found.path)).images[0]
    assert not image.mask.any()
    np.testing.assert_array_equal(image.pixels[0], plain[19:31, 24:36])
    np.testing.assert_allclose(image.pixels[1], image.pixels[0], atol=2e-4)


def test_a_grid_that_is_off_by_less_than_a_thousandth_is_the_same(
    tmp_path: Path, source: Table
) -> None:
    values = np.random.default_rng(0).normal(size=(50, 60))
    near = header_of("tan", 7, 3)
    near["CRPIX1"] += 4e-4
    g = written(tmp_path, "g.fits", header_of("tan"), values)
    r = written(tmp_path, "r.fits", near, values[3:, 7:])
    found = make_cutouts(source, {"g": g, "r": r}, tmp_path / "s.zarr", size=12)
    pixels = read(str(found.path)).images[0].pixels
    np.testing.assert_array_equal(pixels[0], pixels[1])


def test_a_neighbour_on_other_pixels_fills_nothing(tmp_path: Path, source: Table) -> None:
    off = header_of("tan", 33, 0)
    off["CRPIX1"] += 0.5
    a = written(tmp_path, "a.fits", header_of("tan"), np.ones((50, 33)))
    b = written(tmp_path, "b.fits", off, np.ones((50, 30)))
    found = make_cutouts(source, [a, b], tmp_path / "s.fits", size=12)
    assert read_table(found.table)["coverage"][0] == pytest.approx(9 / 12)
    even = make_cutouts(source, [a, b], tmp_path / "t.fits", size=12, resample=True)
    assert read_table(even.table)["coverage"][0] > 0.9


def test_a_source_that_one_band_lacks_is_listed_with_it(tmp_path: Path) -> None:
    wcs = WCS(header_of("tan"))
    places = wcs.all_pix2world([[10.0, 10.0], [50.0, 10.0]], 0)
    g = written(tmp_path, "g.fits", header_of("tan"), np.ones((50, 60)))
    r = written(tmp_path, "r.fits", header_of("tan"), np.ones((50, 20)))
    table = Table({"id": ["in", "out"], "ra": places[:, 0], "dec": places[:, 1]})
    found = make_cutouts(table, {"g": g, "r": r}, tmp_path / "s.zarr", size=8)
    rejected = read_table(found.rejected)
    assert [*rejected["id"], *rejected["band"]] == ["out", "r"]
    assert "1 no image covers it (r)" in found.headline
    with pytest.raises(InputError, match="none of the 1 sources gets a stamp"):
        make_cutouts(table[1:], {"g": g, "r": r}, tmp_path / "t.zarr", size=8)
    assert not list(tmp_path.glob("*t.*zarr*"))


def test_images_in_other_frames_have_the_same_sources(tmp_path: Path) -> None:
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "GLON-CAR", "GLAT-CAR"
    header["CRVAL1"], header["CRVAL2"] = 120.0, 0.0
    header["CRPIX1"] = header["CRPIX2"] = 25.0
    header["CDELT1"], header["CDELT2"] = -0.01, 0.01
    written(tmp_path, "map.fits", header, np.arange(2500).reshape(50, 50))
    table = Table({"l": [120.05], "b": [0.1]})
    found = make_cutouts(
        table, tmp_path / "map.fits", tmp_path / "s", ra="l", dec="b", frame="galactic", size=3
    )
    data = fits.getdata(tmp_path / "s" / "source_0.fits")
    assert data[1, 1] == 34 * 50 + 19
    assert found.n_stamps == 1


def test_cubes_and_tables_of_distortion_are_refused(tmp_path: Path, source: Table) -> None:
    cube = written(tmp_path, "cube.fits", header_of("tan"), np.ones((3, 20, 20)))
    with pytest.raises(InputError, match="it is a cube of 3 channels"):
        make_cutouts(source, cube, tmp_path / "s")
    with pytest.raises(InputError, match="does not exist"):
        make_cutouts(source, tmp_path / "no.fits", tmp_path / "s")


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_cut(
    tmp_path: Path, source: Table
) -> None:
    good = written(tmp_path, "good.fits", header_of("tan"), np.ones((50, 60)))
    cut = tmp_path / "cut.fits"
    cut.write_bytes(Path(good).read_bytes()[:-4000])
    with pytest.warns(EquiclustWarning, match=r"1 of 2 images cannot be read.*cut\.fits: it is da"):
        found = make_cutouts(source, [good, str(cut)], tmp_path / "s.zarr", size=8)
    alone = make_cutouts(source, good, tmp_path / "alone.zarr", size=8)
    one, other = (read(str(each.path)).images[0].pixels for each in (found, alone))
    np.testing.assert_array_equal(one, other)
    # A stamp without one of its bands would be another thing.
    for images in (str(cut), [f"g={good}", f"r={cut}"]):
        with pytest.raises(InputError, match=r"cut\.fits: it is damaged or truncated"):
            make_cutouts(source, images, tmp_path / "none.zarr", size=8)
    assert not (tmp_path / "none.zarr").exists()
