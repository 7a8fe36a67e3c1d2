"""Laws of the notebooks that need no kernel; `make notebooks` executes them."""

from __future__ import annotations

import ast
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HOUSE = ("equiclust", "data_adapters", "ensembles")

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _code(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    transform = TransformerManager().transform_cell
    return [transform(cell.source) for cell in cells if cell.cell_type == "code"]


def _imported(path: Path) -> list[tuple[str, str]]:
    """Modules of the house and names that a notebook imports; no name for a module itself."""
    found = []
    for node in ast.walk(ast.parse("\n".join(_code(path)))):
        if isinstance(node, ast.ImportFrom):
            found += [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
    return [(module, name) for module, name in found if module.split(".")[0] in HOUSE]


def _public_packages() -> Any:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return import_module("public_api").PACKAGES
    finally:
        sys.path.pop(0)


def test_the_numbers_have_no_gap() -> None:
    numbers = [int(re.match(r"(\d\d)_[a-z_]+$", path.stem)[1]) for path in NOTEBOOKS]  # type: ignore[index]
    assert numbers == list(range(1, len(numbers) + 1))


@notebooks
def test_nothing_that_a_kernel_left_is_committed(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@notebooks
def test_it_begins_with_its_only_title(path: Path) -> None:
    texts = nbformat.read(path, as_version=4).cells
    assert texts[0].cell_type == "markdown"
    assert re.match(r"# \S", texts[0].source)
    headings = [cell.source for cell in texts if cell.cell_type == "markdown"]
    assert len(re.findall(r"^# ", "\n".join(headings), re.MULTILINE)) == 1


@notebooks
def test_every_cell_compiles(path: Path) -> None:
    for number, source in enumerate(_code(path)):
        compile(source, f"{path.name}, code cell {number}", "exec")


@notebooks
def test_only_public_names_are_imported(path: Path) -> None:
    packages = _public_packages()
    imported = _imported(path)
    assert imported
    for module, name in imported:
        assert module in packages, f"{module} is not public"
        assert not name or name in import_module(module).__all__, f"{module}.{name} is not public"
