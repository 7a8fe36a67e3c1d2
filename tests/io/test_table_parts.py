"""Parts come back as they went, and only what is ours is used or removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from equiclust.exceptions import OutputError
from equiclust.io.table_parts import TableParts
from tests.io.test_block_tables import NAMES, assert_same, table

JOB = {"inputs": "1", "model": "2"}


def parts_of(folder: Path, **job: str) -> TableParts:
    return TableParts(folder / "x.fits.partial", {**JOB, **job})


def test_parts_and_states_come_back_to_another_process(tmp_path: Path) -> None:
    tables = [table(NAMES), table(["b"], with_places=False)]
    first = parts_of(tmp_path)
    assert first.open() == {}
    for number, one in enumerate(tables):
        first.append(one, {"last": [number, 1]})
    again = parts_of(tmp_path)
    assert again.open() == {"last": [1, 1]}
    assert len(again) == 2
    for one, other in zip(again.tables(), tables, strict=True):
        assert_same(one, other)
        assert one.meta == other.meta
    assert [one.colnames for one in again.tables(["id"])] == [["id"], ["id"]]
    assert list(again.states()) == [{"last": [0, 1]}, {"last": [1, 1]}]
    again.append(tables[0], {"last": [2, 1]})
    assert len(list(again.tables())) == 3
    again.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and then nothing"])
def test_from_a_damaged_part_on_the_work_is_done_again(tmp_path: Path, damage: bytes) -> None:
    first = parts_of(tmp_path)
    first.open()
    for number in range(3):
        first.append(table(["a"]), {"n": number})
    (first.folder / "000001.part").write_bytes(damage)
    again = parts_of(tmp_path)
    assert again.open() == {"n": 0}
    again.append(table(["b"]), {"n": 1})
    assert [one["id"][0] for one in again.tables()] == ["a", "b"]


def other_job(folder: Path) -> None:
    other = parts_of(folder, model="3")
    other.open()
    other.append(table(["a"]), {})


def something_else(folder: Path) -> None:
    (folder / "x.fits.partial").mkdir()
    (folder / "x.fits.partial" / "mine.txt").write_text("mine")


def a_file(folder: Path) -> None:
    (folder / "x.fits.partial").write_text("mine")


def a_link(folder: Path) -> None:
    (folder / "y").mkdir()
    (folder / "x.fits.partial").symlink_to("y")


def damaged_job(folder: Path) -> None:
    parts_of(folder).open()
    (folder / "x.fits.partial" / "job.json").write_text("{")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (other_job, r"another job \(model changed\)"),
        (something_else, "something else"),
        (a_file, "not a folder"),
        (a_link, "not a folder"),
        (damaged_job, "damaged"),
    ],
)
def test_what_is_not_of_this_job_is_refused(tmp_path: Path, made: Any, why: str) -> None:
    made(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=why):
        parts_of(tmp_path).open()
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_nothing_in_a_part_is_run(tmp_path: Path) -> None:
    first = parts_of(tmp_path)
    first.open()
    first.append(Table({"id": ["a"]}), {})
    path = first.folder / "000000.part"
    with path.open("wb") as file:
        np.savez(file, about=np.array([{"a": 1}], dtype=object))
    assert len(parts_of(tmp_path)) == 0
    assert parts_of(tmp_path).open() == {}
