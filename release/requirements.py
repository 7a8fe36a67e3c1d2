"""Print what an extra names, for pip: `python release/requirements.py EXTRA`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extra: str) -> list[str]:
    """Requirements of an extra, without those of the package itself."""
    text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
    named: list[str] = tomllib.loads(text)["project"]["optional-dependencies"][extra]
    return named


if __name__ == "__main__":
    print(*requirements(sys.argv[1]))
