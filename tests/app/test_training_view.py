"""The training of a run as the application shows it, from tiny made-up run folders."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from ensembles.recipes import Recipe, write_recipe
from equiclust.app.run_comparison import compare_labels, compare_settings
from equiclust.app.training_handlers import _confirmed, _known_epochs
from equiclust.app.training_view import TrainingView
from equiclust.exceptions import InputError
from equiclust.io.catalogue import write_table
from equiclust.io.run_folder import RunFolder
from equiclust.io.training_record import snapshot_name
from equiclust.typing import Float32Array

N = 24
GONE = 2**22 + 7


def make_run(path: Path, **recipe: Any) -> RunFolder:
    """A run of three networks that has just begun."""
    folder = RunFolder.create(path, {"inputs": ["/data"], "n_folds": 3, **recipe})
    write_recipe(Recipe().with_(n_folds=3, encoder="own", **recipe), folder.recipe_toml)
    return folder


def add_member(folder: RunFolder, number: int, *, epochs: int = 4, seed: int = 0) -> Path:
    """A member of 10 planned epochs, whose latents are two groups that drift."""
    place = folder.checkpoints / f"member_{number:02d}"
    (place / "snapshots").mkdir(parents=True)
    (place / "plan.json").write_text(json.dumps({"max_epochs": 10, "n_training": 20}))
    records = [{"epoch": k, "total": 2.0**-k, "mse": 0.1, "seconds": 3.0} for k in range(epochs)]
    (place / "epochs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    rows = np.flatnonzero(np.arange(N) % 6 != number)
    images = np.full((2, 1, 4, 4), 9, np.uint8)
    np.savez(place / "snapshots/images.npz", images=images, rows=rows[:2], latent_rows=rows)
    for epoch in range(epochs):
        path = place / "snapshots" / snapshot_name(epoch)
        np.savez(path, reconstructions=images, latents=latents(rows, epoch, seed))
    return place


def latents(rows: Any, epoch: int, seed: int) -> Float32Array:
    generator = np.random.default_rng(seed)
    noise = 0.01 * generator.standard_normal((N, 5))
    group = np.where(np.arange(N) < N // 2, -1.0, 1.0) * (1 + epoch)
    noise[:, seed % 5] += group
    found: Float32Array = noise[rows].astype(np.float32)
    return found


def tell(folder: RunFolder, **more: Any) -> None:
    content = {"stage": "training", "done": 3, "total": 30, "pid": os.getpid()}
    content |= {"host": socket.gethostname(), "started": "2030-01-01T00:00:00+00:00"} | more
    folder.progress_json.write_text(json.dumps(content))


def finish(folder: RunFolder, labels: list[int], ids: list[str] | None = None) -> None:
    names = ids or [f"image {k}" for k in range(len(labels))]
    write_table(Table({"id": names, "label": labels}), folder.catalogue_ecsv)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = make_run(tmp_path / "run")
    add_member(made, 0)
    add_member(made, 1, epochs=2, seed=1)
    return made


def test_only_what_is_new_is_sent(folder: RunFolder) -> None:
    tell(folder)
    view = TrainingView(folder)
    state = view.state()
    assert (state["state"], state["can_stop"], state["can_resume"]) == ("running", True, False)
    assert state["terms"] == ["mse"]
    assert state["n_members"] == 3
    assert [len(one["epochs"]) for one in state["members"]] == [4, 2]
    assert state["members"][0]["snapshots"] == [0, 1, 2, 3]
    later = view.state({0: 2, 1: 1})
    assert [[record["epoch"] for record in one["epochs"]] for one in later["members"]] == [[3], []]
    assert [one["last_epoch"] for one in later["members"]] == [3, 1]


def test_the_time_left_is_that_of_the_epochs_that_are_missing(folder: RunFolder) -> None:
    tell(folder)
    # 6 + 8 epochs of the two at work and 10 of the third, 3 s each, two at a time.
    assert TrainingView(folder).state()["seconds_left"] == pytest.approx(24 * 3 / 2)
    (folder.checkpoints / "member_00" / "finished").mkdir()
    assert TrainingView(folder).state()["seconds_left"] == pytest.approx(18 * 3)
    tell(folder, stage="clustering")
    assert TrainingView(folder).state()["seconds_left"] is None


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "running"),
        ({"pid": GONE}, "stopped"),
        ({"error": "asked for", "stopped": True}, "stopped"),
        ({"error": "no memory"}, "failed"),
    ],
)
def test_the_state_follows_what_the_run_tells(
    folder: RunFolder, more: dict[str, Any], state: str
) -> None:
    tell(folder, **more)
    assert TrainingView(folder).state()["state"] == state


def test_a_run_that_tells_nothing_is_unknown_or_finished(folder: RunFolder) -> None:
    assert TrainingView(folder).state()["state"] == "unknown"
    finish(folder, [0] * N)
    assert TrainingView(folder).state()["state"] == "finished"


def test_a_folder_without_a_training_is_shown_too(tmp_path: Path) -> None:
    view = TrainingView(make_run(tmp_path / "empty"))
    assert view.state()["members"] == []
    assert view.log_lines() == []
    assert view.agreement()["kind"] == "none"
    with pytest.raises(InputError, match="member must be"):
        view.shown_images(0)


def test_points_keep_their_place(folder: RunFolder) -> None:
    view = TrainingView(folder)
    found, codes = view.latent_map(0)
    assert found.epochs.tolist() == [0, 1, 2, 3]
    assert found.positions.shape == (4, 20, 2)
    assert found.shares[0] > 0.99
    # The groups move apart along the first axis, and nowhere else.
    along, across = found.positions[..., 0], found.positions[..., 1]
    np.testing.assert_allclose(np.abs(along), np.arange(1, 5)[:, None].repeat(20, 1), atol=0.5)
    assert np.abs(across).max() < 0.1
    assert (np.sign(along) == np.sign(along[0])).all()
    assert (codes == -2).all()
    finish(folder, list(range(N)))
    assert TrainingView(folder).latent_map(0)[1].tolist() == found.rows.tolist()


def test_snapshots_of_another_network_are_left_out(folder: RunFolder) -> None:
    place = folder.checkpoints / "member_00" / "snapshots"
    np.savez(place / snapshot_name(0), latents=np.zeros((20, 3), np.float32))
    (place / snapshot_name(1)).write_bytes(b"torn")
    assert TrainingView(folder).latent_map(0)[0].epochs.tolist() == [2, 3]
    with pytest.raises(InputError, match="snapshot"):
        TrainingView(folder).snapshot(0, 77)


def test_members_agree_while_they_are_trained(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", n_clusters=2)
    add_member(folder, 0)
    alone = TrainingView(folder).agreement()
    assert (alone["kind"], alone["members"]) == ("none", {})
    add_member(folder, 1, seed=1)
    found = TrainingView(folder).agreement()
    assert found["kind"] == "clusters"
    assert found["members"] == pytest.approx({0: 1.0, 1: 1.0})


def test_agreement_is_not_made_up(folder: RunFolder) -> None:
    found = TrainingView(folder).agreement()
    assert found["kind"] == "none"
    assert "number of clusters" in found["reason"]
    finish(folder, [0] * N)
    members = [{"fold": k, "agreement": 0.5 + k / 10} for k in range(3)]
    folder.metrics_json.write_text(json.dumps({"ensemble": {"members": members}}))
    found = TrainingView(folder).agreement()
    assert (found["kind"], found["members"]) == ("labels", pytest.approx({0: 0.5, 1: 0.6, 2: 0.7}))
    folder.metrics_json.write_text("{")
    assert TrainingView(folder).agreement()["kind"] == "none"


def test_the_end_of_the_log_is_shown(folder: RunFolder) -> None:
    folder.run_log.write_text("".join(f"line {k} é\n" for k in range(40_000)), encoding="utf-8")
    lines = TrainingView(folder).log_lines()
    assert len(lines) == 200
    assert lines[-1] == "line 39999 é"
    assert lines[0] == "line 39800 é"


def test_a_log_that_is_no_file_is_not_waited_for(folder: RunFolder) -> None:
    view = TrainingView(folder)
    os.mkfifo(folder.run_log)
    assert view.log_lines() == []
    folder.run_log.unlink()
    folder.run_log.symlink_to("/dev/zero")
    assert view.log_lines() == []
    folder.run_log.unlink()
    with folder.run_log.open("wb") as file:
        file.truncate(2**32)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast")
    assert view.log_lines()[-1] == "last"


def test_a_stop_is_asked_for_once_it_runs(folder: RunFolder) -> None:
    view = TrainingView(folder)
    with pytest.raises(InputError, match="not in progress"):
        view.stop()
    tell(folder)
    view.stop()
    assert folder.stop_request.is_file()
    assert view.state()["stop_asked"]


def _command(folder: RunFolder) -> list[str]:
    return ["run", "/data", "--output", str(folder.path.resolve())]


def _never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("it was started"))


def test_a_command_that_may_not_be_started_is_not(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which those are, `test_run_command.py` says."""
    _never(monkeypatch)
    words = [*_command(folder), "--scheduler", "tcp://evil:8786"]
    tell(folder, pid=GONE, command=words)
    view = TrainingView(folder)
    state = view.state()
    assert not state["can_resume"]
    assert "--scheduler" in state["why_not"]
    with pytest.raises(InputError, match="cannot go on"):
        view.resume(words)


def test_only_what_was_shown_is_started(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    _never(monkeypatch)
    tell(folder, pid=GONE, command=_command(folder))
    view = TrainingView(folder)
    shown = view.state()["command"]
    words = ["equiclust", "run", "/data", "--output", str(folder.path)]
    assert view.state()["command_shown"] == words
    tell(folder, pid=GONE, command=[*shown, "--seed", "1"])
    for confirmed in (shown, [], shown[:-1]):
        with pytest.raises(InputError, match="has changed"):
            view.resume(confirmed)


def test_what_is_confirmed_is_a_list_of_words() -> None:
    assert _confirmed(["run", "a b"]) == ["run", "a b"]
    for strange in (None, "run", ["run", 1], {"run": 1}):
        with pytest.raises(InputError, match="command must be"):
            _confirmed(strange)


def test_a_run_of_another_machine_is_not_started_here(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("it was started"))
    stopped = {"error": "asked for", "stopped": True, "command": _command(folder)}
    tell(folder, host="elsewhere", **stopped)
    with pytest.raises(InputError, match="another machine"):
        TrainingView(folder).resume(_command(folder))
    tell(folder, **{**stopped, "error": None})
    with pytest.raises(InputError, match="in progress"):
        TrainingView(folder).resume(_command(folder))


def _wait(view: TrainingView) -> None:
    while view.process.is_running:
        time.sleep(0.02)


def test_going_on_starts_the_command_without_a_shell(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"json.dump(sys.argv[1:], open({str(tmp_path / 'seen')!r}, 'w'))\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    words = [*_command(folder), "--layer", "$(touch gone); `x` 'a b'"]
    tell(folder, error="asked for", stopped=True, command=words)
    view = TrainingView(folder)
    assert view.state()["can_resume"]
    view.resume(words)
    _wait(view)
    assert json.loads((tmp_path / "seen").read_text()) == ["-m", "equiclust", *words]
    assert view.process.failure == ""


def test_nothing_is_imported_from_where_the_user_is(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder may be somebody else's, and hold a module of the package's name."""
    there = folder.path / "equiclust"
    there.mkdir()
    (there / "__init__.py").touch()
    (there / "__main__.py").write_text("open('imported', 'w').close()")
    monkeypatch.chdir(folder.path)
    words = [*_command(folder), "--n-clusters", "many"]
    tell(folder, pid=GONE, command=words)
    view = TrainingView(folder)
    view.resume(words)
    _wait(view)
    assert not (folder.path / "imported").exists()
    assert "n-clusters" in view.process.failure


def test_a_command_that_fails_is_told(folder: RunFolder) -> None:
    words = [*_command(folder), "--n-clusters", "many"]
    tell(folder, error="asked for", stopped=True, command=words)
    view = TrainingView(folder)
    view.resume(words)
    assert view.state()["state"] == "running"
    with pytest.raises(InputError, match="in progress"):
        view.resume(words)
    _wait(view)
    state = view.state()
    assert state["state"] != "running"
    assert "n-clusters" in state["error"]


def test_settings_that_differ_are_listed(tmp_path: Path) -> None:
    first = make_run(tmp_path / "a", size=64)
    second = make_run(tmp_path / "b", size=32, seed=4)
    found = compare_settings(first, second)
    assert {one["name"]: (one["here"], one["there"]) for one in found} == {
        "size": ("64", "32"),
        "seed": ("0", "4"),
    }
    assert compare_settings(first, first) == []


def test_clusters_are_matched_before_they_are_compared() -> None:
    here = dict(zip("abcdefgh", [0, 0, 0, 1, 1, 2, -1, 5], strict=True))
    there = dict(zip("hgfedcba", [9, -1, 0, 3, 3, 3, 7, 7], strict=True)) | {"new": 0}
    found = compare_labels(here, there)
    assert (found["n_common"], found["n_here"], found["n_there"]) == (8, 0, 1)
    assert found["rows"] == [0, 1, 2, 5, -1]
    assert found["columns"] == [7, 3, 0, 9, -1]
    assert np.diagonal(found["counts"]).tolist() == [2, 2, 1, 1, 1]
    assert np.sum(found["counts"]) == 8
    assert found["changed"] == [{"row": 2, "id": "c", "here": 0, "there": 3}]
    assert found["n_changed"] == 1


def test_clusters_without_a_partner_have_changed() -> None:
    found = compare_labels({"a": 0, "b": 0, "c": 0}, {"a": 0, "b": 0, "c": 1, "d": 2})
    assert (found["rows"], found["columns"], found["matched"]) == ([0], [0, 1], 1)
    assert [one["id"] for one in found["changed"]] == ["c"]
    nothing = compare_labels({"a": 0}, {"b": 0})
    assert (nothing["n_common"], nothing["counts"], nothing["changed"]) == (0, [], [])


def test_two_runs_are_compared(folder: RunFolder, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", latent_dim=8)
    add_member(other, 0, epochs=3)
    view = TrainingView(folder, other)
    unfinished = view.comparison()
    assert (unfinished["name"], unfinished["labels"]) == ("other", None)
    assert [one["name"] for one in unfinished["settings"]] == ["latent_dim"]
    assert len(unfinished["members"][0]["epochs"]) == 3
    finish(folder, [0, 1, 1])
    finish(other, [1, 0, 1])
    assert view.comparison()["labels"]["n_changed"] == 1
    with pytest.raises(InputError, match="--compare"):
        TrainingView(folder).comparison()


def test_known_epochs_are_read_and_checked() -> None:
    assert _known_epochs("") == {}
    assert _known_epochs("0:12,11:-1") == {0: 12, 11: -1}
    for text in ("x", "0:1:2", "0:-2", "1", "0:12 "):
        with pytest.raises(InputError, match="known must be"):
            _known_epochs(text)
