"""Ranked retrieval, against scikit-learn's average precision and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from equiclust.evaluation.metrics import mean_average_precision, recall_at_k
from equiclust.exceptions import InputError

LINE = np.array([[0.0], [1.0], [2.5], [4.5], [7.0]])


def test_recall_counts_the_images_whose_object_is_near() -> None:
    objects = ["a", "b", "a", "b", "c"]
    # Nearest others of 0, 1, 2, 3: b a, a a, b b, a c; c is shown once and not asked about.
    assert recall_at_k(LINE, objects, 1) == 0.0
    assert recall_at_k(LINE, objects, 2) == pytest.approx(1 / 4)
    assert recall_at_k(LINE, objects, 4) == 1.0


def test_precision_by_hand() -> None:
    objects = ["a", "b", "a", "b", "c"]
    # Each object has one other image, at rank 2, 3, 3 and 3.
    assert mean_average_precision(LINE, objects) == pytest.approx((1 / 2 + 3 * 1 / 3) / 4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(4, 400), kinds=st.integers(1, 6))
def test_agrees_with_an_independent_reference(seed: int, n: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    latents, objects = rng.standard_normal((n, 3)) + 50.0, rng.integers(kinds, size=n)
    precisions, found = [], []
    for i in range(n):
        same = np.delete(objects, i) == objects[i]
        if same.any():
            far = np.linalg.norm(np.delete(latents, i, axis=0) - latents[i], axis=1)
            precisions.append(average_precision_score(same, -far))
            found.append(same[np.argsort(far)[:3]].any())
    if not precisions:
        return
    assert mean_average_precision(latents, objects) == pytest.approx(np.mean(precisions))
    assert recall_at_k(latents, objects, 3) == pytest.approx(np.mean(found))


def test_a_tie_finds_nothing() -> None:
    nothing_learned = np.zeros((6, 2))
    assert recall_at_k(nothing_learned, list("aabbcc"), 4) == 0.0
    assert mean_average_precision(np.zeros((3, 1)), list("aba")) == 0.5


def test_small_distances_far_from_the_origin_are_told_apart() -> None:
    latents = 1e6 + np.array([[0.0], [1e-3], [6e-3], [5e-3]])
    assert recall_at_k(latents, list("aabb"), 1) == 1.0


def test_turning_shifting_and_scaling_latents_changes_nothing(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    latents, objects = rng.standard_normal((60, 4)), rng.integers(20, size=60)
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    moved = 3.0 * latents @ turn + 1e4
    for score in (recall_at_k, mean_average_precision):
        assert score(latents, objects) == pytest.approx(score(moved, objects))


@pytest.mark.parametrize(
    ("latents", "objects", "k", "message"),
    [
        (np.zeros((3, 2)), [1, 1], 1, "shape"),
        (np.zeros(3), [1, 1, 2], 1, "shape"),
        (np.full((2, 1), np.nan), [1, 1], 1, "finite"),
        (np.zeros((3, 2)), [1, 2, 3], 1, "twice"),
        (np.zeros((0, 2)), [], 1, "n of 1 or more"),
        (np.zeros((2, 2)), [1, 1], 0, "k must be"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    latents: np.ndarray, objects: list[int], k: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        recall_at_k(latents, objects, k)
