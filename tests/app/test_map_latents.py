"""Tiles of a segmented map: on the sky where they were cut, and by texture what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from scipy.ndimage import gaussian_filter

from equiclust.app import map_latents
from equiclust.app.map_view import MapView
from equiclust.exceptions import InputError
from equiclust.segmentation.job import SegmentJob, run_segment_job
from equiclust.segmentation.label_maps import read_segment_map
from equiclust.segmentation.options import SegmentOptions

SIDE = 96


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fine grain on the left, coarse grain on the right, a hole in one corner."""
    folder = tmp_path_factory.mktemp("tiles")
    grain = np.random.default_rng(0).normal(size=(2, SIDE, SIDE))
    fine, coarse = gaussian_filter(grain[0], 0.7), gaussian_filter(grain[1], 3.0)
    plane = np.where(np.arange(SIDE) < SIDE // 2, fine / fine.std(), coarse / coarse.std())
    plane[:20, :20] = np.nan
    fits.writeto(folder / "sky.fits", plane.astype(np.float32))
    options = SegmentOptions(
        tile=16, n_clusters=2, n_networks=1, n_pairs=512, max_epochs=6, group="D4"
    )
    job = SegmentJob(str(folder / "sky.fits"), str(folder / "kinds.fits"), options, n_jobs=1)
    run_segment_job(job)
    return folder / "kinds.fits"


def spread(positions: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(positions.var(axis=0).sum()))


def test_tiles_alike_on_the_sky_are_alike_by_texture(labels: Path) -> None:
    segment_map = read_segment_map(labels)
    with MapView(labels) as view:
        assert view.info()["has_tiles"]
        found = view.tile_latents(0)
    x, y = (np.clip(np.rint(found[axis]), 0, SIDE - 1).astype(int) for axis in "xy")
    np.testing.assert_array_equal(found["labels"], segment_map.labels[y, x])
    # Tiles lie 4 pixels apart, symmetric about the middle of the map.
    assert np.all(np.diff(np.unique(found["x"])) == 4.0)
    assert np.unique(found["x"])[[0, -1]].sum() == SIDE - 1
    # None lies in the hole.
    assert not np.any((found["x"] < 10) & (found["y"] < 10))
    one, other = (found["positions"][found["labels"] == label] for label in (0, 1))
    apart = float(np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)))
    assert apart > 1.5 * max(spread(one), spread(other))
    assert 1.0 >= found["shares"].sum() > 0.5
    assert found["shares"][0] >= found["shares"][1]


def test_where_there_are_too_many_tiles_fewer_are_encoded(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_latents, "MOST_TILES", 100)
    with MapView(labels) as view:
        found = view.tile_latents(0)
        assert 50 < found["n_all"] <= 100
        assert len(found["x"]) <= found["n_all"]
        assert view.tile_latents(0)["positions"] is found["positions"]
    monkeypatch.setattr(map_latents, "MOST_TILES", 20)
    with MapView(labels) as view:
        found = view.tile_latents(0)
        assert len(found["x"]) <= 20 < found["n_all"]


def test_networks_that_were_changed_are_refused(labels: Path) -> None:
    part = next(labels.with_suffix(".model").rglob("*.safetensors"))
    content = part.read_bytes()
    part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with MapView(labels) as view, pytest.raises(InputError):
            view.tile_latents(0)
    finally:
        part.write_bytes(content)
