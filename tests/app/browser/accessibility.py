"""What axe says of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

__all__ = ["serious_findings"]


def serious_findings(page: Any) -> list[str]:
    """Serious and critical findings of axe, each with the elements that it is about."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    script = Path(axe.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    # As the browser's own tools do, beside the page's policy on scripts.
    page.evaluate(script)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes']]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
