"""One unreadable file among many is listed with its reason, and the rest go on."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from astropy.io import fits

from data_adapters import read

GREY = np.arange(400, dtype=np.uint8).reshape(20, 20)


def encoded(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


FITS = encoded(lambda stream: fits.PrimaryHDU(GREY).writeto(stream))
TABLE = encoded(
    lambda stream: fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])])]
    ).writeto(stream)
)
PNG = encoded(lambda stream: PIL.Image.fromarray(GREY).save(stream, "PNG"))
TIFF = encoded(lambda stream: tifffile.imwrite(stream, GREY))
ZEROS = np.zeros((300, 500, 500), np.float32)

BAD: dict[str, tuple[bytes, str]] = {
    "empty.fits": (b"", "it is empty"),
    "text.fits": (b"hello" * 999, "it is not a FITS file"),
    "half.fits": (FITS[:2960], "bytes of its pixels are missing"),
    "header.fits": (FITS[:1000], "damaged or truncated"),
    "table.fits": (TABLE, "no image of two axes"),
    "axes.fits": (FITS.replace(b"=                    2", b"=           1000000000"), "64 axes"),
    "depth.fits": (FITS.replace(b"BITPIX  =                    8", b"BITPIX  = 7   "), "damaged"),
    "half.fits.gz": (gzip.compress(FITS)[:200], "damaged or truncated"),
    "noise.fits.gz": (b"\x1f\x8b\x08\x00" + bytes(range(200)), "damaged or truncated"),
    "text.png": (b"hello" * 99, "it is not a PNG"),
    "half.png": (PNG[:-30], "truncated"),
    "noise.png": (PNG[:45] + b"??" + PNG[47:], "damaged"),
    "drawing.jpg": (b"<svg/>", "it is not a PNG"),
    "half.gif": (b"GIF89a\0\0\0\0", "it is not a PNG"),
    "half.bmp": (b"BM" + bytes(50), "damaged or truncated"),
    "half.webp": (b"RIFF\0\0\0\0WEBPVP8 ", "damaged or truncated"),
    "half.tif": (TIFF[:-30], "damaged or truncated"),
    "none.tif": (b"II*\0\x08\0\0\0" + bytes(8), "it holds no image"),
    "head.tif": (b"II*\0", "damaged or truncated"),
    "pickle.npy": (b"\x80\x04K\x01.", "it is no NumPy file"),
    "half.npz": (b"PK\x03\x04" + bytes(40), "damaged or truncated"),
    "nested.npy": (b"\x93NUMPY\x01\x00\x28\x23" + b"[" * 8999 + b"\n", "damaged or truncated"),
    # Of these the honest size is at most a hundredth of what they would take.
    "zeros.npz": (encoded(lambda stream: np.savez_compressed(stream, ZEROS)), "claims 75000000"),
    "zeros.tif": (
        encoded(
            lambda stream: tifffile.imwrite(
                stream,
                iter([zlib.compress(ZEROS.tobytes())]),
                shape=(15000, 5000),
                dtype=np.float32,
                compression="zlib",
                rowsperstrip=15000,
            )
        ),
        "claims 75000000",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        content = encoded(lambda s, step=number: fits.PrimaryHDU(GREY + step).writeto(s))
        (tmp_path / f"good{number}.fits").write_bytes(content)
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "lost.png").symlink_to("nowhere")
    return tmp_path


def test_what_cannot_be_read_is_listed_with_its_reason(folder: Path) -> None:
    tracemalloc.start()
    try:
        result = read(folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert result.images.ids == ("good0", "good1", "good2")
    np.testing.assert_array_equal(result.images[1].pixels[0], GREY + 1)
    reasons = {Path(path).name: reason for path, reason in result.rejected}
    assert set(reasons) == {*BAD, "pipe.fits", "lost.png"}
    for name, (_, reason) in BAD.items():
        assert reason in reasons[name], name
        assert "\n" not in reasons[name]
    assert peak < 2e7


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.tif"])
@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 3e39), (1e11, 1e11 + 200.0), (1e-60, 3e-58), (-5e200, 4e200)]
)
def test_values_that_float32_cannot_hold_survive(
    tmp_path: Path, name: str, low: float, high: float
) -> None:
    values = low + (high - low) * np.random.default_rng(0).random((9, 8))
    save = {".npy": np.save, ".npz": np.savez, ".tif": tifffile.imwrite}[name[1:]]
    save(tmp_path / name, values)
    [image] = read(tmp_path / name).images
    assert not image.mask.any()
    found = image.values[0] if name != "x.tif" else image.values[0, ::-1]
    np.testing.assert_allclose(found - low, values - low, rtol=0, atol=1e-6 * (high - low))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_large_whole_numbers_keep_their_differences(tmp_path: Path, dtype: type) -> None:
    values = (2**53 - 1000 + np.arange(72).reshape(9, 8) * 7).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    tifffile.imwrite(tmp_path / "x.tif", values)
    stored = read(tmp_path / "x.npy").images[0].values[0]
    np.testing.assert_allclose(stored - 2.0**53, values.astype(float) - 2.0**53, atol=1e-3)
    stored = read(tmp_path / "x.tif").images[0].values[0, ::-1]
    np.testing.assert_allclose(stored - 2.0**53, values.astype(float) - 2.0**53, atol=1e-3)
