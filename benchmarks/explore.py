"""The web application with many images: first view, lasso, labels, memory; and Bokeh's server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from astropy.table import Table as AstropyTable

import equiclust
from benchmarks.tables import Table
from data_adapters import write_fits
from equiclust.io.catalogue import make_latents, write_table
from equiclust.simulation import simulate_discs

__all__ = ["explore_table"]

_SIDE = 32
_N_KINDS = 8
_LABELS = 30
_REPEATS = 3
_PATIENCE = 60.0
_BROWSER_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_HEADING = "document.querySelector('.gallery h2').textContent"
_SUMMARY = "document.querySelector('.summary').textContent"


def explore_table(sizes: tuple[int, ...] = (10_000, 100_000)) -> Table:
    """Seconds and memory of the application, beside a scatter of Bokeh's server.

    Parameters
    ----------
    sizes : tuple of int
        Numbers of images.

    Returns
    -------
    Table
    """
    rows = []
    with tempfile.TemporaryDirectory() as scratch, _browser() as browser:
        small = _small_run(Path(scratch))
        for n in sizes:
            folder = _many_images(small, Path(scratch, f"run_{n}"), n)
            rows.append(_measured(browser, folder, n))
            rows.append(_bokeh(browser, Path(scratch), folder, n))
    return Table("explore", "The web application with many images", rows)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=_BROWSER_FLAGS)
        yield started
        started.close()


def _small_run(scratch: Path) -> Path:
    images, _ = simulate_discs(60, size=48, random_state=0)
    write_fits(images, scratch / "discs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = equiclust.run(
            scratch / "discs", scratch / "small", size=_SIDE, n_folds=2, max_epochs=1, encoder="own"
        )
    return run.path


def _many_images(small: Path, folder: Path, n: int) -> Path:
    """A run of `n` simulated thumbnails, with latents in kinds; the model is another's."""
    shutil.copytree(small, folder)
    (folder / "previews.npz").unlink()
    (folder / "confounders.ecsv").unlink()
    random = np.random.default_rng(0)
    kinds = random.integers(0, _N_KINDS, n)
    n_features = equiclust.open_run(small).latents.shape[1]
    centres = random.normal(0.0, 1.0, (_N_KINDS, n_features))
    latents = (centres[kinds] + random.normal(0.0, 0.6, (n, n_features))).astype(np.float32)
    stack = np.lib.format.open_memmap(folder / "stack.npy", "w+", np.uint8, (n, _SIDE, _SIDE))
    rows, columns = np.mgrid[:_SIDE, :_SIDE] / _SIDE - 0.5
    for k in range(_N_KINDS):
        shape = np.exp(-((np.hypot(rows, columns * (1 + k / 4)) - 0.05 * k) ** 2) / 0.01)
        stack[kinds == k] = (200 * shape).astype(np.uint8)
    stack.flush()
    width = len(str(n - 1))
    ids = [f"stack_{k:0{width}d}" for k in range(n)]
    table = AstropyTable(
        {
            "id": ids,
            "path": np.full(n, str(folder / "stack.npy")),
            "label": kinds,
            "stability": random.uniform(0.5, 1.0, n),
            "outlier_score": random.uniform(0.0, 3.0, n),
            "ra": random.uniform(0.0, 360.0, n),
            "dec": np.degrees(np.arcsin(random.uniform(-1.0, 1.0, n))),
        }
    )
    write_table(make_latents(ids, latents), folder / "latents.fits")
    write_table(table, folder / "catalogue.ecsv")
    return folder


@contextmanager
def _served(command: list[str], pattern: str) -> Iterator[tuple[str, float, psutil.Process]]:
    started = time.perf_counter()
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(pattern, line):
            break
    else:
        raise RuntimeError(f"{command} did not start")
    try:
        yield found[0], time.perf_counter() - started, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.communicate()


def _measured(browser: Any, folder: Path, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "equiclust", "explore", str(folder), "--no-browser"]
    with _served(command, r"http://\S+") as (url, to_start, process):
        views = [_first_view(browser, url) for _ in range(_REPEATS)]
        page, _ = _page(browser, url)
        lassos = [_lasso(page, share) for share in (0.3, 0.32, 0.34)]
        labels = _label(page)
        heap = _tab_memory()
        page.close()
        return {
            "images": n,
            "by": "equiclust explore",
            "start, s": to_start,
            "first view, s": median(views),
            "lasso, s": median(seconds for seconds, _ in lassos),
            "images in the lasso": int(median(count for _, count in lassos)),
            "label to new kinds, s": labels,
            "server, MiB": process.memory_info().rss / 2**20,
            "tab, MiB": heap,
        }


def _page(browser: Any, url: str) -> tuple[Any, float]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    started = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("html[data-ready=yes]", timeout=120_000)
    # The first pictures are part of the first view.
    _until(page, "[...document.querySelectorAll('.tile img')].slice(0, 10).every(i => i.complete)")
    return page, time.perf_counter() - started


def _first_view(browser: Any, url: str) -> float:
    page, seconds = _page(browser, url)
    page.close()
    return seconds


def _until(page: Any, expression: str) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not page.evaluate(expression):
        if time.perf_counter() > deadline:
            raise RuntimeError(f"never true: {expression}")
        page.wait_for_timeout(5)


def _drag(page: Any, box: dict[str, float], share: float) -> None:
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    # Within the axes of Bokeh's figure.
    corners = [(0.12, 0.12), (share, 0.12), (share, 0.85), (0.12, 0.85), (0.12, 0.13)]
    page.mouse.move(x + corners[0][0] * width, y + corners[0][1] * height)
    page.mouse.down()
    for across, down in corners[1:]:
        page.mouse.move(x + across * width, y + down * height, steps=10)


def _lasso(page: Any, share: float) -> tuple[float, int]:
    """Seconds from letting go to the pictures of the selection, and their number."""
    page.keyboard.press("c")
    _until(page, f"!{_HEADING}.includes('selection')")
    _drag(page, page.locator(".overlay").bounding_box(), share)
    started = time.perf_counter()
    page.mouse.up()
    _until(page, f"{_HEADING}.includes('selection')")
    seconds = time.perf_counter() - started
    count = page.locator(".gallery h2").inner_text().split()[0]
    return seconds, int(count.replace(",", ""))


def _label(page: Any) -> float:
    """Median seconds from a key to new kinds and accuracy, once thirty images are labelled."""
    page.keyboard.press("c")
    page.keyboard.press("k")
    for name in ("one", "two", "three"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    _until(page, "document.querySelectorAll('.kinds li').length === 3")
    page.keyboard.press("g")
    for k in range(_LABELS - _REPEATS):
        page.keyboard.press(str(1 + k % 3))
    _until(page, f"{_SUMMARY}.startsWith('{_LABELS - _REPEATS} ')")
    seconds = []
    for k in range(_LABELS - _REPEATS, _LABELS):
        started = time.perf_counter()
        page.keyboard.press("1")
        _until(page, f"{_SUMMARY}.startsWith('{k + 1} ')")
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def _tab_memory() -> float:
    """MiB of the largest renderer of the browser: shared libraries are counted too."""
    found = [0]
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "--type=renderer" in process.cmdline():
                found.append(process.memory_info().rss)
    return max(found) / 2**20


# The same points in Bokeh's application server, by WebGL; with a lasso that the server hears of.
_BOKEH = """
import sys
import numpy as np
from bokeh.models import ColumnDataSource, Div
from bokeh.plotting import figure
from bokeh.server.server import Server

positions, labels = np.load(sys.argv[1]), np.load(sys.argv[2])

def document(doc):
    source = ColumnDataSource({"x": positions[:, 0], "y": positions[:, 1],
        "colour": np.array(["#2A5CAA", "#E8A33D", "#8C1D5B", "#99CC99", "#DD6655", "#77BBFF", "#330099", "#554400"])[labels]})
    plot = figure(tools="lasso_select", active_drag="lasso_select", output_backend="webgl", width=700, height=650, name="plot")
    plot.scatter("x", "y", color="colour", size=4, source=source)
    said = Div(text="0", name="said")
    source.selected.on_change("indices", lambda name, old, new: setattr(said, "text", str(len(new))))
    doc.add_root(plot)
    doc.add_root(said)

server = Server({"/": document}, port=0, address="127.0.0.1", websocket_max_message_size=2**30)
server.start()
print(f"http://localhost:{server.port}/", file=sys.stderr, flush=True)
server.io_loop.start()
"""  # noqa: E501


def _bokeh(browser: Any, scratch: Path, folder: Path, n: int) -> dict[str, Any]:
    run = equiclust.open_run(folder)
    from equiclust.report.figures.projections import project

    script = scratch / "bokeh_server.py"
    script.write_text(_BOKEH, encoding="utf-8")
    np.save(scratch / "positions.npy", project(run.latents.astype(np.float64), "pca").positions)
    np.save(scratch / "labels.npy", run.labels)
    arrays = [str(scratch / "positions.npy"), str(scratch / "labels.npy")]
    with _served([sys.executable, str(script), *arrays], r"http://\S+") as (url, start, process):
        page = None
        views, lassos = [], []
        for _ in range(_REPEATS):
            if page is not None:
                page.close()
            page, seconds = _bokeh_page(browser, url)
            views.append(seconds)
            lassos.append(_bokeh_lasso(page))
        row = {
            "images": n,
            "by": "Bokeh server, the map alone",
            "start, s": start,
            "first view, s": median(views),
            "lasso, s": median(seconds for seconds, _ in lassos),
            "images in the lasso": int(median(count for _, count in lassos)),
            "label to new kinds, s": "none",
            "server, MiB": process.memory_info().rss / 2**20,
            "tab, MiB": _tab_memory(),
        }
        page.close()
    return row


def _bokeh_page(browser: Any, url: str) -> tuple[Any, float]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    started = time.perf_counter()
    page.goto(url)
    _until(
        page,
        "window.Bokeh !== undefined && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle",
    )
    return page, time.perf_counter() - started


_COUNT = "Bokeh.documents[0].get_model_by_name('said').text"


def _bokeh_lasso(page: Any) -> tuple[float, int]:
    _drag(page, page.locator(".bk-Canvas").first.bounding_box(), 0.32)
    started = time.perf_counter()
    page.mouse.up()
    _until(page, f"{_COUNT} !== '0'")
    return time.perf_counter() - started, int(page.evaluate(_COUNT))
