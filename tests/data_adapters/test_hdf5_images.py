"""Images of HDF5 files: what NumPy's are, by section, and never from other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_adapters import read
from data_adapters.adapter import joined
from data_adapters.hdf5_images import Hdf5Adapter

VALUES = np.random.default_rng(0).normal(size=(11, 8, 9)).astype(np.float32)
MASK = VALUES > 1.0


def write(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values
    return path


def reason(path: Path | str, **options: Any) -> str:
    found = read(path, **options)
    assert not len(found.images)
    text = found.rejected[0].reason
    assert "\n" not in text
    return text


@pytest.mark.parametrize("ids", [np.arange(100, 111), [f"é{n}" for n in range(11)]])
def test_images_masks_and_ids_of_a_group(ids: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", a__images=VALUES, a__mask=MASK, a__ids=ids, labels=np.zeros(11))
    found = read(path).images
    assert list(found.ids) == [str(one) for one in ids]
    np.testing.assert_array_equal(found.mask, MASK)
    np.testing.assert_array_equal(found.pixels[:, 0][~MASK], VALUES[~MASK])
    assert read(f"{path}[a/images]").images.ids == found.ids
    assert found[0].path == str(path)


@pytest.mark.parametrize("options", [{}, {"chunks": (4, 8, 9), "compression": "gzip"}])
def test_parts_are_the_whole(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "s.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("pixels", data=VALUES, **options)
    adapter = Hdf5Adapter()
    whole = adapter.read(path)
    for first in (0, 5):
        parts = joined(adapter.read_parts(path, first=first, most_bytes=4 * 8 * 9 * 4), path)
        assert [one.id for one in parts] == [one.id for one in whole[first:]]
        np.testing.assert_array_equal(parts[0].pixels, whole[first].pixels)
    assert len(list(adapter.read_parts(path, most_bytes=4 * 8 * 9 * 4))) == 3


def test_axes_and_names(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", colours=np.zeros((6, 8, 9, 3), np.uint8))
    assert read(path).images.shapes == {(3, 8, 9)}
    path = write(tmp_path / "t.h5", one=VALUES, two=VALUES)
    assert "it holds one, two; name one as in t.h5[NAME]" in reason(path)
    assert len(read(f"{path}[two]").images) == 11
    assert "it holds no array 'three'" in reason(f"{path}[three]")


def test_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", images=VALUES)
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2], b"text"):
        path.write_bytes(damaged)
        assert reason(path)


def test_nothing_is_read_from_other_files(tmp_path: Path) -> None:
    write(tmp_path / "other.h5", images=VALUES)
    np.save(tmp_path / "raw.npy", VALUES)
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["images"] = h5py.ExternalLink("other.h5", "images")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        raw = [(str(tmp_path / "raw.npy"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("images", (11, 8, 9), "f4", external=raw)
    assert "lies in another file" in reason(f"{tmp_path / 'linked.h5'}[images]")
    assert "lie in another file" in reason(tmp_path / "raw.h5")


def test_claims_are_checked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "claims.h5", "w") as file:
        file.create_dataset("images", (10**6, 1000, 1000), "f4")
    assert "it claims" in reason(tmp_path / "claims.h5")
    with h5py.File(tmp_path / "chunks.h5", "w") as file:
        file.create_dataset("images", (10, 30000, 30000), "f4", chunks=(1, 30000, 30000))
    assert "its chunks take" in reason(tmp_path / "chunks.h5")


def test_results_of_a_filter_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "kept.h5", images=VALUES)
    with h5py.File(path, "a") as file:
        file.attrs["creator"] = "equiclust filter"
    write(tmp_path / "s.h5", images=VALUES)
    assert len(read(tmp_path).images) == 11
    assert "it is the result of a filter" in reason(path)
