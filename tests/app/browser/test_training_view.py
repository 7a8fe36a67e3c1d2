"""The view "Training" as a user has it: watch a run, stop it, go on with it, and see its images."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from data_adapters import write_fits
from ensembles.recipes import read_recipe, write_recipe
from equiclust.app.explorer import Explorer
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.run_folder import RunFolder
from equiclust.simulation import simulate_discs
from tests.app.browser.accessibility import serious_findings
from tests.app.browser.conftest import SECONDS, until

N_DISCS, N_EPOCHS = 24, 30
SMALL = ["--size", "32", "--n-folds", "2", "--encoder", "own", "--max-epochs", str(N_EPOCHS)]
SMALL += ["--n-jobs", "1", "--n-clusters", "2", "--method", "kmeans", "--latent-dim", "8"]
SMALL += ["--reliability", "0", "--pretrained", "false"]
# Of the run that goes on, on a machine with more to do.
SECONDS_TO_FINISH = 150
LINE = "document.querySelector('.status .state').textContent"
CELLS = "document.querySelectorAll('.networks tbody td:nth-child(4)')"
EPOCHS = f"[...{CELLS}].map(one => parseInt(one.innerText))"
LINES = "document.querySelectorAll('.losses figure:not([hidden]) path[opacity=\"1\"]').length"
VIEWPORTS = tuple((width, scheme) for width in (1400, 420) for scheme in ("light", "dark"))
FEW = (VIEWPORTS[0], VIEWPORTS[-1])
Open = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the run will be."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Empty: the perceptual term is off, and nothing is downloaded.
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    images, _ = simulate_discs(N_DISCS, size=40, random_state=0)
    write_fits(images, tmp_path / "discs")
    return tmp_path / "run"


@pytest.fixture
def process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has just begun to be trained."""
    words = [sys.executable, "-m", "equiclust", "run", str(folder.parent / "discs")]
    words += ["--output", str(folder), *SMALL]
    errors = folder.parent / "errors"
    with errors.open("wb") as file:
        started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=file)
    deadline = time.monotonic() + SECONDS
    while not RunFolder(folder).is_run:
        assert started.poll() is None, errors.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield started
    started.kill()
    started.wait()


@pytest.fixture
def watching(process: subprocess.Popen[bytes], folder: Path) -> Iterator[Explorer]:
    started = Explorer(folder).start()
    yield started
    started.stop()
    assert started.training is not None
    resumed = started.training.process._process
    if resumed is not None:
        resumed.kill()
        resumed.wait()


def assert_accessible(page: Any, viewports: tuple[tuple[int, str], ...] = VIEWPORTS) -> None:
    for width, scheme in viewports:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert serious_findings(page) == [], (width, scheme)
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(beyond) <= 0, width
    page.set_viewport_size({"width": 1400, "height": 900})


def go_on(page: Any) -> None:
    page.get_by_role("button", name="Go on").click()


def test_a_run_is_watched_stopped_and_taken_up_again(
    watching: Explorer, process: subprocess.Popen[bytes], folder: Path, opened: Open
) -> None:
    page = opened(watching.url)
    until(page, f"{LINES} > 0 && {CELLS}.length > 0")
    seen = page.evaluate(EPOCHS)[0]
    until(page, f"seen => {EPOCHS}[0] > seen", seen)
    assert page.evaluate(LINE).startswith("The run is in progress: training")
    page.get_by_text("Log of the run").click()
    until(page, "document.querySelector('details pre').textContent.includes('training')")
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    assert process.wait(SECONDS) == 130
    until(page, f"{LINE}.startsWith('The run is stopped')")
    # What could be done with the keyboard still can.
    until(page, "document.activeElement.textContent === 'Go on'")
    stopped_at = page.evaluate(EPOCHS)
    assert sum(stopped_at) < 2 * N_EPOCHS
    assert_accessible(page)

    go_on(page)
    command = page.locator("dialog pre").inner_text()
    assert command.startswith(f"equiclust run {folder.parent / 'discs'} --output {folder} ")
    assert "--encoder own" in command
    assert_accessible(page, FEW)
    page.get_by_role("button", name="Cancel").click()
    assert watching.training is not None
    assert not watching.training.process.is_running
    go_on(page)
    page.get_by_role("button", name="Start it").click()
    until(page, f"{LINE}.startsWith('The run is in progress')")
    deadline = time.monotonic() + SECONDS_TO_FINISH
    while not page.evaluate(f"{LINE}.startsWith('The run is finished')"):
        assert time.monotonic() < deadline, page.evaluate(LINE)
        page.wait_for_timeout(100)
    assert page.evaluate(EPOCHS) == [N_EPOCHS, N_EPOCHS]
    assert "opens its images" in page.locator("#announcement").inner_text()
    assert_accessible(page, FEW)
    page.get_by_role("button", name="Show the results").click()
    shown = "document.querySelector('.gallery h2')?.textContent"
    until(page, f"location.hash === '#images' && {shown} === '{N_DISCS} images'")
    page.locator("nav a", has_text="Training").click()
    until(page, f"{LINES} > 0")
    assert not page.get_by_role("button", name="Show the results").is_visible()


@pytest.fixture
def other_run(finished_run: Path, tmp_path: Path) -> Path:
    """The finished run with another seed, clusters the other way round, and one image moved."""
    other = RunFolder(shutil.copytree(finished_run, tmp_path / "other"))
    table = read_table(other.catalogue_ecsv)
    given = table["label"] >= 0
    table["label"][given] = 5 - table["label"][given]
    table["label"][0] = -1 if given[0] else 0
    other.catalogue_ecsv.unlink()
    write_table(table, other.catalogue_ecsv)
    recipe = read_recipe(other.recipe_toml).with_(seed=3)
    other.recipe_toml.unlink()
    write_recipe(recipe, other.recipe_toml)
    return other.path


def test_two_runs_are_compared(run_folder: Path, other_run: Path, opened: Open) -> None:
    started = Explorer(run_folder, compare=other_run).start()
    try:
        page = opened(started.url, "#training")
        until(page, "Boolean(document.querySelector('.comparison h3'))")
        said = page.locator(".comparison").inner_text()
        assert "Compared with other" in said
        assert "1 of 60 images has another cluster" in said
        assert re.search(r"seed\s+0\s+3", said)
        assert page.locator(".comparison .charts figure:not([hidden]) path").count() > 1
        page.get_by_text("1 image with another cluster").click()
        assert page.locator(".comparison details tbody tr").count() == 1
        assert_accessible(page)
        page.locator(".comparison details button").click()
        until(page, "location.hash === '#images/0'")
    finally:
        started.stop()


def test_a_run_without_a_record_of_epochs_shows_those_of_its_metrics(
    run_folder: Path, opened: Open
) -> None:
    for member in (run_folder / "checkpoints").glob("member_*"):
        (member / "epochs.jsonl").unlink()
        (member / "plan.json").unlink()
        shutil.rmtree(member / "snapshots")
    (run_folder / "progress.json").unlink()
    started = Explorer(run_folder).start()
    try:
        page = opened(started.url, "#training")
        until(page, f"{LINES} > 0 && {CELLS}.length > 0")
        assert page.evaluate(EPOCHS) == [2, 2]
        assert not page.locator(".through").is_visible()
        assert_accessible(page)
    finally:
        started.stop()


def test_nothing_hostile_in_the_folder_can_be_started(run_folder: Path, opened: Open) -> None:
    for name in ("catalogue.ecsv", "metrics.json", "run.log"):
        (run_folder / name).unlink()
    shutil.rmtree(run_folder / "checkpoints")
    told = json.loads((run_folder / "progress.json").read_text())
    told["command"] = ["run", "/data", "--sched", "tcp://evil", "<img src=x onerror=alert(1)>"]
    (run_folder / "progress.json").write_text(json.dumps(told | {"finished": None, "pid": 2**22}))
    started = Explorer(run_folder).start()
    try:
        page = opened(started.url)
        said = page.locator(".view.training").inner_text()
        assert "'--sched', which is not started from here" in said
        assert "The folder of this run holds no record of its epochs." in said
        assert "2 networks have not begun." in said
        for hidden in ("Go on", "Stop", "Show the results", "Logarithmic axis"):
            assert not page.get_by_role("button", name=hidden).is_visible()
        assert not page.get_by_text("Log of the run").is_visible()
        assert page.locator("img").count() == 0
        assert_accessible(page)
    finally:
        started.stop()
