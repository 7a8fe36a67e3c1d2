"""`explore`: the page is announced, and Ctrl-C ends it and says where the labels are."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from equiclust.app import Explorer
from equiclust.cli import main
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments


@pytest.fixture
def run_folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that a browser would have opened; the server ends as it would begin to wait."""
    addresses: list[str] = []

    def serve(explorer: Explorer, *, port: int = 0, on_start: Any = None) -> None:
        explorer.port = 8888
        on_start(explorer.url)
        raise KeyboardInterrupt

    monkeypatch.setattr(Explorer, "serve", serve)
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--help"]) == 0
    said = capsys.readouterr().out
    for flag in ("--port N", "--browser", "--no-browser", "--labels", "--compare", "--data"):
        assert flag in said
    assert "the same as --browser false" in said


@pytest.mark.parametrize(
    ("words", "browser"),
    [
        ((), True), (("--no-browser",), False), (("--browser", "false"), False),
        (("--browser", "true"), True), (("--no-browser", "--browser", "true"), True),
    ],
)  # fmt: skip
def test_the_browser_is_opened_unless_it_must_not(
    run_folder: Path, opened: list[str], words: tuple[str, ...], browser: bool
) -> None:
    assert main(["explore", str(run_folder), *words]) == 0
    assert bool(opened) == browser
    # What a browser is started with, other users of the machine can see.
    assert all("/open/" in address for address in opened)


def test_flags_that_are_off_have_no_no() -> None:
    """Only what is on by default can be switched off by `--no-NAME`."""
    for command in COMMANDS:
        for name, flag in command.flags.items():
            if not flag.startswith("--"):
                continue
            off = f"--no-{flag.removeprefix('--')}"
            words = {"explore": ["x"], "run": ["x", "--output", "y"]}.get(command.name)
            if words is None:
                continue
            default = parse_arguments(COMMANDS, [command.name, *words]).arguments.get(name)
            if default is True:
                found = parse_arguments(COMMANDS, [command.name, *words, off])
                assert found.arguments[name] is False


def test_a_port_that_is_taken_is_one_sentence(
    run_folder: Path, refused: Callable[..., str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused("explore", str(run_folder), "--no-browser", "--port", port)
    assert f"--port must be free, got {port}: Address already in use" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "-1"), "--port must be 0 to 65535, got -1"),
        (("--port", "x"), "--port must be a whole number"),
        (("--labels", "labels.fits"), "--labels must be a file that ends in .csv"),
        (("--compare", "/no such run"), "--compare must be the folder of a run"),
        (("--browser", "maybe"), "--browser must be true or false"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    run_folder: Path, refused: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused("explore", str(run_folder), "--no-browser", *words)


@pytest.mark.parametrize("name", ["no such", "file.csv", "empty"])
def test_what_is_no_run_is_refused(tmp_path: Path, refused: Callable[..., str], name: str) -> None:
    (tmp_path / "file.csv").write_text("id,kind\n")
    (tmp_path / "empty").mkdir()
    assert name in refused("explore", str(tmp_path / name), "--no-browser")


def test_labels_that_cannot_be_read_are_refused_and_stay(
    run_folder: Path, refused: Callable[..., str]
) -> None:
    labels = run_folder / "labels.csv"
    labels.write_bytes(b"\xff\xfe")
    assert "labels.csv" in refused("explore", str(run_folder), "--no-browser")
    assert labels.read_bytes() == b"\xff\xfe"


@pytest.mark.parametrize("json_wanted", [False, True])
def test_ctrl_c_ends_it_and_says_where_the_labels_are(run_folder: Path, json_wanted: bool) -> None:
    words = [sys.executable, "-m", "equiclust", "explore", str(run_folder), "--no-browser"]
    started = subprocess.Popen(
        [*words, "--json"] if json_wanted else words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"},
    )
    assert started.stderr is not None
    line = started.stderr.readline()
    found = re.fullmatch(r"equiclust explore: (http://127\.0\.0\.1:\d+/\S{32,}/)\n", line)
    assert found, line + started.stderr.read()
    assert started.stderr.readline() == "Ctrl-C ends it.\n"
    url = found[1]
    body = json.dumps({"rows": [0], "kind": "ring", "who": "me"}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{url}api/label", body, headers), timeout=60) as answer:
        assert json.load(answer)["n"] == 1
    # A page is still open.
    with urlopen(f"{url}api/events", timeout=60):
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=60)
    assert started.returncode == 0, err
    assert err == ""
    labels = str(run_folder / "labels.csv")
    if json_wanted:
        assert json.loads(out) == {"run": str(run_folder), "labels": labels}
    else:
        assert out == f"ended; labels are in {labels}\n"
    assert "ring" in Path(labels).read_text()
