"""Where the time of a run goes: parts that add up to the whole, in the log and in the metrics."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import equiclust
from equiclust.cli import main
from equiclust.exceptions import StoppedError
from equiclust.io.atomic import read_json
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.timing import RunClock, describe_timing
from tests.cli.conftest import run_arguments
from tests.pipeline.test_execution import SMALL

pytestmark = pytest.mark.filterwarnings("ignore:the perceptual term is off")


def _clock(*times: float) -> RunClock:
    return RunClock(iter(times).__next__)


def test_a_part_lasts_until_the_next_begins() -> None:
    clock = _clock(0.0, 1.0, 3.0, 10.0, 14.0, 20.0)
    for stage in ("reading", "training", "rotation", "reading"):
        clock.begin(stage)
    record = clock.record(resumed=False)
    assert record["parts"] == {
        "start-up": 1.0,
        "reading": 2.0 + 6.0,
        "training": 7.0,
        "invariance": 4.0,
    }
    assert record["total"] == sum(record["parts"].values()) == 20.0
    assert record["learning"] == 7.0 / 20.0


def test_what_was_measured_can_be_read_again_and_goes_on() -> None:
    clock = _clock(0.0, 1.0, 2.0, 5.0)
    clock.begin("clustering")
    assert clock.record(resumed=False)["total"] == 2.0
    assert clock.record(resumed=False)["parts"] == {"start-up": 1.0, "clustering": 4.0}


def test_the_sentence_names_the_longest_part_first() -> None:
    clock = _clock(0.0, 1.0, 9.0, 9.01, 10.0)
    for stage in ("training", "writing", "report"):
        clock.begin(stage)
    said = describe_timing(clock.record(resumed=False))
    assert said == (
        "Time: 10.0 s, of which network and clusters 80%: training 8.0 s (80%), start-up 1.0 s "
        "(10%), report 1.0 s (10%)"
    )


@pytest.mark.usefixtures("hurried")
def test_the_parts_of_a_run_are_its_whole_time(discs: Path, tmp_path: Path) -> None:
    started = perf_counter()
    run = equiclust.run(discs, tmp_path / "run", **SMALL)
    elapsed = perf_counter() - started
    record = run.metrics["timing"]
    assert record["total"] == pytest.approx(sum(record["parts"].values()), abs=0.02)
    # The clock starts when the arguments are checked, and stops before the record is written.
    assert 0.9 * elapsed - 0.5 <= record["total"] <= elapsed
    parts = ["start-up", "reading", "preprocessing", "training", "confounders", "clustering"]
    assert list(record["parts"])[:6] == parts
    assert {"invariance", "reconstruction", "writing", "report"} <= set(record["parts"])
    learning = record["parts"]["training"] + record["parts"]["clustering"]
    assert record["learning"] == pytest.approx(learning / record["total"], abs=1e-3)
    assert record["resumed"] is False
    assert describe_timing(record) in run.folder.run_log.read_text()
    # The metrics are still the run's own, so that its files may be replaced.
    run.folder.check_free(run.folder.metrics_json)


@pytest.mark.usefixtures("hurried")
def test_a_resumed_run_says_so(discs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def stop(stage: str, done: int, total: int | None, remark: str) -> None:
        if stage == "clustering":
            (folder / "stop").touch()

    with pytest.raises(StoppedError):
        equiclust.run(discs, folder, **SMALL, on_progress=stop)
    record = equiclust.run(discs, folder, **SMALL).metrics["timing"]
    assert record["resumed"] is True
    assert describe_timing(record).startswith("Time since it was resumed: ")


@pytest.mark.usefixtures("hurried")
def test_the_command_shows_it(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert main(run_arguments(discs, folder, "--json")) == 0
    record: dict[str, Any] = read_json(RunFolder(folder).metrics_json)["timing"]
    said = capsys.readouterr()
    assert json.loads(said.out)["timing"] == record
    assert f"equiclust: {describe_timing(record)}" in said.err
