"""Files appear whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import (
    atomic_path,
    read_arrays,
    read_json,
    replace_folder,
    write_arrays,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.txt"]


def test_a_replaced_folder_holds_only_the_new_files(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for name in ("first", "second"):
        with replace_folder(target) as draft:
            (draft / name).write_text(name)
    assert [path.name for path in target.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_half_written_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replace_folder(target) as draft:
        (draft / "whole").write_text("")
    with pytest.raises(RuntimeError), replace_folder(target) as draft:
        (draft / "half").write_text("")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["whole"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("interrupt", [OSError(5, "input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("renamed_first", [False, True])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failed_rename_leaves_the_old_folder_or_the_new_one_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupt: BaseException,
    renamed_first: bool,
    step: int,
) -> None:
    """One rename fails, before or after it is done; there are two, and one more to mend."""
    target = tmp_path / "model"
    old, new = {"a": "old", "b": "old"}, {"a": "new"}
    with replace_folder(target) as draft:
        for name, text in old.items():
            (draft / name).write_text(text)
    calls: list[str] = []
    rename = os.replace

    def fails(source: Any, destination: Any) -> None:
        calls.append(str(source))
        if renamed_first or len(calls) != step:
            rename(source, destination)
        if len(calls) == step:
            raise interrupt

    monkeypatch.setattr(os, "replace", fails)
    replaced = suppress(type(interrupt), OutputError)
    with replaced, replace_folder(target) as draft:
        (draft / "a").write_text("new")
    assert _contents(target) in (old, new)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (_contents(target) == old) == (step == 1 or (step == 2 and not renamed_first))


def test_a_folder_that_cannot_be_put_back_is_kept_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    with replace_folder(target) as draft:
        (draft / "a").write_text("old")
    rename = os.replace

    def fails(source: Any, destination: Any) -> None:
        if Path(destination) == target:
            raise OSError(5, "input/output error")
        rename(source, destination)

    monkeypatch.setattr(os, "replace", fails)
    refused = pytest.raises(OutputError, match=r"model.*input/output error")
    with refused as failed, replace_folder(target) as draft:
        (draft / "a").write_text("new")
    (kept,) = (path for path in tmp_path.rglob("a") if path.read_text() == "old")
    assert repr(str(kept.parent)) in str(failed.value)


def test_a_file_is_never_replaced_by_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.write_text("mine")
    with pytest.raises(OutputError, match=r"model.*not a folder"), replace_folder(target) as draft:
        (draft / "a").write_text("new")
    assert target.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_file_that_cannot_take_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.txt").mkdir()
    with (
        pytest.raises(OutputError, match=r"table\.txt"),
        atomic_path(tmp_path / "table.txt") as draft,
    ):
        draft.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["table.txt"]


def test_arrays_and_json_come_back(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6.0).reshape(2, 3).T,
        "b": np.zeros((0, 2), dtype=np.int32),
        "c": np.array(7),
    }
    write_arrays(tmp_path / "x.safetensors", arrays)
    back = read_arrays(tmp_path / "x.safetensors")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
    write_json(tmp_path / "x.json", {"k": np.int64(3), "v": np.ones(2), "p": tmp_path})
    assert read_json(tmp_path / "x.json") == {"k": 3, "v": [1.0, 1.0], "p": str(tmp_path)}


@pytest.mark.parametrize("content", [b"", b"not json", b"[1]", b"\x80\x04."])
def test_what_is_not_ours_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.file"):
        read_json(path)
    with pytest.raises(InputError, match=r"odd\.file"):
        read_arrays(path)


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"), atomic_path(tmp_path / "file" / "x"):
        pass
