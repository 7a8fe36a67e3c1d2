"""`demo`, made small: it compares with the truth, and can be called again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from astropy.table import Table

from equiclust.cli import main
from equiclust.io.catalogue import write_table
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline import demo
from equiclust.pipeline.results import Run


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_N_DISCS", 12)
    monkeypatch.setattr(demo, "_SIZE", 32)
    monkeypatch.setattr(demo, "_EPOCHS", 2)
    monkeypatch.setattr(demo, "_N_FOLDS", 2)
    monkeypatch.setattr(demo, "_N_CLASSES", 2)
    # One network after another, without processes that must be started first.
    monkeypatch.setattr("ensembles.parallel_training.cpu_count", lambda: 1)


@pytest.mark.usefixtures("hurried")
def test_the_demo_compares_with_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "--output", str(tmp_path / "demo")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Agreement of the labels with the truth: accuracy" in said
    assert str(tmp_path / "demo" / "run" / "report.html") in said
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert 0 <= record["acc"] <= 1
    assert record["n_images"] == 12
    unassigned = f"the {record['n_unassigned']} without a label do not count"
    assert (unassigned in said) == (record["n_unassigned"] > 0)


def test_only_labels_that_were_given_are_compared(tmp_path: Path) -> None:
    ids, kinds = ["a", "b", "c", "d", "e"], [0, 0, 1, 1, 1]
    write_table(Table({"id": ids, "kind_index": kinds}), tmp_path / "truth.ecsv")
    for labels, accuracy in (([1, 1, 0, 0, -1], 1.0), ([1, 1, 0, 0, 1], 0.8)):
        table = Table({"id": ids, "path": ids, "label": labels})
        write_table(table, tmp_path / "catalogue.ecsv")
        scores = demo._scores(Run(RunFolder(tmp_path)), tmp_path / "truth.ecsv")
        assert scores["acc"] == pytest.approx(accuracy)
