"""A browser, a small finished run, and pages on it."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import equiclust
from data_adapters import write_fits
from equiclust.app.explorer import Explorer
from equiclust.exceptions import EquiclustWarning
from equiclust.simulation import simulate_discs

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing but the page may be asked for, not even by the browser itself.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 30


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run on 60 simulated discs."""
    folder = tmp_path_factory.mktemp("finished")
    images, _ = simulate_discs(60, size=48, random_state=0)
    write_fits(images, folder / "discs")
    options = {"size": 32, "n_folds": 2, "max_epochs": 2, "encoder": "own", "n_clusters": 6}
    with warnings.catch_warnings():
        # Of weights that may be missing.
        warnings.simplefilter("ignore", EquiclustWarning)
        return equiclust.run(folder / "discs", folder / "run", **options).path


@pytest.fixture
def run_folder(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may label."""
    copied = tmp_path / "run"
    shutil.copytree(finished_run, copied)
    return copied


def until(page: Any, expression: str, argument: Any = None) -> None:
    """Wait until an expression is true in a page; one about an element not there yet is not.

    Playwright's own waiting makes code from text within the page, which its policy forbids.
    """

    def is_true() -> bool:
        try:
            return bool(page.evaluate(expression, argument))
        except sync_api.Error as error:
            if "of null" not in error.message:
                raise
            return False

    sync_api = pytest.importorskip("playwright.sync_api")
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(50)


class Watched:
    """A page whose errors, and requests to anywhere but its server, are noted."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(
            **{"viewport": {"width": 1400, "height": 900}, **options}
        )
        self.page = self.context.new_page()
        self.url = url
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Any) -> None:
        own = (self.url, "blob:", "data:")
        if not request.url.startswith(own):
            self.elsewhere.append(request.url)

    def open(self, fragment: str = "") -> Any:
        self.page.goto(self.url + fragment)
        self.page.wait_for_selector("html[data-ready=yes]", timeout=1000 * SECONDS)
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.errors == []
        assert self.elsewhere == []


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens pages on an explorer, and looks at the end at what they did."""
    pages: list[Watched] = []

    def open_page(url: str, fragment: str = "", **options: Any) -> Any:
        watched = Watched(browser, url, **options)
        pages.append(watched)
        return watched.open(fragment)

    yield open_page
    for watched in pages:
        watched.close()


@pytest.fixture
def explorer(run_folder: Path) -> Iterator[Explorer]:
    """A server on the copied run."""
    started = Explorer(run_folder).start()
    yield started
    started.stop()
