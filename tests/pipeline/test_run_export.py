"""A run as files of other programs: the images that were asked for, where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

import equiclust
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import read_table
from equiclust.io.ucds import ucd_of
from equiclust.pipeline.results import Run
from tests.pipeline.run_folders import catalogue_of, run_of
from tests.segmentation.segment_maps import sky

N = 6
PLACES = np.array([[0.0, 0.0], [359.99, 0.02], [10.0, 89.99], [20.0, -45.0], [30.0, 5.0]])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Six images, one without a place; labels -1, 0, 1, -1, 0, 1."""
    positions = np.vstack([PLACES, [[np.nan, np.nan]]])
    table = catalogue_of(positions)
    table["path"] = [str(tmp_path / "images" / f"{name}.fits") for name in table["id"]]
    (tmp_path / "images").mkdir()
    for (ra, dec), path in zip(PLACES, table["path"], strict=False):
        header = sky(CRVAL1=ra, CRVAL2=dec, CRPIX1=4.5, CRPIX2=3.5, side=0.001)
        fits.writeto(path, np.arange(48.0).reshape(6, 8), header)
    return run_of(table, tmp_path / "run")


@pytest.mark.parametrize("suffix", [".vot", ".fits", ".ecsv", ".parquet", ".csv"])
def test_a_table_has_the_images_that_were_asked_for(run: Run, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"some{suffix}"
    written = run.export(path, label=0, min_stability=0.5)
    found = read_table(path)
    assert written == ((path,), 1)
    assert found["id"].tolist() == ["image_0004"]
    assert found["ra"][0] == 30.0
    assert suffix == ".csv" or ucd_of(found["ra"]) == "pos.eq.ra;meta.main"


def test_runs_of_earlier_versions_have_ucds_too(run: Run, tmp_path: Path) -> None:
    for column in run.catalogue.itercols():
        column.info.meta = None
    run.export(tmp_path / "all.vot")
    assert all(map(ucd_of, read_table(tmp_path / "all.vot").itercols()))
    assert not any(map(ucd_of, run.catalogue.itercols()))


def test_every_label_may_have_its_file(run: Run, tmp_path: Path) -> None:
    written = run.export(tmp_path / "kinds.v1.csv", each=True)
    names = [path.name for path in written.paths]
    assert names == [f"kinds.v1.label_{label}.csv" for label in (-1, 0, 1)]
    assert written.n_rows == N
    for path, label in zip(written.paths, (-1, 0, 1), strict=True):
        assert set(read_table(path)["label"]) == {label}
    # Once more with fewer of them.
    assert len(run.export(tmp_path / "kinds.v1.csv", each=True, label=1).paths) == 1


def test_regions_and_lists_name_the_images(run: Run, tmp_path: Path) -> None:
    regions = pytest.importorskip("regions")
    run.export(tmp_path / "all.reg")
    found = regions.Regions.read(tmp_path / "all.reg", format="ds9")
    names = [region.meta["text"].split()[0] for region in found]
    assert names == run.catalogue["id"][:5].tolist()
    run.export(tmp_path / "some.txt", label=1)
    assert (tmp_path / "some.txt").read_text().splitlines() == run.catalogue["path"][
        [2, 5]
    ].tolist()


@pytest.mark.parametrize("radius", [None, "2 arcsec"])
def test_coverage_is_where_the_images_are(run: Run, radius: str | None, tmp_path: Path) -> None:
    mocpy = pytest.importorskip("mocpy")
    places = SkyCoord(*PLACES.T, unit="deg")
    written = run.export(tmp_path / "all.moc.fits", radius=radius)
    assert written.n_rows == N
    moc = mocpy.MOC.from_fits(str(written.paths[0]))
    assert moc.contains_skycoords(places).all()
    area = 6 * 8 * 1e-6 if radius is None else np.pi * (2.0 / 3600.0) ** 2
    assert 1.0 < moc.sky_fraction * 41252.96 / (len(PLACES) * area) < 1.4
    (one,) = run.export(tmp_path / "one.moc.json", radius=radius, label=0).paths
    inside = mocpy.MOC.load(str(one), format="json").contains_skycoords(places)
    assert inside.tolist() == [False, True, False, False, True]


def test_frames_that_cannot_be_read_again_need_a_radius(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("mocpy")
    Path(run.catalogue["path"][1]).unlink()
    with pytest.raises(InputError, match=r"radius is needed .* there is no such file"):
        run.export(tmp_path / "all.moc.fits")
    with pytest.raises(InputError, match="none of the 1 images has a place"):
        run.export(tmp_path / "all.moc.fits", label=1, min_stability=0.9)
    assert not (tmp_path / "all.moc.fits").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "ring"}, "kind 'ring' cannot be used: the run has clusters"),
        ({"label": 7}, "none of the 6 images is chosen by label 7"),
        ({"label": -2}, "label must be"),
        ({"min_stability": 1.5}, "min_stability must be"),
        ({"min_probability": 0.5}, "min_probability cannot be used: the catalogue has no column"),
        ({"order": 40}, "order must be"),
        ({"radius": "2"}, "radius must be an angle with its unit"),
        ({"each": 3}, "each must be"),
        ({"order": 4}, "order is for coverage maps"),
        ({"radius": "2 arcsec"}, "radius is for coverage maps"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    run: Run, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        run.export(tmp_path / "x.vot", **options)


def test_kinds_are_chosen_by_name(run: Run, tmp_path: Path) -> None:
    run.catalogue["kind"] = ["01", "ring", "01", "ring", "ring", ""]
    run.catalogue["probability"] = np.linspace(0.5, 1.0, N)
    run.export(tmp_path / "x.ecsv", kind="01", min_probability=0.6)
    assert read_table(tmp_path / "x.ecsv")["id"].tolist() == ["image_0002"]
    with pytest.raises(InputError, match="kind must be one of 01, ring, got 'star'"):
        run.export(tmp_path / "x.ecsv", kind="star")


def test_nothing_of_the_user_is_replaced(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.label_0.csv"
    mine.write_text("mine")
    with pytest.raises(OutputError, match="was not written by this command"):
        run.export(tmp_path / "mine.csv", each=True)
    with pytest.raises(OutputError, match="folder of the run"):
        run.export(run.path / "x.csv")
    with pytest.raises(InputError, match="output must end in one of"):
        run.export(tmp_path / "x.png")
    assert mine.read_text() == "mine"
    assert not (tmp_path / "mine.label_1.csv").exists()


def test_the_frames_of_many_images_of_a_file_are_read_at_once(tmp_path: Path) -> None:
    mocpy = pytest.importorskip("mocpy")
    path = tmp_path / "two.fits"
    hdus = [fits.PrimaryHDU()]
    for ra, dec in PLACES[3:]:
        header = sky(CRVAL1=ra, CRVAL2=dec, CRPIX1=4.5, CRPIX2=3.5, side=0.001)
        hdus.append(fits.ImageHDU(np.arange(48.0).reshape(6, 8), header))
    fits.HDUList(hdus).writeto(path)
    images = equiclust.read(f"{path}[*]").images
    assert len(images) == 2
    table = catalogue_of(PLACES[3:])
    table["id"] = [image.id for image in images]
    table["path"] = [image.path for image in images]
    (one,) = run_of(table, tmp_path / "run").export(tmp_path / "x.moc.fits").paths
    moc = mocpy.MOC.from_fits(str(one))
    assert (
        moc.contains_skycoords(SkyCoord(*PLACES.T, unit="deg")).tolist() == [False] * 3 + [True] * 2
    )
