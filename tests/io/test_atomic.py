"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

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
