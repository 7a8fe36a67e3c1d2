"""Make `explore.png`: the application on the demo's run, with thirty labels by the truth.

Needs `make demo` and a browser: `.venv/bin/python docs/explore.py`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.table import Table
from playwright.sync_api import sync_playwright

import equiclust
from equiclust.app import explore

DEMO, PICTURE = Path("demo"), Path(__file__).with_name("explore.png")
KINDS = ("cavity", "crescent", "kink", "rings", "smooth", "spiral")


def main() -> None:
    """Label thirty images that `suggest` names, and take a picture of the page."""
    truth = Table.read(DEMO / "discs" / "truth.ecsv")
    kind_of = {str(row["id"]): str(row["kind"]) for row in truth}
    browsers = (shutil.which(name) for name in ("chromium", "google-chrome"))
    with TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = Path(scratch, "discs")
        shutil.copytree(DEMO / "run", folder)
        ids = [str(name) for name in equiclust.open_run(folder).suggest(30)["id"]]
        view = explore(folder)
        assert view.run is not None
        for kind in KINDS:
            view.run.kinds.add(kind)
        rows = {str(name): row for row, name in enumerate(view.run.run.catalogue["id"])}
        for name in ids:
            view.run.labels.set([rows[name]], kind_of[name], who="Ada")
        view.start()
        flags = ["--no-sandbox", "--disable-gpu"]
        executable = next(filter(None, browsers))
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 820})
        page.goto(view.url)
        page.wait_for_selector("html[data-ready=yes]")
        page.get_by_label("Your name").fill("Ada")
        page.keyboard.press("Escape")
        page.get_by_label("Map").first.select_option("umap")
        page.get_by_label("Colour").select_option("our:kind")
        page.wait_for_selector(".axes:has-text('UMAP')", timeout=120_000)
        page.keyboard.press("s")
        page.wait_for_selector("h2:has-text('worth a label')", timeout=60_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURE)
        browser.close()
        view.stop()


if __name__ == "__main__":
    main()
