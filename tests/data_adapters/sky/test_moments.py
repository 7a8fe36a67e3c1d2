"""Streamed moments and groups are those of the whole array."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import norm

from data_adapters.sky.masks import robust_noise
from data_adapters.sky.moments import (
    Moments,
    channel_groups,
    channel_noise,
    group_slices,
    moment_maps,
)
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError

VALUES = 3.0 - 0.5 * np.arange(5)
CARDS = {"CTYPE3": "VRAD", "CUNIT3": "km/s", "CRVAL3": 3.0, "CRPIX3": 1.0, "CDELT3": -0.5}

cubes = npst.arrays(
    np.float32,
    (5, 3, 4),
    elements=st.one_of(st.floats(-4, 30, width=16), st.just(np.nan)),
)


def save(path: Path, cube: npt.NDArray[Any], **cards: Any) -> SkyMap:
    fits.PrimaryHDU(cube, fits.Header(CARDS | {"BUNIT": "K"} | cards)).writeto(path, overwrite=True)
    return open_sky_map(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("moments") / "cube.fits"


def reference(cube: npt.NDArray[Any], level: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Moments by the textbook, with the whole cube at hand."""
    cube = cube.astype(np.float64)
    v = np.broadcast_to(VALUES[:, None, None], cube.shape)
    signal = (cube > level[:, None, None]) & (cube > 0)
    weight = np.where(signal, cube, 0.0)
    found = {name: np.full(cube.shape[1:], np.nan) for name in Moments.__dataclass_fields__}
    for row, column in np.ndindex(cube.shape[1:]):
        place = slice(None), row, column
        if np.isfinite(cube[place]).any():
            found["integrated"][row, column] = 0.5 * np.nansum(cube[place])
            found["peak"][row, column] = np.nanmax(cube[place])
        if signal[place].any():
            mean = np.average(v[place], weights=weight[place])
            spread = np.average((v[place] - mean) ** 2, weights=weight[place])
            found["centroid"][row, column] = mean
            found["dispersion"][row, column] = np.sqrt(spread)
            found["low"][row, column] = v[place][signal[place]].min()
            found["high"][row, column] = v[place][signal[place]].max()
    return found


def check(moments: Moments, expected: dict[str, Any]) -> None:
    for name in ("integrated", "centroid", "dispersion", "peak", "low", "high"):
        found = getattr(moments, name)
        assert found.dtype == (np.float64 if name in ("centroid", "low", "high") else np.float32)
        np.testing.assert_allclose(found, expected[name], rtol=2e-6, atol=2e-6, err_msg=name)


@given(cubes, st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_moments_are_those_of_the_whole_array(
    path: Path, cube: npt.NDArray[Any], n_sigma: float, noise: float
) -> None:
    moments = moment_maps(save(path, cube), n_sigma=n_sigma, noise=noise)
    check(moments, reference(cube, np.full(5, n_sigma * noise)))


@given(cubes)
def test_noise_is_that_of_every_channel(path: Path, cube: npt.NDArray[Any]) -> None:
    sky = save(path, cube)
    expected = np.array([robust_noise(plane).sigma for plane in cube])
    np.testing.assert_array_equal(channel_noise(sky), expected)
    moments = moment_maps(sky, n_sigma=2.0)
    np.testing.assert_array_equal(moments.noise, expected)
    check(moments, reference(cube, 2.0 * np.nan_to_num(expected)))


@given(cubes)
def test_laws_of_moments(path: Path, cube: npt.NDArray[Any]) -> None:
    one = moment_maps(save(path, cube), noise=1.0)
    lit = np.isfinite(one.centroid)
    assert np.all((one.low <= one.centroid + 1e-5)[lit])
    assert np.all((one.centroid <= one.high + 1e-5)[lit])
    assert np.all((one.dispersion <= 0.5 * (one.high - one.low) + 1e-5)[lit])
    np.testing.assert_array_equal(np.isnan(one.integrated), np.isnan(cube).all(axis=0))
    brighter = moment_maps(save(path, 2 * cube), noise=2.0)
    np.testing.assert_array_equal(brighter.integrated, 2 * one.integrated)
    np.testing.assert_array_equal(brighter.centroid, one.centroid)
    shifted = moment_maps(save(path, cube, CRVAL3=103.0), noise=1.0)
    np.testing.assert_allclose(shifted.centroid, one.centroid + 100, rtol=1e-6)
    np.testing.assert_allclose(shifted.dispersion, one.dispersion, atol=1e-5)


def test_a_line_is_found_again(random_state: int, path: Path) -> None:
    v = -20.0 + 0.2 * np.arange(200)
    line = 10.0 * np.exp(-0.5 * ((v - 3.3) / 1.4) ** 2)
    noise = 0.1 * np.random.default_rng(random_state).standard_normal((200, 6, 6))
    sky = save(path, line[:, None, None] + noise, CRVAL3=-20.0, CDELT3=0.2)
    moments = moment_maps(sky, n_sigma=5.0, noise=0.1)
    np.testing.assert_allclose(moments.centroid, 3.3, atol=0.06)
    # What is left of a Gaussian cut where it falls below a twentieth of its peak.
    cut = np.sqrt(2 * np.log(20.0))
    tails = 2 * cut * norm.pdf(cut) / (2 * norm.cdf(cut) - 1)
    np.testing.assert_allclose(moments.dispersion, 1.4 * np.sqrt(1 - tails), atol=0.04)
    np.testing.assert_allclose(moments.integrated, 10 * 1.4 * np.sqrt(2 * np.pi), atol=1.5)
    assert np.all((moments.low > -3.3) & (moments.high < 9.9))


@pytest.mark.parametrize("order", [(1, 2, 0), (1, 0, 2)])
def test_the_order_of_axes_and_portions_change_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    monkeypatch.setattr("data_adapters.sky.read_ahead.TOGETHER", 8 * 12 * 2)
    cube = np.random.default_rng(0).standard_normal((5, 3, 4)).astype(np.float32)
    expected = moment_maps(save(path, cube, CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR"))
    axis = 3 - order.index(0)
    others = [number for number in (1, 2, 3) if number != axis]
    cards = {f"{name[:-1]}{axis}": value for name, value in CARDS.items()}
    cards |= {f"CTYPE{others[0]}": "GLON-CAR", f"CTYPE{others[1]}": "GLAT-CAR", "BUNIT": "K"}
    fits.PrimaryHDU(cube.transpose(order), fits.Header(cards)).writeto(path, overwrite=True)
    sky = open_sky_map(path)
    assert len(list(channel_groups(sky, 1, channels=slice(1, 4)))) == 3
    assert len(channel_noise(sky, channels=slice(1, 4))) == 3
    moments = moment_maps(sky)
    for name in ("integrated", "centroid", "dispersion", "peak", "low", "high", "noise"):
        np.testing.assert_array_equal(getattr(moments, name), getattr(expected, name))


def test_some_channels_and_their_noise(path: Path) -> None:
    cube = np.random.default_rng(0).uniform(0, 10, (5, 3, 4)).astype(np.float32)
    seen: list[tuple[int, int, str]] = []
    levels = np.array([1.0, 2.0, 0.5])
    moments = moment_maps(
        save(path, cube),
        channels=slice(1, 4),
        noise=levels,
        on_progress=lambda *news: seen.append(news),
    )
    kept = np.full_like(cube, np.nan)
    kept[1:4] = cube[1:4]
    check(moments, reference(kept, 3.0 * np.array([0.0, *levels, 0.0])))
    assert seen == [(1, 3, "moments"), (2, 3, "moments"), (3, 3, "moments")]


@pytest.mark.parametrize(
    ("cards", "integrated", "spectral"),
    [
        ({}, "K km/s", "km/s"),
        ({"CUNIT3": "m s-1"}, "K m s-1", "m s-1"),
        ({"BUNIT": "Jy/Beam?"}, "Jy/Beam? km/s", "km/s"),
        ({"BUNIT": ""}, "km/s", "km/s"),
        ({"CTYPE3": "COLOUR"}, "K", ""),
    ],
)
def test_units_stand_side_by_side(
    path: Path, cards: dict[str, str], integrated: str, spectral: str
) -> None:
    moments = moment_maps(save(path, np.ones((5, 3, 4)), **cards))
    assert (moments.integrated_unit, moments.spectral_unit) == (integrated, spectral)


@pytest.mark.parametrize("brightness", ["K", "Jy/beam", "Jy beam-1", "MJy/sr"])
@pytest.mark.parametrize("spectral", ["km/s", "m s-1", "GHz"])
def test_units_are_read_as_products(path: Path, brightness: str, spectral: str) -> None:
    moments = moment_maps(save(path, np.ones((5, 3, 4)), BUNIT=brightness, CUNIT3=spectral))
    product = units.Unit(brightness) * units.Unit(spectral)
    assert units.Unit(moments.integrated_unit, format="fits") == product


def test_without_spectral_axis_channels_are_counted(path: Path) -> None:
    moments = moment_maps(save(path, np.ones((5, 3, 4)), CTYPE3="COLOUR"), n_sigma=0.0)
    np.testing.assert_array_equal(moments.centroid, 2.0)
    np.testing.assert_array_equal(moments.integrated, 5.0)


@given(cubes, st.integers(1, 7), st.sampled_from(["mean", "sum"]), st.integers(0, 4))
def test_groups_are_those_of_the_whole_array(
    path: Path, cube: npt.NDArray[Any], group: int, how: str, first: int
) -> None:
    sky, channels, rows = save(path, cube), slice(first, None), slice(1, 3)
    found = list(channel_groups(sky, group, channels=channels, rows=rows, how=how))
    parts = group_slices(sky, group, channels=channels)
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(first, 5))
    assert len(found) == len(parts)
    for part, plane in zip(parts, found, strict=True):
        values = cube[part, rows].astype(np.float64)
        expected = np.nansum(values, axis=0)
        count = np.isfinite(values).sum(axis=0)
        expected[count == 0] = np.nan
        if how == "mean":
            expected /= np.maximum(count, 1)
        np.testing.assert_allclose(plane, expected, rtol=1e-6)
        assert plane.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"channels": slice(7, 9)}, "channels must be a slice .* the 5 of the cube"),
        ({"channels": slice(0, 5, 2)}, "channels must be a slice of step 1"),
        ({"n_sigma": -1.0}, "n_sigma must be at least 0 and finite, got -1.0"),
        ({"noise": [1.0, 2.0]}, r"noise must be one number or 5.*got shape \(2,\)"),
        ({"noise": -2.0}, "noise must be at least 0, got -2.0"),
    ],
)
def test_arguments_of_no_use_are_refused(
    path: Path, arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        moment_maps(save(path, np.ones((5, 3, 4))), **arguments)


def test_groups_of_no_use_are_refused_before_anything_is_read(path: Path) -> None:
    sky = save(path, np.ones((5, 3, 4)))
    with pytest.raises(InputError, match="group must be at least 1 channel, got 0"):
        channel_groups(sky, 0)
    with pytest.raises(InputError, match="how must be 'mean' or 'sum', got 'max'"):
        channel_groups(sky, 2, how="max")


def test_memory_does_not_grow_with_the_number_of_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whether several threads need their little at the same time is a matter of chance.
    monkeypatch.setattr("data_adapters.sky.moments.joblib.cpu_count", lambda: 1)
    plane_bytes = 300 * 300 * 8
    peaks = []
    for n_channels in (4, 60):
        sky = save(tmp_path / f"{n_channels}.fits", np.ones((n_channels, 300, 300), np.float32))
        # What numba compiles takes memory once.
        moment_maps(sky)
        tracemalloc.start()
        try:
            moment_maps(sky)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert abs(peaks[1] - peaks[0]) < 0.2 * plane_bytes
    assert peaks[1] < 16 * plane_bytes
