"""A few labels tell for the partition that they follow, and not for a finer one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from equiclust.exceptions import InputError
from equiclust.teaching import rank_partitions

RNG = np.random.default_rng(0)
SHAPES, SIZES = RNG.integers(3, size=(2, 300))
NAMES = np.array(["ring", "spiral", "smooth"])


def drawn(n: int, seed: int) -> dict[int, str]:
    rows = np.random.default_rng(seed).permutation(300)[:n]
    return {int(row): str(NAMES[SHAPES[row]]) for row in rows}


def test_ten_labels_find_the_partition_that_they_follow() -> None:
    partitions = {"sizes": SIZES, "shapes": SHAPES}
    best = [rank_partitions(partitions, drawn(10, seed))[0].name for seed in range(50)]
    assert best.count("shapes") >= 48


def test_a_finer_partition_is_not_favoured_for_being_fine() -> None:
    partitions = {"finer": 3 * SHAPES + SIZES, "shapes": SHAPES, "each alone": np.arange(300)}
    best = [rank_partitions(partitions, drawn(15, seed))[0].name for seed in range(50)]
    assert best.count("shapes") >= 48


def test_the_evidence_is_the_integral_over_all_shares() -> None:
    # Two kinds in one cluster: the shares have a beta distribution.
    alpha, kinds = 0.3, {0: "a", 1: "a", 2: "b"}

    def integrand(share: float) -> float:
        return float(share ** (2 + alpha - 1) * (1 - share) ** (1 + alpha - 1))

    weight = quad(lambda share: (share * (1 - share)) ** (alpha - 1), 0, 1)[0]
    (found,) = rank_partitions({"one": np.zeros(3, dtype=int)}, kinds)
    assert np.exp(found.log_evidence) == pytest.approx(quad(integrand, 0, 1)[0] / weight, rel=1e-6)
    assert found.n_right == 2


def test_of_equal_partitions_the_first_comes_first() -> None:
    names = [one.name for one in rank_partitions({"b": SHAPES, "a": (SHAPES + 1) % 3}, drawn(9, 0))]
    assert names == ["b", "a"]


@pytest.mark.parametrize("kinds", [{}, {300: "ring"}, {-1: "ring"}])
def test_rows_must_be_there(kinds: dict[int, str]) -> None:
    with pytest.raises(InputError, match="row"):
        rank_partitions({"shapes": SHAPES}, kinds)


def test_labels_must_be_whole_numbers() -> None:
    with pytest.raises(InputError, match="must be labels"):
        rank_partitions({"shapes": np.zeros((300, 2))}, {0: "ring"})
