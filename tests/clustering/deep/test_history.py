"""Histories as tables."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.clustering.deep import history_table, moving_average
from equiclust.exceptions import InputError


def test_moving_average_is_that_of_a_convolution() -> None:
    values = np.random.default_rng(0).normal(size=30)
    expected = np.convolve(values, np.ones(4) / 4, mode="valid")
    np.testing.assert_allclose(moving_average(values, 4)[3:], expected)
    np.testing.assert_allclose(
        moving_average(values, 4)[:3], [values[:k].mean() for k in (1, 2, 3)]
    )


def test_window_must_hold_something() -> None:
    with pytest.raises(InputError, match="window must be a whole number of at least 1, got 0"):
        moving_average([1.0], 0)


def test_table_has_a_column_for_each_name() -> None:
    records = [{"step": 0.0, "kl": 3.0}, {"step": 5.0, "kl": 1.0, "acc": 0.5}]
    table = history_table(records, window=2)
    assert list(table) == ["step", "kl", "acc", "kl (mean of 2)", "acc (mean of 2)"]
    np.testing.assert_array_equal(table["acc"], [np.nan, 0.5])
    np.testing.assert_array_equal(table["kl (mean of 2)"], [3.0, 2.0])
    np.testing.assert_array_equal(table["acc (mean of 2)"], [np.nan, 0.5])
