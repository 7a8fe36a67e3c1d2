"""The view "Sky" in a browser: a label map over its data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from equiclust.app.explorer import Explorer
from equiclust.segmentation.label_maps import read_segment_map
from tests.app.browser.accessibility import serious_findings
from tests.app.browser.conftest import SECONDS, until
from tests.app.label_map_files import cube_map

Open = Callable[..., Any]
MILLISECONDS = 1000 * SECONDS


@pytest.fixture
def explorer(tmp_path: Path) -> Iterator[Explorer]:
    """A server on the label map of a small cube."""
    pytest.importorskip("radio_beam", reason="the extra maps is not installed")
    path, _, _ = cube_map(tmp_path)
    started = Explorer(path).start()
    yield started
    started.stop()


def test_a_pixel_tells_value_label_and_place(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    canvas = page.locator(".sky-main canvas").first
    canvas.hover()
    page.wait_for_selector(".sky-readout:has-text('cluster 1')", timeout=MILLISECONDS)
    until(page, "/\\d+:\\d+:\\d+|\\d+h/.test(document.querySelector('.sky-readout').textContent)")
    said = page.locator(".sky-readout").inner_text()
    x, y = map(int, re.search(r"(\d+), (\d+)", said).groups())
    # The channel in the middle, the fourth of seven, is of the second plane of labels.
    assert f"cluster {read_segment_map(explorer.path).labels[1, y, x]}\n" in said
    # A cube has its spectrum under the pointer, and channels to go through.
    slider = page.locator(".sky-main input[type=range]").first
    before = slider.input_value()
    canvas.focus()
    page.keyboard.press("]")
    until(page, f"document.querySelector('.sky-main input[type=range]').value !== '{before}'")
    assert int(slider.input_value()) == int(before) + 1


def test_a_segment_of_the_table_is_shown_on_the_map(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    page.wait_for_selector("table tbody tr", timeout=MILLISECONDS)
    shown = page.locator(".sky-zoom")
    before = pixel_size(shown.inner_text())
    page.locator("table tbody tr button").nth(7).click()
    size = "parseFloat(/is ([0-9.]+)/.exec(document.querySelector('.sky-zoom').textContent)[1])"
    until(page, f"before => {size} > before", before)
    # The segment of five pixels fills more of the map than the map itself did.
    assert pixel_size(shown.inner_text()) > before


def pixel_size(text: str) -> float:
    """Of one pixel of the map, in pixels of the screen."""
    return float(re.search(r"is ([0-9.]+)", text)[1])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_serious_is_inaccessible(
    explorer: Explorer, opened: Open, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page = opened(explorer.url, viewport=size, color_scheme=scheme)
    page.wait_for_selector("table tbody tr", timeout=MILLISECONDS)
    assert serious_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
