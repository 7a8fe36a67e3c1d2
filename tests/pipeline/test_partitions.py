"""Other partitions of a run: in its catalogue, in its metrics, and the same for new images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from equiclust.clustering.partitions import Partitions
from equiclust.exceptions import InputError
from equiclust.pipeline.model import Model
from equiclust.pipeline.partitions import add_partitions, partition_record
from equiclust.pipeline.results import Run
from equiclust.simulation.discs import simulate_discs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two encoders, of which neither is trained, so that it takes a moment."""
    images, _ = simulate_discs(24, size=32, random_state=0)
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("latents")
    paths = []
    for name in ("first", "second"):
        kinds = rng.permutation(np.repeat([0, 1], 12))
        latents = rng.normal(size=(24, 4)) + 20 * kinds[:, None]
        paths.append(folder / f"{name}.npz")
        np.savez(paths[-1], ids=np.array(images.ids), latents=latents.astype(np.float32))
    return equiclust.run(
        images,
        output=folder / "run",
        encoder=",".join(map(str, paths)),
        size=32,
        n_folds=4,
        n_clusters=2,
        method="gmm",
    )


def other_columns(table: Table) -> list[str]:
    return [name for name in table.colnames if name in ("label_2", "label_3")]


def test_every_image_has_a_label_of_each_partition(run: Run) -> None:
    names = other_columns(run.catalogue)
    assert len(names) == len(run.metrics["partitions"]) >= 1
    for name, record in zip(names, run.metrics["partitions"], strict=True):
        assert set(run.catalogue[name]) == {0, 1}
        assert record["name"] in run.catalogue[name].description
        assert np.sum(record["counts"]) == 24
        assert set(record["decide"]) <= set(run.catalogue["id"])
        assert record["adjusted_rand_index"] <= 0.8


def test_partitions_of_each_encoder_follow_its_latents(run: Run) -> None:
    made = [record["space"] for record in run.metrics["partitions"]]
    assert {Path(one).stem for one in made} <= {"first", "second"}
    for record, name in zip(run.metrics["partitions"], other_columns(run.catalogue), strict=True):
        latents = np.load(record["space"])["latents"]
        truth = latents.mean(axis=1) > 10
        agreement = np.mean(truth == np.asarray(run.catalogue[name]))
        assert max(agreement, 1 - agreement) == 1.0


def test_a_saved_model_knows_them(run: Run, tmp_path: Path) -> None:
    run.model.save(tmp_path / "model")
    model = Model.load(tmp_path / "model")
    table = run.catalogue[["id", "label", "stability"]]
    latents = run.model.ensemble._split(run.latents).astype(np.float32)
    found = model.with_other_labels(table, latents)
    for name in other_columns(run.catalogue):
        assert found[name].tolist() == run.catalogue[name].tolist()


def test_those_of_another_model_are_refused(run: Run, tmp_path: Path) -> None:
    other = Partitions(2, method="gmm", random_state=0).fit(np.eye(6), [0, 0, 0, 1, 1, 1])
    replace(run.model, partitions=other).save(tmp_path / "model")
    with pytest.raises(InputError, match="has 2 clusters of 6 latents and the ensemble"):
        Model.load(tmp_path / "model")


def test_labels_tell_for_the_partition_that_they_follow(run: Run, tmp_path: Path) -> None:
    column = other_columns(run.catalogue)[-1]
    rows = np.random.default_rng(1).permutation(24)[:12]
    kinds = {str(run.catalogue["id"][k]): f"kind {run.catalogue[column][k]}" for k in rows}
    taught = run.teach(kinds, output=tmp_path / "taught")
    ranked = taught.metrics["teaching"]["partitions"]
    assert (ranked[0]["name"], ranked[0]["n_right"]) == (column, 12)
    assert any(column in sentence for sentence in taught.metrics["findings"])
    assert not other_columns(taught.catalogue)


def test_images_that_decide_are_those_that_are_sorted_differently() -> None:
    main, own = np.repeat([0, 1], 10), np.repeat([1, 0], 10)
    own[[3, 12]] = main[[3, 12]]
    partitions = Partitions(2, spaces={"a": [0], "b": [1]}, method="gmm", random_state=0)
    points = np.stack([main + 0.01 * np.arange(20), own + 0.01 * np.arange(20)], axis=1)
    partitions.fit(10.0 * points, np.zeros(20, dtype=int))
    ids = [f"image {k}" for k in range(20)]
    measures = Table({"size": np.random.default_rng(0).normal(size=20)})
    found = partition_record(partitions, [main, own], main, measures, ids=ids, random_state=0)[
        "partitions"
    ]
    assert found[0]["decide"] == []
    assert set(found[1]["decide"]) == {"image 3", "image 12"}
    table = Table({"id": ids, "label": main, "stability": np.ones(20)})
    wider = add_partitions(table, partitions, [main, own])
    assert wider.colnames == ["id", "label", "label_2", "label_3", "stability"]
    assert table.colnames == ["id", "label", "stability"]
