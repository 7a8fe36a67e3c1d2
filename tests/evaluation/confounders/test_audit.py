"""The audit names a confounder that was planted, and no other."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from equiclust.evaluation.confounders import audit
from equiclust.exceptions import InputError

NAMES = ["orientation", "elongation", "brightness", "signal_to_noise", "size", "edge"]


def innocent(rng: np.random.Generator, n: int) -> Table:
    return Table(
        {
            "id": [f"{i}" for i in range(n)],
            "orientation": rng.uniform(0.0, 180.0, n),
            "elongation": rng.random(n),
            "brightness": 10.0 ** rng.normal(size=n),
            "signal_to_noise": 10.0 ** rng.normal(1.0, 0.2, n),
            "size": rng.uniform(0.1, 0.3, n),
            "edge": rng.random(n) * (rng.random(n) < 0.3),
        }
    )


def said(labels: Any, table: Table) -> dict[str, dict[str, Any]]:
    records = audit(labels, table, random_state=0)
    json.dumps(records, allow_nan=False)
    return {record["name"]: record for record in records}


def test_chance_is_rarely_accused() -> None:
    accused = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        found = said(rng.integers(3, size=45), innocent(rng, 45))
        assert list(found) == NAMES
        accused += any("no more" not in record["sentence"] for record in found.values())
    # 5 % by Holm, whatever the number of confounders.
    assert accused <= 4


@pytest.mark.parametrize(
    ("name", "low", "words"),
    [
        ("size", 0.0, ("sizes, not shapes", "Cluster 2 holds the largest objects")),
        ("brightness", 0.0, ("brightness, not shapes", "Cluster 2 holds the brightest images")),
        ("brightness", 9.0, ("brightness, not shapes", "Cluster 2 holds the faintest images")),
        ("signal_to_noise", 9.0, ("noise, not shapes", "Cluster 2 holds the noisiest images")),
        (
            "elongation",
            0.0,
            (
                "inclinations of flat discs, not shapes, unless a kind is elongated by nature",
                "Cluster 2 holds the most elongated objects",
            ),
        ),
        ("elongation", 9.0, ("Cluster 2 holds the roundest objects",)),
        ("edge", 0.0, ("frame, not shapes", "Cluster 2 holds the objects nearest to the edge")),
    ],
)
def test_a_planted_confounder_is_named_with_its_cluster(
    random_state: int, name: str, low: float, words: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(random_state)
    labels = rng.integers(4, size=60)
    table = innocent(rng, 60)
    table[name] = np.where(labels == 2, 10.0 - low, 1.0 + low) + rng.uniform(0.0, 1.0, 60)
    found = said(labels, table)
    record = found.pop(name)
    assert all(part in record["sentence"] for part in words)
    assert record["eta_squared"] > 0.5
    assert record["p_value"] == 0.001
    assert record["p_adjusted"] == pytest.approx(0.006)
    assert not any("not shapes" in other["sentence"] for other in found.values())


def test_a_cluster_of_one_orientation_is_named(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    labels = rng.integers(3, size=90)
    table = innocent(rng, 90)
    # About 0, which is also about 180.
    near = rng.normal(0.0, 8.0, size=90) % 180.0
    table["orientation"] = np.where(labels == 1, near, table["orientation"])
    sentence = said(labels, table)["orientation"]["sentence"]
    assert "Cluster 1 lies about" in sentence
    angle = float(sentence.split("about ")[1].split(" degrees")[0])
    assert min(angle, 180.0 - angle) < 8.0


def test_a_lone_odd_image_is_not_the_cluster_to_blame(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    labels = np.repeat([0, 1, 2], [30, 30, 1])
    table = innocent(rng, 61)
    table["size"] = np.repeat([0.1, 0.3, 0.6], [30, 30, 1]) + rng.normal(0.0, 0.01, 61)
    assert "Cluster 0 holds the smallest" in said(labels, table)["size"]["sentence"]


def test_ratios_count_where_brightness_spans_decades() -> None:
    labels = np.repeat([0, 1], 20)
    table = innocent(np.random.default_rng(0), 40)
    steps = np.where(labels, 1.0, 3.0) + np.tile([-0.1, 0.1], 20)
    table["brightness"] = 10.0**steps
    assert said(labels, table)["brightness"]["eta_squared"] == pytest.approx(1 / 1.01)
    table["brightness"] = steps
    assert said(labels, table)["brightness"]["eta_squared"] == pytest.approx(1 / 1.01)
    table["brightness"] = steps - 5.0
    assert said(labels, table)["brightness"]["eta_squared"] == pytest.approx(1 / 1.01)


def test_small_and_medium_effects_are_called_so() -> None:
    rng = np.random.default_rng(0)
    n = 900
    labels = rng.integers(2, size=n)
    table = innocent(rng, n)
    table["size"] = rng.normal(size=n) + 0.35 * labels
    table["edge"] = rng.normal(size=n) + 0.65 * labels
    found = said(labels, table)
    assert "the effect is small" in found["size"]["sentence"]
    assert "the effect is medium" in found["edge"]["sentence"]


@pytest.mark.parametrize(
    ("labels", "values", "reason"),
    [
        (np.repeat([0, 1], 20), [np.nan] * 35 + [1.0] * 5, "for 5 of 40 images, in 2 clusters"),
        (np.repeat([0, -1], 20), range(40), "no two clusters"),
        (np.repeat([0, 1], 20), [0.5] * 40, "the same in every image"),
        (np.arange(40), range(40), "for 40 of 40 images, in 40 clusters"),
        (np.repeat([0, 1], 20), [np.nan] * 20 + [*range(20)], "one cluster only"),
        (np.full(40, -1), range(40), "no two clusters"),
    ],
)
def test_what_cannot_be_judged_says_why(labels: Any, values: Any, reason: str) -> None:
    table = Table({"size": np.asarray(values, dtype=float)})
    found = said(labels, table)
    assert list(found) == ["size"]
    assert reason in found["size"]["sentence"]
    assert found["size"]["eta_squared"] is None


def test_labels_must_fit() -> None:
    with pytest.raises(InputError, match="one for each row"):
        audit([0, 1], innocent(np.random.default_rng(0), 5))
