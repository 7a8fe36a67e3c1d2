"""Sources that are found in images: each once, where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters import read
from equiclust.cutouts import Detection, make_cutouts
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import read_table
from tests.cutouts.surveys import header_of

pytest.importorskip("photutils")


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Two images that overlap, of the same Gaussian sources on a sloping background."""
    folder = tmp_path_factory.mktemp("field")
    rng = np.random.default_rng(3)
    grid = np.arange(20.0, 290.0, 30.0)
    places = np.stack(np.meshgrid(grid, grid[:4]), axis=-1).reshape(-1, 2)
    places += rng.uniform(-4, 4, size=places.shape)
    y, x = np.mgrid[:140, :300]
    values = rng.normal(size=(140, 300)) + 0.02 * x + 50.0
    for x0, y0 in places:
        values += 40.0 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.8**2))
    for k, (low, high) in enumerate([(0, 180), (120, 300)]):
        part = values[:, low:high].astype(np.float32)
        fits.writeto(folder / f"t{k}.fits", part, header_of("tan", low, 0))
    return folder, places


def test_every_source_is_found_once_and_cut(field: Any, tmp_path: Path) -> None:
    folder, places = field
    output = tmp_path / "stamps.zarr"
    found = make_cutouts(Detection(threshold=5.0), f"{folder}/*.fits", output, size=16)
    assert found.detected is not None
    table = read_table(found.detected)
    pixels = WCS(header_of("tan")).all_world2pix(table["ra"], table["dec"], 0)
    pairs = zip(places.T, pixels, strict=True)
    apart = np.hypot(*(np.subtract.outer(one, two) for one, two in pairs))
    assert len(table) == len(places) == found.n_stamps
    assert np.all(apart.min(axis=1) < 0.3)
    assert set(table["image"]) == {0, 1}
    images = read(str(output)).images
    assert all(image.pixels[0, 6:10, 6:10].max() > 70 for image in images)
    # Again: nothing is done, and the catalogue is kept.
    before = found.detected.read_bytes()
    assert make_cutouts(Detection(threshold=5.0), f"{folder}/*.fits", output, size=16) == found
    assert found.detected.read_bytes() == before


def test_large_images_are_searched_in_parts(field: Any, tmp_path: Path, monkeypatch: Any) -> None:
    folder, places = field
    monkeypatch.setattr("equiclust.cutouts.detection._PART", 64)
    monkeypatch.setattr("equiclust.cutouts.detection._MARGIN", 40)
    found = make_cutouts(Detection(5.0), f"{folder}/*.fits", tmp_path / "s.zarr", size=16)
    assert found.n_stamps == len(places)


def test_nothing_that_is_there_is_overwritten(field: Any, tmp_path: Path) -> None:
    (tmp_path / "s.detected.ecsv").write_text(
        "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1\n"
    )
    with pytest.raises(OutputError, match=r"s\.detected\.ecsv"):
        make_cutouts(Detection(), f"{field[0]}/*.fits", tmp_path / "s.zarr")
    with pytest.raises(InputError, match="no source is brighter than 1e\\+06 sigma"):
        make_cutouts(Detection(1e6), f"{field[0]}/*.fits", tmp_path / "t.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["s.detected.ecsv"]


@pytest.mark.parametrize(
    "options", [{"threshold": 0}, {"min_pixels": 0}, {"deblend": "yes"}, {"threshold": "x"}]
)
def test_odd_options_are_refused(options: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be"):
        make_cutouts(Detection(**options), "no.fits", tmp_path / "s")
