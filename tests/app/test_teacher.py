"""The application learns from labels exactly what `equiclust teach` and `suggest` learn."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import equiclust
from equiclust.app.label_file import LabelFile
from equiclust.app.run_view import RunView
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.pipeline.results import Run

KINDS = ("face on, é", "Id", "bar")


def label(view: RunView, n: int = 7, who: str = "me") -> None:
    for row in range(n):
        view.labels.set([row], KINDS[row % 3], who=who)


def teach(run: Run, labels: Path, output: Path) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquiclustWarning)
        return run.teach(labels, output=output)


def assert_same(view: RunView, taught: Run) -> None:
    found = view.teacher.update()
    assert found.kinds is not None
    catalogue = taught.catalogue
    table = view.table()
    assert table.colnames == catalogue.colnames
    assert found.kinds.labels.tolist() == catalogue["label"].tolist()
    for name in catalogue.colnames:
        if catalogue[name].dtype.kind == "f":
            np.testing.assert_array_equal(table[name], catalogue[name])
        else:
            assert table[name].tolist() == catalogue[name].tolist()
    record = taught.metrics["teaching"]
    for name, value in json.loads(json.dumps(found.record)).items():
        # One more sentence tells which clustering of the run the labels fit.
        assert record[name][: len(value)] == value if name == "sentences" else record[name] == value


def test_kinds_are_those_of_teach(view: RunView, tmp_path: Path, hurried: None) -> None:
    label(view)
    assert_same(view, teach(view.run, view.labels.path, tmp_path / "taught"))


def test_contradictions_and_unknown_images_count_as_for_teach(
    view: RunView, tmp_path: Path, hurried: None
) -> None:
    label(view)
    view.labels.set([2, 4], "other", who="somebody else")
    LabelFile(view.labels.path, ["nobody"], [""]).set([0], "ring")
    assert_same(view, teach(view.run, view.labels.path, tmp_path / "taught"))
    assert set(view.teacher.taught.record["contradictions"]) == {"disc_00002", "disc_00004"}


def test_a_run_that_was_taught_keeps_its_labels(
    view: RunView, tmp_path: Path, hurried: None
) -> None:
    label(view)
    taught = teach(view.run, view.labels.path, tmp_path / "taught")
    further = RunView(taught, tmp_path / "more.csv")
    further.labels.set([9, 10], "arc", who="me")
    again = teach(taught, further.labels.path, tmp_path / "again")
    assert_same(further, again)
    assert len(further.teacher.taught.record["kinds"]) == 4
    assert [one.row for one in further.teacher.suggest(3)] == rows(
        taught, taught.suggest(3, labels=further.labels.path)
    )


def rows(run: Run, table: object) -> list[int]:
    ids = run.catalogue["id"].tolist()
    return [ids.index(name) for name in table["id"]]  # type: ignore[index]


@pytest.mark.parametrize("n_labels", [0, 1, 2, 7])
def test_suggestions_are_those_of_suggest(view: RunView, n_labels: int) -> None:
    label(view, n_labels)
    found = view.teacher.suggest(4)
    assert len(found) == 4
    assert all(one.why for one in found)
    # The file is that of the run, which counts by itself.
    assert [one.row for one in found] == rows(view.run, view.run.suggest(4))
    if n_labels:
        labelled = view.run.suggest(4, labels=view.labels.path)
        assert [one.row for one in found] == rows(view.run, labelled)


def test_contradictory_labels_are_suggested_again_by_both(view: RunView) -> None:
    label(view, 12)
    view.labels.set([5], "other", who="somebody else")
    assert [one.row for one in view.teacher.suggest(3)] == [5]
    assert rows(view.run, view.run.suggest(3)) == [5]


def test_spaces_of_several_encoders_are_kept_apart(
    view: RunView, tmp_path: Path, hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_spaces(members: object, n_features: int) -> dict[str, list[int]]:
        return {"one": [0, 1], "other": list(range(2, n_features))}

    for module in ("pipeline.partitions", "pipeline.teaching"):
        monkeypatch.setattr(f"equiclust.{module}.encoder_spaces", two_spaces)
    # So far apart in scale that the first would decide alone.
    view.run.latents[:, :2] *= 1000
    for n in range(2, 8):
        assert [one.row for one in view.teacher.suggest(n)] == rows(view.run, view.run.suggest(n))
    label(view)
    assert_same(view, teach(view.run, view.labels.path, tmp_path / "taught"))
    assert [one.row for one in view.teacher.suggest(4)] == rows(view.run, view.run.suggest(4))


def test_what_is_missing_is_said(view: RunView) -> None:
    assert view.teacher.update().problem == "no image is labelled yet"
    view.labels.set([0, 1], "ring", who="me")
    assert view.teacher.update().problem == (
        "all labels are 'ring'; label an image of another kind too"
    )
    view.labels.set([1], "arc", who="me")
    taught = view.teacher.update()
    assert (taught.problem, taught.kinds is None) == ("", False)
    view.labels.undo(who="me")
    assert view.teacher.update().kinds is None


def test_nothing_is_learned_twice_and_labels_of_others_are_noticed(view: RunView) -> None:
    label(view)
    taught = view.teacher.update()
    assert view.teacher.update() is taught
    elsewhere = RunView(equiclust.open_run(view.run.path))
    elsewhere.labels.set([11], "another kind", who="ann")
    again = view.teacher.update()
    assert again.kinds is not None
    assert "another kind" in again.kinds.names
    assert view.table()["given"][11] == "another kind"


def test_all_labelled_leaves_nothing_to_suggest(view: RunView) -> None:
    label(view, 12)
    with pytest.raises(InputError, match="all 12 images are labelled"):
        view.teacher.suggest(3)


def test_teach_writes_the_run_that_is_shown(view: RunView, tmp_path: Path, hurried: None) -> None:
    label(view)
    folder = view.teach()
    assert folder == view.run.path.with_name("run_taught").resolve()
    assert_same(view, equiclust.open_run(folder))
