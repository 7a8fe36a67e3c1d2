"""Division by a power of two is exact, and finite at any size."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.binary_scale import in_unit, range_exponent

POINTS = np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize("factor", [2.0**-1000, 1.0, 2.0**1000])
def test_scaling_is_exact_and_brings_the_range_to_one(factor: float) -> None:
    scaled = in_unit(factor * POINTS, range_exponent(factor * POINTS))
    assert np.array_equal(scaled, in_unit(POINTS, range_exponent(POINTS)))
    assert 0.25 <= np.ptp(scaled, axis=0).max() <= 1.0


def test_the_range_of_the_largest_numbers_of_both_signs_is_no_infinity() -> None:
    ends = np.array([[-1.7e308], [1.7e308]])
    assert np.array_equal(np.sign(in_unit(ends, range_exponent(ends))), [[-1.0], [1.0]])


def test_what_is_equal_has_no_unit_and_what_is_far_stays_finite() -> None:
    assert range_exponent(np.full((4, 2), 1e300)) == 0
    assert np.isfinite(np.square(in_unit(np.array([[1e308]]), -500))).all()
