from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.evaluation.invariance import Element, quarter_turns, rotate_spline, taper_corners
from equiclust.evaluation.invariance.transforms import rotate_exactly
from equiclust.exceptions import InputError

from .scenes import Blobs


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(8, 8), (9, 9), (6, 11)])
def test_the_eight_elements_differ_and_only_swap_pixels(shape: tuple[int, int]) -> None:
    images = noise(2, 3, *shape)
    rotated = [rotate_exactly(images, element) for element in quarter_turns()]
    assert len({(t.shape, t.tobytes()) for t in rotated}) == 8
    for image in rotated:
        np.testing.assert_array_equal(np.sort(image, axis=None), np.sort(images, axis=None))
    np.testing.assert_array_equal(rotated[0], images)


def test_without_mirror_there_are_four_turns() -> None:
    assert quarter_turns(mirror=False) == tuple(Element(a) for a in (0.0, 90.0, 180.0, 270.0))


@pytest.mark.parametrize("size", [24, 25])
@pytest.mark.parametrize("element", quarter_turns(), ids=str)
def test_splines_agree_with_quarter_turns(size: int, element: Element) -> None:
    images = taper_corners(noise(2, 2, size, size))
    rotated = rotate_spline(images, element.angle, mirror=element.mirror)
    np.testing.assert_allclose(rotated, rotate_exactly(images, element), atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.floats(-360.0, 360.0), st.booleans())
def test_splines_agree_with_exact_rendering(angle: float, mirror: bool) -> None:
    scene = Blobs(3)
    rotated = rotate_spline(scene.render(48), angle, mirror=mirror, order=5)
    assert np.abs(rotated - scene.render(48, angle, mirror)).max() < 2e-4


def test_spline_error_falls_with_order_and_size() -> None:
    scene = Blobs()

    def error(size: int, order: int) -> float:
        rotated = rotate_spline(scene.render(size), 33.0, order=order)
        return float(np.abs(rotated - scene.render(size, 33.0)).max())

    assert error(48, 5) < 0.5 * error(48, 3)
    assert error(64, 3) < 0.5 * error(32, 3)


def test_angles_grow_as_position_angles_do() -> None:
    image = np.zeros((1, 1, 33, 33), np.float32)
    image[0, 0, 26, 16] = 1.0  # above the centre: position angle 0
    rows, columns = np.unravel_index(rotate_spline(image, 90.0)[0, 0].argmax(), (33, 33))
    assert (rows, columns) == (16, 6)  # 90 degrees: towards -x


def test_turning_keeps_the_background_of_each_image_and_channel() -> None:
    images = taper_corners(noise(2, 3, 20, 30) + np.arange(6).reshape(2, 3, 1, 1).astype("f4"))
    rotated = rotate_spline(images, 45.0)
    np.testing.assert_allclose(rotated[..., 0, 0], images[..., 0, 0], atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (17, 17), (12, 20)])
def test_taper_leaves_the_middle_and_flattens_the_rim(shape: tuple[int, int]) -> None:
    images = noise(2, 1, *shape)
    tapered = taper_corners(images)
    height, width = shape
    middle = (..., slice(height // 2 - 2, height // 2 + 2), slice(width // 2 - 2, width // 2 + 2))
    np.testing.assert_allclose(tapered[middle], images[middle], atol=1e-6)
    rim = np.concatenate([tapered[..., 0, :], tapered[..., -1, :]], axis=-1)
    np.testing.assert_array_equal(rim, np.broadcast_to(rim[..., :1], rim.shape))


@pytest.mark.parametrize("element", quarter_turns(), ids=str)
def test_taper_commutes_with_quarter_turns(element: Element) -> None:
    images = noise(2, 1, 14, 14)
    np.testing.assert_allclose(
        taper_corners(rotate_exactly(images, element)),
        rotate_exactly(taper_corners(images), element),
        atol=1e-6,
    )


@pytest.mark.parametrize(("order", "shape"), [(1, (1, 1, 8, 8)), (6, (1, 1, 8, 8)), (3, (8, 8))])
def test_what_would_measure_itself_is_refused(order: int, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="got"):
        rotate_spline(noise(*shape), 10.0, order=order)
