"""What is measured on an image follows the image, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_adapters import read
from equiclust.evaluation.confounders import measure_confounders
from equiclust.evaluation.confounders.image_properties import ROUND
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.simulation.disc_model import DiscParameters, render
from equiclust.simulation.discs import draw_disc, simulate_discs

Array = npt.NDArray[Any]
NAMES = ("elongation", "brightness", "signal_to_noise", "size", "edge")


def ellipse(
    angle: float, *, ratio: float = 0.5, width: float = 6.0, shape: tuple[int, int]
) -> Array:
    """Gaussian whose major axis lies `angle` degrees from +y towards -x."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    a = np.deg2rad(angle)
    along = y[:, None] * np.cos(a) - x * np.sin(a)
    across = y[:, None] * np.sin(a) + x * np.cos(a)
    return np.exp(-0.5 * (along**2 + (across / ratio) ** 2) / width**2)


def measured(images: Any, **options: Any) -> dict[str, Array]:
    table = measure_confounders(ImageSet.from_array(np.asarray(images), **options))
    return {name: np.asarray(table[name]) for name in table.colnames[1:]}


def axial(difference: Array) -> Array:
    return np.asarray(np.abs((difference + 90.0) % 180.0 - 90.0))


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.0, 179.9),
    st.floats(0.3, 0.9),
    st.sampled_from([(64, 64), (65, 65), (64, 97), (90, 61)]),
)
def test_a_gaussian_ellipse_is_measured_as_it_was_drawn(
    angle: float, ratio: float, shape: tuple[int, int]
) -> None:
    found = measured(ellipse(angle, ratio=ratio, shape=shape)[None])
    assert axial(found["orientation"] - angle)[0] < 0.2
    assert found["elongation"][0] == pytest.approx(1 - ratio, abs=0.01)
    assert found["size"][0] * min(shape) == pytest.approx(6.0 * np.hypot(1, ratio), rel=0.01)
    assert found["brightness"][0] == pytest.approx(
        2 * np.pi * 36 * ratio / np.prod(shape), rel=0.01
    )
    assert found["edge"][0] < 1e-4


@pytest.mark.parametrize("mirror", [False, True])
def test_orientation_is_the_position_angle_of_an_inclined_disc(
    random_state: int, mirror: bool
) -> None:
    rng = np.random.default_rng(random_state)
    discs = [
        DiscParameters(
            outer_radius=rng.uniform(0.4, 0.7),
            inclination=rng.uniform(40.0, 60.0),
            position_angle=rng.uniform(0.0, 180.0),
        )
        for _ in range(12)
    ]
    truth = np.array([disc.position_angle for disc in discs])
    pictures = np.stack([render(disc, 64, mirror=mirror) for disc in discs])
    pictures += rng.normal(scale=pictures.max(axis=(1, 2), keepdims=True) / 60, size=pictures.shape)
    found = measured(pictures)
    assert axial(found["orientation"] - (-truth if mirror else truth)).max() < 2.0
    assert found["signal_to_noise"] == pytest.approx(60.0, rel=0.25)


def test_orientation_of_simulated_discs_agrees_with_their_truth(random_state: int) -> None:
    images, truth = simulate_discs(
        60, size=64, classes=["smooth", "rings"], snr=(40.0, 60.0), random_state=random_state
    )
    inclined = np.asarray(truth["inclination"]) > 40.0
    found = np.asarray(measure_confounders(images)["orientation"])
    # The beam's own ellipse is the rest.
    error = axial(found - np.asarray(truth["position_angle"]))[inclined]
    assert np.median(error) < 2.0
    assert np.quantile(error, 0.9) < 8.0


def test_a_quarter_turn_turns_the_orientation_and_leaves_all_else(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    pictures = np.stack([render(draw_disc("spiral", random_state=k), 48) for k in range(6)])
    pictures += rng.normal(scale=0.02 * pictures.max((1, 2), keepdims=True), size=pictures.shape)
    mask = rng.random(pictures.shape) < 0.01
    before = measured(pictures, mask=mask)
    # Towards -x: rows grow upwards.
    turn = {"k": -1, "axes": (1, 2)}
    after = measured(np.rot90(pictures, **turn), mask=np.rot90(mask, **turn))
    rotated = axial(after["orientation"] - before["orientation"] - 90.0)
    assert rotated[before["elongation"] > ROUND].max() < 1e-3
    for name in NAMES:
        assert after[name] == pytest.approx(before[name], rel=1e-5)
    mirrored = measured(pictures[:, :, ::-1], mask=mask[:, :, ::-1])
    rotated = axial(mirrored["orientation"] + before["orientation"])
    assert rotated[before["elongation"] > ROUND].max() < 1e-3
    for name in NAMES:
        assert mirrored[name] == pytest.approx(before[name], rel=1e-5)


def test_gain_and_pedestal(random_state: int) -> None:
    images, _ = simulate_discs(6, size=48, random_state=random_state)
    before, after = measured(images.pixels), measured(4.0 * images.pixels)
    assert after["brightness"] == pytest.approx(4.0 * before["brightness"], rel=1e-5)
    scale = images.pixels.max()
    lifted = measured(images.pixels / scale + 1.0)
    assert lifted["brightness"] * scale == pytest.approx(before["brightness"], rel=1e-3)
    for found in (after, lifted):
        for name in ("orientation", "elongation", "signal_to_noise", "size", "edge"):
            assert found[name] == pytest.approx(before[name], rel=1e-2)


def test_magnified_light_is_larger_by_as_much() -> None:
    small, large = (ellipse(30.0, width=w, shape=(96, 96)) for w in (5.0, 10.0))
    found = measured([small, large])
    assert found["size"][1] == pytest.approx(2 * found["size"][0], rel=0.01)


def test_round_light_has_no_orientation() -> None:
    found = measured([ellipse(0.0, ratio=r, shape=(64, 64)) for r in (1.0, 0.99, 0.95)])
    assert np.isnan(found["orientation"]).tolist() == [True, True, False]
    assert found["elongation"] == pytest.approx([0.0, 0.01, 0.05], abs=2e-3)


@pytest.mark.parametrize("margin", [0, 20])
def test_light_at_the_edge_is_that_of_the_outer_twentieth(margin: int) -> None:
    """In a frame that is masked all around, the edge is where the mask begins."""
    side = 100
    picture = np.zeros((side + 2 * margin, side + 2 * margin))
    seen = picture[margin : margin + side, margin : margin + side]
    seen[40:60, 0:50] = 1.0
    mask = np.ones(picture.shape, dtype=bool)
    mask[margin : margin + side, margin : margin + side] = False
    # A hole in the light is no edge.
    mask[margin + 50, margin + 30] = True
    within = 20 * round(0.05 * len(picture))
    found = measured(picture[None], mask=mask[None])
    assert found["edge"][0] == pytest.approx(within / (20 * 50 - 1))


def test_light_at_the_edge_is_measured_on_what_the_network_sees() -> None:
    images = ImageSet.from_array(ellipse(20.0, width=9.0, shape=(90, 90))[None])
    cropped = ImageSet.from_array(images.pixels[:, :, 30:60, 30:60])
    whole, cut = measure_confounders(images), measure_confounders(images, cropped)
    assert whole["edge"][0] < 1e-3 < 0.01 < cut["edge"][0]
    for name in ("orientation", "brightness", "size"):
        assert whole[name][0] == cut[name][0]


def test_what_has_no_light_above_a_sky_has_brightness_and_noise_alone(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    texture = 0.5 + 0.1 * rng.normal(size=(64, 64))
    dark = 1.0 - ellipse(0.0, shape=(64, 64))
    blank = np.full((64, 64), 3.0)
    found = measured([texture, dark, blank, np.zeros((64, 64)), np.full((64, 64), np.nan)])
    expected = [texture.mean(), dark.mean(), 3.0, 0.0, np.nan]
    assert found["brightness"] == pytest.approx(expected, rel=1e-5, nan_ok=True)
    # The largest of so many normal numbers.
    assert 2.5 < found["signal_to_noise"][0] < 6.0
    assert np.isnan(found["signal_to_noise"][2:]).all()
    for name in ("orientation", "elongation", "size", "edge"):
        assert np.isnan(found[name]).all()


@pytest.mark.parametrize("snr", [2.0, 5.0, 20.0])
def test_signal_to_noise_is_measured_however_faint_the_object_is(snr: float) -> None:
    noise = np.random.default_rng(0).normal(size=(20, 64, 64))
    found = measured(snr * ellipse(0.0, width=9.0, shape=(64, 64)) + noise)["signal_to_noise"]
    # The brightest of many noisy pixels is brighter than without noise.
    assert snr - 1.0 < np.median(found) < snr + 4.5


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_image_is_measured(data: st.DataObject) -> None:
    """No error, no warning, and no number that its meaning rules out."""
    shape = (
        data.draw(st.integers(1, 2)),
        data.draw(st.integers(1, 6)),
        data.draw(st.integers(1, 6)),
    )
    count = int(np.prod(shape))
    value = st.one_of(st.sampled_from([0.0, 1.0, np.nan, 3e38]), st.floats(-1e3, 1e3, width=32))
    values = data.draw(st.lists(value, min_size=count, max_size=count))
    found = measured(np.array(values, dtype=np.float32).reshape(1, *shape))
    assert not found["orientation"][0] >= 180.0
    for name, high in {"orientation": 180.0, "elongation": 1.0, "edge": 1.0, "size": 1.0}.items():
        assert np.isnan(found[name][0]) or 0.0 <= found[name][0] <= high
    assert not np.isinf(list(found.values())).any()


def test_point_source_and_line() -> None:
    point, line = np.zeros((2, 9, 9))
    point[4, 4] = line[4, 2:7] = 1.0
    found = measured([point, line])
    assert np.isnan(found["orientation"][0])
    assert found["orientation"][1] == pytest.approx(90.0)
    assert found["elongation"][1] == pytest.approx(1.0)


def test_rows_do_not_depend_on_one_another_and_sizes_may_differ() -> None:
    small, _ = simulate_discs(2, size=32, random_state=1)
    large, _ = simulate_discs(2, size=48, random_state=2)
    names = ["a", "b"]
    together = ImageSet((*small, *ImageSet.from_array(large.pixels, ids=names)))
    table = measure_confounders(together)
    assert table.colnames == ["id", "orientation", *NAMES]
    assert list(table["id"]) == [*small.ids, *names]
    assert table["orientation"].unit == "deg"
    assert table["size"].tolist()[:2] == measure_confounders(small)["size"].tolist()
    assert len(measure_confounders(ImageSet())) == 0


def test_other_images_are_refused() -> None:
    images, _ = simulate_discs(2, size=32, random_state=1)
    with pytest.raises(InputError, match="same images"):
        measure_confounders(images, images[:1])


def test_real_discs_lie_as_they_were_made_to(data_folder: Path) -> None:
    images = read(data_folder / "exxa_discs").images
    table = measure_confounders(images)
    steep = np.asarray(table["elongation"]) > 0.4
    assert axial(np.asarray(table["orientation"])[steep] - 90.0).max() < 1.0
    assert np.isfinite(table["brightness"]).all()
    assert np.isfinite(table["size"]).all()


def test_no_torch() -> None:
    code = "import sys, equiclust.evaluation.confounders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
