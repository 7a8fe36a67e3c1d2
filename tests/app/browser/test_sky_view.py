"""The view "Sky" in a browser: a label map over its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from equiclust.app.explorer import Explorer
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
    # A cube has its spectrum under the pointer, and channels to go through.
    slider = page.locator(".sky-main input[type=range]").first
    before = slider.input_value()
    canvas.focus()
    page.keyboard.press("]")
    until(page, f"document.querySelector('.sky-main input[type=range]').value !== '{before}'")


def test_a_segment_of_the_table_is_shown_on_the_map(explorer: Explorer, opened: Open) -> None:
    page = opened(explorer.url)
    page.wait_for_selector("table tbody tr", timeout=MILLISECONDS)
    zoom = page.locator(".sky-zoom").inner_text()
    page.locator("table tbody tr button").nth(7).click()
    until(page, "text => document.querySelector('.sky-zoom').textContent !== text", zoom)


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
