"""`run --watch`: the page is there while the run goes on and afterwards, and changes nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pytest

from equiclust.app.explorer import Explorer
from equiclust.cli import main
from equiclust.cli.session import Session
from equiclust.cli.watched_run import WatchedRun
from equiclust.io.catalogue import read_table
from equiclust.io.run_folder import RunFolder
from tests.cli.conftest import run_arguments

ADDRESS = re.compile(r"equiclust explore: (http://127\.0\.0\.1:\d+/\S{32,}/)")


def started(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    """A command whose browser writes down what it is to open."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    return subprocess.Popen(
        [sys.executable, "-m", "equiclust", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": f"{browser} %s", "PYTHONWARNINGS": "error::ResourceWarning"},
    )


def said_until(process: subprocess.Popen[str], last: str) -> list[str]:
    """What is said on standard error up to some line."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line.rstrip("\n"))
        if lines[-1] == last:
            return lines
    raise AssertionError(f"{last!r} was never said, but {lines}")


def state(url: str) -> dict[str, Any]:
    with urlopen(f"{url}api/training", timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def address_in(lines: list[str]) -> str:
    (url,) = [found[1] for found in map(ADDRESS.fullmatch, lines) if found]
    return url


def test_a_run_is_watched_and_its_page_stays(discs: Path, finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = started(tmp_path, *run_arguments(discs, folder, "--watch", "--json"))
    lines = said_until(process, "Ctrl-C ends it.")
    url = address_in(lines)
    assert lines[-2] == f"the page stays at {url}"
    assert state(url)["state"] == "finished"
    (opened,) = (tmp_path / "opened").read_text().splitlines()
    with urlopen(opened, timeout=60) as answer:
        assert answer.url == url
        assert b"static/page.js" in answer.read()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    assert json.loads(out)["run"] == str(folder)
    # The result is that of a run that nobody looks at.
    tables = [read_table(RunFolder.open(path).latents_fits) for path in (folder, finished)]
    np.testing.assert_array_equal(tables[0]["latent"], tables[1]["latent"])


def test_a_run_that_is_interrupted_ends_with_its_page(discs: Path, tmp_path: Path) -> None:
    words = run_arguments(discs, tmp_path / "run", "--watch", "true", "--max-epochs", "2000")
    process = started(tmp_path, *words)
    assert process.stderr is not None
    url = address_in([next(line.rstrip("\n") for line in process.stderr if ADDRESS.match(line))])
    assert state(url)["state"] == "running"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "interrupted; repeat the command to resume" in err
    assert "Traceback" not in err


def test_a_page_that_cannot_be_opened_is_a_note(
    discs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hurried: None,
) -> None:
    def fail(explorer: Explorer, *, port: int = 0) -> None:
        raise OSError("Too many\nopen files")

    monkeypatch.setattr(Explorer, "start", fail)
    assert main(run_arguments(discs, tmp_path / "run", "--watch")) == 0
    said = capsys.readouterr()
    assert "note: the page could not be opened: Too many open files" in said.err
    assert "Ctrl-C" not in said.err
    assert said.out


def test_the_page_of_a_finished_run_is_opened_too(
    discs: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("equiclust.cli.watched_run._wait", interrupt)
    folder = shutil.copytree(finished, tmp_path / "run")
    assert main(run_arguments(discs, folder, "--watch")) == 0
    url = address_in(capsys.readouterr().err.splitlines())
    assert [urlsplit(one).netloc for one in opened] == [urlsplit(url).netloc]


def test_there_is_no_page_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(WatchedRun, "_open", lambda watched: opened.append(watched._folder.path))
    monkeypatch.setattr("equiclust.cli.watched_run._SECONDS_BETWEEN_LOOKS", -1.0)
    watched = WatchedRun(Session(), str(tmp_path / "run"))
    watched.on_progress("reading", 0, None, "")
    (tmp_path / "run").mkdir()
    watched.on_progress("reading", 1, 2, "")
    assert opened == []
    RunFolder.create(tmp_path / "run", {})
    watched.on_progress("training", 0, None, "")
    assert opened == [tmp_path / "run"]
