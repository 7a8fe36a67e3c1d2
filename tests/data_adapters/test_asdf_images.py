"""Images of ASDF files: the arrays that asdf itself reads, without running a converter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest

from data_adapters import read
from data_adapters.adapter import joined
from data_adapters.asdf_images import AsdfAdapter

VALUES = np.random.default_rng(0).normal(size=(11, 8, 9)).astype(np.float32)
MASK = VALUES > 1.0


def write(path: Path, tree: dict[str, Any], packing: str | None = None) -> Path:
    asdf.AsdfFile(tree).write_to(path, all_array_compression=packing)
    return path


def reason(path: Path | str, **options: Any) -> str:
    found = read(path, **options)
    assert not len(found.images)
    text = found.rejected[0].reason
    assert "\n" not in text
    return text


@pytest.mark.parametrize("packing", [None, "zlib", "bzp2"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2", "<f8"])
def test_arrays_are_those_that_asdf_reads(packing: str | None, dtype: str, tmp_path: Path) -> None:
    values = (100.0 * VALUES).astype(dtype)
    tree = {"a": np.arange(5), "roman": {"data": values, "mask": MASK, "dq": MASK.astype("u4")}}
    path = write(tmp_path / "s.asdf", tree, packing)
    found = read(path).images
    np.testing.assert_array_equal(found.mask, MASK)
    with asdf.open(path) as file:
        expected = np.asarray(file["roman"]["data"][...])
    for image, plane, hidden in zip(found, expected, MASK, strict=True):
        np.testing.assert_allclose(image.values[0][~hidden], plane[~hidden], rtol=1e-7)
    assert found[0].id == "s_00"
    named = read(f"{path}[roman.dq]").images
    assert named[3].id == "s[roman.dq]_03"
    assert not named.pixels.any()
    np.testing.assert_array_equal(named.mask, MASK)


def test_parts_are_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "s.asdf", {"images": VALUES, "cube": VALUES})
    whole, adapter = AsdfAdapter().read(path), AsdfAdapter()
    for first in (0, 5):
        parts = joined(adapter.read_parts(path, first=first, most_bytes=4 * 8 * 9 * 4), path)
        assert [one.id for one in parts] == [one.id for one in whole[first:]]
        np.testing.assert_array_equal(parts[-1].pixels, whole[-1].pixels)


def test_one_image_with_its_unit(tmp_path: Path) -> None:
    path = tmp_path / "q.asdf"
    write(path, {"data": {"value": VALUES[0], "unit": "Jy"}})
    found = read(path).images
    assert (found.ids, found[0].unit) == (("q",), "Jy")


def test_what_no_array_is_and_names(tmp_path: Path) -> None:
    path = write(tmp_path / "s.asdf", {"one": VALUES, "two": VALUES + 1})
    assert "name one as in s.asdf[NAME]" in reason(path)
    assert "it holds no array 'x.y', only one, two" in reason(f"{path}[x.y]")
    # Views share the block of another array, or have one of their own.
    path = write(tmp_path / "v.asdf", {"one": VALUES, "part": VALUES[2:5], "step": VALUES[:, ::2]})
    for name, values in (("one", VALUES), ("part", VALUES[2:5]), ("step", VALUES[:, ::2])):
        np.testing.assert_array_equal(read(f"{path}[{name}]").images.pixels[:, 0], values)


def test_damage_and_claims(tmp_path: Path) -> None:
    path = write(tmp_path / "s.asdf", {"images": VALUES})
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2], b"text", content[:-3000]):
        path.write_bytes(damaged)
        assert reason(path)
    path.write_bytes(content.replace(b"[11, 8, 9]", b"[99, 8, 9]"))
    assert "takes 28512 bytes, and its block has 3168" in reason(path)
    path.write_bytes(content.replace(b"source: 0", b"source: 7"))
    assert "is nowhere" in reason(path)
    packed = write(tmp_path / "p.asdf", {"images": np.zeros((11, 8, 9), np.float32)}, "zlib")
    content = packed.read_bytes()
    place = content.index(b"\xd3BLK") + 30
    claim = (1 << 40).to_bytes(8, "big")
    packed.write_bytes(content[:place] + claim + content[place + 8 :])
    assert "it claims" in reason(packed)


def test_nothing_of_a_tree_is_run_or_fetched(tmp_path: Path) -> None:
    path = write(tmp_path / "s.asdf", {"images": VALUES})
    content = path.read_bytes()
    for evil in (
        b"images: !!python/object/apply:os.mkdir [made]\nxmages: ",
        b"other: {$ref: 'http://localhost/x.asdf'}\nimages: ",
        b"other: &a [*a]\nimages: ",
    ):
        path.write_bytes(content.replace(b"images: ", evil, 1))
        read(path)
        assert not (tmp_path / "made").exists()
        assert not Path("made").exists()
    path.write_bytes(content.replace(b"source: 0", b"source: other.asdf"))
    assert "it holds nothing" in reason(path)
