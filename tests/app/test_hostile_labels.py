"""Whatever stands in a file of labels, or is given as one, is text or refused in one sentence."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from equiclust.exceptions import EquiclustError, InputError, OutputError
from tests.app.test_label_file import given_kinds, opened, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


REFUSED = {
    "not UTF-8": "id,kind\na,Ærø\n".encode("latin-1"),
    "UTF-16": "id,kind\na,b\n".encode("utf-16"),
    "empty": b"",
    "no kinds": b"id,class\na,b\n",
    "a table of another kind": b"# %ECSV 1.0\n# ---\nid kind\na b\n",
    "a field of 5 MB": b"id,kind\na," + b"x" * 5_000_000 + b"\n",
    "only NUL": b"\0" * 1000,
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_no_file_of_labels_is_refused_and_stays(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"labels\.csv") as caught:
        opened(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert path.read_bytes() == content


def test_hostile_text_is_text(path: Path) -> None:
    path.write_bytes(
        b"\xef\xbb\xbfid,kind,who\r\n"
        + b'disc 000,<script>alert(1)</script>,"<img src=x>"\r\n'
        + b'disc 001,"a ""b"", c\nd",\r\n'
        + b"disc 002,a\0b,\r\n"
    )
    labels = opened(path)
    assert given_kinds(labels) == {
        0: {"<img src=x>": "<script>alert(1)</script>"},
        1: {"": 'a "b", c d'},
        2: {"": "a\ufffdb"},
    }
    labels.set([3], "=cmd|' /C calc'!A0", who="ann")
    assert given_kinds(opened(path)) == given_kinds(labels)


def test_ten_megabytes_of_labels_are_read_and_written(path: Path) -> None:
    n = 200_000
    path.write_text("id,kind,who\n" + "".join(f"other {k},{'k' * 30},me\n" for k in range(n)))
    assert path.stat().st_size > 8_000_000
    started = time.monotonic()
    labels = opened(path)
    labels.set([0], "ring", who="ann")
    assert time.monotonic() - started < 30
    assert given_kinds(labels) == {0: {"ann": "ring"}}
    assert len(rows_of(path)) == n + 1


def test_a_folder_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match=r"labels\.csv"):
        opened(path)


def test_only_csv_is_taken(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels must be a file that ends in \.csv"):
        opened(tmp_path / "labels.fits")


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    started = time.monotonic()
    with pytest.raises(EquiclustError, match="file"):
        opened(tmp_path / "file" / "labels.csv").set([0], "ring")
    assert time.monotonic() - started < 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_refused(path: Path) -> None:
    labels = opened(path)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="choose an output that is writable"):
            labels.set([0], "ring")
    finally:
        path.parent.chmod(0o700)
    assert labels.by_row == {}


@pytest.mark.parametrize("row", [-1, 40, 1e30, 1.0, True, "1", None, [0], 10**30, "x" * 10_000])
def test_rows_that_are_not_there_are_refused(path: Path, row: Any) -> None:
    labels = opened(path)
    with pytest.raises(InputError, match="rows must be 0 to 39, got ") as caught:
        labels.set([0, row], "ring")
    assert len(str(caught.value)) < 500
    assert not path.exists()


@pytest.mark.parametrize("text", [None, 3, ["ring"], {"a": 1}, "x" * 201])
def test_texts_that_are_none_are_refused(path: Path, text: Any) -> None:
    labels = opened(path)
    labels.set([0], "ring")
    for name in ("kind", "who", "why"):
        with pytest.raises(InputError, match=f"{name} must be"):
            labels.set([0], **{"kind": "ring", name: text})
    with pytest.raises(InputError, match="who must be"):
        labels.undo(who=text)
    with pytest.raises(InputError, match="new must be"):
        labels.rename("ring", text)
    with pytest.raises(InputError, match="new must be"):
        labels.rename("ring", " ")


def test_a_file_that_vanishes_takes_its_labels_with_it(path: Path) -> None:
    labels = opened(path)
    labels.set([0], "ring")
    version = labels.version
    path.unlink()
    labels.refresh()
    assert labels.by_row == {}
    assert labels.version > version
