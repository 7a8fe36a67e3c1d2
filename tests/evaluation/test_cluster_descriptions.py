"""Words for clusters: they follow effect sizes, and chance says nothing."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from equiclust.evaluation.cluster_descriptions import (
    NOTHING,
    ClusterDescription,
    cliffs_delta,
    describe_clusters,
    order_by_typicality,
)
from equiclust.evaluation.morphology import measure_morphology
from equiclust.exceptions import InputError
from equiclust.simulation.discs import DISC_CLASSES, simulate_discs

NUMBERS = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


@given(first=NUMBERS, second=NUMBERS)
def test_cliffs_delta_is_a_probability_less_another(first: list[int], second: list[int]) -> None:
    found = cliffs_delta(first, second)
    pairs = np.sign(np.subtract.outer(first, second))
    assert found == pytest.approx(pairs.mean())
    assert cliffs_delta(second, first) == pytest.approx(-found)
    u = mannwhitneyu(first, second).statistic
    assert found == pytest.approx(2 * u / (len(first) * len(second)) - 1)


@pytest.mark.parametrize("sample", [[], [np.nan], [[1.0]]])
def test_cliffs_delta_needs_numbers(sample: list[float]) -> None:
    with pytest.raises(InputError, match="others must be finite numbers"):
        cliffs_delta([1.0], sample)


def test_the_kinds_of_discs_are_named() -> None:
    images, truth = simulate_discs(180, size=48, random_state=113)
    kinds = np.array([DISC_CLASSES.index(kind) for kind in truth["kind"]])
    table = measure_morphology(images)
    found = describe_clusters(kinds, {name: table[name] for name in table.colnames[1:]})
    words = {DISC_CLASSES[one.label]: one.words for one in found}
    assert "a hole in the centre" in words["cavity"]
    assert "lopsided" in words["crescent"]
    assert "arms" in words["spiral"].split(", ")
    assert "rings and gaps" in words["rings"]
    assert "smoother" in words["smooth"]
    assert all("arms" not in text.split(", ") for kind, text in words.items() if kind != "spiral")


@pytest.mark.parametrize("seed", range(5))
def test_labels_by_chance_say_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quantities = {name: rng.normal(size=200) for name in ("size", "arms", "brightness")}
    assert {one.words for one in describe_clusters(rng.integers(-1, 4, 200), quantities)} == {
        NOTHING
    }


def test_only_what_the_others_lack_is_present() -> None:
    labels = np.repeat([0, 1], 20)
    deep = np.concatenate([np.linspace(0.8, 0.9, 20), np.linspace(0.4, 0.5, 20)])
    first, second = describe_clusters(labels, {"central_hole": deep})
    assert (first.words, second.words) == ("a darker centre", "a brighter centre")
    first, second = describe_clusters(labels, {"central_hole": deep - 0.4})
    assert (first.words, second.words) == ("a hole in the centre", "a brighter centre")
    assert first.differences[0].effect == -second.differences[0].effect == 1.0


def test_unknown_values_labels_and_columns_are_left_out() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [-1] * 20)
    size = np.array([np.nan, *np.arange(59.0)])
    quantities = {"size": size, "streaks": np.full(60, np.nan), "edge": size}
    (first, second) = describe_clusters(labels, quantities)
    assert (first.words, second.words) == ("smaller", "larger")
    assert ClusterDescription.from_dict(asdict(first)) == first
    assert describe_clusters(np.zeros(60, int), quantities) == ()
    few = np.where(np.arange(60) % 20 < 9, size, np.nan)
    assert {one.words for one in describe_clusters(labels, {"size": few})} == {NOTHING}
    with pytest.raises(InputError, match=r"size must have shape \(2,\), got \(60,\)"):
        describe_clusters([0, 1], {"size": size})


def test_the_most_stable_are_the_most_typical_then_the_nearest_to_the_mean() -> None:
    latents = np.array([[0.0], [9.0], [1.0], [2.0], [np.nan], [7.0]])
    stability = np.array([0.9, 0.9, 0.9, 1.0, 0.9, np.nan])
    members = np.array([0, 1, 2, 3, 4, 5])
    # The mean is 3.8.
    assert order_by_typicality(stability, latents, members).tolist() == [3, 2, 0, 1, 4, 5]
    assert order_by_typicality(stability, latents, members[:0]).tolist() == []
