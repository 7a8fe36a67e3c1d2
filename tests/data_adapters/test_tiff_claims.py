"""TIFF files that lead in a circle, or claim more than they hold, cost no time and no memory."""

from __future__ import annotations

import lzma
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from equiclust.exceptions import UnreadableFileError
from tests.data_adapters.test_pictures import GREY, read_all
from tests.data_adapters.test_tiff import SMALL, write_pages


@pytest.mark.parametrize("n_before", [1, 150])
def test_pages_in_a_circle_are_refused(tmp_path: Path, n_before: int) -> None:
    path = tmp_path / "x.tif"
    write_pages(path, *[GREY] * (n_before + 2))
    with tifffile.TiffFile(path) as tiff:
        offsets = [page.offset for page in tiff.pages]
        where = tiff.pages.next_page_offset
    content = bytearray(path.read_bytes())
    content[where : where + 4] = offsets[n_before].to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match="runs in a circle"):
        read_all(path)


def test_a_page_within_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(GREY, subifds=1, metadata=None)
        tiff.write(SMALL, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["SubIFDs"].overwrite(tiff.pages[0].offset)
    with pytest.raises(UnreadableFileError):
        read_all(path)


def claimed(path: Path, **tags: int) -> None:
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name, value in tags.items():
            tiff.pages[0].tags[name].overwrite(value)


@pytest.mark.parametrize(
    ("options", "tags", "reason"),
    [
        ({}, {"ImageWidth": 10**6, "ImageLength": 10**6}, r"claims \d+ pixel values"),
        ({"tile": (16, 16)}, {"TileWidth": 160_000, "TileLength": 160_000}, "claims"),
        ({"photometric": "palette"}, {"ImageWidth": 65_000, "ImageLength": 65_000}, "claims"),
        ({"compression": "zlib"}, {}, "unpacks to more than its 12 bytes"),
        ({"compression": "lzma"}, {}, "unpacks to more than its 12 bytes"),
    ],
    ids=["page", "tile", "palette", "deflate", "lzma"],
)
def test_what_a_page_claims_is_checked_before_memory_is_taken(
    tmp_path: Path,
    options: dict[str, Any],
    tags: dict[str, int],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "x.tif"
    if options.get("photometric") == "palette":
        options = {**options, "colormap": np.zeros((3, 256), np.uint16)}
    if options.get("compression"):
        packed = {"zlib": zlib, "lzma": lzma}[options["compression"]].compress(bytes(5 * 10**7))
        monkeypatch.setattr("data_adapters.tiff_claims.SMALLEST_LIMIT", 1 << 18)
        tifffile.imwrite(
            path, iter([packed]), shape=GREY.shape, dtype=GREY.dtype, metadata=None, **options
        )
    else:
        tifffile.imwrite(path, np.zeros((32, 32), np.uint8), metadata=None, **options)
    claimed(path, **tags)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match=reason):
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 9e6
    finally:
        tracemalloc.stop()


def test_the_time_of_a_stack_is_linear_in_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages of a palette are decoded by Pillow, which goes to a page through all before it.
    first, *others = [PIL.Image.fromarray(GREY).convert("P")] * 12
    first.save(tmp_path / "x.tif", save_all=True, append_images=others)
    opened = PIL.Image.open
    calls: list[object] = []
    monkeypatch.setattr(PIL.Image, "open", lambda *a, **k: calls.append(a) or opened(*a, **k))
    assert len(read_all(tmp_path / "x.tif")) == 12
    assert len(calls) == 1
