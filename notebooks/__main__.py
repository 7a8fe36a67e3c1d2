"""Execute every notebook, then write it back without its outputs: `make notebooks`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
_SECONDS_A_CELL = 900


def execute(path: Path) -> None:
    """Run a notebook in an empty folder; raises when a cell does."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as workplace:
        resources = {"metadata": {"path": workplace}}
        NotebookClient(notebook, timeout=_SECONDS_A_CELL, resources=resources).execute()


def strip(path: Path) -> None:
    """Remove outputs, counts and whatever the machine left in the metadata."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, path)


def main() -> int:
    """Run the notebooks in the order of their numbers."""
    for path in sorted(FOLDER.glob("[0-9]*.ipynb")):
        print(path.name, flush=True)
        execute(path)
        strip(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
