"""Two folders of benchmark results side by side: `python -m benchmarks.compare BEFORE AFTER`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import Table

__all__ = ["compare"]

Row = Mapping[str, Any]


def compare(before: Path, after: Path) -> Table:
    """Every figure of the tables that both folders hold, and the second over the first.

    Rows are matched by their text and whole numbers, which say what was measured; where these do
    not tell the rows of a table apart, by their order. What is not in both is left out.

    Parameters
    ----------
    before, after : path
        Folders with the JSON files of `python -m benchmarks`.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        When no table is in both.
    """
    names = sorted(_tables(before) & _tables(after))
    rows = [
        {"table": Path(name).stem, **row}
        for name in names
        for pair in _pairs(_rows(before / name), _rows(after / name))
        for row in _figures(*pair)
    ]
    if not rows:
        raise ValueError(f"no figure is both in '{before}' and in '{after}'")
    return Table("comparison", f"{before} and {after}", rows)


def _tables(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.json")}


def _rows(path: Path) -> list[Row]:
    rows: list[Row] = json.loads(path.read_text())["rows"]
    return rows


def _key(row: Row) -> str:
    return ", ".join(str(value) for value in row.values() if not isinstance(value, float))


def _pairs(before: Sequence[Row], after: Sequence[Row]) -> Iterator[tuple[str, Row, Row]]:
    keys = [_key(row) for row in before]
    if len(set(keys)) < len(keys):
        for number, (old, new) in enumerate(zip(before, after, strict=False), start=1):
            yield f"row {number}: {_key(old)}", old, new
        return
    known = {_key(row): row for row in after}
    for key, old in zip(keys, before, strict=True):
        if key in known:
            yield key, old, known[key]


def _figures(key: str, old: Row, new: Row) -> Iterator[dict[str, Any]]:
    for name, value in old.items():
        other = new.get(name)
        if isinstance(value, float) and isinstance(other, float):
            ratio = other / value if value else "none"
            yield {"row": key, "figure": name, "before": value, "after": other, "ratio": ratio}


def main() -> int:
    """Print the comparison as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=main.__doc__)
    parser.add_argument("before", type=Path, help="folder of earlier results")
    parser.add_argument("after", type=Path, help="folder of later results")
    folders = parser.parse_args()
    try:
        print(compare(folders.before, folders.after).to_markdown())
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
