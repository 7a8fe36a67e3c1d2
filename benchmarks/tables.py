"""Tables of the benchmarks: on screen as Markdown, on disk as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from equiclust.io.atomic import write_json

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Rows with the same columns.

    Parameters
    ----------
    name : str
        Stem of the file.
    title : str
    rows : sequence of mapping
        Column to value.
    """

    name: str
    title: str
    rows: Sequence[Mapping[str, Any]]

    def to_markdown(self) -> str:
        """The table as it may stand in the README."""
        columns = list(self.rows[0])
        lines = [f"**{self.title}**", "", _line(columns), _line(["---"] * len(columns))]
        return "\n".join(lines + [_line([_text(row[c]) for c in columns]) for row in self.rows])

    def write(self, folder: Path) -> Path:
        """Write `NAME.json` with the rows and what they were measured with."""
        path = folder / f"{self.name}.json"
        content = {"title": self.title, "with": describe_machine(), "rows": list(self.rows)}
        write_json(path, content)
        return path


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
