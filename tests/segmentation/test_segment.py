from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from data_adapters.sky.sky_map import open_sky_map
from equiclust.exceptions import InputError
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import Segmentation, segment_sky_map
from equiclust.segmentation.segment_map import MASKED, UNSURE
from tests.segmentation.conftest import SIDE, SMALL, two_textures, write


def again(
    tmp_path: Path, plane: np.ndarray, known: Segmentation, mask: np.ndarray | None = None
) -> np.ndarray:
    """Labels of a map by networks and clusters that are known."""
    tmp_path.mkdir(exist_ok=True)
    sky = open_sky_map(write(tmp_path / "sky.fits", plane))
    found = segment_sky_map(sky, SMALL, tmp_path, mask=mask, model=known.model)
    return found.segment_map.labels


def test_textures_are_told_apart(segmented: Segmentation) -> None:
    labels = segmented.segment_map.labels
    assert labels.shape == (SIDE, SIDE)
    left, right = labels[:, : SIDE // 2 - 8], labels[:, SIDE // 2 + 8 :]
    assert {round(float(left.mean())), round(float(right.mean()))} == {0, 1}
    assert np.mean(left == round(float(left.mean()))) > 0.9
    assert np.mean(right == round(float(right.mean()))) > 0.9


def test_brightness_and_contrast_change_nothing(tmp_path: Path, segmented: Segmentation) -> None:
    brighter = two_textures() * 2.0
    known = segmented.segment_map.labels
    assert np.mean(again(tmp_path, brighter, segmented) == known) > 0.97


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_map_has_the_turned_labels(
    turns: int, mirrored: bool, tmp_path: Path, segmented: Segmentation
) -> None:
    def rotated(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(array[::-1] if mirrored else array, turns))

    labels = again(tmp_path, rotated(two_textures()), segmented)
    np.testing.assert_array_equal(labels, rotated(segmented.segment_map.labels))


def test_masked_pixels_are_labelled_so_and_no_others(
    tmp_path: Path, segmented: Segmentation
) -> None:
    plane = two_textures()
    plane[5:9, 60:90] = np.nan
    mask = np.zeros(plane.shape, dtype=bool)
    mask[40:80, 10:20] = True
    labels = again(tmp_path, plane, segmented, mask)
    np.testing.assert_array_equal(labels == MASKED, mask | np.isnan(plane))


def test_what_no_tile_sees_is_unknown(tmp_path: Path, segmented: Segmentation) -> None:
    plane = two_textures()
    plane[:60] = 1.0
    labels = again(tmp_path, plane, segmented)
    assert np.all(labels[:30] == UNSURE)
    assert np.all(labels[70:] >= 0)


def test_same_seed_same_labels_and_a_stopped_work_goes_on(
    tmp_path: Path, segmented: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sky = open_sky_map(write(tmp_path / "sky.fits", two_textures()))
    monkeypatch.setattr("equiclust.segmentation.labelling.TILES_AT_ONCE", 64)

    def stopping(stage: str, done: int, total: int | None, remark: str) -> None:
        if stage == "encoding" and total is not None and done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment_sky_map(sky, SMALL, tmp_path, on_progress=stopping)
    trained = (tmp_path / "model" / "textures.json").stat().st_mtime_ns
    found = segment_sky_map(sky, SMALL, tmp_path)
    assert (tmp_path / "model" / "textures.json").stat().st_mtime_ns == trained
    np.testing.assert_array_equal(found.segment_map.labels, segmented.segment_map.labels)


def cube(path: Path) -> Path:
    """Two channels of fine and two of coarse grain, each in its half, a fifth with nothing."""
    header = fits.Header()
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "VRAD", "CUNIT3": "km/s"}
    steps = {"CDELT1": -0.001, "CDELT2": 0.001, "CDELT3": 0.5, "CRVAL3": 3.0, "CRPIX3": 1.0}
    header.update(cards | steps)
    plane = np.abs(two_textures()) * 10
    left = np.arange(SIDE) < SIDE // 2
    noise = np.random.default_rng(1).normal(size=(5, SIDE, SIDE)).astype(np.float32)
    noise[:2] += np.where(left, plane, 0)
    noise[2:4] += np.where(left, 0, plane)
    fits.writeto(path, noise.astype(np.float32), header)
    return path


def test_a_cube_becomes_a_map_with_velocities(tmp_path: Path, segmented: Segmentation) -> None:
    sky = open_sky_map(cube(tmp_path / "cube.fits"))
    found = segment_sky_map(sky, SMALL, tmp_path, model=segmented.model).segment_map
    assert found.labels.shape == (SIDE, SIDE)
    assert found.velocity_low is not None
    assert found.velocity_high is not None
    assert np.nanmedian(found.velocity_low[:, :40]) == pytest.approx(3.0)
    assert np.nanmedian(found.velocity_low[:, 60:]) == pytest.approx(4.0)
    assert found.velocity_unit == "km/s"


def test_a_cube_is_labelled_channel_by_channel(tmp_path: Path, segmented: Segmentation) -> None:
    sky = open_sky_map(cube(tmp_path / "cube.fits"))
    options = SegmentOptions(tile=16, n_clusters=2, n_networks=1, cube="channels", channel_group=2)
    found = segment_sky_map(sky, options, tmp_path, model=segmented.model).segment_map
    assert found.labels.shape == (3, SIDE, SIDE)
    assert found.header["CRVAL3"] == 3.0
    assert found.header["CDELT3"] == 1.0
    alone = tmp_path / "alone"
    alone.mkdir()
    first = sky.read(slice(0, 2)).mean(axis=0)
    np.testing.assert_array_equal(
        found.labels[0], again(alone, first.astype(np.float32), segmented)
    )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tile": 4}, "tile"),
        ({"step": 40}, "step"),
        ({"cube": "sum"}, "cube"),
        ({"channel_group": 0}, "channel_group"),
        ({"min_membership": 2.0}, "min_membership"),
    ],
)
def test_options_that_cannot_be_are_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        SegmentOptions(**settings)


def test_a_map_with_too_little_to_see_is_refused(tmp_path: Path) -> None:
    plane = np.full((64, 64), np.nan, dtype=np.float32)
    plane[:6] = two_textures()[:6, :64]
    sky = open_sky_map(write(tmp_path / "sky.fits", plane))
    with pytest.raises(InputError, match="too little of the map"):
        segment_sky_map(sky, SMALL, tmp_path)
