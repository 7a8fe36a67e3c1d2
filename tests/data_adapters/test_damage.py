"""A damaged file is read or refused, never anything else, and without a word to the user."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from data_adapters.registry import adapters_by_suffix
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from tests.data_adapters.test_fits import celestial_header
from tests.data_adapters.test_pictures import png

FRAME = np.random.default_rng(0).integers(0, 255, (20, 20), dtype=np.uint8)


def _fits(file: io.BytesIO) -> None:
    fits.PrimaryHDU(FRAME.astype("f4"), celestial_header(BUNIT="K", BMAJ=0.1)).writeto(file)


def _tiles(file: io.BytesIO) -> None:
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(FRAME.astype("i4"))]).writeto(file)


def _pages(file: io.BytesIO) -> None:
    with tifffile.TiffWriter(file) as tiff:
        for page in (FRAME, FRAME[:5].astype("u2")):
            tiff.write(page, photometric="minisblack", metadata=None)


WRITERS: dict[str, Callable[[io.BytesIO], object]] = {
    ".fits": _fits,
    ".fits.fz": _tiles,
    ".png": lambda file: PIL.Image.fromarray(FRAME).save(file, "png"),
    ".PNG": lambda file: file.write(png(np.dstack([FRAME] * 3).astype("u2") * 257, 16, 2)),
    ".jpg": lambda file: PIL.Image.fromarray(FRAME).save(file, "jpeg"),
    ".tif": lambda file: tifffile.imwrite(file, FRAME.astype("f4")),
    ".tiff": _pages,
    ".npy": lambda file: np.save(file, FRAME),
    ".npz": lambda file: np.savez_compressed(file, images=FRAME, mask=FRAME > 9),
}


def content_of(suffix: str) -> bytes:
    file = io.BytesIO()
    WRITERS[suffix](file)
    return file.getvalue()


CONTENT = {suffix: content_of(suffix) for suffix in WRITERS}
CONTENT[".fits.gz"] = gzip.compress(CONTENT[".fits"])


def images_or_nothing(path: Path) -> tuple[Image, ...]:
    try:
        return adapters_by_suffix()["".join(path.suffixes).lower()].read(path)
    except UnreadableFileError:
        return ()


@pytest.mark.parametrize("suffix", CONTENT)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(suffix: str, data: st.DataObject) -> None:
    content = bytearray(CONTENT[suffix])
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    end = data.draw(st.just(len(content)) | places)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        path.write_bytes(content[:end])
        for image in images_or_nothing(path):
            assert np.isfinite(image.pixels).all()
