"""Features of frames against sums by NumPy, for every type of number and kind of mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equiclust.filtering.features import GRID, Measure, plain_frames

LIMITS = np.full((48, 80), 1000.0, np.float32)


def frames(seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(1, 900, (3, 48, 80))


def block_means(values: Any, masked: Any) -> Any:
    """Means of the blocks `(n, 256)`; 48 rows and 80 columns divide evenly."""
    kept = np.where(masked, 0.0, values).reshape(-1, GRID, 3, GRID, 5).sum(axis=(2, 4))
    count = (~masked).reshape(-1, GRID, 3, GRID, 5).sum(axis=(2, 4))
    with np.errstate(invalid="ignore"):
        return (kept / count).reshape(len(values), -1)


@pytest.mark.parametrize(
    ("dtype", "mask"),
    [("uint16", 65535), ("uint8", 255), ("uint32", 2**32 - 1), ("int32", -1), ("float64", np.nan)],
)
def test_block_means_leave_out_masked_pixels(dtype: str, mask: float) -> None:
    values = frames() % 200 + 1
    masked = np.random.default_rng(1).random(values.shape) < 0.1
    masked[:, :3, :5] = True
    given = np.where(masked, mask, values).astype(dtype)
    found = Measure(LIMITS)(given)
    expected = block_means(values, masked)
    np.testing.assert_allclose(found.blocks, expected, rtol=1e-5)
    assert np.isnan(found.blocks[:, 0]).all()
    np.testing.assert_allclose(found.share("masked"), masked.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found.flux, np.nanmean(expected, axis=1), rtol=1e-5)


def test_odd_pixels_are_counted() -> None:
    given = frames().astype(np.uint16)
    given[0, 10, 10:14] = 0
    given[1, 20:30, 40] = 9000
    given[2, 5:8, 50:60] = 60000
    found = Measure(LIMITS, saturation=60000)(given)
    pixels = 48 * 80
    np.testing.assert_allclose(found.share("zero") * pixels, [4, 0, 0], atol=1e-3)
    np.testing.assert_allclose(found.share("hot") * pixels, [0, 10, 0], atol=1e-3)
    np.testing.assert_allclose(found.share("saturated") * pixels, [0, 0, 30], atol=1e-3)


def test_hot_pixels_hardly_change_the_flux() -> None:
    given = frames().astype(np.uint16)
    before = Measure(LIMITS)(given)
    given[:, ::4, 8::16] = 50000
    after = Measure(LIMITS)(given)
    np.testing.assert_allclose(after.flux, before.flux, rtol=0.02)
    assert np.all(after.share("hot") > 0.01)


def test_frames_of_many_rows_are_measured_on_a_part_of_them() -> None:
    rows = np.arange(1024)
    given = np.broadcast_to(rows[None, :, None], (1, 1024, 32)).astype(np.uint16)
    found = Measure(np.full((1024, 32), 5000, np.float32))(given)
    middles = rows.reshape(GRID, -1).mean(axis=1)
    np.testing.assert_allclose(found.blocks.reshape(GRID, GRID)[:, 0], middles, atol=4)
    half = given.copy()
    half[:, :, 16:] = 65535
    found = Measure(np.full((1024, 32), 5000, np.float32))(half)
    np.testing.assert_allclose(found.share("masked"), 0.5)
    np.testing.assert_allclose(found.flux, rows.mean(), atol=4)


def test_a_mask_value_of_the_user_counts_instead() -> None:
    given = frames().astype(np.uint16)
    given[0, :10] = 7777
    plain, mask_value = plain_frames(given, 7777)
    assert np.array_equal(plain == mask_value, given == 7777)
    assert plain.dtype == np.uint16


def test_what_is_not_finite_is_masked_whatever_the_mask_value() -> None:
    given = frames().astype(np.float64)
    given[0, :3, :5], given[1, 0, 0], given[2, 0, 0] = -1.0, np.nan, np.inf
    found = Measure(LIMITS, mask_value=-1.0)(given)
    np.testing.assert_allclose(found.share("masked") * 48 * 80, [15, 1, 1], atol=1e-3)
    masked = (given == -1.0) | ~np.isfinite(given)
    np.testing.assert_allclose(found.blocks, block_means(given, masked), rtol=1e-5)


def test_values_below_zero_count_in_frames_of_floats() -> None:
    given = np.random.default_rng(0).normal(size=(2, 48, 80))
    expected = block_means(given, np.zeros(given.shape, bool))
    np.testing.assert_allclose(Measure(LIMITS)(given).blocks, expected, atol=1e-6)


def test_a_frame_that_is_masked_altogether_is_not_readable() -> None:
    given = frames().astype(np.uint16)
    given[1] = 65535
    assert Measure(LIMITS)(given).is_readable.tolist() == [True, False, True]
