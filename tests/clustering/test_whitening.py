"""Whitening: what it makes of the covariance, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from equiclust.clustering import whitening
from equiclust.clustering.whitening import Whitening, check_whitening
from equiclust.exceptions import InputError
from tests.clustering.shapes import noise


def _mixed(seed: int, n: int = 80, d: int = 6) -> np.ndarray:
    return noise(n, seed, n_features=d) @ noise(d, seed + 10, n_features=d) + 5.0


def test_whole_whitening_is_that_of_scikit_learn(random_state: int) -> None:
    points = _mixed(random_state)
    found = Whitening.fit(points, standardise=True, whiten=1.0, n_components=None).apply(points)
    reference = make_pipeline(StandardScaler(), PCA(whiten=True)).fit_transform(points)
    np.testing.assert_allclose(found, reference, atol=1e-9)


@pytest.mark.parametrize("whiten", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("standardise", [True, False])
def test_variances_are_powers_of_what_they_were(
    whiten: float, standardise: bool, random_state: int
) -> None:
    points = _mixed(random_state)
    whole, part = (
        Whitening.fit(points, standardise=standardise, whiten=power, n_components=None)
        .apply(points)
        .var(axis=0, ddof=1)
        for power in (0.0, whiten)
    )
    assert part.mean() == pytest.approx(1.0)
    ratio = part / whole ** (1 - whiten)
    np.testing.assert_allclose(ratio, ratio[0])
    covariance = np.cov(
        Whitening.fit(points, standardise=standardise, whiten=whiten, n_components=None)
        .apply(points)
        .T
    )
    np.testing.assert_allclose(covariance, np.diag(part), atol=1e-9)


def test_the_share_of_variance_is_reached_and_not_exceeded(random_state: int) -> None:
    points = _mixed(random_state)
    spectrum = np.sort(np.linalg.eigvalsh(np.corrcoef(points.T)))[::-1]
    explained = np.cumsum(spectrum) / spectrum.sum()
    for share in (0.5, 0.9, 0.99):
        map_ = Whitening.fit(points, standardise=True, whiten=1.0, n_components=share)
        n_axes = map_.axes.shape[1]
        assert explained[n_axes - 1] >= share
        assert n_axes == 1 or explained[n_axes - 2] < share


@pytest.mark.parametrize("n_components", [40, None, 0.999999])
def test_axes_are_capped_by_the_samples(n_components: float | None) -> None:
    points = noise(5, 0, n_features=30)
    map_ = Whitening.fit(points, standardise=True, whiten=1.0, n_components=n_components)
    assert map_.axes.shape == (30, 4)


def test_columns_of_rounding_are_left_out(random_state: int) -> None:
    points = _mixed(random_state)
    dead = 3.0 + 1e-8 * noise(80, random_state + 1, n_features=2)
    map_ = Whitening.fit(np.hstack([points, dead]), standardise=True, whiten=1.0, n_components=None)
    np.testing.assert_array_equal(map_.axes[6:], 0.0)
    assert map_.axes.shape[1] == 6


def test_a_column_may_be_tiny_in_its_units(random_state: int) -> None:
    points = _mixed(random_state)
    units = np.array([1e-20, 1e-3, 1.0, 1e3, 1e10, 1e20])
    plain, scaled = (
        Whitening.fit(values, standardise=True, whiten=0.5, n_components=None).apply(values)
        for values in (points, points * units)
    )
    np.testing.assert_allclose(plain, scaled, atol=1e-8)


def test_constant_data_is_one_place() -> None:
    points = np.full((4, 3), 7.0)
    map_ = Whitening.fit(points, standardise=True, whiten=1.0, n_components=0.9)
    np.testing.assert_array_equal(map_.apply(points), np.zeros((4, 1)))


def test_a_row_is_the_same_in_any_batch(random_state: int) -> None:
    points = _mixed(random_state, n=101, d=37)
    map_ = Whitening.fit(points, standardise=True, whiten=0.5, n_components=0.95)
    whole = map_.apply(points)
    for size in (1, 2, 7, 50):
        parts = [map_.apply(points[i : i + size]) for i in range(0, 101, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("n_axes", [1, 2, 3, 8, 37])
def test_many_rows_are_on_the_same_axes_to_the_last_bit(
    n_axes: int, random_state: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = _mixed(random_state, n=101, d=37)
    map_ = Whitening.fit(points, standardise=True, whiten=0.5, n_components=n_axes)
    few = map_.apply(points)
    monkeypatch.setattr(whitening, "_MUCH_WORK", 0)
    np.testing.assert_array_equal(map_.apply(points), few)


@pytest.mark.parametrize("whiten", [True, False, 0, 1, 0.3, np.float32(0.5)])
@pytest.mark.parametrize("n_components", [None, 1, 7, 0.5, np.int64(3)])
def test_good_values_pass(whiten: object, n_components: object) -> None:
    check_whitening(whiten, n_components)


@pytest.mark.parametrize("whiten", [-0.1, 1.1, "yes", None, float("nan")])
def test_bad_whiten_is_named(whiten: object) -> None:
    with pytest.raises(InputError, match="whiten must be True, False or between 0 and 1, got"):
        check_whitening(whiten, None)


@pytest.mark.parametrize("n_components", [0, -2, 1.0, 0.0, 2.5, "mle", True, float("nan")])
def test_bad_n_components_is_named(n_components: object) -> None:
    with pytest.raises(InputError, match="n_components must be a whole number"):
        check_whitening(1.0, n_components)
