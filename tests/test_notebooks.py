"""Notebooks are numbered, committed without outputs, and use what is public."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tests.modules_by_path import load_module

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HOMES = ("equiclust", "data_adapters", "ensembles")


def test_they_are_numbered_from_1_to_8() -> None:
    assert [path.name[:3] for path in PATHS] == [f"{number:02d}_" for number in range(1, 9)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_begins_with_a_title(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown"
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    titles = [line for text in texts for line in text.splitlines() if line.startswith("# ")]
    assert titles == texts[0].splitlines()[:1]
    assert set(notebook.metadata) == {"kernelspec"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(cell.outputs or cell.execution_count for cell in _code(notebook))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_imports_public_names_only(path: Path) -> None:
    packages = load_module("docs/public_api.py").PACKAGES
    notebook = nbformat.read(path, as_version=4)
    plain = TransformerManager().transform_cell
    trees = [ast.parse(plain(cell.source)) for cell in _code(notebook)]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in HOMES:
            assert node.module in packages
        if isinstance(node, ast.Import):
            own = [name.name for name in node.names if name.name.split(".")[0] in HOMES]
            assert set(own) <= set(packages)


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
