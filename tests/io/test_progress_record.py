"""`progress.json` tells how far a run is, costs little and never fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from equiclust.io import progress_record
from equiclust.io.progress_record import ProgressRecord, ProgressWriter, read_progress


def _content(**more: Any) -> dict[str, Any]:
    return {"stage": "training", "done": 3, "total": 9, "pid": 1, "host": "here"} | more


def _written(folder: Path, content: object) -> ProgressRecord:
    (folder / "progress.json").write_text(json.dumps(content))
    return read_progress(folder)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    writer = ProgressWriter(["run", "a b", "--output", "c"])
    writer.write_to(tmp_path / "progress.json")
    writer.update("training", 2, 8, "loss 0.5")
    found = read_progress(tmp_path)
    assert (found.stage, found.done, found.total, found.remark) == ("training", 2, 8, "loss 0.5")
    assert found.command == ("run", "a b", "--output", "c")
    assert found.pid == os.getpid()
    assert found.is_running
    assert found.started is not None
    assert found.updated is not None
    assert found.started <= found.updated
    writer.finish()
    assert read_progress(tmp_path).finished is not None
    assert not read_progress(tmp_path).is_running


def test_a_failure_is_told(tmp_path: Path) -> None:
    writer = ProgressWriter([])
    writer.write_to(tmp_path / "progress.json")
    writer.fail("no memory", stopped=False)
    found = read_progress(tmp_path)
    assert (found.error, found.stopped, found.finished) == ("no memory", False, None)
    assert not found.is_running


def test_it_is_written_at_most_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    written: list[float] = []
    monkeypatch.setattr("equiclust.io.progress_record.time.monotonic", lambda: now[0])
    monkeypatch.setattr(progress_record, "write_json", lambda *_: written.append(now[0]))
    writer = ProgressWriter([])
    writer.write_to(tmp_path / "progress.json")
    for k in range(1000):
        now[0] = 101.0 + k / 100
        writer.update("training", k, 1000, "")
    assert 18 <= len(written) <= 23
    # The beginning of a stage is written without delay.
    writer.update("clustering", 0, None, "")
    assert written[-1] == now[0]


def test_what_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = ProgressWriter([])
    writer.write_to(tmp_path / "file" / "progress.json")
    writer.update("training", 1, 2, "")
    writer.finish()
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": NaN}'])
def test_a_damaged_record_knows_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) == ProgressRecord()
    assert read_progress(tmp_path / "missing") == ProgressRecord()


def test_values_of_another_type_are_left_out(tmp_path: Path) -> None:
    content = _content(stage=7, done="x", total=True, pid=-4, stopped=1, command=["run", 3])
    assert _written(tmp_path, content) == ProgressRecord(host="here")


def test_a_process_that_is_gone_does_not_run(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()
    assert not _written(tmp_path, _content(pid=gone.pid, host=host)).is_running
    assert _written(tmp_path, _content(pid=os.getpid(), host=host)).is_running
    # Of another machine nothing else is known than what is written.
    assert _written(tmp_path, _content(pid=gone.pid, host="elsewhere")).is_running
