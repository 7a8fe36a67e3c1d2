"""A trial is the run that was asked for, and file names are never anything else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from data_adapters import write_fits
from equiclust.app import trials as tested
from equiclust.app.trials import SETTINGS, Trials
from equiclust.cli.commands import COMMANDS
from equiclust.cli.parser import parse_arguments
from equiclust.exceptions import InputError
from equiclust.io.atomic import write_json
from equiclust.io.catalogue import write_table
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.results import Run
from equiclust.simulation import simulate_discs
from tests.report.folders import make_run

HOSTILE = ("--scheduler=tcp://x", "-n", "--", "; rm -rf ~", "$(id).fits", "a\nb.fits", "--json")
DEFAULTS = {one.name: one.default for one in SETTINGS}


class Started:
    """Stands for a process, whose words it keeps."""

    words: Sequence[str] = ()
    options: dict[str, Any]

    def __init__(self, words: Sequence[str], **options: Any) -> None:
        Started.words, Started.options = words, options

    def poll(self) -> int | None:
        return None


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run on files with hostile names."""
    folder = make_run(tmp_path / "a <b> run", labels=[0, 1, 2] * 10)
    table = Table(Run(folder).catalogue)
    table["path"] = [*HOSTILE, *(f"/data/{k}.fits" for k in range(30 - len(HOSTILE)))]
    write_table(table, folder.catalogue_ecsv)
    return equiclust.open_run(folder.path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> type[Started]:
    stand_in = SimpleNamespace(Popen=Started, DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(tested, "subprocess", stand_in)
    return Started


def test_file_names_are_files_whatever_they_look_like(run: Run, started: type[Started]) -> None:
    folder = Trials(run).start({}, 30)
    assert folder == run.path.resolve().with_name("a <b> run_trials") / "trial_001"
    assert not started.options.get("shell")
    program, flag, module, *words = started.words
    assert (program, flag, module) == (sys.executable, "-m", "equiclust")
    parsed = parse_arguments(COMMANDS, words)
    assert parsed.command.name == "run"
    # ECSV keeps no line breaks.
    assert sorted(parsed.arguments["inputs"]) == sorted(str(p) for p in run.catalogue["path"])
    assert parsed.arguments["output"] == str(folder)
    assert parsed.arguments["scheduler"] is None
    assert not parsed.json


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
def test_every_setting_that_is_offered_is_taken(
    run: Run, started: type[Started], setting: tested.Setting
) -> None:
    assert setting.default in setting.values
    assert setting.meaning
    for value in setting.values:
        Trials(run).start({setting.name: value}, 20)
        found = parse_arguments(COMMANDS, started.words[3:]).arguments
        assert {k: str(found[k]) for k in DEFAULTS} == DEFAULTS | {setting.name: value}


@pytest.mark.parametrize(
    "settings",
    [
        {"scheduler": "tcp://x"}, {"output": "/"}, {"n_folds": "3"}, {"size": 64}, {"size": ["64"]},
        {"size": "64 --scheduler tcp://x"}, {"encoder": "../x.onnx"}, {"": ""}, {"method": None},
    ],
)  # fmt: skip
def test_settings_that_are_not_offered_are_refused(
    run: Run, started: type[Started], settings: dict[str, Any]
) -> None:
    started.words = ()
    with pytest.raises(InputError, match="must be o"):
        Trials(run).start(settings, 20)
    assert started.words == ()


@pytest.mark.parametrize("n_images", [-1, 0, 19, 2001, 10**30])
def test_too_few_and_too_many_images_are_refused(
    run: Run, started: type[Started], n_images: int
) -> None:
    with pytest.raises(InputError, match="n_images must be 20 to 2000"):
        Trials(run).start({}, n_images)


def test_the_same_images_every_time_and_one_trial_at_once(run: Run, started: type[Started]) -> None:
    trials = Trials(run)
    trials.start({}, 20)
    first = list(started.words)
    with pytest.raises(InputError, match="a trial is in progress"):
        trials.start({}, 20)
    Trials(run).start({"size": "32"}, 20)
    assert started.words[started.words.index("--") :] == first[first.index("--") :]
    assert len(first[first.index("--") + 1 :]) == 20


def test_an_older_trial_is_never_written_over(run: Run, started: type[Started]) -> None:
    trials = Trials(run)
    (trials.folder / "trial_001").mkdir(parents=True)
    assert trials.start({}, 20).name == "trial_002"


def test_arrays_are_read_as_the_run_read_them(run: Run, started: type[Started]) -> None:
    write_json(
        run.folder.config_json, {"equiclust": "0", "config": {"axes": "nhw"}, "manifest": "m"}
    )
    Trials(run).start({}, 20)
    assert parse_arguments(COMMANDS, started.words[3:]).arguments["axes"] == "nhw"


def test_what_is_not_offered_is_as_in_the_run(run: Run, started: type[Started]) -> None:
    run.folder.recipe_toml.write_text("[images]\npercentiles = [5.0, 95.0]\nsize = 128\n")
    Trials(run).start({"size": "32"}, 20)
    found = parse_arguments(COMMANDS, started.words[3:]).arguments
    assert (found["percentiles"], found["size"]) == ([5.0, 95.0], 32)


def test_a_run_without_files_is_refused(tmp_path: Path) -> None:
    run = equiclust.open_run(make_run(tmp_path / "run").path)
    with pytest.raises(InputError, match="a trial needs 20 files"):
        Trials(run).start({}, 20)
    assert Trials(run).records() == []


def test_trials_are_compared_with_the_run(run: Run) -> None:
    trials = Trials(run)
    ids = run.catalogue["id"].tolist()
    make_run(trials.folder / "trial_001", labels=[1, 2, 0] * 8, ids=ids[:24])
    make_run(trials.folder / "trial_002", labels=[0] * 12 + [1] * 12, ids=ids[:24])
    make_run(trials.folder / "trial_003", labels=[0, 1], ids=["other", "another"])
    (trials.folder / "something else").mkdir()
    RunFolder.create(trials.folder / "trial_004", {})
    make_run(trials.folder / "trial_005").metrics_json.write_text("{")
    damaged, begun, other, bad, same = trials.records()
    assert [one["name"] for one in (same, bad, other, begun, damaged)] == [
        f"trial_{k:03d}" for k in range(1, 6)
    ]
    assert (same["agreement"], same["n_images"]) == (1.0, 24)
    assert bad["agreement"] < 0.2
    assert other["agreement"] is None
    assert begun["state"] == "stopped"
    assert damaged["state"].startswith("damaged: ")
    assert "agreement" not in begun


@pytest.mark.filterwarnings("ignore::equiclust.exceptions.EquiclustWarning")
def test_a_trial_runs_and_is_stopped(tmp_path: Path) -> None:
    images, _ = simulate_discs(20, size=32, random_state=0)
    write_fits(images, tmp_path / "discs")
    folder = make_run(tmp_path / "run", labels=[k % 3 for k in range(20)], ids=images.ids)
    table = Table(Run(folder).catalogue)
    table["path"] = [str(tmp_path / "discs" / f"{name}.fits") for name in images.ids]
    write_table(table, folder.catalogue_ecsv)
    trials = Trials(equiclust.open_run(folder.path))
    target = trials.start({"max_epochs": "2", "size": "32", "encoder": "own"}, 20)
    deadline = time.monotonic() + 60
    while not RunFolder(target).is_run and time.monotonic() < deadline:
        time.sleep(0.1)
    assert trials._process is not None
    assert trials._process.poll() is None
    (record,) = trials.records()
    assert record["settings"]["size"] == "32"
    trials.stop()
    assert trials._process.poll() is not None
    trials.stop()
    (record,) = trials.records()
    assert record["state"] not in ("finished", "damaged")
    assert isinstance(trials._process, subprocess.Popen)
    assert np.array_equal(table["label"], Run(folder).labels)
