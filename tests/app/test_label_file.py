"""Labels by several people in one file: nothing that anybody wrote is lost."""

from __future__ import annotations

import csv
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiclust.app.label_file import GivenLabel, LabelFile
from equiclust.exceptions import InputError, OutputError
from equiclust.io.catalogue import printable
from equiclust.teaching.labels import read_labels
from tests.app.conftest import HOSTILE_IDS as GIVEN_IDS

IDS = [f"disc {k:03d}" for k in range(40)]
PATHS = [f"/data/disc {k:03d}.fits" for k in range(40)]
# As catalogues hold them.
HOSTILE_IDS = [printable(name) for name in GIVEN_IDS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def opened(path: Path) -> LabelFile:
    return LabelFile(path, IDS, PATHS)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(path: Path) -> Counter[tuple[tuple[str, str], ...]]:
    """Rows whatever their order, without the time."""
    return Counter(
        tuple(sorted((k, v) for k, v in row.items() if k != "when")) for row in rows_of(path)
    )


def given_kinds(labels: LabelFile) -> dict[int, dict[str, str]]:
    return {row: {one.who: one.kind for one in own} for row, own in labels.by_row.items()}


TEXTS = st.text(st.characters(), max_size=20)


@given(kind=TEXTS, who=TEXTS, why=TEXTS, row=st.integers(0, len(HOSTILE_IDS) - 1))
def test_what_is_set_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, kind: str, who: str, why: str, row: int
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    labels = LabelFile(path, HOSTILE_IDS, [""] * len(HOSTILE_IDS))
    labels.set([row], kind, who=who, why=why)
    again = LabelFile(path, HOSTILE_IDS, [""] * len(HOSTILE_IDS))
    assert again.by_row == labels.by_row
    expected = " ".join(kind.split())
    assert bool(again.by_row) == bool(expected)
    if expected:
        ((one,),) = again.by_row.values()
        assert one.kind.isprintable()
        assert len(one.kind) == len(expected)
        assert read_labels(path) == [(HOSTILE_IDS[row], one.kind)]


def test_a_label_says_who_gave_it_when_and_why(path: Path) -> None:
    labels = opened(path)
    labels.set([3, 5], " two  arms\n", who="me", why="typical")
    (one,) = labels.by_row[3]
    assert one == GivenLabel("two arms", "me", one.when, "typical")
    assert one.when.endswith("+00:00")
    first, second = rows_of(path)
    assert list(first) == ["id", "path", "kind", "who", "when", "why"]
    assert (first["id"], first["path"]) == (IDS[3], PATHS[3])
    assert second["id"] == IDS[5]


def test_what_one_person_says_another_does_not_change(path: Path) -> None:
    labels = opened(path)
    labels.set([0, 1, 2], "ring", who="ann")
    labels.set([1, 2], "spiral", who="bob")
    labels.set([2], "", who="bob")
    labels.set([0], "bar", who="ann")
    assert given_kinds(labels) == {
        0: {"ann": "bar"},
        1: {"ann": "ring", "bob": "spiral"},
        2: {"ann": "ring"},
    }


def test_a_label_replaces_that_of_nobody(path: Path) -> None:
    path.write_text(f"id,kind\n{IDS[0]},ring\n{IDS[1]},ring\n")
    labels = opened(path)
    labels.set([0], "spiral", who="ann")
    assert given_kinds(labels) == {0: {"ann": "spiral"}, 1: {"": "ring"}}


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_undo_restores_every_row(path: Path, n_steps: int) -> None:
    path.write_text(
        "id,kind,who,note\n"
        f'{IDS[0]},ring,,"first,\nof two"\n{IDS[0]},spiral,,second\n{IDS[1]},ring,bob,\nx,ring,,\n'
    )
    labels = opened(path)
    labels.set([7], "arc", who="bob")
    steps: list[Callable[[], Any]] = [
        lambda: labels.set([0, 1, 2], "bar", who="ann"),
        lambda: labels.rename("ring", "disc", who="ann"),
        lambda: labels.set([0, 7], "", who="ann"),
        lambda: labels.set([2], "ring", who="ann"),
        lambda: labels.rename("bar", "ring", who="ann"),
    ]
    states = []
    for step in steps[:n_steps]:
        states.append(contents(path))
        step()
    for state in reversed(states):
        if labels.undo(who="ann"):
            assert contents(path) == state
    assert contents(path) == states[0]
    assert labels.undo(who="ann") == 0


def test_a_step_that_changed_nothing_is_not_taken_back(path: Path) -> None:
    labels = opened(path)
    labels.set([0], "ring", who="ann")
    content, version = path.read_bytes(), labels.version
    labels.set([1], "", who="ann")
    labels.rename("nothing", "something", who="ann")
    assert (path.read_bytes(), labels.version) == (content, version)
    assert labels.undo(who=" ann ") == 1
    assert labels.by_row == {}


def test_undo_leaves_what_others_said_since(path: Path) -> None:
    ann, bob = opened(path), opened(path)
    bob.set([0, 1], "ring", who="bob")
    ann.rename("ring", "disc", who="ann")
    bob.set([0], "spiral", who="bob")
    assert ann.undo(who="ann") == 1
    assert given_kinds(ann) == {0: {"bob": "spiral"}, 1: {"bob": "ring"}}


def test_undo_is_of_ones_own_steps(path: Path) -> None:
    labels = opened(path)
    labels.set([0], "ring", who="ann")
    labels.set([1], "spiral", who="bob")
    assert labels.undo(who="ann") == 1
    assert given_kinds(labels) == {1: {"bob": "spiral"}}


def test_kinds_are_merged_in_all_rows(path: Path) -> None:
    path.write_text(f"id,kind\n{IDS[0]},ring\n{IDS[0]},spiral\nunknown,ring\n")
    labels = opened(path)
    labels.set([1], "rings", who="ann")
    labels.rename("ring", "rings", who="ann")
    assert Counter((row["id"], row["kind"]) for row in rows_of(path)) == Counter(
        {(IDS[0], "rings"): 1, (IDS[0], "spiral"): 1, ("unknown", "rings"): 1, (IDS[1], "rings"): 1}
    )


def test_what_the_run_does_not_know_stays(path: Path) -> None:
    path.write_text(
        ",id,kind,note,note,\n"
        f'0,{IDS[0]},ring,"two\nlines ",b,surplus\n1,elsewhere,bar,"<b>, ""x""",,\n'
        f"2,{IDS[1]},,keep,,,more\n"
    )
    labels = opened(path)
    labels.set([0, 1, 2], "spiral", who="ann")
    labels.set([1], "", who="ann")
    found = {row["id"]: row for row in rows_of(path)}
    assert found["elsewhere"]["kind"] == "bar"
    assert found["elsewhere"]["note"] == '<b>, "x"'
    assert found[IDS[0]]["kind"] == "spiral"
    assert found[IDS[0]]["note"] == "two\nlines "
    assert {"0", "b", "surplus"} <= set(found[IDS[0]].values())
    assert (found[IDS[1]]["kind"], found[IDS[1]]["note"]) == ("", "keep")
    assert {"2", "more"} <= set(found[IDS[1]].values())
    assert [*given_kinds(labels)] == [0, 2]


def test_two_servers_write_in_turn(path: Path) -> None:
    one, other = opened(path), opened(path)
    for k in range(10):
        # Of one length and within one tick of the clock.
        one.set([k], "a", who="ann")
        other.set([k], "b", who="bob")
    expected = {k: {"ann": "a", "bob": "b"} for k in range(10)}
    one.refresh()
    assert given_kinds(one) == given_kinds(other) == expected
    assert one.undo(who="ann") == 1
    other.refresh()
    assert given_kinds(other)[9] == {"bob": "b"}


def test_a_file_of_the_same_size_and_time_is_still_read_before_it_is_written(path: Path) -> None:
    labels = opened(path)
    labels.set([0], "aaa", who="ann")
    before = path.stat()
    path.write_text(path.read_text().replace("aaa", "bbb"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    labels.set([1], "ccc", who="ann")
    assert given_kinds(labels) == {0: {"ann": "bbb"}, 1: {"ann": "ccc"}}


def test_threads_on_two_servers_lose_nothing(path: Path) -> None:
    files = [opened(path), opened(path)]

    def work(k: int) -> None:
        for row in range(k, len(IDS), 4):
            files[k % 2].set([row], f"kind {row}", who=f"person {k}")

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {row: {f"person {row % 4}": f"kind {row}"} for row in range(len(IDS))}
    assert given_kinds(opened(path)) == expected


WRITER = """
import sys
from equiclust.app.label_file import LabelFile
labels = LabelFile(sys.argv[1], [f"disc {k:03d}" for k in range(40)], [""] * 40)
print("ready", flush=True)
for row in range(int(sys.argv[2])):
    labels.set([row], "x" * 150, who=sys.argv[3], why="y" * 150)
"""


def writing(path: Path, n: int, who: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITER, str(path), str(n), who]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_two_processes_lose_nothing(path: Path) -> None:
    with writing(path, 25, "ann") as one, writing(path, 25, "bob") as other:
        assert (one.wait(60), other.wait(60)) == (0, 0)
    found = given_kinds(opened(path))
    assert {row: set(own) for row, own in found.items()} == {k: {"ann", "bob"} for k in range(25)}


def test_a_killed_writer_leaves_a_whole_file_and_no_lock(path: Path) -> None:
    opened(path).set([0], "first", who="me")
    for pause in (0.0, 0.004, 0.013):
        with writing(path, 40, "ann") as killed:
            assert killed.stdout is not None
            killed.stdout.readline()
            time.sleep(pause)
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        rows = rows_of(path)
        assert rows[0]["kind"] == "first"
        assert all(row["kind"] == "x" * 150 and row["why"] == "y" * 150 for row in rows[1:])
    opened(path).set([39], "last", who="me")
    assert [entry.name for entry in path.parent.iterdir()] == ["labels.csv"]


def test_a_failed_write_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = opened(path)
    labels.set([0], "ring", who="ann")
    content, version = path.read_bytes(), labels.version

    def fails(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        for change in (
            lambda: labels.set([0, 1], "bar", who="ann"),
            lambda: labels.rename("ring", "bar", who="ann"),
            lambda: labels.undo(who="ann"),
        ):
            with pytest.raises(OutputError, match=r"labels\.csv.*No space"):
                change()
    assert (path.read_bytes(), labels.version) == (content, version)
    assert given_kinds(labels) == {0: {"ann": "ring"}}
    assert [entry.name for entry in path.parent.iterdir()] == ["labels.csv"]
    assert labels.undo(who="ann") == 1


def test_a_link_stays_one_and_rights_stay_as_they_are(tmp_path: Path) -> None:
    target, link = tmp_path / "shared.csv", tmp_path / "labels.csv"
    target.write_text(f"id,kind\n{IDS[0]},ring\n")
    target.chmod(0o600)
    link.symlink_to(target)
    opened(link).set([1], "bar")
    assert link.is_symlink()
    assert len(rows_of(target)) == 2
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("target", ["missing.csv", "other.pth", "folder"])
def test_labels_are_not_written_through_a_link_to_anything_else(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "other.pth").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "labels.csv").symlink_to(tmp_path / target)
    with pytest.raises(InputError, match="remove the link"):
        LabelFile(tmp_path / "labels.csv", ["a"], ["a.fits"])
    assert (tmp_path / "other.pth").read_text() == "kept"
    assert not (tmp_path / "missing.csv").exists()
