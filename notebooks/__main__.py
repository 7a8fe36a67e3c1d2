"""Execute notebooks, then write them back without their outputs: `make notebooks`.

`python -m notebooks 03 05_thirty_labels` executes only those whose names begin so.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).parent
_SECONDS_A_CELL = 900


def execute(path: Path) -> None:
    """Run a notebook in an empty folder; raises when a cell does."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as workplace:
        resources = {"metadata": {"path": workplace}}
        client = NotebookClient(notebook, timeout=_SECONDS_A_CELL, resources=resources)
        try:
            client.execute()
        except CellExecutionError as error:
            failed = max(index for index, cell in enumerate(notebook.cells) if _has_run(cell))
            where = f"{path.name}, cell {notebook.cells[failed].id}"
            raise SystemExit(f"{where} failed\n{error}") from error


def _has_run(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and cell.execution_count is not None


def strip(path: Path) -> None:
    """Remove outputs, counts and whatever the machine left in the metadata."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, path)


def _chosen(names: list[str]) -> list[Path]:
    """Notebooks whose names begin with one of `names`, or all, in the order of their numbers."""
    paths = sorted(FOLDER.glob("[0-9]*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in paths):
            raise SystemExit(f"no notebook begins with {name}: {', '.join(p.stem for p in paths)}")
    return [path for path in paths if not names or path.name.startswith(tuple(names))]


def main(names: list[str]) -> int:
    """Run the notebooks that are named, or all."""
    # The commands of the notebooks are those of this environment.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for path in _chosen(names):
        started = time.monotonic()
        execute(path)
        strip(path)
        print(f"{path.name} {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
