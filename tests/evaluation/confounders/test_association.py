"""Eta squared and its p-value keep their laws and agree with independent references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway, kstest

from equiclust.evaluation.confounders import Association, association, holm
from equiclust.exceptions import InputError


def test_labels_that_are_the_classes_of_the_values_explain_all(random_state: int) -> None:
    labels = np.random.default_rng(random_state).integers(4, size=60)
    found = association(labels, 7.0 * labels + 1.0, random_state=random_state)
    assert found == (pytest.approx(1.0), pytest.approx(3 / 59), 0.001, 60)
    lying = association(labels, 45.0 * labels, circular_period=180.0, random_state=random_state)
    assert lying.eta_squared == pytest.approx(1.0)


def test_eta_squared_is_that_of_the_analysis_of_variance(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    labels = rng.integers(3, size=50)
    values = rng.normal(size=50) + 0.4 * labels
    found = association(labels, values, n_permutations=1999, random_state=random_state)
    reference = f_oneway(*(values[labels == k] for k in range(3)))
    ratio = found.eta_squared / 2 / ((1 - found.eta_squared) / 47)
    assert ratio == pytest.approx(reference.statistic)
    assert found.p_value == pytest.approx(reference.pvalue, abs=0.04)


def test_p_values_are_uniform_and_eta_squared_is_chance_under_independence() -> None:
    rng = np.random.default_rng(3)
    found = [
        association(
            rng.integers(4, size=30),
            rng.uniform(0.0, 180.0, size=30),
            circular_period=period,
            n_permutations=99,
            random_state=k,
        )
        for k in range(100)
        for period in (None, 180.0)
    ]
    assert kstest([item.p_value for item in found], "uniform").pvalue > 0.01
    means = [np.mean([item.eta_squared for item in found[i::2]]) for i in (0, 1)]
    assert means == pytest.approx([found[0].chance] * 2, rel=0.2)


def test_chance_is_the_mean_over_all_permutations() -> None:
    rng = np.random.default_rng(0)
    labels, angles = rng.integers(3, size=12), rng.uniform(0.0, 360.0, size=12)
    drawn = [
        association(rng.permutation(labels), angles, circular_period=360.0, n_permutations=1)
        for _ in range(3000)
    ]
    assert np.mean([item.eta_squared for item in drawn]) == pytest.approx(drawn[0].chance, rel=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100), st.floats(0.01, 1e3), st.floats(-100.0, 100.0), st.floats(0.0, 1e3))
def test_units_and_names_do_not_matter(seed: int, scale: float, shift: float, turn: float) -> None:
    rng = np.random.default_rng(seed)
    labels, values = rng.integers(3, size=20), rng.uniform(0.0, 180.0, size=20)
    options = {"n_permutations": 19, "random_state": seed}
    plain = association(labels, values, **options)
    renamed = np.array([9, 4, 7])[labels]
    assert association(renamed, values, **options).eta_squared == pytest.approx(plain.eta_squared)
    other = association(labels, scale * values + shift, **options)
    assert other.eta_squared == pytest.approx(plain.eta_squared)
    lying = association(labels, values, circular_period=180.0, **options)
    rotated = association(labels, values + turn, circular_period=180.0, **options)
    radians = association(labels, np.deg2rad(values), circular_period=np.pi, **options)
    assert rotated.eta_squared == pytest.approx(lying.eta_squared)
    assert radians.eta_squared == pytest.approx(lying.eta_squared)


def test_half_a_turn_is_no_difference_to_an_axis() -> None:
    labels = np.repeat([0, 1], 20)
    angles = np.tile([1.0, 179.0], 20)
    assert association(labels, angles, circular_period=180.0).eta_squared < 0.01
    apart = np.where(labels, 2.0, 178.0) + np.tile([0.5, -0.5], 20)
    assert association(labels, apart, circular_period=180.0).eta_squared > 0.9


def test_unknown_labels_and_missing_values_are_left_out(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    labels, values = rng.integers(3, size=30), rng.normal(size=30)
    expected = association(labels, values, random_state=random_state)
    more_labels = np.concatenate([labels, [-1, -1, 0]])
    more_values = np.concatenate([values, [1e6, np.nan, np.nan]])
    assert association(more_labels, more_values, random_state=random_state) == expected


@pytest.mark.parametrize(
    ("labels", "values"),
    [([], []), ([0], [1.0]), ([0, 0], [1.0, 2.0]), ([0, 1, 2], [0.1] * 3), ([-1, -1], [1.0, 2.0])],
)
def test_nothing_to_explain(labels: list[int], values: list[float]) -> None:
    for period in (None, 180.0):
        found = association(labels, values, circular_period=period)
        assert np.isnan(found[:3]).all()
        assert found.n == sum(label >= 0 for label in labels)


def test_singletons_prove_nothing() -> None:
    found = association(np.arange(8), np.arange(8.0), random_state=0)
    assert found == Association(pytest.approx(1.0), 1.0, 1.0, 8)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "values", "options", "reason"),
    [
        ([0.5, 1.0], [1.0, 2.0], {}, "labels must be integers"),
        ([[0, 1]], [[1.0, 2.0]], {}, "labels must be integers"),
        ([0, 1], [1.0], {}, "values"),
        ([0, 1], [1.0, 2.0], {"circular_period": 0.0}, "circular_period"),
        ([0, 1], [1.0, 2.0], {"n_permutations": 0}, "n_permutations"),
    ],
)
def test_what_cannot_be_asked(labels: object, values: object, options: dict, reason: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=reason):
        association(labels, values, **options)  # type: ignore[arg-type]


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, np.nan, 0.9]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert holm([]).size == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_rejects_no_more_than_plain_and_no_less_than_bonferroni(given_p: list[float]) -> None:
    adjusted = holm(given_p)
    plain = np.array(given_p)
    assert (adjusted >= plain).all()
    assert (adjusted <= np.minimum(plain * len(plain), 1.0)).all()
    assert (np.diff(adjusted[np.argsort(plain, kind="stable")]) >= 0).all()
