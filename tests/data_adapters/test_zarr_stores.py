"""Zarr stores are read like NumPy files, in parts, and run nothing that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_adapters import read
from data_adapters.adapter import PartAdapter
from data_adapters.zarr_stores import ZarrAdapter
from equiclust.exceptions import UnreadableFileError

zarr = pytest.importorskip("zarr")

PIXELS = np.random.default_rng(0).integers(0, 99, (23, 8, 6)).astype(np.int16)


def store(place: Path, values: np.ndarray = PIXELS, **options: Any) -> Path:
    options = {"chunks": (4, *values.shape[1:]), "dtype": values.dtype, **options}
    zarr.create_array(place, shape=values.shape, **options)[:] = values
    return place


@pytest.mark.parametrize(
    "options",
    [
        {"zarr_format": 2},
        {"zarr_format": 3},
        {"chunks": (2, 8, 6), "shards": (8, 8, 6)},
        {"chunks": (5, 3, 4)},
        {"compressors": None},
        {"compressors": zarr.codecs.GzipCodec()},
        {"compressors": zarr.codecs.BloscCodec()},
        {"dtype": "float64"},
        {"dtype": "uint8"},
    ],
    ids=["v2", "v3", "shards", "chunks", "unpacked", "gzip", "blosc", "float64", "uint8"],
)
@pytest.mark.parametrize("most_bytes", [1 << 20, 2000])
def test_images_are_those_of_the_array(
    tmp_path: Path, options: dict[str, Any], most_bytes: int
) -> None:
    place = store(tmp_path / "s.zarr", PIXELS, **options)
    found = read(place)
    assert found.rejected == ()
    np.testing.assert_array_equal(found.images.pixels[:, 0], PIXELS)
    np.save(tmp_path / "s.npy", PIXELS)
    assert found.images.ids == read(tmp_path / "s.npy").images.ids
    parts = list(ZarrAdapter().read_parts(place, most_bytes=most_bytes))
    assert [image.id for part in parts for image in part.images] == list(found.images.ids)
    assert isinstance(ZarrAdapter(), PartAdapter)


@pytest.mark.parametrize("first", [0, 1, 4, 22])
def test_it_begins_at_any_image(tmp_path: Path, first: int) -> None:
    parts = ZarrAdapter().read_parts(store(tmp_path / "s.zarr"), first=first, most_bytes=900)
    images = [image for part in parts for image in part.images]
    np.testing.assert_array_equal([image.pixels[0] for image in images], PIXELS[first:])


def test_axes_are_those_of_the_letters(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).random((8, 6, 3, 5)).astype(np.float32)
    place = store(tmp_path / "s.zarr", colours, chunks=(8, 6, 3, 2))
    images = read(place, axes="hwcn").images
    np.testing.assert_array_equal(images.pixels, colours.transpose(3, 2, 0, 1))


def test_of_a_group_the_images_are_taken_with_their_mask(tmp_path: Path) -> None:
    place = tmp_path / "g.zarr"
    zarr.open_group(place, mode="w")
    store(place / "images")
    store(place / "labels", np.arange(23), chunks=(5,))
    hidden = PIXELS > 50
    store(place / "mask", hidden, chunks=(7, 8, 6))
    images = read(place).images
    np.testing.assert_array_equal(images.mask, hidden)
    assert images.ids[0] == "g_00"
    named = read(f"{place}[images]").images
    assert not named.mask.any()
    assert (named.ids[0], named[0].path) == ("g[images]_00", f"{place}[images]")
    [(_, reason)] = read(f"{place}[stars]").rejected
    assert reason == "it holds no array 'stars', only images, labels, mask"
    [(_, reason)] = read(f"{place}[../s.npy]").rejected
    assert "it holds no array" in reason


def test_a_store_is_one_file_in_folders_and_globs(tmp_path: Path) -> None:
    store(tmp_path / "b.zarr")
    np.save(tmp_path / "a.npy", PIXELS[0])
    np.save(tmp_path / "c.npy", PIXELS[0])
    ids = ("a", *(f"b_{number:02d}" for number in range(23)), "c")
    for name in ("", "*", "**", "*.*"):
        found = read(str(tmp_path / name) if name else tmp_path)
        assert found.images.ids == ids
        assert found.rejected == ()


def changed(place: Path, **values: Any) -> Path:
    path = place / "zarr.json"
    path = path if path.exists() else place / ".zarray"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return place


@pytest.mark.parametrize(
    ("version", "values", "reason"),
    [
        (2, {"dtype": "|O"}, "only real numbers are read"),
        (2, {"dtype": [["a", "<f4"]]}, "only real numbers are read"),
        (2, {"filters": [{"id": "pickle"}]}, "packed by 'pickle', which is not opened"),
        (2, {"compressor": {"id": "json2"}}, "packed by 'json2', which is not opened"),
        (3, {"data_type": "string"}, "only real numbers are read"),
        (3, {"codecs": [{"name": "my.codec"}]}, "packed by 'my.codec', which is not opened"),
        (3, {"codecs": [{"name": "numcodecs.pickle"}]}, "which is not opened"),
        (3, {"codecs": 3}, "its metadata cannot be read"),
        (3, {"storage_transformers": [{"name": "x"}]}, "storage transformers"),
        (3, {"shape": [10**9, 64, 64]}, "where a store of its size may take"),
        (3, {"shape": [0, 64, 64]}, "is empty"),
        (2, {"chunks": [10**9, 8, 6]}, "save it in smaller ones"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_a_sentence(
    tmp_path: Path, version: int, values: dict[str, Any], reason: str
) -> None:
    place = changed(store(tmp_path / "s.zarr", zarr_format=version), **values)
    [(path, said)] = read(place).rejected
    assert path == str(place)
    assert reason in said
    assert "\n" not in said


def test_codecs_within_shards_are_checked_too(tmp_path: Path) -> None:
    place = store(tmp_path / "s.zarr", chunks=(2, 8, 6), shards=(8, 8, 6))
    content = json.loads((place / "zarr.json").read_text())
    content["codecs"][0]["configuration"]["codecs"].append({"name": "numcodecs.pickle"})
    (place / "zarr.json").write_text(json.dumps(content))
    [(_, reason)] = read(place).rejected
    assert "packed by 'numcodecs.pickle'" in reason


def test_a_damaged_chunk_is_told_alone_whatever_is_read_with_it(tmp_path: Path) -> None:
    place = store(tmp_path / "s.zarr")
    (place / "c" / "2" / "0" / "0").write_bytes(b"damage")
    for most_bytes in (1, 2000, 1 << 20):
        parts = list(ZarrAdapter().read_parts(place, most_bytes=most_bytes))
        (bad,) = [part for part in parts if part.reason]
        assert (bad.n, bad.reason.partition(":")[0]) == (4, "images 8 to 11 of 23")
        assert sum(len(part.images) for part in parts) == 19
    with pytest.raises(UnreadableFileError, match="images 8 to 11 of 23"):
        ZarrAdapter().read(place)


def test_chunks_larger_than_memory_are_refused(tmp_path: Path) -> None:
    place = store(tmp_path / "s.zarr", chunks=(23, 8, 6))
    with pytest.raises(UnreadableFileError, match="hold 23 images each, more than max_memory"):
        next(ZarrAdapter().read_parts(place, most_bytes=500))


def test_other_folders_and_files_of_that_name_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "packed.zarr").write_bytes(b"PK")
    reasons = {Path(path).name: reason for path, reason in read(tmp_path).rejected}
    assert "it must hold one array called images" in reasons["empty.zarr"]
    assert reasons["packed.zarr"] == "it is no folder; unpack the store first"
