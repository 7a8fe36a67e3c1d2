"""Scores keep their laws and agree with brute force and with the definitions."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    match_one_to_one,
    normalized_mutual_information,
    reconstruction_scores,
)
from equiclust.exceptions import InputError

SCORES = [adjusted_rand_index, clustering_accuracy, normalized_mutual_information]

Pairs = list[tuple[int, int]]
pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30)
unsure_pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 4)), min_size=1, max_size=25)


def _columns(labels: Pairs) -> tuple[list[int], list[int]]:
    return [true for true, _ in labels], [pred for _, pred in labels]


def _best_naming(true: list[int], pred: list[int]) -> float:
    names: list[int | None] = [*range(4), *[None] * 5]
    namings = set(itertools.permutations(names, 5))
    return max(
        sum(p >= 0 and naming[p] == t for t, p in zip(true, pred, strict=True)) / len(true)
        for naming in namings
    )


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_matching_is_the_best_of_all(shape: tuple[int, int], seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 20, shape)
    matched = match_one_to_one(counts)
    rows = np.flatnonzero(matched != -1)
    assert len(rows) == len(set(matched[rows].tolist())) == min(shape)
    table = counts if shape[0] <= shape[1] else counts.T
    every = itertools.permutations(range(table.shape[1]), table.shape[0])
    best = max(sum(table[i, j] for i, j in enumerate(columns)) for columns in every)
    assert counts[rows, matched[rows]].sum() == best


@settings(max_examples=15, deadline=None)
@given(unsure_pairs)
def test_accuracy_is_the_best_over_every_naming(labels: Pairs) -> None:
    true, pred = _columns(labels)
    assert clustering_accuracy(true, pred) == pytest.approx(_best_naming(true, pred))


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=40, deadline=None)
@given(labels=pairs, names=st.permutations(range(5)))
def test_names_do_not_matter(score: object, labels: Pairs, names: list[int]) -> None:
    true, pred = _columns(labels)
    assert callable(score)
    renamed = [7 * names[p] for p in pred]
    assert score(true, renamed) == pytest.approx(score(true, pred))
    assert score([names[t] for t in true], pred) == pytest.approx(score(true, pred))


@pytest.mark.parametrize("score", SCORES)
@settings(max_examples=40, deadline=None)
@given(labels=pairs)
def test_equal_partitions_score_one(score: object, labels: Pairs) -> None:
    true, _ = _columns(labels)
    assert callable(score)
    assert score(true, [9 - t for t in true]) == pytest.approx(1.0)


def test_adjusted_rand_index_is_the_formula_over_pairs() -> None:
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 3, 40), rng.integers(0, 4, 40)
    i, j = np.triu_indices(40, 1)
    a, b = true[i] == true[j], pred[i] == pred[j]
    chance = a.sum() * b.sum() / len(a)
    expected = ((a & b).sum() - chance) / ((a.sum() + b.sum()) / 2 - chance)
    assert adjusted_rand_index(true, pred) == pytest.approx(expected)


def test_normalized_mutual_information_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 3, 60), rng.integers(0, 4, 60)
    joint = np.histogram2d(true, pred, bins=(3, 4))[0] / 60
    t, p = joint.sum(1), joint.sum(0)
    mutual = np.sum(joint * np.log(joint / np.outer(t, p)))
    expected = 2 * mutual / -(np.sum(t * np.log(t)) + np.sum(p * np.log(p)))
    assert normalized_mutual_information(true, pred) == pytest.approx(expected)


def test_not_knowing_is_wrong() -> None:
    assert clustering_accuracy([0, 0, 1, 1], [3, 3, 7, -1]) == 0.75
    assert clustering_accuracy([0, 0, 1, 1], [-1] * 4) == 0.0


def test_a_cluster_without_a_class_is_wrong() -> None:
    assert clustering_accuracy([0, 0, 0, 0], [0, 0, 1, 2]) == 0.5


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("true", "pred", "match"),
    [
        ([0, 1], [0], "same length, got 2 and 1"),
        ([], [], "at least one label"),
        ([0.5, 1.0], [0, 1], "labels_true must be integers"),
        ([0, 1], ["a", "b"], "labels_pred must be integers"),
        ([[0, 1]], [[0, 1]], "at least one label, got"),
    ],
)
def test_bad_labels_are_named(score: object, true: object, pred: object, match: str) -> None:
    assert callable(score)
    with pytest.raises(InputError, match=match):
        score(true, pred)


# Reconstructions


def _noisy(
    *shape: int, seed: int = 0, noise: float = 0.1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    images = rng.random(shape).astype(np.float32)
    other = np.clip(images + noise * rng.normal(size=shape), 0, 1).astype(np.float32)
    return images, other


SIDES = [3, 4, 10, 11, 21, 22, 43, 44, 63, 64, 98, 99, 128, 176]


@pytest.mark.parametrize("side", SIDES)
def test_a_perfect_reconstruction(side: int) -> None:
    images, _ = _noisy(2, 1, side, side + 2)
    scores = reconstruction_scores(images, images)
    assert scores == {"mse": 0.0, "psnr": pytest.approx(100.0), "ms_ssim": pytest.approx(1.0)}


@pytest.mark.parametrize("side", SIDES)
def test_scores_at_every_size_are_finite_means_over_images(side: int) -> None:
    images, other = _noisy(3, 2, side, side)
    together = reconstruction_scores(images, other)
    singly = [reconstruction_scores(images[i : i + 1], other[i : i + 1]) for i in range(3)]
    for name, value in together.items():
        assert value == pytest.approx(np.mean([scores[name] for scores in singly]), rel=1e-5)
    assert 0 < together["ms_ssim"] < 1


@pytest.mark.parametrize("side", [16, 64])
def test_more_noise_is_worse(side: int) -> None:
    scores = [
        reconstruction_scores(*_noisy(2, 1, side, side, noise=noise)) for noise in (0.02, 0.1, 0.3)
    ]
    for better, worse in itertools.pairwise(scores):
        assert better["mse"] < worse["mse"]
        assert better["psnr"] > worse["psnr"]
        assert better["ms_ssim"] > worse["ms_ssim"]


def test_mse_and_psnr_are_their_definitions_outside_the_mask() -> None:
    images, other = _noisy(4, 3, 32, 24)
    mask = np.random.default_rng(1).random((4, 32, 24)) < 0.3
    scores = reconstruction_scores(images, other, mask)
    errors = [
        np.mean([(images[i, :, y, x] - other[i, :, y, x]) ** 2 for y, x in np.argwhere(~mask[i])])
        for i in range(4)
    ]
    assert scores["mse"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert scores["psnr"] == pytest.approx(np.mean([-10 * np.log10(e) for e in errors]), rel=1e-5)


def test_masked_pixels_count_in_no_score() -> None:
    images, other = _noisy(2, 1, 48, 48)
    mask = np.zeros((2, 48, 48), dtype=bool)
    mask[:, 10:20, 5:30] = True
    spoiled = np.where(mask[:, None], 1 - other, other)
    assert reconstruction_scores(images, other, mask) == reconstruction_scores(
        images, spoiled, mask
    )


@pytest.mark.parametrize(
    ("images", "other", "mask", "match"),
    [
        (np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 9)), None, "same shape"),
        (np.zeros((8, 8)), np.zeros((8, 8)), None, r"images must have shape \(n, c, h, w\)"),
        (np.zeros((1, 1, 2, 8)), np.zeros((1, 1, 2, 8)), None, "at least 3 pixels"),
        (np.zeros((0, 1, 8, 8)), np.zeros((0, 1, 8, 8)), None, "images must have shape"),
        (np.full((1, 1, 8, 8), 2.0), np.zeros((1, 1, 8, 8)), None, "images must lie between"),
        (np.zeros((1, 1, 8, 8)), np.full((1, 1, 8, 8), np.nan), None, "reconstructions must lie"),
        (np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 8)), np.zeros((8, 8)), "mask must have shape"),
        (
            np.zeros((1, 1, 8, 8)),
            np.zeros((1, 1, 8, 8)),
            np.ones((1, 8, 8)),
            "image 0 wholly",
        ),
    ],
)
def test_bad_images_are_named(
    images: object, other: object, mask: npt.ArrayLike | None, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        reconstruction_scores(images, other, mask)  # type: ignore[arg-type]  # wrong on purpose


def test_torch_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys, equiclust.evaluation.metrics, equiclust.clustering; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
