"""What a file is, its content says, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile
from astropy.io import fits

from data_adapters import read
from data_adapters.pictures import PictureAdapter
from equiclust.exceptions import UnreadableFileError

FRAME = np.arange(48, dtype=np.uint8).reshape(6, 8)
PAGES = np.stack([FRAME, FRAME + 100, FRAME[::-1]])


def animation(path: Path, kind: str) -> None:
    first, *rest = [PIL.Image.fromarray(page) for page in PAGES]
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(path, kind, save_all=True, append_images=rest, **options)


def single_fits(path: Path) -> None:
    fits.PrimaryHDU(PAGES[0][::-1]).writeto(path.with_name("made.fits"))
    path.with_name("made.fits").rename(path)


def saved_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, PAGES[:, ::-1])


WRITERS: dict[str, tuple[Callable[[Path], object], int]] = {
    "TIFF": (lambda path: tifffile.imwrite(path, PAGES, photometric="minisblack"), 3),
    "big-endian TIFF": (
        lambda path: tifffile.imwrite(path, PAGES, photometric="minisblack", byteorder=">"),
        3,
    ),
    "BigTIFF": (
        lambda path: tifffile.imwrite(path, PAGES, photometric="minisblack", bigtiff=True),
        3,
    ),
    "PNG": (lambda path: animation(path, "PNG"), 3),
    "WebP": (lambda path: animation(path, "WEBP"), 3),
    "BMP": (lambda path: PIL.Image.fromarray(FRAME).save(path, "BMP"), 1),
    "FITS": (single_fits, 1),
    "NumPy": (saved_array, 3),
}


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".tif", ".fits", ".fit.gz", ".npy", ".npz"])
@pytest.mark.parametrize("kind", WRITERS)
def test_every_image_of_a_file_is_read_whatever_its_name(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    write, n_images = WRITERS[kind]
    path = tmp_path / f"a.b{suffix}"
    write(path)
    result = read(path)
    assert result.rejected == ()
    assert len(result.images) == n_images
    stem = "a.b.fit" if suffix == ".fit.gz" and kind != "FITS" else "a.b"
    assert all(image.id.startswith(stem) for image in result.images)
    assert result.images[0].id == (stem if n_images == 1 else result.images[0].id)
    for image, page in zip(result.images, PAGES, strict=False):
        np.testing.assert_array_equal(image.values[0], page[::-1])


def test_axes_reach_the_reader_of_the_content(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.png", PAGES, photometric="minisblack")
    assert read(tmp_path / "x.png", axes="chw").images.pixels.shape == (1, 3, 6, 8)


def test_a_reader_of_pictures_leaves_no_page_of_a_tiff_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.png", PAGES, photometric="minisblack")
    with pytest.raises(UnreadableFileError, match=r"x\.png: it is a TIFF picture"):
        PictureAdapter().read(tmp_path / "x.png")


def test_what_is_of_no_known_content_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"notes")
    (tmp_path / "x.fits").write_bytes(b"notes")
    assert len(read(tmp_path).rejected) == 2
