"""Records of a training are read whatever state they are in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from equiclust.io.training_record import (
    TrainingState,
    read_shown_images,
    read_snapshot,
    read_training,
    snapshot_name,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three networks: one half trained, one finished."""
    config = {"equiclust": "1", "config": {"n_folds": 3}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for number in (0, 1):
        folder = tmp_path / "checkpoints" / f"member_0{number}"
        (folder / "snapshots").mkdir(parents=True)
        lines = [json.dumps({"epoch": k, "total": 1.0 / (k + 1), "mse": None}) for k in range(3)]
        (folder / "epochs.jsonl").write_text("\n".join(lines) + "\n")
        plan = {"max_epochs": 8, "n_training": 14, "weights": {"mse": 1}}
        (folder / "plan.json").write_text(json.dumps(plan))
        images = np.full((2, 1, 4, 4), 7, np.uint8)
        rows, latent_rows = np.array([1, 9]), np.array([1, 4, 9])
        np.savez(folder / "snapshots/images.npz", images=images, rows=rows, latent_rows=latent_rows)
        latents = np.arange(6, dtype=np.float32).reshape(3, 2)
        np.savez(folder / "snapshots" / snapshot_name(2), reconstructions=images, latents=latents)
        np.savez(folder / "snapshots" / snapshot_name(0), reconstructions=images)
    (tmp_path / "checkpoints" / "member_01" / "finished").mkdir()
    return tmp_path


def test_what_was_written_is_read(run: Path) -> None:
    state = read_training(run)
    assert state.n_members == 3
    first, second = state.members
    assert (first.number, second.number) == (0, 1)
    assert (first.is_finished, second.is_finished) == (False, True)
    assert first.epochs[1] == {"epoch": 1, "total": 0.5}
    assert (first.max_epochs, first.n_training, first.weights) == (8, 14, {"mse": 1})
    assert first.snapshots == (0, 2)
    shown = read_shown_images(first)
    assert (shown.rows.tolist(), shown.latent_rows.tolist()) == ([1, 9], [1, 4, 9])
    assert shown.images.shape == (2, 1, 4, 4)
    assert read_snapshot(first, 0).latents.shape[0] == 0
    np.testing.assert_array_equal(read_snapshot(first, 2).latents, [[0, 1], [2, 3], [4, 5]])


def test_a_folder_without_records_has_none(tmp_path: Path) -> None:
    assert read_training(tmp_path).members == ()
    assert read_training(tmp_path / "missing").n_members is None
    assert TrainingState().members == ()


@pytest.mark.parametrize(
    ("added", "epochs"),
    [
        ('{"epoch": 3, "total": 0.2', [0, 1, 2]),
        ('{"epoch": 3, "total": 0.2}', [0, 1, 2, 3]),
        ("[" * 100_000, [0, 1, 2]),
        ("\0\udcff", [0, 1, 2]),
        ('{"epoch": -1}\n{"epoch": "x"}\n{"epoch": true}\n[]\n7\n{"epoch": 1e400}', [0, 1, 2]),
        ('{"epoch": 1, "total": 5.0}', [0, 1, 2]),
    ],
)
def test_lines_that_are_no_records_are_skipped(run: Path, added: str, epochs: list[int]) -> None:
    with (run / "checkpoints/member_00/epochs.jsonl").open("ab") as file:
        file.write(added.encode("utf-8", errors="surrogateescape"))
    assert [record["epoch"] for record in read_training(run).members[0].epochs] == epochs


def test_values_that_are_no_numbers_are_left_out(run: Path) -> None:
    line = '{"epoch": 3, "total": NaN, "mse": "x", "a": {"b": 1}, "seconds": 2, "c": true}\n'
    with (run / "checkpoints/member_00/epochs.jsonl").open("a") as file:
        file.write(line)
    assert read_training(run).members[0].epochs[-1] == {"epoch": 3, "seconds": 2}


@pytest.mark.parametrize("content", [b"", b"PK\3\4 torn", b"\x93NUMPY"])
def test_damaged_files_are_as_if_they_were_missing(run: Path, content: bytes) -> None:
    folder = run / "checkpoints/member_00"
    paths = [folder / "snapshots/images.npz", folder / "snapshots/000002.npz", folder / "plan.json"]
    for path in paths:
        path.write_bytes(content)
    member = read_training(run).members[0]
    assert (member.max_epochs, member.weights) == (None, {})
    assert len(read_shown_images(member).images) == 0
    assert len(read_snapshot(member, 2).latents) == len(read_snapshot(member, 77).latents) == 0


def test_arrays_of_the_wrong_kind_are_left_out(run: Path) -> None:
    folder = run / "checkpoints/member_00/snapshots"
    np.savez(folder / "images.npz", images=np.array([{"a": 1}], dtype=object), rows=np.zeros(3))
    bad = np.full((3, 2), np.nan, np.float32)
    np.savez(folder / "000002.npz", reconstructions=np.zeros((2, 4), np.uint8), latents=bad)
    member = read_training(run).members[0]
    assert len(read_shown_images(member).rows) == 0
    found = read_snapshot(member, 2)
    assert len(found.reconstructions) == len(found.latents) == 0


def _finish(run: Path, histories: object) -> None:
    (run / "catalogue.ecsv").touch()
    (run / "metrics.json").write_text(json.dumps({"histories": histories}))


HISTORY = [{"epoch": 1, "total": 4.0}, {"epoch": 0, "total": 5.0, "mse": "x"}]
IN_ORDER = [{"epoch": 0, "total": 5.0}, {"epoch": 1, "total": 4.0}]


def test_epochs_of_a_finished_run_are_in_its_metrics(run: Path) -> None:
    (run / "checkpoints/member_01/epochs.jsonl").unlink()
    assert read_training(run).members[1].epochs == []
    _finish(run, [[{"epoch": 9}], HISTORY])
    first, second = read_training(run).members
    # What was recorded epoch by epoch counts.
    assert len(first.epochs) == 3
    assert second.epochs == IN_ORDER
    shutil.rmtree(run / "checkpoints")
    members = read_training(run).members
    assert [(one.number, one.is_finished) for one in members] == [(0, True), (1, True)]
    assert members[1].epochs == IN_ORDER


@pytest.mark.parametrize("histories", [[HISTORY], [HISTORY] * 3, {"a": 1}, "x", [1, 2], None])
def test_histories_that_fit_no_network_are_left_out(run: Path, histories: object) -> None:
    (run / "checkpoints/member_01/epochs.jsonl").unlink()
    _finish(run, histories)
    assert read_training(run).members[1].epochs == []
    (run / "metrics.json").write_text("[" * 10_000)
    assert len(read_training(run).members) == 2
