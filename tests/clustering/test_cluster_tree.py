"""Layers of kinds: right for nested clusters, none within one, and what they are of new samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import adjusted_rand_score

from equiclust.clustering.cluster_merges import Merge, best_coarse_cut, merge_clusters, nodes_after
from equiclust.clustering.cluster_splits import find_split, holm
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.exceptions import InputError

Latents = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
_EACH = 40


def nested(seed: int, *, each: int = _EACH) -> tuple[Latents, Labels]:
    """Three groups far apart, each of two kinds that are near each other but with a gap."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(6), each)
    points = rng.normal(size=(len(kinds), 4))
    points[:, 0] += 80 * (kinds // 2)
    points += 8 * (kinds % 2)[:, None]
    order = rng.permutation(len(kinds))
    return points[order], kinds[order]


@pytest.fixture(scope="module")
def samples() -> tuple[Latents, Labels]:
    return nested(0)


@pytest.fixture(scope="module")
def tree(samples: tuple[Latents, Labels]) -> ClusterTree:
    latents, kinds = samples
    return ClusterTree(3, random_state=0).fit(latents, kinds // 2)


def test_kinds_within_groups_are_the_fine_level(
    tree: ClusterTree, samples: tuple[Latents, Labels]
) -> None:
    latents, kinds = samples
    fine = tree.predict_levels(latents, kinds // 2).fine
    assert adjusted_rand_score(kinds, fine) == 1.0
    assert tree.parts_ == ((_EACH, _EACH),) * 3
    assert all(split.p_value <= 0.01 / 3 for split in tree.splits_.values())


def test_groups_of_kinds_are_the_coarse_level(samples: tuple[Latents, Labels]) -> None:
    latents, kinds = samples
    tree = ClusterTree(6, random_state=0).fit(latents, kinds)
    levels = tree.predict_levels(latents, kinds)
    assert adjusted_rand_score(kinds // 2, levels.coarse) == 1.0
    # Kinds have no parts.
    assert levels.fine.tolist() == kinds.tolist()
    dips = [merge.dip for merge in tree.merges_]
    assert max(dips[:3]) < min(dips[3:])


def test_one_cluster_has_no_parts() -> None:
    found = [
        find_split(np.random.default_rng(seed).normal(size=(_EACH, 5)), level=0.01, seed=seed)
        for seed in range(20)
    ]
    assert sum(one is not None for one in found) <= 1


def test_a_single_cluster_is_one_node() -> None:
    latents, _ = nested(0)
    labels = np.zeros(len(latents), dtype=np.int64)
    tree = ClusterTree(1, random_state=0).fit(latents, labels)
    assert (tree.merges_, tree.splits_, tree.n_coarse_, tree.n_fine_) == ((), {}, 1, 1)
    levels = tree.predict_levels(latents, labels)
    assert not levels.coarse.any()
    assert not levels.fine.any()


def test_levels_are_nested_and_unknown_stays_unknown(
    tree: ClusterTree, samples: tuple[Latents, Labels]
) -> None:
    latents, kinds = samples
    labels = np.where(np.arange(len(kinds)) % 7 == 0, -1, kinds // 2)
    coarse, fine = tree.predict_levels(latents, labels)
    assert len(set(zip(fine, labels, strict=True))) == len(set(fine))
    assert len(set(zip(labels, coarse, strict=True))) == len(set(labels))
    assert ((coarse == -1) == (labels == -1)).all()
    assert ((fine == -1) == (labels == -1)).all()


def test_new_samples_get_the_part_that_they_lie_in(tree: ClusterTree) -> None:
    latents, kinds = nested(1, each=5)
    assert adjusted_rand_score(kinds, tree.predict_levels(latents, kinds // 2).fine) == 1.0
    # One at a time, the same.
    alone = [
        tree.predict_levels(latents[k : k + 1], kinds[k : k + 1] // 2).fine[0] for k in range(5)
    ]
    assert alone == tree.predict_levels(latents[:5], kinds[:5] // 2).fine.tolist()


def test_the_order_of_the_samples_changes_names_alone(
    tree: ClusterTree, samples: tuple[Latents, Labels]
) -> None:
    latents, kinds = samples
    order = np.random.default_rng(3).permutation(len(kinds))
    other = ClusterTree(3, random_state=0).fit(latents[order], kinds[order] // 2)
    assert other.merges_ == tree.merges_
    one, two = (each.predict_levels(latents, kinds // 2) for each in (tree, other))
    assert adjusted_rand_score(one.fine, two.fine) == 1.0
    assert one.coarse.tolist() == two.coarse.tolist()


def test_reload_is_exact(
    tree: ClusterTree, samples: tuple[Latents, Labels], tmp_path: Path
) -> None:
    latents, kinds = samples
    tree.save(tmp_path)
    loaded = ClusterTree.load(tmp_path)
    assert (loaded.merges_, loaded.parts_) == (tree.merges_, tree.parts_)
    for one, two in zip(
        tree.predict_levels(latents, kinds // 2),
        loaded.predict_levels(latents, kinds // 2),
        strict=True,
    ):
        assert one.tolist() == two.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("merges", []),
        ("merges", [[0, 1, 0.5], [0, 3, 0.7]]),
        ("merges", [[0, 4, 0.5], [1, 2, 0.7]]),
        ("parts", [[40, 40], [80], [40, 40]]),
        ("parts", [[40, 40], [40, 40]]),
        ("parts", 3),
    ],
)
def test_a_damaged_tree_is_refused(
    tree: ClusterTree, tmp_path: Path, name: str, value: object
) -> None:
    tree.save(tmp_path)
    path = tmp_path / "levels.json"
    content = json.loads(path.read_text())
    content["learned"][name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="holds a damaged ClusterTree"):
        ClusterTree.load(tmp_path)


def test_what_is_no_partition_is_refused(tree: ClusterTree) -> None:
    latents = np.zeros((4, 4))
    with pytest.raises(InputError, match="y must be between 0 and n_clusters - 1 = 2"):
        ClusterTree(3).fit(latents, [0, 1, 2, 3])
    with pytest.raises(InputError, match="y must be 4 whole numbers"):
        ClusterTree(3).fit(latents, [0.0, 1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="y must be between -1"):
        tree.predict_levels(latents, [-2, 0, 1, 2])


def test_a_label_that_no_sample_has_is_a_leaf_of_its_own() -> None:
    latents, kinds = nested(0, each=10)
    tree = ClusterTree(4, random_state=0).fit(latents, kinds // 2)
    assert tree.sizes_.tolist() == [20, 20, 20, 0]
    assert tree.merges_[0].dip == 0.0
    assert tree.predict_levels(latents[:1], [3]).fine.tolist() == [3]


def test_the_pair_that_is_least_apart_is_merged_first() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 30)
    points = rng.normal(size=(90, 2))
    points[:, 0] += np.array([0.0, 3.0, 20.0])[labels]
    first, last = merge_clusters(points, labels, 3, seed=0)
    assert {first.first, first.second} == {0, 1}
    assert {last.first, last.second} == {2, 3}
    assert last.dip > first.dip
    assert nodes_after((first, last), 1, np.array([30, 30, 30])).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("dips", "expected"),
    [
        ((0.5, 0.7, 2.0), 2),
        ((0.4, 1.6, 2.0), 3),
        # Not wider, or not significant, than that of the level below.
        ((1.5, 1.2, 1.0), 4),
        ((0.25, 0.5, 0.55), 4),
        ((1.0, 1.1, 1.2), 4),
        ((1.0,), 2),
        ((), 1),
    ],
)
def test_the_coarse_cut_is_where_the_gap_widens_most(
    dips: tuple[float, ...], expected: int
) -> None:
    n_clusters = len(dips) + 1
    # Every merge but the first takes in the node before it.
    merges = [Merge(k + 1, n_clusters + k - 1 if k else 0, dip) for k, dip in enumerate(dips)]
    assert best_coarse_cut(merges) == expected


def test_holm_accounts_for_all_tests() -> None:
    assert holm([0.004, 0.02, 0.003], 3, level=0.01) == [True, False, True]
    assert holm([0.004, 0.002], 3, level=0.01) == [True, True]
    assert holm([0.004, 0.002], 6, level=0.01) == [False, False]
    assert holm([], 5, level=0.01) == []
