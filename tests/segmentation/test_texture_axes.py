"""Combined statistics: what they tell apart, on disk and in blocks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_adapters.sky.sky_map import open_sky_map
from data_adapters.sky.tiling import Tiling
from equiclust.exceptions import InputError
from equiclust.segmentation import texture_axes
from equiclust.segmentation.job import SegmentJob, run_segment_job
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.pairs import Stretch
from equiclust.segmentation.segment import Segmentation, segment_sky_map
from equiclust.segmentation.segment_map import MASKED, UNSURE
from equiclust.segmentation.texture_axes import N_AXES, TextureAxes, tile_row_blocks
from equiclust.segmentation.texture_models import load_textures
from equiclust.segmentation.texture_networks import TextureNetworks
from tests.segmentation.conftest import SIDE, two_textures, write

OPTIONS = SegmentOptions(tile=16, n_clusters=2)
TILING = Tiling((SIDE, SIDE), tile=16, step=2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Segmentation:
    folder = tmp_path_factory.mktemp("statistics")
    sky = open_sky_map(write(folder / "sky.fits", two_textures()))
    return segment_sky_map(sky, OPTIONS, folder)


@pytest.fixture(scope="module")
def axes(found: Segmentation) -> TextureAxes:
    return TextureAxes.load(found.model)


def again(
    tmp_path: Path, plane: np.ndarray, known: Segmentation, mask: np.ndarray | None = None
) -> np.ndarray:
    tmp_path.mkdir(exist_ok=True)
    sky = open_sky_map(write(tmp_path / "sky.fits", plane))
    model = known.model
    return segment_sky_map(sky, OPTIONS, tmp_path, mask=mask, model=model).segment_map.labels


def test_textures_are_told_apart_at_their_boundary(found: Segmentation) -> None:
    labels = found.segment_map.labels
    left = np.arange(SIDE) < SIDE // 2
    wrong = np.mean(np.broadcast_to(left, labels.shape) == labels)
    assert min(wrong, 1.0 - wrong) < 0.05
    assert found.histories == []
    assert found.encoder is None


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_map_has_the_turned_labels(
    turns: int, mirrored: bool, tmp_path: Path, found: Segmentation
) -> None:
    def rotated(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(array[::-1] if mirrored else array, turns))

    labels = again(tmp_path, rotated(two_textures()), found)
    np.testing.assert_array_equal(labels, rotated(found.segment_map.labels))


def test_brightness_and_contrast_change_nothing(tmp_path: Path, found: Segmentation) -> None:
    labels = again(tmp_path, two_textures() * 2.0, found)
    assert np.mean(labels == found.segment_map.labels) > 0.97


def test_what_is_masked_or_constant_has_no_label(tmp_path: Path, found: Segmentation) -> None:
    plane = two_textures()
    plane[:60] = 1.0
    mask = np.zeros(plane.shape, dtype=bool)
    mask[70:90, 10:20] = True
    labels = again(tmp_path, plane, found, mask)
    np.testing.assert_array_equal(labels == MASKED, mask)
    assert np.all(labels[:30] == UNSURE)
    assert np.all(labels[70:][~mask[70:]] >= 0)


def test_latents_do_not_depend_on_the_blocks(
    axes: TextureAxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = axes.stretch(two_textures())
    plane[30:60, 20:35] = np.nan
    whole = axes.encode(plane, TILING, range(len(TILING.rows)))
    assert whole.shape == (len(TILING.rows), len(TILING.columns), N_AXES)
    parts = [axes.encode(plane, TILING, rows) for rows in (range(7), range(7, 20))]
    np.testing.assert_array_equal(np.concatenate(parts), whole[:20])
    monkeypatch.setattr(texture_axes, "_BLOCK_PIXELS", 1)
    tall = Tiling((2000, 100), tile=16, step=2)
    blocks = list(tile_row_blocks(tall, 3))
    assert len(blocks) > 5
    assert [row for rows in blocks for row in rows] == list(range(3, len(tall.rows)))


def test_a_stopped_work_goes_on_to_the_same_labels(
    tmp_path: Path, found: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky = open_sky_map(write(tmp_path / "sky.fits", two_textures()))
    blocks = [range(20), range(20, len(TILING.rows))]
    monkeypatch.setattr(
        "equiclust.segmentation.labelling.tile_row_blocks",
        lambda tiling, first: [rows for rows in blocks if rows.start >= first],
    )

    def stopping(stage: str, done: int, total: int | None, remark: str) -> None:
        if stage == "encoding" and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_sky_map(sky, OPTIONS, tmp_path, on_progress=stopping)
    learned = (tmp_path / "model" / "textures.json").stat().st_mtime_ns
    labels = segment_sky_map(sky, OPTIONS, tmp_path).segment_map.labels
    assert (tmp_path / "model" / "textures.json").stat().st_mtime_ns == learned
    np.testing.assert_array_equal(labels, found.segment_map.labels)


def test_they_come_back_as_they_were(axes: TextureAxes, tmp_path: Path) -> None:
    axes.save(tmp_path)
    loaded = load_textures(tmp_path)
    assert isinstance(loaded, TextureAxes)
    assert (loaded.tile, loaded.stretch) == (axes.tile, axes.stretch)
    np.testing.assert_array_equal(loaded.components, axes.components)
    np.testing.assert_array_equal(loaded.mean, axes.mean)


def test_damaged_ones_are_refused(axes: TextureAxes, tmp_path: Path) -> None:
    axes.save(tmp_path)
    path = tmp_path / "textures.json"
    content = json.loads(path.read_text())
    for change in ({"tile": 32}, {"format": 1}, {"stretch": ["a"]}):
        path.write_text(json.dumps(content | change))
        with pytest.raises(InputError):
            TextureAxes.load(tmp_path)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="format 3"):
        TextureNetworks.load(tmp_path)


def test_maps_without_tiles_or_pairs() -> None:
    stretch = Stretch(0.0, 1.0)
    empty = np.full((40, 40), np.nan, dtype=np.float32)
    with pytest.raises(InputError, match="too little of the map"):
        TextureAxes.fit([empty], stretch, Tiling(empty.shape, tile=16, step=4))
    narrow = two_textures()[:12, :14]
    known = TextureAxes.fit([narrow], stretch, Tiling(narrow.shape, tile=16, step=2))
    assert np.isfinite(known.components).all()


def test_a_second_map_is_labelled_by_a_known_run(tmp_path: Path) -> None:
    write(tmp_path / "sky.fits", two_textures())
    write(tmp_path / "other.fits", two_textures(1))
    job = SegmentJob(str(tmp_path / "sky.fits"), str(tmp_path / "a.fits"), OPTIONS)
    first = run_segment_job(job)
    assert first.record["options"]["encoder"] == "statistics"
    stages: set[str] = set()
    options = SegmentOptions(n_clusters=2)
    job = SegmentJob(
        str(tmp_path / "other.fits"), str(tmp_path / "b.fits"), options, run=str(first.labels)
    )
    second = run_segment_job(job, on_progress=lambda stage, *_: stages.add(stage))
    assert "whitening" not in stages
    assert second.record["options"]["encoder"] == "auto"
    assert second.record["n_tiles"] == first.record["n_tiles"]


@pytest.mark.parametrize("given", [{"n_pairs": 100}, {"max_epochs": 2}, {"group": "D4"}])
def test_networks_are_trained_where_they_are_asked_for(given: dict[str, object]) -> None:
    assert SegmentOptions(**given).used_encoder == "own"
    assert SegmentOptions(**given).settings["encoder"] == "own"
    assert SegmentOptions().settings["encoder"] == "statistics"
    with pytest.raises(InputError, match=f"{next(iter(given))} must be left out with encoder"):
        SegmentOptions(encoder="statistics", **given)
