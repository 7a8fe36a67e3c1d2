"""Closed streams, signals and full disks: a sentence or silence, and nothing half."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from equiclust.cli import main
from equiclust.cli.session import Outcome, Session
from equiclust.cli.streams import Terminated, open_standard_streams, terminable
from equiclust.exceptions import OutputError
from equiclust.io.atomic import atomic_path


def simulation(folder: Path) -> list[str]:
    """A command that takes a moment."""
    return ["simulate", "discs", "-n", "1", "--size", "32", "--output", str(folder)]


MAIN = "import sys; from equiclust.cli import main; sys.exit(main(sys.argv[1:]))"


def test_a_result_that_nobody_reads_is_no_error_and_quiet(tmp_path: Path) -> None:
    """The files are written, and the exit status is that of a closed pipe."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", MAIN, *simulation(tmp_path / "made")]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
    assert (tmp_path / "made" / "truth.ecsv").is_file()


def test_a_closed_standard_error_stops_nothing(tmp_path: Path) -> None:
    words = " ".join(simulation(tmp_path / "made"))
    command = f"exec {sys.executable} -c '{MAIN}' {words} 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("1 discs in ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_standard_output_on_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OutputError, match="standard output: No space left"):
            Session().conclude(Outcome({}, "done"))
        monkeypatch.undo()
        # What is left in its buffer goes nowhere.
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        Session().fail("nobody hears it")
        monkeypatch.undo()


def test_streams_that_are_open_stay_as_they_are() -> None:
    before = [os.fstat(number) for number in range(3)]
    open_standard_streams()
    assert [os.fstat(number) for number in range(3)] == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_what_is_unfinished(tmp_path: Path, number: signal.Signals) -> None:
    # Under nohup it is ignored.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        stopped = pytest.raises(Terminated)
        with stopped as stop, terminable(), atomic_path(tmp_path / "file") as draft:
            draft.write_text("half")
            os.kill(os.getpid(), number)
            time.sleep(5)
        assert stop.value.signal_number == number
        assert list(tmp_path.iterdir()) == []
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("command", "resumes"),
    [
        (["report"], False),
        (["check"], False),
        (["predict", "x", "--output", "k.ecsv"], True),
        (["run", "x", "--output", "sorted"], True),
    ],
)
@pytest.mark.parametrize("how", ["interrupted", "terminated"])
def test_only_commands_that_resume_say_so(
    finished: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    resumes: bool,
    how: str,
) -> None:
    error = KeyboardInterrupt() if how == "interrupted" else Terminated(signal.SIGTERM)

    def stop(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("equiclust.pipeline.results.open_run", stop)
    monkeypatch.setattr("equiclust.pipeline.execution.run", stop)
    name, *rest = command
    words = [name, *rest] if name == "run" else [name, str(finished), *rest]
    assert main(words) == (130 if how == "interrupted" else 143)
    said = capsys.readouterr().err
    assert how in said
    assert ("repeat the command to resume" in said) is resumes


def test_a_damaged_certificate_is_named_by_the_report(
    finished: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:

    shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoints"))
    for content in ("{}", '{"shape": 3}', "[" * 10**5, '{"ours": NaN}'):
        (tmp_path / "copy" / "invariance.json").write_text(content)
        assert "invariance.json" in refused("report", str(tmp_path / "copy"))


def test_what_the_user_changed_in_a_run_is_not_replaced(
    finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy, ignore=shutil.ignore_patterns("checkpoints"))
    for name, command in {"report.html": "report", "metrics.json": "check"}.items():
        text = (copy / name).read_text()
        (copy / name).write_text(text + " ")
        assert name in refused(command, str(copy))
        assert (copy / name).read_text() == text + " "


def test_a_run_of_version_0_1_gets_a_new_report(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no manifest; what looks like its report is taken for it, and nothing else is."""

    copy = tmp_path / "copy"
    shutil.copytree(finished, copy, ignore=shutil.ignore_patterns("checkpoints", "manifest.json"))
    config = json.loads((copy / "config.json").read_text())
    del config["manifest"]
    (copy / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("equiclust.report.page._render", lambda contents: "new")
    assert main(["report", str(copy)]) == 0
    (copy / "manifest.json").unlink()
    (copy / "report.html").write_text("my notes")
    assert main(["report", str(copy)]) == 2
    assert (copy / "report.html").read_text() == "my notes"


def test_a_network_of_any_size_is_refused_in_a_sentence(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", str(discs), "--output", str(tmp_path / "run"), "--n-folds", "1"]
    small = ["--size", "32", "--latent-dim", "1000000000", "--max-epochs", "1"]
    assert main([*words, *small]) == 2
    assert "--latent-dim must be at most" in capsys.readouterr().err
