"""Lists of unusual images: to be filled in, given back, and never overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import equiclust
from equiclust.cli import main
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import read_table
from tests.cli.conftest import N_DISCS


@pytest.fixture(scope="module")
def run(finished: Path) -> equiclust.Run:
    return equiclust.open_run(finished)


def test_the_most_unusual_come_first(run: equiclust.Run) -> None:
    table = run.anomalies(4)
    by_score = np.argsort(-np.asarray(run.catalogue["outlier_score"]))[:4]
    assert table["id"].tolist() == run.catalogue["id"][by_score].tolist()
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert set(table["kind"]) == {""}
    assert all(str(reason) for reason in table["reason"])


def test_a_list_is_filled_in_and_given_back(run: equiclust.Run, tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert main(["anomalies", str(run.path), "-n", "5", "--output", str(first)]) == 0
    assert (tmp_path / "first.png").read_bytes().startswith(b"\x89PNG")
    kinds = ["interesting", "usual", "interesting", "", "artefact"]
    head, *lines = first.read_text().splitlines()
    pairs = zip(lines, kinds, strict=True)
    filled = [line.replace(",,", f",{kind},", 1) for line, kind in pairs]
    first.write_text("\n".join([head, *filled]))
    marks = ["--marks", str(first), "--output"]
    assert main(["anomalies", str(run.path), "-n", "3", *marks, str(second)]) == 0
    found = read_table(second)
    found_kinds = [str(kind) for kind in found["kind"]]
    assert found_kinds[:5] == ["interesting", "interesting", "", "", ""]
    assert sorted(found_kinds[5:]) == ["artefact", "usual"]
    assert np.isfinite(found["probability"]).all()
    # What was filled in is the user's.
    assert main(["anomalies", str(run.path), "--output", str(first)]) == 2
    assert "interesting" in first.read_text()
    # The same file teaches kinds.
    taught = run.teach(first, output=tmp_path / "taught")
    assert set(taught.metrics["teaching"]["kinds"]) == {"interesting", "usual", "artefact"}


def test_all_images_can_be_listed(run: equiclust.Run) -> None:
    marks = {"disc_00003": "usual"}
    table = run.anomalies(1000, marks=marks)
    assert sorted(table["id"]) == sorted(run.catalogue["id"])
    assert (len(table), table["id"][-1]) == (N_DISCS, "disc_00003")


def test_wrong_outputs_and_marks_are_refused(run: equiclust.Run, tmp_path: Path) -> None:
    from equiclust.pipeline.anomalies import check_anomaly_output

    with pytest.raises(InputError, match=r"must end in \.csv"):
        check_anomaly_output(tmp_path / "list.txt", run.path)
    (tmp_path / "list.png").write_text("mine")
    with pytest.raises(OutputError, match="list"):
        check_anomaly_output(tmp_path / "list.csv", run.path)
    with pytest.raises(InputError, match="names no image of the run"):
        run.anomalies(marks={"nobody": "usual"})
    with pytest.raises(InputError, match="n must be"):
        run.anomalies(0)
