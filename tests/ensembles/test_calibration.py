"""The stability is as often right as it says, and what is kept is as reliable as asked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensembles.calibration import (
    Calibration,
    coverage_curve,
    expected_calibration_error,
    reliable,
)

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


def calibration_pairs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    evidence = np.column_stack([rng.uniform(size=n), rng.normal(size=n), rng.normal(size=n)])
    probability = 1 / (1 + np.exp(-(4 * evidence[:, 0] - 2 + evidence[:, 1])))
    return evidence, rng.random(n) < probability


def test_known_probabilities_are_found_again() -> None:
    calibration = Calibration.fit(*calibration_pairs(5000, 0))
    evidence, right = calibration_pairs(5000, 1)
    assert expected_calibration_error(calibration(evidence), right) < 0.03


def test_more_evidence_never_makes_it_less_sure() -> None:
    evidence, right = calibration_pairs(500, 2)
    calibration = Calibration.fit(evidence, right)
    for column in range(3):
        more = evidence.copy()
        more[:, column] += 0.5
        assert np.all(calibration(more) >= calibration(evidence) - 1e-12)


def test_trials_that_all_ended_alike_give_one_probability() -> None:
    evidence, _ = calibration_pairs(50, 3)
    assert np.all(Calibration.fit(evidence, np.ones(50, bool))(evidence) == 1.0)


def test_it_comes_back_from_its_arrays() -> None:
    evidence, right = calibration_pairs(300, 4)
    calibration = Calibration.fit(evidence, right)
    again = Calibration.restore(calibration.arrays(), 3)
    assert np.array_equal(again(evidence), calibration(evidence))


@given(stability=SHARES, asked=st.floats(0, 1))
def test_as_many_are_kept_as_are_reliable(stability: np.ndarray, asked: float) -> None:
    kept = reliable(stability, asked)
    if kept.any():
        assert stability[kept].mean() >= asked - 1e-9
    if not kept.all():
        dropped = stability[~kept]
        assert not kept.any() or dropped.max() < stability[kept].min()
        longer = stability[stability >= dropped.max()]
        assert longer.mean() < asked + 1e-9


@given(SHARES)
def test_reliability_falls_with_coverage(stability: np.ndarray) -> None:
    curve = coverage_curve(stability)
    values = [point["reliability"] for point in curve]
    assert curve[-1]["coverage"] == 1.0
    assert values[-1] == pytest.approx(stability.mean())
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(values))


def test_calibration_error_by_hand() -> None:
    stability = [0.95, 0.91, 0.55, 0.15]
    right = [True, False, True, False]
    expected = (abs(0.95 + 0.91 - 1) + abs(0.55 - 1) + abs(0.15 - 0)) / 4
    assert expected_calibration_error(stability, right) == pytest.approx(expected)
