"""Tables of two runs of the benchmarks are matched row by row, and work is timed by turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import compare
from benchmarks.measuring import Times, compared, ratios
from benchmarks.tables import Table


def write(folder: Path, rows: list[dict[str, Any]], name: str = "speed") -> Path:
    Table(name, "Speed", rows).write(folder)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    return before, after


def test_rows_are_matched_by_what_was_measured(folders: tuple[Path, Path]) -> None:
    before, after = folders
    write(before, [{"size": 64, "seconds": 2.0}, {"size": 128, "seconds": 8.0}])
    write(after, [{"size": 128, "seconds": 2.0}, {"size": 64, "seconds": 1.0}])
    rows = compare(before, after).rows
    assert [(row["row"], row["ratio"]) for row in rows] == [("64", 0.5), ("128", 0.25)]


def test_rows_that_nothing_tells_apart_are_matched_by_their_order(
    folders: tuple[Path, Path],
) -> None:
    before, after = folders
    write(before, [{"seconds": 1.0}, {"seconds": 2.0}])
    write(after, [{"seconds": 3.0}, {"seconds": 3.0}])
    assert [row["ratio"] for row in compare(before, after).rows] == [3.0, 1.5]


def test_what_is_in_one_folder_only_is_left_out(folders: tuple[Path, Path]) -> None:
    before, after = folders
    write(before, [{"size": 64, "seconds": 2.0}], "old")
    write(after, [{"size": 64, "seconds": 2.0}], "new")
    with pytest.raises(ValueError, match="no figure is both in"):
        compare(before, after)
    write(after, [{"size": 32, "seconds": 2.0}], "old")
    with pytest.raises(ValueError, match="no figure is both in"):
        compare(before, after)


def test_a_table_names_machine_versions_and_commit(tmp_path: Path) -> None:
    content = json.loads(Table("speed", "Speed", [{"seconds": 1.0}]).write(tmp_path).read_text())
    assert {"commit", "processor", "cores", "threads", "torch", "numpy"} <= content["with"].keys()


def test_rivals_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    rivals = {name: lambda name=name: calls.append(name) for name in ("ours", "theirs")}
    times = compared(rivals, repeats=3)
    assert calls == ["ours", "theirs"] * 4
    assert [len(times[name].seconds) for name in rivals] == [3, 3]


def test_ratios_are_taken_within_a_turn() -> None:
    # What makes both slow in the same turn leaves the ratio as it is.
    found = ratios(Times((2.0, 20.0, 4.0)), Times((1.0, 10.0, 1.0)))
    assert found == (2.0, 2.0, 4.0)
    assert Times((1.0, 2.0, 3.0)).median == 2.0
    assert Times((1.0, 2.0, 3.0)).spread == 0.5
