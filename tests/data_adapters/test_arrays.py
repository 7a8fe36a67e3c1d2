"""Images in NumPy files, and what is refused."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_adapters import read
from data_adapters.arrays import ArrayAdapter
from equiclust.exceptions import UnreadableFileError

STACK = np.random.default_rng(0).integers(0, 255, (12, 5, 6), dtype=np.uint8)


def archive(path: Path, **content: Any) -> Path:
    np.savez(path, **content)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">i2", "f2", ">f8", "u8", "g"])
@pytest.mark.parametrize("shape", [(12, 5, 6), (4, 3, 5, 6)])
def test_a_stack_gives_its_images_in_order(
    tmp_path: Path, dtype: str, shape: tuple[int, ...], order: Any
) -> None:
    stack = STACK.reshape(shape).astype(dtype, order=order)
    np.save(tmp_path / "s.npy", stack)
    images = ArrayAdapter().read(tmp_path / "s.npy")
    assert [image.id for image in images] == [
        f"s_{i:02d}" if len(stack) > 10 else f"s_{i}" for i in range(len(stack))
    ]
    for image, frame in zip(images, stack, strict=True):
        np.testing.assert_array_equal(image.pixels, frame.astype(np.float32).reshape(image.shape))
        assert image.path == str(tmp_path / "s.npy")


def test_two_axes_are_one_image(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", STACK[0])
    [image] = ArrayAdapter().read(tmp_path / "s.npy")
    assert image.id == "s"
    np.testing.assert_array_equal(image.pixels[0], STACK[0])


@pytest.mark.parametrize(
    "content",
    [
        {"images": STACK},
        {"pixels": STACK, "other": STACK + 1},
        {"images": STACK, "pixels": STACK + 1},
        {"frames": STACK, "labels": np.arange(12), "mask": np.zeros(STACK.shape, dtype=bool)},
        {"frames": STACK, "names": np.array([None] * 12)},
    ],
)
def test_an_archive_says_or_shows_which_array_it_is(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    images = ArrayAdapter().read(archive(tmp_path / "s.npz", **content))
    np.testing.assert_array_equal([image.pixels[0] for image in images], STACK)


def test_an_array_is_asked_for_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path / "s.npz", images=STACK, other=STACK[:2] + 1)
    images = ArrayAdapter().read(path, "other")
    np.testing.assert_array_equal([image.pixels[0] for image in images], STACK[:2] + 1)
    assert [image.id for image in images] == ["s[other]_0", "s[other]_1"]
    assert images[0].path == f"{path}[other]"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (np.array([b"x1", b"NGC 1"]), ("x1", "NGC 1")),
        (np.array(["M\u00fcller".encode(), b"b"]), ("M\u00fcller", "b")),
        (np.array(["M\u00fcller".encode("latin-1"), b"b"]), ("M\ufffdller", "b")),
        (np.array(["\u03b1 Cen", "b"]), ("\u03b1 Cen", "b")),
        (np.array([2**63 + 1, 7], dtype=np.uint64), (str(2**63 + 1), "7")),
        (np.array([[-1], [0]], dtype=np.int8), ("-1", "0")),
    ],
)
def test_ids_of_any_kind_are_text(tmp_path: Path, ids: Any, expected: tuple[str, ...]) -> None:
    assert read(archive(tmp_path / "s.npz", images=STACK[:2], ids=ids)).images.ids == expected


@pytest.mark.parametrize("ids", [[0.5, 1.5], [True, False], [1j, 2j]])
def test_ids_that_are_no_names_are_refused(tmp_path: Path, ids: Any) -> None:
    path = archive(tmp_path / "s.npz", images=STACK[:2], ids=np.array(ids))
    with pytest.raises(UnreadableFileError, match=r"its ids are \w+; save them as text or whole"):
        ArrayAdapter().read(path)


def test_mask_and_ids_are_used(tmp_path: Path) -> None:
    mask = STACK > 200
    ids = np.array([f"star {i}" for i in range(12)])
    images = ArrayAdapter().read(archive(tmp_path / "s.npz", images=STACK, mask=mask, ids=ids))
    assert [image.id for image in images] == list(ids)
    np.testing.assert_array_equal([image.mask for image in images], mask)
    [single] = ArrayAdapter().read(archive(tmp_path / "1.npz", images=STACK[0], mask=mask[0]))
    np.testing.assert_array_equal(single.mask, mask[0])


class Trap:
    """Makes a folder if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["trap.npy", "trap.npz"])
def test_nothing_is_unpickled(tmp_path: Path, name: str) -> None:
    objects = np.array([Trap(tmp_path / "sprung")], dtype=object)
    if name.endswith("y"):
        np.save(tmp_path / name, objects, allow_pickle=True)
    else:
        np.savez(tmp_path / name, images=objects)
    with pytest.raises(UnreadableFileError, match="objects"):
        ArrayAdapter().read(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def _cut(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, STACK) if path.suffix == ".npy" else np.savez(file, images=STACK)
    path.write_bytes(path.read_bytes()[:300])


def npy(shape: tuple[int, ...], values: bytes, descr: str = "|u1") -> bytes:
    """File of version 1 whose header claims this shape."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + values


BAD_FILES = {
    "text": (lambda path: path.write_text("hello"), "no NumPy file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps(STACK)), "no NumPy file"),
    "half a header": (lambda path: path.write_bytes(npy((12, 5, 6), b"")[:40]), "damaged"),
    "shape beyond the file": (
        lambda path: path.write_bytes(npy((10**6, 10**6), b"1234")),
        r"takes 1000000000000 bytes, and 4 are there",
    ),
    "negative shape": (lambda path: path.write_bytes(npy((-1, 4), b"1234")), "damaged"),
    "empty": (lambda path: path.touch(), "it is empty"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "missing": (lambda path: None, "No such file"),
    "truncated": (_cut, "truncated|no NumPy file"),
}


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_path_and_reason(tmp_path: Path, kind: str, suffix: str) -> None:
    make, reason = BAD_FILES[kind]
    path = tmp_path / f"bad{suffix}"
    make(path)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        ArrayAdapter().read(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": STACK, "b": STACK}, r"a, b; name one as in s\.npz\[NAME\]"),
        ({"labels": np.arange(3)}, "labels"),
        ({}, "nothing"),
        ({"images": np.zeros((0, 4, 4))}, r"\(0, 4, 4\) is empty"),
        ({"images": np.zeros((4, 4, 0))}, r"\(4, 4, 0\) is empty"),
        ({"images": np.arange(5)}, r"\(5,\)"),
        ({"images": np.zeros((1, 1, 1, 4, 4))}, r"\(1, 1, 1, 4, 4\)"),
        ({"images": STACK.astype(complex)}, "complex128; save them as real numbers"),
        ({"images": STACK.astype("M8[s]")}, "real numbers"),
        ({"images": STACK.astype(str)}, "real numbers"),
        ({"images": np.zeros((3, 9, 9), [("a", "f4"), ("b", "i2")])}, r"records \(a, b\)"),
        ({"images": np.array(5.0)}, r"shape \(\) must have two to four axes"),
        ({"images": STACK, "ids": np.array(["a"])}, "got 1 names"),
        ({"images": STACK, "ids": np.array(["a"] * 12)}, "'a' more than once"),
        ({"images": STACK, "mask": np.zeros((3, 5, 6), dtype=bool)}, "mask"),
    ],
)
def test_content_that_does_not_fit_is_explained(
    tmp_path: Path, content: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnreadableFileError, match=reason):
        ArrayAdapter().read(archive(tmp_path / "s.npz", **content))


def test_a_name_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no array 'x', only images"):
        ArrayAdapter().read(archive(tmp_path / "s.npz", images=STACK), "x")
    np.save(tmp_path / "s.npy", STACK)
    with pytest.raises(UnreadableFileError, match="no part 'x'"):
        ArrayAdapter().read(tmp_path / "s.npy", "x")


@pytest.mark.parametrize("lying", [False, True])
def test_an_archive_is_not_unpacked_to_a_thousand_times_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lying: bool
) -> None:
    # Of zeros, a thousandth is left when they are packed. The array beside it is never unpacked.
    monkeypatch.setattr("data_adapters.size_claims.SMALLEST_LIMIT", 1 << 20)
    zeros = np.zeros((50, 400, 400), np.uint8)
    path = tmp_path / "s.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("images", "other"):
            content = io.BytesIO()
            np.save(content, zeros)
            archive.writestr(f"{name}.npy", content.getvalue())
    if lying:
        # The directory of the archive may call it small.
        size = len(content.getvalue()).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (100_000).to_bytes(4, "little")))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match="99872 are there" if lying else "32 MB"):
            ArrayAdapter().read(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_an_array_of_which_nothing_is_wanted_may_be_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_adapters.size_claims.SMALLEST_LIMIT", 1 << 16)
    np.savez_compressed(tmp_path / "s.npz", images=STACK, large=np.zeros((40, 100, 100)))
    assert len(ArrayAdapter().read(tmp_path / "s.npz")) == 12
