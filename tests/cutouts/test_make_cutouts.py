"""Stamps have the pixels and coordinates that astropy cuts from the whole mosaic."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import Cutout2D, NoOverlapError
from astropy.table import Table
from astropy.wcs import WCS

from data_adapters import read
from equiclust.cutouts import Cutouts, make_cutouts
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.io.catalogue import read_table
from tests.cutouts.surveys import SIDE, Survey, header_of, make_survey

OUTPUTS = ("stamps.zarr", "stamps.fits", "stamps")


@pytest.fixture(scope="module", params=["tan", "sip", "tpv"])
def survey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return make_survey(tmp_path_factory.mktemp(request.param), kind=request.param)


@pytest.fixture(scope="module")
def sip(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return make_survey(tmp_path_factory.mktemp("survey"))


def by_id(path: Path) -> dict[str, Image]:
    found = read(str(path))
    assert not found.rejected
    return {image.id: image for image in found.images}


def reference(survey: Survey, k: int, size: int, band: str) -> Any:
    """astropy's stamp of the whole mosaic; None where there is none."""
    place = survey.wcs.all_world2pix(survey.positions[k : k + 1], 0)[0]
    values = survey.mosaics[band]
    try:
        return Cutout2D(
            values, tuple(place), size, wcs=survey.wcs, mode="partial", fill_value=np.nan
        )
    except NoOverlapError:
        return None


def assert_equal_to_mosaic(survey: Survey, images: dict[str, Image], size: int) -> None:
    n_cut = 0
    for k in range(len(survey.positions)):
        cuts = [reference(survey, k, size, band) for band in survey.mosaics]
        if any(cut is None or np.isnan(cut.data).all() for cut in cuts):
            assert f"s{k:03d}" not in images
            continue
        n_cut += 1
        image = images[f"s{k:03d}"]
        blank = np.isnan([cut.data for cut in cuts])
        np.testing.assert_array_equal(image.mask, blank.any(axis=0))
        expected = np.where(blank, 0.0, [cut.data for cut in cuts])
        np.testing.assert_array_equal(image.pixels, expected)
        corners = np.array([[0, 0], [size - 1, 0], [size / 3, size - 1]])
        assert image.wcs is not None
        apart = image.wcs.all_pix2world(corners, 0) - cuts[0].wcs.all_pix2world(corners, 0)
        assert np.abs((apart + 180) % 360 - 180).max() < 1e-9
        assert image.unit == "nJy"
        assert image.beam == pytest.approx((3e-4, 2e-4, 12.5))
    assert n_cut == len(images) > 40


@pytest.mark.parametrize("output", OUTPUTS)
def test_stamps_are_those_of_the_whole_mosaic(survey: Survey, output: str, tmp_path: Path) -> None:
    for size in (15, 24):
        place = tmp_path / str(size) / output
        found = make_cutouts(survey.catalogue, survey.images, place, size=size)
        images = by_id(place)
        assert_equal_to_mosaic(survey, images, size)
        assert found.n_stamps == len(images)
        assert found.n_stamps + sum(found.reasons.values()) == len(survey.positions)


def test_all_outputs_are_one_to_the_last_bit(sip: Survey, tmp_path: Path) -> None:
    several = []
    for output in OUTPUTS:
        make_cutouts(sip.catalogue, sip.images, tmp_path / output[-4:] / output, size=20)
        several.append(by_id(tmp_path / output[-4:] / output))
    first = several[0]
    for other in several[1:]:
        assert set(other) == set(first)
        for name, image in first.items():
            np.testing.assert_array_equal(image.pixels, other[name].pixels)
            np.testing.assert_array_equal(image.mask, other[name].mask)
            assert image.wcs is not None
            assert other[name].wcs is not None
            places = [one.wcs.all_pix2world([[3, 4]], 0) for one in (image, other[name])]  # type: ignore[union-attr]
            np.testing.assert_array_equal(*places)


def test_coverage_and_reasons_are_those_of_the_mosaic(sip: Survey, tmp_path: Path) -> None:
    found = make_cutouts(sip.catalogue, sip.images, tmp_path / "stamps.fits", size=24)
    table = read_table(found.table)
    for row in table:
        cut = reference(sip, int(row["row"]) - 1, 24, "r")
        assert row["coverage_r"] == pytest.approx(np.isfinite(cut.data).mean(), abs=1e-12)
        assert row["source"] == row["id"]
    assert found.n_partial == np.sum(table["coverage_g"] < 1)
    rejected = read_table(found.rejected)
    assert sorted([*table["row"], *rejected["row"]]) == list(range(1, 61))
    assert set(rejected["reason"]) == {"no image covers it"}


def test_files_of_stamps_are_legal_fits(sip: Survey, tmp_path: Path) -> None:
    make_cutouts(sip.catalogue, sip.images, tmp_path / "stamps", size=10)
    make_cutouts(sip.catalogue, sip.images, tmp_path / "one" / "stamps.fits", size=10)
    for path in (*sorted((tmp_path / "stamps").iterdir())[:3], tmp_path / "one" / "stamps.fits"):
        with fits.open(path) as hdus:
            hdus.verify("exception")
            stamp = hdus["STAMP", hdus[1].ver] if len(hdus) > 1 else hdus[0]
            assert stamp.data.shape == (2, 10, 10)
            assert [stamp.header[f"BAND{k}"] for k in (1, 2)] == ["g", "r"]
            row = stamp.header["SRCROW"] - 1
            assert stamp.header["RA_SRC"] == sip.positions[row, 0]
            place = WCS(stamp.header, naxis=2).all_world2pix(sip.positions[row : row + 1], 0)[0]
            assert np.all(np.abs(place - 4.5) <= 0.5 + 1e-6)


def test_a_packed_stamp_is_read_as_any_other_file(sip: Survey, tmp_path: Path) -> None:
    make_cutouts(sip.catalogue, sip.images, tmp_path / "stamps", size=10)
    path = sorted((tmp_path / "stamps").iterdir())[0]
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    one, other = (read(str(place)).images[0] for place in (path, packed))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert (one.id, one.unit, one.beam) == (other.id, other.unit, other.beam)
    assert one.wcs is not None
    assert other.wcs is not None
    places = [wcs.all_pix2world([[2, 7]], 0) for wcs in (one.wcs, other.wcs)]
    np.testing.assert_allclose(*places, rtol=0, atol=1e-11)


def test_bands_are_channels_in_the_order_asked_for(sip: Survey, tmp_path: Path) -> None:
    forth = make_cutouts(sip.catalogue, sip.images, tmp_path / "a.fits", size=10)
    back = make_cutouts(sip.catalogue, sip.images, tmp_path / "b.fits", size=10, bands=("r", "g"))
    mapped = {"r": f"{sip.folder}/*_r.fits", "g": f"{sip.folder}/*_g.fits"}
    named = make_cutouts(sip.catalogue, mapped, tmp_path / "c.fits", size=10)
    assert forth.bands == ("g", "r")
    assert back.bands == named.bands == ("r", "g")
    one, two, three = (by_id(cut.path) for cut in (forth, back, named))
    for name, image in one.items():
        np.testing.assert_array_equal(image.pixels, two[name].pixels[::-1])
        np.testing.assert_array_equal(two[name].pixels, three[name].pixels)


def test_stamps_need_a_share_of_pixels_where_it_is_asked_for(sip: Survey, tmp_path: Path) -> None:
    found = make_cutouts(
        sip.catalogue, sip.images, tmp_path / "stamps.zarr", size=24, min_coverage=0.9
    )
    table = read_table(found.table)
    assert min(table["coverage_g"]) >= 0.9
    names = {
        f"s{k:03d}"
        for k in range(60)
        if (cut := reference(sip, k, 24, "g")) is not None and np.isfinite(cut.data).mean() >= 0.9
    }
    assert set(table["id"]) == names == set(by_id(found.path))
    assert found.reasons["too few pixels have a value (g)"] > 0


def test_a_source_on_blank_pixels_is_listed(sip: Survey, tmp_path: Path) -> None:
    places = sip.wcs.all_pix2world([[43.0, 32.6], [100.0, 100.0]], 0)
    table = Table({"ra": places[:, 0], "dec": places[:, 1]})
    found = make_cutouts(table, sip.images, tmp_path / "stamps.zarr", size=5)
    assert found.n_stamps == len(read(str(found.path)).images) == 1
    row = read_table(found.rejected)[0]
    assert (row["row"], row["reason"]) == (1, "only blank or masked pixels lie there")


def test_sizes_are_angles_or_columns(sip: Survey, tmp_path: Path) -> None:
    scale = 3600 * np.sqrt(7.1e-5**2 - -(1.3e-5**2))
    found = make_cutouts(sip.catalogue, sip.images, tmp_path / "a.fits", size=f"{20 * scale}arcsec")
    assert set(read_table(found.table)["size"]) == {20}
    table = Table.read(sip.catalogue)
    table["radius"] = np.linspace(3.0, 8.0, len(table)) * scale
    table["radius"].unit = "arcsec"
    table["radius"][0] = np.nan
    several = make_cutouts(table, sip.images, tmp_path / "b", size_column="radius", size_factor=2.0)
    rows = read_table(several.table)
    expected = np.rint(2 * np.linspace(3.0, 8.0, 60))[rows["row"] - 1]
    np.testing.assert_array_equal(rows["size"], expected)
    images = by_id(several.path)
    assert all(images[row["id"]].shape[1] == row["size"] for row in rows)
    assert several.reasons["its size is missing or out of range"] == 1
    with pytest.raises(InputError, match="a Zarr store holds one"):
        make_cutouts(table, sip.images, tmp_path / "c.zarr", size_column="radius")


def test_masks_and_weights_go_with_the_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(2, 40, 40)).astype(np.float32)
    flags = (rng.random((2, 40, 40)) < 0.1).astype(np.int16) * 4
    weights = rng.random((2, 40, 40)).astype(np.float32)
    for k in range(2):
        header = header_of("tan", 40 * k, 0)
        hdus = [fits.PrimaryHDU(values[k], header), fits.ImageHDU(flags[k], name="DQ")]
        fits.HDUList(hdus).writeto(tmp_path / f"t{k}.fits")
        fits.writeto(tmp_path / f"t{k}.weight.fits", weights[k])
    whole, flagged, weight = (np.concatenate(one, axis=1) for one in (values, flags, weights))
    places = WCS(header_of("tan")).all_pix2world([[38.2, 20.0], [3.0, 3.0]], 0)
    table = Table({"ra": places[:, 0], "dec": places[:, 1]})
    results: list[Cutouts] = [
        make_cutouts(
            table,
            [tmp_path / "t0.fits", tmp_path / "t1.fits"],
            tmp_path / output,
            size=10,
            mask="[DQ]",
            weight="{stem}.weight.fits",
        )
        for output in ("a.zarr", "b.fits", "c")
    ]
    expected = np.where(flagged[15:25, 34:44] != 0, np.nan, whole[15:25, 34:44])
    used = np.where(np.isnan(expected), 0, weight[15:25, 34:44])
    for result in results:
        image = by_id(result.path)["source_0"]
        np.testing.assert_array_equal(image.mask, np.isnan(expected))
        np.testing.assert_array_equal(image.pixels[0], np.nan_to_num(expected))
    zarr = pytest.importorskip("zarr")
    with fits.open(results[1].path) as hdus, fits.open(results[2].path / "source_0.fits") as one:
        number = next(hdu.ver for hdu in hdus[1:] if hdu.header.get("OBJECT") == "source_0")
        np.testing.assert_array_equal(hdus["WEIGHT", number].data, used)
        np.testing.assert_array_equal(one["WEIGHT"].data, used)
    stored = zarr.open_group(results[0].path, mode="r")
    row = [image.id for image in read(str(results[0].path)).images].index("source_0")
    np.testing.assert_array_equal(stored["weights"][row, 0], used)
    with pytest.raises(InputError, match=r"mask 'no\.fits' of t0\.fits cannot be read"):
        make_cutouts(table, [tmp_path / "t0.fits"], tmp_path / "d", size=10, mask="no.fits")


def test_little_memory_gives_the_same_bytes(sip: Survey, tmp_path: Path, monkeypatch: Any) -> None:
    make_cutouts(sip.catalogue, sip.images, tmp_path / "a.fits", size=16)
    # So that every stamp is a block of its own.
    monkeypatch.setattr("equiclust.cutouts.options._USUAL", 3000)
    make_cutouts(sip.catalogue, sip.images, tmp_path / "b.fits", size=16)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    with pytest.raises(InputError, match="max_memory is 1MB, but the programs need"):
        make_cutouts(sip.catalogue, sip.images, tmp_path / "c.fits", max_memory="1MB")


def test_several_processes_give_the_same_bytes(
    sip: Survey, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("equiclust.cutouts.cutter._FEW", 0)
    make_cutouts(sip.catalogue, sip.images, tmp_path / "a.fits", size=16, n_jobs=1)
    make_cutouts(sip.catalogue, sip.images, tmp_path / "b.fits", size=16, n_jobs=2)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_values_that_float32_cannot_hold_are_kept(tmp_path: Path) -> None:
    values = 1e9 + np.arange(400.0).reshape(20, 20)
    fits.writeto(tmp_path / "map.fits", values, header_of("tan"))
    place = WCS(header_of("tan")).all_pix2world([[10.0, 10.0]], 0)[0]
    table = Table({"ra": [place[0]], "dec": [place[1]]})
    for output in ("a.zarr", "b.fits", "c"):
        make_cutouts(table, tmp_path / "map.fits", tmp_path / output, size=6)
        (image,) = by_id(tmp_path / output).values()
        np.testing.assert_allclose(image.values[0], values[7:13, 7:13], rtol=0, atol=1e-3)


def test_compressed_tiles_are_read_by_section(sip: Survey, tmp_path: Path) -> None:
    header = header_of("sip")
    image = fits.CompImageHDU(
        np.nan_to_num(sip.mosaics["g"]), header, compression_type="GZIP_2", quantize_level=0
    )
    image.writeto(tmp_path / "mosaic.fits.fz")
    found = make_cutouts(sip.catalogue, tmp_path / "mosaic.fits.fz", tmp_path / "s.fits", size=12)
    for name, one in by_id(found.path).items():
        cut = reference(sip, int(name[1:]), 12, "g")
        inside = np.isfinite(cut.data)
        np.testing.assert_array_equal(one.pixels[0][inside], cut.data[inside])
    assert SIDE == 160
