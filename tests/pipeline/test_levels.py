"""Levels of kinds: in the catalogue, in the metrics, and the same for new images."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from astropy.table import Table

from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.exceptions import InputError
from equiclust.pipeline.levels import add_levels, level_record
from equiclust.pipeline.model import Model
from equiclust.pipeline.results import Run, open_run

Labels = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def run(finished: Path) -> Run:
    return open_run(finished)


def column(table: Table, name: str) -> Labels:
    return np.asarray(table[name], dtype=np.int64)


def test_the_catalogue_has_nested_labels_beside_the_label(run: Run) -> None:
    table = run.catalogue
    place = table.colnames.index("label")
    assert table.colnames[place : place + 3] == ["label", "label_coarse", "label_fine"]
    label, coarse, fine = (column(table, name) for name in ("label", "label_coarse", "label_fine"))
    assert len(set(zip(fine, label, strict=True))) == len(set(fine))
    assert len(set(zip(label, coarse, strict=True))) == len(set(label))
    assert ((coarse == -1) == (label == -1)).all()
    for name in ("label_coarse", "label_fine"):
        assert "don't know" in table[name].description


def test_new_images_get_the_same_levels(run: Run, discs: Path) -> None:
    known, found = run.catalogue, run.predict(discs)
    assert list(found["id"]) == list(known["id"])
    for name in ("label", "label_coarse", "label_fine"):
        assert column(found, name).tolist() == column(known, name).tolist()


def test_the_metrics_tell_the_tree(run: Run) -> None:
    record = run.metrics["levels"]
    assert record["tree"]["size"] == len(run.catalogue)
    assert record["n_clusters"]["label"] == run.metrics["clusters"]["n_clusters"]
    page = run.folder.report_html.read_text(encoding="utf-8")
    assert record["sentence"] in html.unescape(page)


def test_a_model_of_before_has_no_levels_and_predicts(
    run: Run, discs: Path, tmp_path: Path
) -> None:
    replace(run.model, tree=None, partitions=None).save(tmp_path / "model")
    model = Model.load(tmp_path / "model")
    assert model.tree is model.partitions is None
    assert not (tmp_path / "model" / "levels.json").exists()
    latents = np.zeros((1, 1, 8), np.float32)
    assert model.with_other_labels(run.catalogue, latents) is run.catalogue


def test_levels_of_another_model_are_refused(run: Run, tmp_path: Path) -> None:
    other = ClusterTree(2, random_state=0).fit(np.eye(6), [0, 0, 0, 1, 1, 1])
    replace(run.model, tree=other).save(tmp_path / "model")
    with pytest.raises(InputError, match="has 2 clusters of 6 latents and the ensemble"):
        Model.load(tmp_path / "model")


def test_every_node_has_its_size_its_labels_and_the_evidence_of_its_children() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(4), 40)
    latents = rng.normal(size=(160, 3)) + 8 * (kinds % 2)[:, None]
    latents[:, 0] += 80 * (kinds // 2)
    tree = ClusterTree(2, random_state=0).fit(latents, kinds // 2)
    record = level_record(tree, None)["levels"]
    assert record["n_clusters"] == {"coarse": 2, "label": 2, "fine": 4}
    root = record["tree"]
    assert (root["size"], root["labels"], root["n_clusters"]) == (160, [0, 1], 1)
    assert root["evidence"]["words"] == "strong: p <= 0.0001"
    assert [child["labels"] for child in root["children"]] == [[0], [1]]
    parts = [part for child in root["children"] for part in child["children"]]
    assert [(part["fine"], part["size"], part["children"]) for part in parts] == [
        (k, 40, []) for k in range(4)
    ]
    assert "2 of them have parts, which makes 4" in record["sentence"]


def test_one_cluster_is_one_node_with_the_evidence_for_more() -> None:
    tree = ClusterTree(1).fit(np.eye(5), np.zeros(5, np.int64))
    record = level_record(tree, 0.4)["levels"]
    assert record["tree"] == {"size": 5, "labels": [0], "fine": 0, "children": []}
    assert "(evidence of more than one: none: p = 0.4)" in record["sentence"]
    bent = level_record(tree, 0.005)["levels"]
    assert "along a bend, but no two parts have a gap" in bent["sentence"]
    assert level_record(None, 0.4) == {}


def test_columns_are_added_to_a_copy() -> None:
    table = Table({"id": ["a"], "label": [1], "stability": [0.5]})
    tree = ClusterTree(2).fit(np.eye(3), [0, 1, 1])
    found = add_levels(table, tree.predict_levels(np.eye(3)[:1], [1]))
    assert found.colnames == ["id", "label", "label_coarse", "label_fine", "stability"]
    assert table.colnames == ["id", "label", "stability"]
