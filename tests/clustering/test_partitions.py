"""Other partitions: those that differ, the same of new samples, and the same from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import adjusted_rand_score

from equiclust.clustering.partitions import Partitions
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json

Latents = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
SPACES = {"shape": [0, 1], "size": [2, 3], "shape again": [4, 5]}
FITTED = {"spaces": SPACES, "method": "gmm", "random_state": 0}


def samples(seed: int) -> tuple[Latents, Labels, Labels]:
    """Two columns that hold three shapes, two that hold three sizes, and two like the first."""
    rng = np.random.default_rng(seed)
    shapes, sizes = rng.integers(3, size=(2, 240))
    places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    columns = [places[kinds] + rng.normal(size=(240, 2)) for kinds in (shapes, sizes, shapes)]
    return np.hstack(columns), shapes, sizes


@pytest.fixture(scope="module")
def fitted() -> Partitions:
    latents, shapes, _ = samples(0)
    return Partitions(3, **FITTED).fit(latents, shapes)


def test_only_partitions_that_differ_are_kept(fitted: Partitions) -> None:
    (one,) = fitted.partitions_
    assert (one.space, one.method) == ("size", "gmm")
    assert one.agreement > 0.95
    assert abs(one.adjusted_rand_index) < 0.1


def test_new_samples_are_sorted_alike(fitted: Partitions) -> None:
    for seed in (0, 1):
        latents, _, sizes = samples(seed)
        (found,) = fitted.predict_partitions(latents)
        assert adjusted_rand_score(sizes, found) > 0.99


def test_of_one_space_other_methods_are_tried() -> None:
    # Two long arcs: the distance to a mean does not follow them.
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, np.pi, 240)
    which = np.repeat([0, 1], 120)
    points = np.stack(
        [np.cos(angles) + which, np.where(which, 0.4 - np.sin(angles), np.sin(angles))]
    )
    latents = points.T + 0.03 * rng.normal(size=(240, 2))
    found = Partitions(2, method="kmeans", random_state=0).fit(latents, (latents[:, 0] > 0.5) * 1)
    best = max(adjusted_rand_score(which, own) for own in found.predict_partitions(latents))
    assert best == 1.0
    assert "kmeans" not in {one.method for one in found.partitions_}


def test_one_cluster_has_no_other_partition() -> None:
    latents, shapes, _ = samples(0)
    assert Partitions(1, **FITTED).fit(latents, np.zeros_like(shapes)).partitions_ == ()


def test_the_same_seed_gives_the_same(fitted: Partitions) -> None:
    latents, shapes, _ = samples(0)
    again = Partitions(3, **FITTED).fit(latents, shapes)
    assert again.partitions_ == fitted.partitions_
    (first,), (second,) = (one.predict_partitions(latents) for one in (fitted, again))
    assert first.tolist() == second.tolist()


def test_a_round_trip_changes_nothing(fitted: Partitions, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    read = Partitions.load(tmp_path)
    latents, _, _ = samples(2)
    assert read.partitions_ == fitted.partitions_
    (first,), (second,) = (one.predict_partitions(latents) for one in (fitted, read))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("space", ["no such", 3, None])
def test_a_changed_file_is_refused(fitted: Partitions, tmp_path: Path, space: object) -> None:
    fitted._write(tmp_path)
    record = read_json(tmp_path / "partitions.json")
    record["learned"]["partitions"][0]["space"] = space
    write_json(tmp_path / "partitions.json", record)
    with pytest.raises(InputError, match="damaged"):
        Partitions._read(tmp_path, {})


@pytest.mark.parametrize("labels", [[0, 1], np.zeros((240, 2)), np.full(240, 3)])
def test_labels_must_fit(labels: npt.ArrayLike) -> None:
    with pytest.raises(InputError, match="y must be"):
        Partitions(3, **FITTED).fit(samples(0)[0], labels)
