"""Every column of a catalogue can be coloured by, and none is more than it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Column as TableColumn
from astropy.table import MaskedColumn, Table

from equiclust.app.columns import find_columns
from equiclust.app.run_view import RunView
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import write_table
from equiclust.pipeline.run_files import RunFiles
from equiclust.report.figures.palette import name_of
from tests.report.folders import make_run

N = 14


@pytest.fixture
def run(tmp_path: Path) -> RunFiles:
    return RunFiles(make_run(tmp_path / "run"))


def test_groups_and_numbers_are_told_apart(run: RunFiles) -> None:
    columns = find_columns(run)
    assert next(iter(columns)) == "label"
    label = columns["label"]
    assert (label.what, label.title) == ("groups", "cluster")
    assert label.values.tolist() == run.labels.tolist()
    assert label.values.dtype == np.int32
    assert label.names == tuple(name_of(k) for k in range(3))
    stability = columns["stability"]
    assert stability.what == "numbers"
    assert stability.values.dtype == np.float32
    np.testing.assert_allclose(stability.values, run.catalogue["stability"], rtol=1e-6)
    assert columns["label_fold_00"].what == "groups"
    assert not {"id", "path"} & columns.keys()


def test_every_group_has_a_name(run: RunFiles) -> None:
    for column in find_columns(run).values():
        assert len(column.values) == N
        if column.what == "groups":
            assert column.values.max() < len(column.names)
            assert column.values.min() >= -1
        assert set(column.record) == {"name", "title", "description", "unit", "what", "names"}


def test_units_descriptions_gaps_and_texts_are_kept(run: RunFiles) -> None:
    table = Table(run.catalogue)
    table["ra"] = TableColumn(np.linspace(0, 350, N), unit="deg", description="Right ascension")
    table["flux"] = MaskedColumn(np.arange(N) + 0.5, mask=[k == 3 for k in range(N)])
    table["count"] = np.arange(N)
    table["is_odd"] = np.arange(N) % 2 == 1
    table["field"] = ["<b>north</b>" if k % 2 else "south" for k in range(N)]
    table["vector"] = np.zeros((N, 2))
    run.__dict__["catalogue"] = table
    columns = find_columns(run)
    assert (columns["ra"].unit, columns["ra"].description) == ("deg", "Right ascension")
    assert np.flatnonzero(np.isnan(columns["flux"].values)).tolist() == [3]
    assert columns["count"].values.tolist() == list(range(N))
    assert columns["is_odd"].values.tolist() == [k % 2 for k in range(N)]
    assert columns["field"].names == ("<b>north</b>", "south")
    assert columns["field"].values.tolist() == [1 - k % 2 for k in range(N)]
    assert "vector" not in columns


def test_text_that_all_images_differ_in_is_no_column(tmp_path: Path) -> None:
    run = RunFiles(make_run(tmp_path / "run", labels=[0, 1] * 60))
    table = Table(run.catalogue)
    table["remark"] = [f"remark {k}" for k in range(120)]
    run.__dict__["catalogue"] = table
    assert "remark" not in find_columns(run)


def test_confounders_come_with_the_columns(run: RunFiles) -> None:
    assert "brightness" not in find_columns(run)
    measured = Table({"id": run.catalogue["id"], "brightness": np.linspace(0, 1, N)})
    write_table(measured, run.folder.confounders_ecsv)
    np.testing.assert_allclose(find_columns(run)["brightness"].values, measured["brightness"])


def test_kinds_of_a_taught_run_have_their_names(run: RunFiles) -> None:
    table = Table(run.catalogue)
    table["kind"] = ["ring"] * N
    run.__dict__["catalogue"] = table
    write_json(run.folder.metrics_json, {"teaching": {"kinds": ["bar", "ring", "spiral"]}})
    columns = find_columns(run)
    assert (columns["label"].title, columns["label"].names) == ("kind", ("bar", "ring", "spiral"))
    assert "kind" not in columns


def test_columns_of_a_real_run(view: RunView) -> None:
    columns = view.columns
    assert {"label", "stability", "outlier_score"} <= columns.keys()
    assert all(len(one.values) == len(view) for one in columns.values())
