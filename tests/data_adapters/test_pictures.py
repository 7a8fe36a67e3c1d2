"""Pictures with their values, upright, and what only calls itself a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from data_adapters.pictures import PictureAdapter
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

GREY = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
COLOUR = np.stack([GREY, GREY[::-1], GREY // 2], axis=-1)


def read_one(path: Path) -> Image:
    [image] = PictureAdapter().read(path)
    return image


def upright(samples: Any) -> Any:
    """What the adapter must give for samples `(h, w)` or `(h, w, c)`, top row first."""
    samples = np.atleast_3d(samples)
    return np.moveaxis(samples, -1, 0)[:, ::-1]


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff"])
@pytest.mark.parametrize("samples", [GREY, COLOUR], ids=["grey", "colour"])
def test_values_are_kept_and_the_lowest_row_comes_first(
    tmp_path: Path, suffix: str, samples: Any
) -> None:
    path = tmp_path / f"disc.v2{suffix}"
    PIL.Image.fromarray(samples).save(path)
    image = read_one(path)
    np.testing.assert_array_equal(image.pixels, upright(samples))
    assert image.id == "disc.v2"
    assert image.path == str(path)
    assert not image.mask.any()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    smooth = np.add.outer(np.arange(0, 128, 2), np.arange(0, 64, 2)).astype(np.uint8)
    PIL.Image.fromarray(smooth).save(path, quality=95)
    np.testing.assert_allclose(read_one(path).pixels, upright(smooth), atol=4)


def test_colours_of_equal_channels_are_grey(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(GREY))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(COLOUR).quantize(12)
    picture.save(tmp_path / "x.png")
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(expected))


@pytest.mark.parametrize("samples", [GREY, COLOUR], ids=["grey", "colour"])
def test_zero_opacity_is_masked(tmp_path: Path, samples: Any) -> None:
    alpha = np.full((3, 4), 255, dtype=np.uint8)
    alpha[0, 1], alpha[2, 3] = 0, 128
    PIL.Image.fromarray(np.dstack([samples, alpha])).save(tmp_path / "x.png")
    image = read_one(tmp_path / "x.png")
    np.testing.assert_array_equal(image.mask, (alpha == 0)[::-1])
    assert image.pixels.shape[0] == np.atleast_3d(samples).shape[-1]


def test_sixteen_bit_png_is_not_cut_down(tmp_path: Path) -> None:
    deep = (GREY.astype(np.uint16) * 257) + 3
    PIL.Image.fromarray(deep).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(deep))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("samples", [GREY, COLOUR], ids=["grey", "colour"])
def test_deep_tiff_is_not_cut_down(tmp_path: Path, dtype: Any, samples: Any) -> None:
    deep = samples.astype(dtype) * dtype(100) + dtype(1)
    photometric = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "x.tif", deep, photometric=photometric)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(deep))


def test_nan_in_a_tiff_is_masked(tmp_path: Path) -> None:
    frame = GREY.astype(np.float32)
    frame[0, 1] = np.nan
    tifffile.imwrite(tmp_path / "x.tif", frame)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").mask, np.isnan(frame)[::-1])


def test_opacity_of_a_deep_tiff_is_a_mask(tmp_path: Path) -> None:
    samples = np.dstack([COLOUR, np.where(GREY == 40, 0, 255)]).astype(np.uint16) * 200
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb", extrasamples=["unassalpha"])
    image = read_one(tmp_path / "x.tif")
    assert image.pixels.shape == (3, 3, 4)
    np.testing.assert_array_equal(image.mask, (GREY == 40)[::-1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_page_is_an_image(tmp_path: Path, dtype: Any) -> None:
    pages = np.stack([GREY, GREY + 5, GREY + 9]).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack")
    images = PictureAdapter().read(tmp_path / "x.tif")
    assert [image.id for image in images] == ["x_000", "x_001", "x_002"]
    for image, page in zip(images, pages, strict=True):
        np.testing.assert_array_equal(image.pixels, upright(page))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_is_read(tmp_path: Path, compression: str) -> None:
    for samples in (GREY, COLOUR, GREY.astype(np.uint16) * 200):
        PIL.Image.fromarray(samples).save(tmp_path / "x.tif", compression=compression)
        np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(samples))


def test_a_camera_held_sideways_is_put_right(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(GREY).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(np.rot90(GREY, -1)))


def _cut(path: Path) -> None:
    rng = np.random.default_rng(0)
    PIL.Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])


BAD_FILES = {
    "text": (lambda path: path.write_text("hello"), "not a PNG, JPEG or TIFF"),
    "empty": (lambda path: path.touch(), "it is empty"),
    "folder": (lambda path: path.mkdir(), "folder"),
    "missing": (lambda path: None, "No such file"),
    "truncated": (_cut, "truncated"),
}


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_refused_with_path_and_reason(tmp_path: Path, kind: str, suffix: str) -> None:
    make, reason = BAD_FILES[kind]
    path = tmp_path / f"bad{suffix}"
    make(path)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        PictureAdapter().read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_picture_has_no_parts(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no part '1'"):
        PictureAdapter().read(tmp_path / "x.png", "1")


def test_a_picture_too_large_to_be_true_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIL.Image.fromarray(np.zeros((50, 50), dtype=np.uint8)).save(tmp_path / "x.png")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1500)
    assert read_one(tmp_path / "x.png").shape == (1, 50, 50)
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UnreadableFileError, match="2500 pixels"):
        PictureAdapter().read(tmp_path / "x.png")
