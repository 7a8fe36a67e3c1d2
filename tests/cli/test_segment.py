"""`equiclust segment`: a map in, a label map on the same sky out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from equiclust.cli import main
from equiclust.io.catalogue import read_table
from equiclust.segmentation.label_maps import read_segment_map
from equiclust.segmentation.segment_map import MASKED

HEIGHT, WIDTH = 70, 90


def sky_header() -> fits.Header:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [83.8, -5.4], [40.0, 33.0]
    wcs.wcs.cd = [[-0.002, 0.0003], [0.0003, 0.002]]
    header: fits.Header = wcs.to_header()
    header["BUNIT"] = "K km/s"
    return header


def plane() -> np.ndarray:
    grain = np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH))
    fine, coarse = gaussian_filter(grain[0], 0.7), gaussian_filter(grain[1], 3.0)
    values = np.where(np.arange(WIDTH) < WIDTH // 2, fine / fine.std(), coarse / coarse.std())
    values[20:24, 50:60] = np.nan
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    fits.writeto(path, plane(), sky_header())
    return path


def arguments(sky: Path, output: Path, *more: str) -> list[str]:
    few = ["--n-pairs", "256", "--max-epochs", "2", "--tile", "16", "--n-jobs", "1"]
    return ["segment", str(sky), "--output", str(output), "--n-clusters", "2", *few, *more]


@pytest.fixture(scope="module")
def labels(sky: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.fits"
    assert main(arguments(sky, path)) == 0
    return path


def test_everything_is_written_and_nothing_else(labels: Path) -> None:
    endings = ("fits", "json", "model", "png", "reg", "segments.ecsv")
    assert sorted(path.name for path in labels.parent.iterdir()) == [f"labels.{e}" for e in endings]
    record = json.loads(labels.with_suffix(".json").read_text())
    found = read_segment_map(labels)
    assert record["sizes"] == found.sizes.tolist()
    assert record["n_masked"] == 40
    assert sum(record["sizes"]) + record["n_unsure"] + 40 == HEIGHT * WIDTH


def test_the_sky_is_that_of_the_input(sky: Path, labels: Path) -> None:
    corners = np.array([[0, 0], [WIDTH - 1, 0], [0, HEIGHT - 1], [WIDTH - 1, HEIGHT - 1]])
    for number in range(3):
        world = WCS(fits.getheader(labels, number)).all_pix2world(corners, 0)
        expected = WCS(fits.getheader(sky)).all_pix2world(corners, 0)
        np.testing.assert_allclose(world, expected, rtol=0, atol=1e-9)


def test_masked_pixels_and_no_others_are_labelled_so(labels: Path) -> None:
    np.testing.assert_array_equal(fits.getdata(labels) == MASKED, np.isnan(plane()))


def test_the_table_has_the_segments(labels: Path) -> None:
    table = read_table(labels.with_suffix(".segments.ecsv"))
    assert {"label", "n_pixels", "area", "ra", "dec", "flux"} <= set(table.colnames)
    assert np.all(np.hypot(table["ra"] - 83.8, table["dec"] + 5.4) < 0.3)
    text = labels.with_suffix(".reg").read_text()
    assert text.count("polygon(") == len(table)


def test_a_known_run_labels_another_map_alike(sky: Path, labels: Path, tmp_path: Path) -> None:
    rotated = tmp_path / "turned.fits"
    fits.writeto(rotated, np.ascontiguousarray(np.rot90(plane())))
    output = tmp_path / "labels.fits"
    assert main(arguments(rotated, output, "--run", str(labels))) == 0
    np.testing.assert_array_equal(fits.getdata(output), np.rot90(fits.getdata(labels)))
    assert not output.with_suffix(".model").exists()


def test_masks_are_joined(sky: Path, labels: Path, tmp_path: Path) -> None:
    values = plane()
    mask = np.zeros(values.shape, dtype=np.uint8)
    mask[:5] = 1
    weights = np.ones(values.shape, dtype=np.float32)
    weights[:, :7] = 0.1
    region = tmp_path / "inside.reg"
    region.write_text("image\nbox(45.5,35.5,90,60,0)\n")
    fits.writeto(tmp_path / "mask.fits", mask)
    fits.writeto(tmp_path / "weights.fits", weights)
    output = tmp_path / "labels.fits"
    masks = ["--mask", str(tmp_path / "mask.fits"), "--region", str(region)]
    masks += ["--weights", str(tmp_path / "weights.fits"), "--min-weight", "0.5"]
    assert main(arguments(sky, output, "--run", str(labels), *masks)) == 0
    expected = np.isnan(values) | (mask > 0) | (weights < 0.5)
    expected[65:] = True
    np.testing.assert_array_equal(fits.getdata(output) == MASKED, expected)


def test_the_result_as_json(
    sky: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main([*arguments(sky, tmp_path / "l.fits", "--run", str(labels)), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_tiles"] > 0
    assert record["labels"] == str(tmp_path / "l.fits")


def test_mistakes_are_told_in_one_sentence(
    sky: Path, labels: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    output = tmp_path / "new.fits"
    (tmp_path / "text.fits").write_text("no FITS")
    cases = {
        "--output must end in .fits": arguments(sky, tmp_path / "labels.txt"),
        "is no segment map": arguments(sky, sky),
        "--tile must be from 8 to 256": arguments(sky, output, "--tile", "4"),
        "--step must be from 1": arguments(sky, output, "--step", "20"),
        "--n-clusters must be a whole number of at least 1": arguments(
            sky, output, "--n-clusters", "0"
        ),
        "--seed must be from 0": arguments(sky, output, "--seed", "-1"),
        "--min-confidence must be": arguments(sky, output, "--min-confidence", "1.5"),
        "--weights and --min-weight": arguments(sky, output, "--min-weight", "1"),
        "--run must be a label map": arguments(sky, output, "--run", str(sky)),
        "--max-memory must be a size": arguments(sky, output, "--max-memory", "much"),
        "but the map needs": arguments(sky, output, "--max-memory", "10MB"),
        "text.fits": arguments(tmp_path / "text.fits", output),
        "missing.fits": arguments(tmp_path / "missing.fits", output),
    }
    for said, words in cases.items():
        assert said in refused(*words)
    assert not output.exists()
    assert not Path(f"{output}.partial").exists()


def test_a_map_without_anything_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"nan": np.nan, "flat": 3.0}.items():
        path = tmp_path / f"{name}.fits"
        fits.writeto(path, np.full((40, 40), value, dtype=np.float32))
        capsys.readouterr()
        assert main(arguments(path, tmp_path / "labels.fits")) == 2
        said = capsys.readouterr().err
        assert "equiclust: error: the map" in said
        assert "Traceback" not in said
