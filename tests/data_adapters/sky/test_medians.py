"""Medians and noise of many pixels are those of numpy and scipy, to the last digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from data_adapters.sky import medians
from data_adapters.sky.medians import Of, median_of_pixels
from data_adapters.sky.noise import noise_of_pixels, robust_noise

N = medians._MANY + 7


def many(kind: str, seed: int, dtype: type, n: int = N) -> npt.NDArray[Any]:
    generator = np.random.default_rng(seed)
    normal = generator.normal(0.3, 1.0, n)
    pixels = {
        "normal": normal,
        "few values": np.round(2.0 * normal),
        "one value": np.full(n, -3.25),
        "sorted": np.sort(normal),
        "positive": normal**2 + 5.0,
        "wide": normal * 10.0 ** generator.uniform(-30, 30, n),
        # One value at every place that the sample looks at, others between.
        "misleading": np.where(np.arange(n) % 16 == 0, 1000.0, normal),
        # The same of the pixels by which the sample itself is searched.
        "misleading the sample": np.where(np.arange(n) % (16 * 32) == 0, 1000.0, normal),
    }[kind].astype(dtype)
    pixels[generator.random(n) < 0.1] = np.nan
    return pixels


MISLEADING = ("misleading", "misleading the sample")
KINDS = ("normal", "few values", "one value", "sorted", "positive", "wide", *MISLEADING)


def expected(pixels: npt.NDArray[Any], of: Of, level: float) -> npt.NDArray[Any]:
    seen = pixels[~np.isnan(pixels)]
    if of is Of.BELOW_ZERO:
        return -seen[seen < 0].astype(np.float64)
    return seen if of is Of.VALUES else np.abs(seen - seen.dtype.type(level))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", list(Of))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_median_of_many_pixels_is_that_of_numpy(kind: str, of: Of, dtype: type) -> None:
    for seed, n in enumerate((N, N + 1)):
        pixels = many(kind, seed, dtype, n)
        found = median_of_pixels(pixels, of, 0.3)
        wanted = expected(pixels, of, 0.3)
        assert found.n_seen == np.sum(~np.isnan(pixels))
        assert found.n_below_zero == np.sum(pixels < 0)
        np.testing.assert_array_equal(found.median, np.median(wanted) if wanted.size else np.nan)


@given(st.integers(0, 400), st.integers(0, 99), st.sampled_from(list(Of)), st.sampled_from(KINDS))
def test_the_median_of_any_number_is_that_of_numpy(n: int, seed: int, of: Of, kind: str) -> None:
    pixels = many(kind, seed, np.float32, n)
    wanted = expected(pixels, of, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_adapters.sky.medians._MANY", 1)
        patch.setattr("data_adapters.sky.medians._LEAST", 1)
        patch.setattr("data_adapters.sky.medians._SHARE", 3)
        found = median_of_pixels(pixels, of, 0.3).median
    np.testing.assert_array_equal(found, np.median(wanted) if wanted.size else np.nan)


def test_a_good_guess_spares_the_sorting_and_a_bad_one_costs_no_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sorted_all: list[int] = []
    whole = medians._of_all
    monkeypatch.setattr(
        medians, "_of_all", lambda flat, *rest: sorted_all.append(len(flat)) or whole(flat, *rest)
    )
    for kind in KINDS:
        if kind != "misleading":
            median_of_pixels(many(kind, 0, np.float32))
    assert not sorted_all
    median_of_pixels(many("misleading", 0, np.float32))
    assert sorted_all == [N]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_noise_of_many_pixels_is_that_of_scipy(kind: str, shift: float) -> None:
    pixels = many(kind, 3, np.float32, 1 << 17).reshape(256, 512) + np.float32(shift)
    seen = pixels[np.isfinite(pixels)]
    if np.mean(seen < 0) > 0.1:
        below = seen[seen < 0].astype(np.float64)
        wanted = 0.0, median_abs_deviation(below, center=lambda x, axis: 0.0, scale="normal")
    else:
        wanted = np.median(seen), median_abs_deviation(seen, scale="normal")
    assert noise_of_pixels(pixels) == pytest.approx(wanted, rel=1e-7)
    assert robust_noise(pixels) == noise_of_pixels(pixels)
    with_infinite = np.where(np.isnan(pixels), np.inf, pixels)
    assert robust_noise(with_infinite) == noise_of_pixels(pixels)


def test_as_many_pixels_between_as_there_is_room_for_cost_no_digit() -> None:
    pixels = np.array([0.0] * 8 + [1.0, 2.0, 3.0, 4.0] + [9.0] * 10, dtype=np.float32)
    for room in range(3):
        flat = np.concatenate([pixels, np.full(8 * room, np.nan, np.float32)])
        found = medians._within(flat, Of.VALUES, *np.float32([0.0, 1.0, 4.0]))
        assert found is None or found.median == 3.5
    assert found is not None
