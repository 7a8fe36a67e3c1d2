import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.segmentation.pairs import (
    Stretch,
    draw_pairs,
    network_size,
    normalised,
    usable,
)


def field(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_stretch_is_that_of_the_values_wherever_they_lie() -> None:
    plane = np.exp(field((40, 30)))
    plane[3, 4] = np.nan
    assert Stretch.of(plane) == Stretch.of(np.rot90(plane))
    values = plane[np.isfinite(plane)].astype(float)
    level = np.median(values)
    assert Stretch.of(plane).level == pytest.approx(level)
    assert Stretch.of(plane).scale == pytest.approx(1.4826 * np.median(abs(values - level)), 1e-4)


def test_stretch_rises_and_keeps_masked_pixels() -> None:
    plane = np.linspace(-5, 100, 50, dtype=np.float32)[None]
    plane[0, 7] = np.nan
    stretched = Stretch.of(plane)(plane)
    assert np.isnan(stretched[0, 7])
    assert np.all(np.diff(np.delete(stretched[0], 7)) > 0)


def test_maps_without_contrast_are_refused() -> None:
    with pytest.raises(InputError, match="constant"):
        Stretch.of(np.full((5, 5), 3.0, dtype=np.float32))
    with pytest.raises(InputError, match="no pixel"):
        Stretch.of(np.full((5, 5), np.nan, dtype=np.float32))


def test_mostly_zero_maps_have_a_scale() -> None:
    plane = np.zeros((20, 20), dtype=np.float32)
    plane[:3] = 5.0
    assert Stretch.of(plane).scale > 0


def test_normalised_forgets_brightness_and_contrast() -> None:
    patches = np.stack([field((32, 32), seed) for seed in range(3)])
    patches[0, :9] = np.nan
    brighter = 40.0 + 7.0 * patches
    np.testing.assert_allclose(
        normalised(patches, size=32), normalised(brighter, size=32), atol=1e-5
    )
    shown = normalised(patches, size=32)
    assert np.all(shown[0, 0, :9] == 0.0)
    assert np.all(shown[:, 0, :3, :3] == 0.0)


@pytest.mark.parametrize(("tile", "size"), [(16, 32), (32, 32), (48, 64), (20, 32)])
def test_normalised_turns_with_the_patch(tile: int, size: int) -> None:
    patches = np.stack([field((tile, tile), seed) for seed in range(2)])
    patches[1, :4, :3] = np.nan
    assert network_size(tile) == size
    straight = normalised(patches, size=size)
    for change in (lambda x: np.rot90(x, axes=(-2, -1)), lambda x: x[..., ::-1]):
        rotated = normalised(np.ascontiguousarray(change(patches)), size=size)
        np.testing.assert_allclose(rotated, change(straight), atol=1e-6)


def test_usable_needs_half_of_the_pixels_and_a_contrast() -> None:
    patches = np.stack([field((16, 16), seed) for seed in range(5)])
    patches[1, :8] = np.nan
    patches[2, :9] = np.nan
    patches[3] = 2.0
    # In a corner, which is not seen.
    patches[4], patches[4, 0, 0] = 2.0, 3.0
    assert usable(patches).tolist() == [True, True, False, False, False]


def test_pairs_are_neighbours() -> None:
    y, x = np.mgrid[:200, :150].astype(np.float32)
    first, second = draw_pairs(1000 * y + x, 300, tile=16, generator=np.random.default_rng(0))
    assert first.shape == second.shape == (300, 16, 16)
    shift = [np.divmod(part[:, 0, 0], 1000) for part in (first, second)]
    distance = np.hypot(shift[0][0] - shift[1][0], shift[0][1] - shift[1][1])
    # At the edge of the map they are moved into it, and come closer.
    assert distance.max() <= 17
    assert np.median(distance) >= 8


def test_pairs_leave_out_what_is_masked() -> None:
    plane = field((100, 100))
    plane[:, :70] = np.nan
    first, second = draw_pairs(plane, 50, tile=16, generator=np.random.default_rng(0))
    assert usable(first).all()
    assert usable(second).all()


def test_maps_narrower_than_a_tile_have_pairs() -> None:
    first, _ = draw_pairs(field((12, 60)), 20, tile=16, generator=np.random.default_rng(0))
    assert first.shape == (20, 16, 16)
    assert np.isnan(first[:, :2]).all()
    assert np.isfinite(first[:, 2:14]).all()
