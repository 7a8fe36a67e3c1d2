"""Progress, notes and the log, on a terminal and elsewhere."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

from equiclust.cli import session as session_module
from equiclust.cli.session import Outcome, Session
from equiclust.exceptions import EquiclustWarning


def test_the_result_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome({"n": 3}, "three", status=1)
    assert Session().conclude(outcome) == 1
    assert Session(json=True).conclude(outcome) == 1
    text, record = capsys.readouterr().out.splitlines()
    assert text == "three"
    assert json.loads(record) == {"n": 3}


def test_our_warnings_become_notes_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Session():
        warnings.warn("mind\n the step", EquiclustWarning, stacklevel=1)
    said = capsys.readouterr()
    assert said.err == "equiclust: note: mind the step\n"
    assert said.out == ""


def test_the_loggers_are_left_as_they_were() -> None:
    logger = logging.getLogger("equiclust")
    before = logger.level, logger.handlers[:]
    with Session():
        pass
    after = logger.level, logger.handlers[:]
    assert before == after


def test_progress_is_quiet_for_short_work(capsys: pytest.CaptureFixture[str]) -> None:
    with Session() as session:
        for done in range(100):
            session.on_progress("sweeping", done, 100, "dust")
    assert capsys.readouterr().err == ""


def test_progress_says_something_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(session_module.time, "monotonic", lambda: float(next(clock)))
    with Session() as session:
        for done in range(1, 5):
            session.on_progress("sweeping", done, 4, "dust")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "equiclust: sweeping 2/4 (dust; 20 s left)"
    assert len(lines) < 4


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    with Session() as session:
        session.on_progress("sweeping", 3, 4, "dust")
    said = capsys.readouterr()
    assert "sweeping" in said.err
    assert "3/4" in said.err
    assert said.out == ""


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("JPY_PARENT_PID", "1")])
def test_where_nothing_can_be_drawn_anew_there_is_no_bar(
    name: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv(name, value)
    with Session() as session:
        session.on_progress("sweeping", 3, 4, "dust")
    assert capsys.readouterr().err == ""


def test_an_unexpected_error_without_a_run_is_written_somewhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module.tempfile, "tempdir", str(tmp_path))
    with Session() as session:
        try:
            raise ZeroDivisionError("nobody thought of it")
        except ZeroDivisionError as error:
            path = session.write_traceback(error)
    assert path is not None
    assert path.parent == tmp_path
    assert "nobody thought of it" in path.read_text()


def test_an_unexpected_error_is_printed_where_no_file_can_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module.tempfile, "tempdir", str(tmp_path / "missing"))
    with Session() as session:
        try:
            raise ZeroDivisionError("nobody thought of it")
        except ZeroDivisionError as error:
            path = session.write_traceback(error)
    assert path is None
    assert "ZeroDivisionError: nobody thought of it" in capsys.readouterr().err
