"""Marks bring what is like the interesting ones to the front, and nothing else decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.teaching import rank_anomalies
from equiclust.typing import Float64Array

N, N_RARE = 300, 12


@pytest.fixture(scope="module")
def latents() -> Float64Array:
    """Two large groups; two small ones far away, of which the first is looked for."""
    rng = np.random.default_rng(0)
    centres = np.zeros((4, 6))
    centres[1, 0], centres[2, 1], centres[3, 2] = 6.0, 6.0, 6.5
    group = np.zeros(N, dtype=int)
    group[:N_RARE], group[N_RARE : 2 * N_RARE], group[150:] = 2, 3, 1
    found: Float64Array = rng.normal(size=(N, 6)) + centres[group]
    return found


@pytest.fixture(scope="module")
def score(latents: Float64Array) -> Float64Array:
    found: Float64Array = np.linalg.norm(latents - np.median(latents, axis=0), axis=1)
    return found


def test_without_marks_the_score_ranks(latents: Float64Array, score: Float64Array) -> None:
    found = rank_anomalies(latents, score)
    np.testing.assert_array_equal(found.order, np.argsort(-score))
    assert np.isnan(found.probability).all()


def test_a_few_marks_bring_the_others_of_their_kind_to_the_front(
    latents: Float64Array, score: Float64Array
) -> None:
    first = rank_anomalies(latents, score).order[:10].tolist()
    marks = {row: "interesting" if row < N_RARE else "artefact" for row in first}
    assert 0 < sum(row < N_RARE for row in marks) < 10
    found = rank_anomalies(latents, score, marks)
    before = sum(rank_anomalies(latents, score).order[:N_RARE] < N_RARE)
    after = sum(found.order[:N_RARE] < N_RARE)
    assert after >= N_RARE - 1 > before
    # Marked ones stand at the ends.
    n_interesting = sum(kind == "interesting" for kind in marks.values())
    assert {marks.get(row) for row in found.order[:n_interesting].tolist()} == {"interesting"}
    assert {marks.get(row) for row in found.order[n_interesting - 10 :].tolist()} == {"artefact"}


def test_any_word_may_be_looked_for(latents: Float64Array, score: Float64Array) -> None:
    marks = {0: "ring", 1: "ring", 20: "arc", 200: "usual"}
    plain = {0: "interesting", 1: "interesting", 20: "arc", 200: "usual"}
    ringed = rank_anomalies(latents, score, marks, interesting="ring")
    np.testing.assert_array_equal(ringed.order, rank_anomalies(latents, score, plain).order)
    both = rank_anomalies(latents, score, marks, interesting=["ring", "arc"])
    assert {*both.order[:3].tolist()} == {0, 1, 20}


def test_the_order_of_the_images_does_not_matter(
    latents: Float64Array, score: Float64Array
) -> None:
    marks = {0: "interesting", 1: "interesting", 13: "usual", 200: "usual"}
    turned = {N - 1 - row: kind for row, kind in marks.items()}
    one = rank_anomalies(latents, score, marks)
    other = rank_anomalies(latents[::-1], score[::-1], turned)
    np.testing.assert_allclose(other.probability[::-1], one.probability, atol=0.02)
    assert {*one.order[:10].tolist()} == {*(N - 1 - other.order[:10]).tolist()}


def test_marks_of_one_kind_teach_nothing(latents: Float64Array, score: Float64Array) -> None:
    for kind, place in (("usual", -1), ("interesting", 0)):
        found = rank_anomalies(latents, score, {7: kind})
        assert np.isnan(found.probability).all()
        assert found.order[place] == 7
        rest = [row for row in found.order.tolist() if row != 7]
        assert rest == [row for row in np.argsort(-score).tolist() if row != 7]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"marks": {N: "usual"}}, "marks must be of rows 0 to 299, got 300"),
        ({"outlier_score": np.ones(3)}, "outlier_score must be 300 finite numbers"),
        ({"outlier_score": np.full(N, np.nan)}, "outlier_score must be 300 finite numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    latents: Float64Array, score: Float64Array, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        rank_anomalies(**{"latents": latents, "outlier_score": score, **changed})
