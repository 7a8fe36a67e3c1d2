"""Every benchmark can be found, and none is out of date with the library."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import benchmarks
from benchmarks.__main__ import BENCHMARKS, RESULTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", [found.name for found in pkgutil.iter_modules(benchmarks.__path__)]
)
def test_every_module_imports(name: str) -> None:
    import_module(f"benchmarks.{name}")


def test_help_names_every_benchmark() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert all(name in shown for name in BENCHMARKS)


def test_results_are_written_where_git_ignores_them() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{RESULTS}/" in ignored


def test_every_command_of_the_results_is_a_benchmark() -> None:
    text = (ROOT / "docs" / "results.md").read_text()
    named = [
        name
        for line in text.splitlines()
        if line.startswith("`python -m benchmarks ")
        for name in line.strip("`").split()[3:]
    ]
    assert named
    assert set(named) <= BENCHMARKS.keys()
