"""Shapes with truth: exact turns, soft edges of the right place, stated noise, same bytes."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.simulation.shapes import (
    SHAPE_CLASSES,
    ShapeParameters,
    draw_shape,
    render_shape,
    simulate_shapes,
)

kinds = pytest.mark.parametrize("kind", SHAPE_CLASSES)


def centred(shape: ShapeParameters) -> ShapeParameters:
    return dataclasses.replace(shape, centre=(0.0, 0.0))


@kinds
@pytest.mark.parametrize("size", [33, 48])
def test_quarter_turns_and_mirrors_only_move_pixels(
    kind: str, size: int, random_state: int
) -> None:
    shape = centred(draw_shape(kind, random_state=random_state))
    upright = dataclasses.replace(shape, mirror=False, angle=0.0)
    flipped = dataclasses.replace(upright, mirror=True)
    np.testing.assert_allclose(
        render_shape(flipped, size), np.fliplr(render_shape(upright, size)), rtol=0, atol=1e-12
    )
    picture = render_shape(shape, size)
    for turns in range(1, 5):
        rotated = dataclasses.replace(shape, angle=shape.angle + 90.0 * turns)
        # With row 0 at the bottom, `rot90` turns clockwise.
        np.testing.assert_allclose(
            render_shape(rotated, size), np.rot90(picture, -turns), rtol=0, atol=1e-9
        )


def test_shapes_turn_counter_clockwise_and_shift_right_and_up() -> None:
    crescent = ShapeParameters("crescent", angle=90.0, centre=(0.1, 0.2))
    picture = render_shape(crescent, 80)
    weight = picture / picture.sum()
    up, right = np.mgrid[:80, :80] - 39.5
    # Its back lies on its own left, which 90 degrees turn to the bottom.
    assert (weight * right).sum() == pytest.approx(8.0, abs=1e-6)
    assert (weight * up).sum() < 16.0 - 0.5


@pytest.mark.parametrize(("kind", "half"), [("square", 0.72), ("bar", 1.0), ("ellipse", 1.0)])
def test_the_edge_is_as_soft_as_it_says_inside_and_outside(kind: str, half: float) -> None:
    row = render_shape(ShapeParameters(kind, radius=0.31), 65)[32]
    distance = np.abs(np.arange(65) - 32) - half * 0.31 * 65
    near = np.abs(distance) < 2.0
    expected = 0.5 - 0.5 * np.tanh(2.0 * distance)
    np.testing.assert_allclose(row[near], expected[near], rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("kind", "area"),
    [
        ("ellipse", math.pi * 0.55),
        ("bar", 4.0 * 0.135),
        ("triangle", 0.925 * 0.75 * math.sqrt(3.0)),
        ("square", 4.0 * 0.72**2 * 0.96),
        ("star", 10.0 * 0.5 * 0.41 * math.sin(math.pi / 5.0)),
        ("ring", math.pi * (1.0 - 0.7**2)),
        ("cross", 8.0 * 0.195 - 4.0 * 0.195**2),
        ("hook", 2.0 * 0.165 * 2.3 + math.pi * 0.165**2 - (1.0 - math.pi / 4.0) * 0.165**2),
        ("two_lobes", 2.0 * math.pi * 0.32**2),
    ],
)
def test_areas_are_those_of_geometry(kind: str, area: float) -> None:
    shape = ShapeParameters(kind, radius=0.4, angle=17.0)
    got = render_shape(shape, 256).sum() / (0.4 * 256) ** 2
    assert got == pytest.approx(area, rel=0.01)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(SHAPE_CLASSES), st.integers(0, 2**31))
def test_every_shape_is_bright_soft_edged_and_inside_the_frame(kind: str, seed: int) -> None:
    shape = draw_shape(kind, random_state=seed)
    picture = render_shape(shape, 64)
    assert picture.shape == (64, 64)
    assert picture.dtype == np.float64
    assert picture.min() >= 0.0
    assert 0.65 * shape.brightness < picture.max() < 1.5 * shape.brightness
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert border.max() < 1e-3 * picture.max()
    # The steepest edge spreads over more than one pixel: no staircase.
    assert max(np.abs(np.diff(picture, axis=axis)).max() for axis in (0, 1)) < 0.99 * picture.max()


def test_kinds_differ_however_they_are_turned_and_mirrored() -> None:
    size, turns = 48, np.arange(0.0, 360.0, 10.0)
    pictures = {}
    for kind in SHAPE_CLASSES:
        shape = ShapeParameters(kind)
        pictures[kind] = np.stack(
            [
                render_shape(dataclasses.replace(shape, angle=angle, mirror=mirror), size).ravel()
                for angle, mirror in itertools.product(turns, (False, True))
            ]
        )
        pictures[kind] /= np.linalg.norm(pictures[kind], axis=1, keepdims=True)
    overlaps = [
        (pictures[a][:1] @ pictures[b].T).max() for a, b in itertools.combinations(SHAPE_CLASSES, 2)
    ]
    assert max(overlaps) < 0.95


def test_same_seed_same_bytes_and_a_longer_set_begins_alike(random_state: int) -> None:
    short, truth = simulate_shapes(7, size=24, random_state=random_state)
    again, truth_again = simulate_shapes(7, size=24, random_state=random_state)
    longer, _ = simulate_shapes(9, size=24, random_state=random_state)
    other, _ = simulate_shapes(7, size=24, random_state=random_state + 1)
    np.testing.assert_array_equal(short.pixels, again.pixels)
    np.testing.assert_array_equal(short.pixels, longer.pixels[:7])
    assert list(truth["angle"]) == list(truth_again["angle"])
    assert not np.array_equal(short.pixels, other.pixels)


@pytest.mark.parametrize("n", [1, 24, 30])
def test_kinds_are_balanced_and_shuffled(n: int) -> None:
    _, truth = simulate_shapes(n, size=16, random_state=0)
    counts = np.bincount(truth["kind_index"], minlength=len(SHAPE_CLASSES))
    assert counts.max() - counts.min() <= 1
    assert [SHAPE_CLASSES[i] for i in truth["kind_index"]] == list(truth["kind"])
    if n == 24:
        assert list(truth["kind"]) != list(SHAPE_CLASSES) * 2


def test_the_seed_in_the_truth_gives_the_shape_and_leaves_only_white_noise() -> None:
    images, truth = simulate_shapes(24, size=64, snr=(20.0, 60.0), random_state=4)
    for image, row in zip(images, truth, strict=True):
        shape = draw_shape(row["kind"], random_state=int(row["seed"]))
        assert (shape.angle, shape.mirror) == (row["angle"], row["mirror"])
        assert shape.radius * 64 == row["radius"]
        clean = render_shape(shape, 64)
        noise = image.pixels[0] - clean
        assert clean.max() / noise.std() == pytest.approx(row["snr"], rel=0.06)
        assert noise.std() == pytest.approx(row["noise_rms"], rel=0.06)
        assert abs((noise[1:] * noise[:-1]).mean()) < 0.08 * noise.var()
    assert truth["snr"].min() >= 20.0
    assert truth["snr"].max() <= 60.0


def test_truth_describes_itself() -> None:
    images, truth = simulate_shapes(3, size=16, random_state=0)
    assert images.ids == tuple(truth["id"])
    assert all(truth[name].description for name in truth.colnames)
    assert truth["angle"].unit == "deg"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"size": 8}, "size must .*, got 8"),
        ({"classes": ["stars"]}, "classes must .*stars"),
        ({"classes": []}, "classes must"),
        ({"classes": ["star", "star"]}, "classes must"),
        ({"snr": (9.0, 3.0)}, "snr must"),
        ({"random_state": -1}, "random_state must .*, got -1"),
    ],
)
def test_bad_arguments_are_named_with_their_value(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_shapes(**{"n": 2, "size": 16, **arguments})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_name": "blob"}, "classes must .*blob"),
        ({"radius": 0.0}, "radius must .*, got 0"),
        ({"angle": math.nan}, "angle must .*, got nan"),
        ({"form": 2.0}, "form must .*, got 2"),
    ],
)
def test_bad_shapes_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        render_shape(ShapeParameters(**{"class_name": "star", **arguments}), 16)


def test_a_picture_needs_a_pixel() -> None:
    with pytest.raises(InputError, match="size must be a whole number of at least 1, got 0"):
        render_shape(ShapeParameters("star"), 0)
