from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiclust.evaluation.invariance import error_measures as measures

REFERENCE = np.array([[0.0, 0.0], [3.0, 4.0]])


def test_units_of_length_by_hand() -> None:
    assert measures.rms_norm(REFERENCE) == pytest.approx(math.sqrt(25.0 / 2.0))
    assert measures.rms_spread(REFERENCE) == pytest.approx(2.5)
    assert measures.rms_spread(REFERENCE + 100.0) == pytest.approx(2.5)


def test_spread_is_the_root_of_the_total_variance(random_state: int) -> None:
    latents = np.random.default_rng(random_state).normal(size=(50, 7))
    assert measures.rms_spread(latents) == pytest.approx(math.sqrt(latents.var(axis=0).sum()))


def test_displacements_by_hand() -> None:
    moved = np.stack([REFERENCE, REFERENCE + np.array([3.0, 4.0])])
    np.testing.assert_allclose(measures.displacements(moved, REFERENCE), [[0, 0], [5, 5]])


def test_summary_by_hand() -> None:
    assert measures.summarise(np.arange(101.0)[::-1]) == measures.Summary(50.0, 50.0, 95.0, 100.0)


@pytest.mark.parametrize(("fraction", "decibels"), [(1.0, 0.0), (0.1, 20.0), (1e-3, 60.0)])
def test_an_error_that_is_a_fraction_of_the_range(fraction: float, decibels: float) -> None:
    reference = np.array([[0.0], [5.0], [2.0]])
    moved = (reference + 5.0 * fraction)[None]
    assert measures.equivariance_db(moved, reference) == pytest.approx(decibels)


@given(st.floats(1e-3, 1e3), st.integers(0, 5))
def test_decibels_ignore_scale_and_constant_coordinates(scale: float, extra: int) -> None:
    rng = np.random.default_rng(0)
    reference, moved = rng.normal(size=(6, 3)), rng.normal(size=(4, 6, 3))
    padded = [np.concatenate([z, np.ones((*z.shape[:-1], extra))], -1) for z in (moved, reference)]
    expected = measures.equivariance_db(moved, reference)
    assert expected is not None
    assert measures.equivariance_db(scale * moved, scale * reference) == pytest.approx(expected)
    assert measures.equivariance_db(*padded) == pytest.approx(expected)


def test_decibels_end_at_the_resolution_of_float32() -> None:
    assert measures.equivariance_db(REFERENCE[None], REFERENCE) == pytest.approx(138.47, abs=0.01)


def test_no_range_means_no_decibels() -> None:
    constant = np.ones((3, 2))
    assert measures.equivariance_db(constant[None], constant) is None


def test_lie_derivative_of_a_turning_vector_is_its_length() -> None:
    lengths, step = np.array([1.0, 2.0, 0.5]), 0.5

    def rotated(degrees: float) -> np.ndarray:
        angle = math.radians(degrees)
        return lengths[:, None] * np.array([math.cos(angle), math.sin(angle)])

    found = measures.lie_derivative(rotated(step), rotated(-step), step=step)
    np.testing.assert_allclose(found, lengths, rtol=2e-5)


def test_flips_and_agreement_by_hand() -> None:
    before = np.array([0, 0, 1, 1])
    after = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 0]])
    assert measures.flip_rate(after, before) == pytest.approx(5.0 / 12.0)
    # Renaming the labels flips all of them and changes no group; the third has ARI 0.
    assert measures.agreement(after, before) == pytest.approx(2.0 / 3.0)
