"""The view "Images" as a user has it: look, choose, label, take back, and find it all again."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import equiclust
from equiclust.app.explorer import Explorer
from equiclust.exceptions import InputError
from tests.app.browser.accessibility import serious_findings
from tests.app.browser.conftest import SECONDS, until

MILLISECONDS = 1000 * SECONDS
Open = Callable[..., Any]
HEADING = "document.querySelector('.gallery h2').textContent"


def labels_in(folder: Path) -> dict[str, str]:
    with open(folder / "labels.csv", encoding="utf-8", newline="") as file:
        return {row["id"]: row["kind"] for row in csv.DictReader(file)}


def add_kinds(page: Any, *names: str) -> None:
    page.keyboard.press("k")
    for name in names:
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    for name in names:
        page.wait_for_selector(f".kinds button:has-text('{name}')", timeout=MILLISECONDS)


def wait_for_labels(page: Any, n: int) -> None:
    until(page, "n => document.querySelector('.summary').textContent.startsWith(`${n} image`)", n)


def lasso(page: Any, share: float) -> None:
    """Drag around the left part of the map."""
    box = page.locator(".overlay").bounding_box()
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    corners = [(0.01, 0.01), (share, 0.01), (share, 0.99), (0.01, 0.99), (0.01, 0.02)]
    page.mouse.move(x + corners[0][0] * width, y + corners[0][1] * height)
    page.mouse.down()
    for across, down in corners[1:]:
        page.mouse.move(x + across * width, y + down * height, steps=4)
    page.mouse.up()


def shown(page: Any) -> str:
    return str(page.locator(".gallery h2").inner_text())


def test_a_lasso_shows_the_images_within(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    assert shown(page) == "60 images"
    lasso(page, 0.5)
    until(page, f"{HEADING}.includes('selection')")
    n = int(shown(page).split()[0])
    assert 0 < n < 60
    tiles = page.locator(".tile").count()
    assert tiles == min(n, tiles)
    page.keyboard.press("c")
    until(page, f"{HEADING} === '60 images'")
    # A legend entry is a selection too, and needs no pointer.
    first = page.locator(".legend button").first
    count = int(first.locator(".count").inner_text())
    first.focus()
    page.keyboard.press("Enter")
    until(page, f"n => {HEADING}.startsWith(`${{n}} image`)", count)


def test_labels_by_keys_are_in_the_file_and_teach(
    explorer: Explorer, opened: Open, run_folder: Path
) -> None:
    page = opened(explorer.url)
    add_kinds(page, "ring", "spiral")
    page.keyboard.press("g")
    ids = [page.locator(".tile").nth(k).get_attribute("title") for k in range(3)]
    for key in "121":
        page.keyboard.press(key)
    wait_for_labels(page, 3)
    assert labels_in(run_folder) == dict(zip(ids, ["ring", "spiral", "ring"], strict=True))
    assert "without a label have the right kind" in page.locator(".summary").inner_text()
    # Undo takes back the last one alone.
    page.keyboard.press("u")
    wait_for_labels(page, 2)
    assert labels_in(run_folder) == dict(zip(ids[:2], ["ring", "spiral"], strict=True))
    page.keyboard.press("s")
    until(page, f"{HEADING}.includes('worth a label')")
    captions = page.locator(".tile .caption").all_inner_texts()
    assert captions
    assert all(re.search("between|typical|unlike", text) for text in captions)
    suggested = {tile.get_attribute("title") for tile in page.locator(".tile").all()}
    assert not suggested.intersection(ids[:2])


def test_fast_keys_label_one_image_each(explorer: Explorer, opened: Open, run_folder: Path) -> None:
    """Also where the page of the gallery turns on the way."""
    page = opened(explorer.url)
    add_kinds(page, "ring", "spiral", "smooth")
    page.keyboard.press("g")
    n = page.locator(".tile").count() + 5
    for k in range(n):
        page.keyboard.press(str(1 + k % 3))
    wait_for_labels(page, n)
    ids = [str(name) for name in equiclust.open_run(run_folder).catalogue["id"]]
    wanted = {ids[k]: ("ring", "spiral", "smooth")[k % 3] for k in range(n)}
    assert labels_in(run_folder) == wanted


def test_ticked_images_are_labelled_together(
    explorer: Explorer, opened: Open, run_folder: Path
) -> None:
    page = opened(explorer.url)
    add_kinds(page, "ring")
    page.locator(".legend button").first.click()
    until(page, f"!/^60/.test({HEADING})")
    n = int(shown(page).split()[0])
    page.keyboard.press("a")
    page.keyboard.press("1")
    wait_for_labels(page, n)
    assert list(labels_in(run_folder).values()) == ["ring"] * n


def test_two_pages_see_each_others_labels(
    explorer: Explorer, opened: Open, run_folder: Path
) -> None:
    first, second = opened(explorer.url), opened(explorer.url)
    for page, name in ((first, "Ada"), (second, "Bo")):
        page.get_by_label("Your name").fill(name)
        page.keyboard.press("Escape")
    add_kinds(first, "ring")
    second.wait_for_selector(".kinds button:has-text('ring')", timeout=MILLISECONDS)
    first.keyboard.press("g")
    first.keyboard.press("1")
    wait_for_labels(second, 1)
    # Undo is one's own.
    second.keyboard.press("u")
    second.wait_for_selector("text=nothing of yours to undo", timeout=MILLISECONDS)
    assert len(labels_in(run_folder)) == 1
    add_kinds(second, "spiral")
    second.keyboard.press("g")
    second.keyboard.press("2")
    first.wait_for_selector(".badge:has-text('? ring / spiral')", timeout=MILLISECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_labels_outlive_a_server_that_is_killed(opened: Open, run_folder: Path) -> None:
    server, url = _served(run_folder)
    try:
        page = opened(url)
        add_kinds(page, "ring", "spiral")
        page.keyboard.press("g")
        for key in "12":
            page.keyboard.press(key)
        wait_for_labels(page, 2)
        server.send_signal(signal.SIGKILL)
        server.wait()
        page.wait_for_selector("body.offline", timeout=MILLISECONDS)
        page.goto("about:blank")
    finally:
        server.kill()
        server.communicate()
    server, url = _served(run_folder)
    try:
        page = opened(url)
        wait_for_labels(page, 2)
        assert page.locator(".badge").all_inner_texts() == ["ring", "spiral"]
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(SECONDS) == 0
        server.communicate()


def _served(folder: Path) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "equiclust", "explore", str(folder), "--no-browser"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"http://\S+", line)
        if found:
            return server, found[0]
    raise AssertionError("the server did not start")


def test_hostile_names_are_text(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    bad = "<script>document.title='run'</script><img src=x onerror=alert(1)>"
    page.keyboard.press("k")
    page.keyboard.type(bad)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    until(page, "text => document.querySelector('.kinds').textContent.includes(text)", bad)
    page.keyboard.press("g")
    page.keyboard.press("1")
    wait_for_labels(page, 1)
    assert bad in page.locator(".badge").inner_text()
    assert page.locator(".kinds img, .kinds script, .tile script").count() == 0


def test_one_image_in_full(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    page.keyboard.press("g")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.viewer .neighbours .tile", timeout=MILLISECONDS)
    assert page.locator("dialog.viewer canvas:visible").count() == 4
    page.locator("dialog.viewer figure canvas").first.hover()
    until(page, "/^column \\d+, row \\d+: /.test(document.querySelector('.under').textContent)")
    assert serious_findings(page) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.viewer", state="detached")


def test_an_image_whose_file_is_damaged_says_so(
    explorer: Explorer, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(row: int) -> None:
        raise InputError("cannot read 'a.fits': it is not a FITS file")

    monkeypatch.setattr(explorer.run.pictures, "original", damaged)
    page = opened(explorer.url, "#images/3")
    said = page.locator("dialog.viewer figure p").first
    until(page, "/not a FITS file/.test(document.querySelector('.viewer figure p').textContent)")
    assert said.inner_text().endswith("the picture that the run kept, as the networks see it.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_serious_is_inaccessible(
    explorer: Explorer, opened: Open, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page = opened(explorer.url, viewport=size, color_scheme=scheme)
    add_kinds(page, "ring", "spiral")
    page.keyboard.press("g")
    page.keyboard.press("1")
    page.keyboard.press("2")
    wait_for_labels(page, 2)
    page.keyboard.press("a")
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_sliders_move_the_image_and_not_the_label(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url, "#bench")
    page.wait_for_selector(".said:has-text('The latent moves by')", timeout=MILLISECONDS)
    page.keyboard.press("q")
    until(page, "document.querySelector('.slider output').textContent === '90 °'")
    until(
        page, "/by [1-9].*e-.*less than 0.001 %/.test(document.querySelector('.said').textContent)"
    )
    assert "still" in page.locator(".said").inner_text()
    assert serious_findings(page) == []
