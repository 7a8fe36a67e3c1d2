"""Previews come back as they were written; a damaged file is named, and never runs anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.io.previews import Previews, read_previews, write_previews


def some_previews(n: int = 3) -> Previews:
    rng = np.random.default_rng(0)
    images, reconstructions = rng.random((2, n, 1, 8, 8), dtype=np.float32)
    return Previews(tuple(f"disc {i}" for i in range(n)), images, reconstructions)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "previews.npz"
    write_previews(path, some_previews())
    return path


class Bomb:
    """Unpickling it raises an error that no reader expects."""

    def __reduce__(self) -> Any:
        return exec, ("raise AssertionError('a pickle was loaded')",)


def test_previews_come_back(written: Path) -> None:
    found, expected = read_previews(written), some_previews()
    assert found.ids == expected.ids
    assert np.array_equal(found.images, expected.images)
    assert np.array_equal(found.reconstructions, expected.reconstructions)


def test_no_file_means_no_previews(tmp_path: Path) -> None:
    found = read_previews(tmp_path / "previews.npz")
    assert found.ids == ()
    assert found.images.shape == found.reconstructions.shape == (0, 1, 1, 1)


@pytest.mark.parametrize("n", [0, 1])
def test_few_previews(tmp_path: Path, n: int) -> None:
    write_previews(tmp_path / "previews.npz", some_previews(n))
    assert len(read_previews(tmp_path / "previews.npz").ids) == n


def test_pixels_are_finite_and_in_range(tmp_path: Path) -> None:
    pixels = np.array([np.nan, np.inf, -3.0, 0.5], np.float32).reshape(1, 1, 2, 2)
    write_previews(tmp_path / "previews.npz", Previews(("a",), pixels, pixels))
    assert read_previews(tmp_path / "previews.npz").images.ravel().tolist() == [0.0, 1.0, 0.0, 0.5]


def test_ids_are_those_of_the_catalogue(tmp_path: Path) -> None:
    pixels = np.zeros((1, 1, 2, 2), np.float32)
    write_previews(tmp_path / "previews.npz", Previews(("a\nb",), pixels, pixels))
    assert read_previews(tmp_path / "previews.npz").ids == ("a\ufffdb",)


def refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"previews\.npz.*remove it") as caught:
        read_previews(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"damaged",
        b"PK\x03\x04 no archive",
        b"\x93NUMPY\x01\x00v\x00",
        np.random.default_rng(1).bytes(3000),
        pickle.dumps(Bomb()),
        pickle.dumps({"ids": ["a"]}),
    ],
    ids=["empty", "text", "zip start", "npy start", "random", "bomb", "pickle"],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "previews.npz"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_an_archive_that_was_cut_off_is_refused(written: Path, share: float) -> None:
    content = written.read_bytes()
    written.write_bytes(content[: int(share * len(content))])
    refused(written)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("changed") / "previews.npz"
    write_previews(path, some_previews())
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = read_previews(path)
    except InputError:
        return
    assert found.ids == some_previews().ids
    assert np.array_equal(found.images, some_previews().images)
    assert np.array_equal(found.reconstructions, some_previews().reconstructions)


def arrays_with(**changes: Any) -> dict[str, Any]:
    images = np.zeros((2, 1, 4, 4), np.float32)
    whole = {"ids": np.array(["a", "b"]), "images": images, "reconstructions": images}
    return {name: array for name, array in {**whole, **changes}.items() if array is not None}


@pytest.mark.parametrize(
    "arrays",
    [
        {"something": np.zeros(3)},
        arrays_with(ids=None),
        arrays_with(images=None),
        arrays_with(reconstructions=None),
        arrays_with(ids=np.array(["a"])),
        arrays_with(ids=np.array([["a", "b"]])),
        arrays_with(ids=np.array(3)),
        arrays_with(images=np.zeros((2, 4, 4))),
        arrays_with(reconstructions=np.zeros((2, 1, 4, 5))),
        arrays_with(images=np.zeros((2, 1, 0, 4)), reconstructions=np.zeros((2, 1, 0, 4))),
        arrays_with(images=np.full((2, 1, 4, 4), "x")),
        arrays_with(images=np.zeros((2, 1, 4, 4), complex)),
        arrays_with(images=np.zeros((2, 1, 4, 4), [("a", "f4")])),
        arrays_with(ids=np.array([Bomb(), Bomb()], dtype=object)),
        arrays_with(images=np.full((2, 1, 4, 4), Bomb(), dtype=object)),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = tmp_path / "previews.npz"
    np.savez(path, **arrays)
    refused(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "previews.npz").mkdir()
    refused(tmp_path / "previews.npz")
