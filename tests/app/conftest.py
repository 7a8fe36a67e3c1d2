"""The finished run of the command line's tests, and copies of it that a test may label."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import equiclust
from equiclust.app.explorer import Explorer
from equiclust.app.run_view import RunView
from tests.cli.conftest import _interruptible, _no_weights, discs, finished, hurried
from tests.report.folders import make_run

__all__ = ["_interruptible", "_no_weights", "discs", "finished", "hurried"]

# Of a run whose images came from memory, from somebody else's hands.
HOSTILE_IDS = (
    "<script>alert(1)</script>", "../../etc/passwd", "--scheduler=tcp://x", "a,b;c\"d'e", "b  c",
    "=1+2", "\u202eevil", "x" * 300, "plain", "1", "01", "ü ∂ 星", "{{ 7*7 }}", "%00",
)  # fmt: skip


@pytest.fixture
def run_folder(finished: Path, tmp_path: Path) -> Path:
    """Copy of the finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def view(run_folder: Path) -> RunView:
    return RunView(equiclust.open_run(run_folder))


@pytest.fixture(scope="module")
def plain_view(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    """A run without networks or files, with hostile ids."""
    folder = make_run(tmp_path_factory.mktemp("plain") / "run", ids=HOSTILE_IDS)
    return RunView(equiclust.open_run(folder.path))


@pytest.fixture(scope="module")
def explorer(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """A started server on a copy of the finished run, whose tests share its labels."""
    folder = tmp_path_factory.mktemp("server") / "run"
    shutil.copytree(finished, folder)
    started = Explorer(folder).start()
    yield started
    started.stop()
