"""FITS files that claim more than they hold are refused at once, in little memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import read
from data_adapters.sky.sky_map import open_sky_map
from equiclust.exceptions import UnreadableFileError

FRAME = np.arange(20 * 24, dtype=np.float32).reshape(20, 24)


def encoded(*hdus: Any) -> bytes:
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(FRAME), *hdus]).writeto(stream)
    return stream.getvalue()


def header(**cards: object) -> bytes:
    """A primary header of these cards alone, whatever they claim."""
    whole = {"SIMPLE": True, "BITPIX": -32, **cards}
    text = "".join(
        f"{name:8s}= {'T' if value is True else value!s:>20}".ljust(80)
        for name, value in whole.items()
    )
    text += "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def compressed_zeros(width: int = 64) -> bytes:
    """A tile-compressed image of zeros, which a few bytes a row describe."""
    hdu = fits.CompImageHDU(np.zeros((64, width), np.int16), name="Z")
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
    return stream.getvalue()


def reworded(content: bytes, name: str, value: int) -> bytes:
    at = content.index(f"{name:8s}=".encode())
    return content[:at] + f"{name:8s}= {value:>20}".ljust(80).encode() + content[at + 80 :]


CLAIMS: dict[str, tuple[bytes, str]] = {
    "a thousand million axes": (header(NAXIS=10**9), "at most 64 axes"),
    "999 axes": (header(NAXIS=999, **{f"NAXIS{i}": 1 for i in range(1, 1000)}), "at most 64 axes"),
    "fewer than no axes": (header(NAXIS=-1), "at most 64 axes"),
    "a negative axis": (header(NAXIS=2, NAXIS1=-5, NAXIS2=4), "-5"),
    "an extension that ends before it begins": (
        encoded() + header(NAXIS=1, NAXIS1=8, PCOUNT=-9999).replace(b"SIMPLE  =", b"XTENSION="),
        "bytes of data; it is damaged",
    ),
    "two lengths of an axis": (
        header(NAXIS=2, NAXIS1=4, NAXIS2=4).replace(
            b"END", f"NAXIS2  = {-64:>20}".ljust(80).encode() + b"END"
        ),
        "NAXIS2 is 4 and -64",
    ),
    "a length that is no number": (header(NAXIS=2, NAXIS1=4, NAXIS2="4.5"), "no whole number"),
    "a thousand million columns": (
        header(NAXIS=2, NAXIS1=10**9, NAXIS2=10**9),
        "bytes of its pixels are missing",
    ),
    "axes in a later extension": (
        encoded() + header(NAXIS=10**9).replace(b"SIMPLE  =", b"XTENSION="),
        "at most 64 axes",
    ),
    "a large compressed image": (
        reworded(reworded(compressed_zeros(), "ZNAXIS1", 5 * 10**6), "ZTILE1", 5 * 10**6),
        "claims 320000000 pixel values",
    ),
    "many compressed images": (
        compressed_zeros()
        + 9
        * reworded(reworded(compressed_zeros()[2880:], "ZNAXIS1", 5 * 10**5), "ZTILE1", 5 * 10**5),
        "claims 96004096 pixel values",
    ),
    "more compressed rows than there are": (
        reworded(compressed_zeros(), "ZNAXIS2", 10**6),
        "claims 1000000 compressed tiles and lists 64",
    ),
    "a thousand million columns of a table": (
        reworded(compressed_zeros(), "TFIELDS", 10**9),
        "at most 999 columns",
    ),
    "one compressed tile": (
        reworded(
            reworded(reworded(compressed_zeros(), "ZNAXIS1", 10**7), "ZTILE1", 10**7), "ZTILE2", 64
        ),
        "smaller tiles",
    ),
}


@pytest.mark.parametrize("opened_by", [read, open_sky_map], ids=["read", "open_sky_map"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_cannot_be_true_is_refused_before_memory_is_taken(
    tmp_path: Path, claim: str, opened_by: Callable[[Path], Any]
) -> None:
    content, reason = CLAIMS[claim]
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFileError, match=reason):
            result = opened_by(path)
            # `read` lists instead of raising.
            raise UnreadableFileError(result.rejected[0].reason)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


def test_a_compressed_image_is_not_unpacked_to_a_thousand_times_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.fits").write_bytes(compressed_zeros(width=4096))
    assert read(tmp_path / "x.fits").images[0].shape == (1, 64, 4096)
    monkeypatch.setattr("data_adapters.size_claims.SMALLEST_LIMIT", 1000)
    monkeypatch.setattr("data_adapters.size_claims.UNPACKING_RATIO", 10)
    reason = read(tmp_path / "x.fits").rejected[0].reason
    assert reason.startswith("it claims 262144 pixel values, which would take 1.05 MB")


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.fits", content)
    return stream.getvalue()


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zip": zipped}


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files_hold_what_the_plain_ones_do(tmp_path: Path, packer: str) -> None:
    content = encoded(fits.ImageHDU(FRAME + 1, name="B"), fits.ImageHDU(FRAME + 2, name="C"))
    (tmp_path / "x.fits.gz").write_bytes(PACKERS[packer](content))
    for part, step in {"": 0, "[B]": 1, "[C]": 2}.items():
        [image] = read(f"{tmp_path}/x.fits.gz{part}").images
        np.testing.assert_array_equal(image.pixels[0], FRAME + step)


@pytest.mark.parametrize("packer", [bytes, gzip.compress], ids=["plain", "packed"])
@pytest.mark.parametrize("behind", [b"\0", b"no header"])
def test_what_lies_behind_the_last_extension_is_not_read(
    tmp_path: Path, packer: Callable[[bytes], bytes], behind: bytes
) -> None:
    content = encoded() + behind * (30_000_000 // len(behind))
    path = tmp_path / "x.fits"
    path.write_bytes(packer(content))
    tracemalloc.start()
    try:
        [image] = read(path).images
        assert tracemalloc.get_traced_memory()[1] < 1e7
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(image.pixels[0], FRAME)


def test_a_packed_file_that_claims_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.fits.gz").write_bytes(gzip.compress(encoded()))
    monkeypatch.setattr("data_adapters.size_claims.SMALLEST_LIMIT", 1000)
    monkeypatch.setattr("data_adapters.size_claims.UNPACKING_RATIO", 1)
    assert "unpack the file first" in read(tmp_path / "x.fits.gz").rejected[0].reason


def test_a_header_without_end_is_given_up(tmp_path: Path) -> None:
    cards = header(NAXIS=0).replace(b"END", b"   ")
    (tmp_path / "x.fits").write_bytes(cards + b" " * 9_000_000)
    assert "header without end" in read(tmp_path / "x.fits").rejected[0].reason


def test_random_groups_are_walked_over(tmp_path: Path) -> None:
    groups = fits.GroupData(np.zeros((3, 1, 4, 4), np.float32), bitpix=-32, parnames=["UU"],
                            pardata=[np.zeros(3)])  # fmt: skip
    hdus = fits.HDUList([fits.GroupsHDU(groups), fits.ImageHDU(FRAME, name="B")])
    hdus.writeto(tmp_path / "x.fits")
    [image] = read(f"{tmp_path}/x.fits[B]").images
    np.testing.assert_array_equal(image.pixels[0], FRAME)


def test_a_file_that_takes_too_long_is_given_up_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.fits").write_bytes(encoded(*[fits.ImageHDU() for _ in range(3)]))
    assert open_sky_map(tmp_path / "x.fits").shape == (1, 20, 24)
    monkeypatch.setattr("data_adapters.time_limit.SECONDS_PER_FILE", -1.0)
    assert "takes more than" in read(tmp_path / "x.fits").rejected[0].reason
    # The limit is that of one file, and ends with it.
    assert open_sky_map(tmp_path / "x.fits").shape == (1, 20, 24)
