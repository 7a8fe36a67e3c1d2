"""The number of clusters is found where it is plain, and the parts keep their laws."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.clustering import Choice, choose_n_clusters
from equiclust.clustering.cluster_scores import prediction_strength
from equiclust.exceptions import EquiclustWarning, InputError
from tests.clustering.shapes import blobs, noise
from tests.conftest import SLOW_SEEDS


@pytest.fixture(params=SLOW_SEEDS, ids="seed{}".format)
def random_state(request: pytest.FixtureRequest) -> int:
    return request.param


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=20)


@settings(max_examples=60, deadline=None)
@given(labels)
def test_prediction_strength_is_the_share_of_kept_pairs(pairs: list[tuple[int, int]]) -> None:
    predicted, own = np.array(pairs).T
    shares = []
    for label in set(own.tolist()):
        members = itertools.permutations(np.flatnonzero(own == label), 2)
        kept = [predicted[i] == predicted[j] for i, j in members]
        shares += [np.mean(kept)] if kept else []
    assert prediction_strength(predicted, own) == pytest.approx(min(shares, default=0.0))


@cache
def plain_choice(n_clusters: int, random_state: int) -> Choice:
    """For that number of plain clusters, with 2 to 6 tried."""
    points, _ = blobs(120, random_state, n_clusters=n_clusters, n_features=6)
    return choose_n_clusters(points, max_clusters=6, random_state=random_state)


@pytest.mark.parametrize("n_clusters", [2, 3, 4])
def test_plain_clusters_are_counted(n_clusters: int, random_state: int) -> None:
    choice = plain_choice(n_clusters, random_state)
    assert choice.n_clusters == n_clusters
    assert set(choice.votes.values()) == {n_clusters}


def test_the_choice_is_the_median_of_what_the_table_says(random_state: int) -> None:
    choice = choose_n_clusters(
        noise(60, random_state), candidates=[5, 2, 3, 3], random_state=random_state
    )
    assert [row["n_clusters"] for row in choice.scores] == [2, 3, 5]
    assert choice.n_clusters == sorted(choice.votes.values())[1]
    columns = {
        name: {row["n_clusters"]: row[name] for row in choice.scores}
        for name in ("prediction_strength", "stability")
    }
    strong = [k for k, value in columns["prediction_strength"].items() if value >= 0.8]
    best = {name: max(column, key=lambda k: column[k]) for name, column in columns.items()}
    agreed = max(columns["stability"].values()) >= 0.5
    assert choice.votes["stability"] == (best["stability"] if agreed else 2)
    assert choice.votes["prediction_strength"] == max(strong or [best["prediction_strength"]])
    assert choice.votes["density"] in (2, 3, 5)


@pytest.mark.filterwarnings("ignore:The 3 clusters chosen are the largest number tried")
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_a_common_factor_does_not_matter(factor: float) -> None:
    points, _ = blobs(60, 0, n_clusters=3, n_features=4)
    one, other = (
        choose_n_clusters(values, candidates=[2, 3], random_state=0)
        for values in (points, factor * points)
    )
    assert one.votes == other.votes


def test_the_order_of_rows_does_not_matter(random_state: int) -> None:
    points = noise(60, random_state)
    shuffled = np.random.default_rng(random_state).permutation(60)
    one, other = (
        choose_n_clusters(values, candidates=[2, 3], random_state=random_state)
        for values in (points, points[shuffled])
    )
    assert one == other


def test_more_samples_than_wanted_are_thinned(random_state: int) -> None:
    points, _ = blobs(3000, random_state, n_clusters=3)
    choice = choose_n_clusters(
        points, candidates=[2, 3, 4], max_samples=100, random_state=random_state
    )
    assert choice.n_clusters == 3


@pytest.mark.parametrize("n_samples", [1, 2, 3, 7])
def test_few_samples(n_samples: int) -> None:
    choice = choose_n_clusters(noise(n_samples, 0), candidates=range(1, 11), random_state=0)
    assert isinstance(choice, Choice)
    assert 1 <= choice.n_clusters <= n_samples
    assert len(choice.scores) == n_samples


def test_constant_data_is_one_cluster() -> None:
    assert choose_n_clusters(np.ones((9, 3)), candidates=[1, 2]).n_clusters == 1


@pytest.mark.parametrize(
    ("latents", "options", "match"),
    [
        (np.ones((9, 3)), {}, "candidates must hold .* for 1 distinct samples"),
        (np.ones((9, 3)), {"candidates": []}, "candidates must hold"),
        (np.ones((9, 3)), {"candidates": [0, 2]}, "each of candidates must be a whole number"),
        (np.ones((9, 3)), {"max_samples": 0}, "max_samples must be a whole number"),
        (np.ones((9, 3)), {"max_clusters": 1}, "max_clusters must be a whole number of at least 2"),
        (np.ones((9, 3)), {"whiten": 3}, "whiten must be"),
        (np.full((9, 3), np.nan), {}, "latents must be finite"),
        (np.ones(9), {}, "latents must have shape"),
    ],
)
def test_bad_arguments_are_named(
    latents: np.ndarray, options: dict[str, object], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        choose_n_clusters(latents, **options)  # type: ignore[arg-type]  # wrong on purpose


def test_what_is_shown_beside_has_no_vote_and_sees_plain_clusters(random_state: int) -> None:
    choice = plain_choice(3, random_state)
    columns = {
        name: {int(row["n_clusters"]): row[name] for row in choice.scores}
        for name in ("stability", "gap", "silhouette", "negative_bic")
    }
    assert set(choice.votes) == {"prediction_strength", "stability", "density", "separation"}
    assert columns["gap"][3] > columns["gap"][2]
    for name in ("stability", "silhouette", "negative_bic"):
        assert max(columns[name], key=lambda k: columns[name][k]) == 3


def test_noise_is_less_stable_than_clusters(random_state: int) -> None:
    points, _ = blobs(200, random_state, n_clusters=6, n_features=6)
    # Gaps have no part in it, and take most of the time.
    seen, unseen = (
        choose_n_clusters(values, candidates=[6], gaps=False, random_state=random_state).scores[0][
            "stability"
        ]
        for values in (points, noise(200, random_state, n_features=6))
    )
    assert seen > 0.95
    assert unseen < 0.7


def test_the_largest_number_tried_is_named_when_it_is_chosen(random_state: int) -> None:
    points, _ = blobs(120, random_state, n_clusters=4, n_features=6)
    with pytest.warns(EquiclustWarning, match="4 clusters .* largest number tried.*max_clusters"):
        choice = choose_n_clusters(points, max_clusters=4, random_state=random_state)
    assert choice.n_clusters == 4
    assert choice.limited_by == 4


def test_a_choice_below_the_largest_number_tried_is_not_limited(random_state: int) -> None:
    choice = plain_choice(3, random_state)
    assert choice.n_clusters == 3
    assert choice.max_clusters == 6
    assert choice.limited_by is None


def test_a_limit_that_the_samples_set_is_not_named() -> None:
    points = np.repeat(np.eye(4), 3, axis=0)
    choice = choose_n_clusters(points, max_clusters=4, random_state=0)
    assert choice.scores[-1]["n_clusters"] == 4
    assert choice.max_clusters is None
    assert not choice.notes


def test_fifteen_is_the_largest_number_tried_by_default() -> None:
    points = np.random.default_rng(0).normal(size=(24, 2))
    choice = choose_n_clusters(points, random_state=0)
    assert choice.max_clusters == 15
    assert [row["n_clusters"] for row in choice.scores] == list(range(2, 16))
