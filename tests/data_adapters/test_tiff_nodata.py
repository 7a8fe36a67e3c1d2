"""Pixels that GDAL calls "no data" are masked, whatever their type, page or place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from tests.data_adapters.test_pictures import COLOUR, GREY, read_all, read_one, upright

FLOAT32_LIMIT = float(np.finfo(np.float32).min)


def tag(text: str, *, on_every_page: bool = True) -> dict[str, Any]:
    return {"extratags": [(42113, "s", 0, text, not on_every_page)], "metadata": None}


@pytest.mark.parametrize(
    ("dtype", "text", "value"),
    [
        (np.float32, "-9999", -9999),
        (np.float32, " -9999.1 ", -9999.1),
        (np.float64, "-9,5e3", -9500),
        (np.float32, "-3.4028234663852886e+38", FLOAT32_LIMIT),
        (np.float32, "-3.40282e+38", FLOAT32_LIMIT),
        (np.float64, "-1.79769e+308", np.finfo(np.float64).min),
        (np.uint8, "255", 255),
        (np.uint16, "65535.0", 65535),
        (np.int16, "-32768", -32768),
        (np.int32, "+7", 7),
        (np.int64, str(2**62 + 1), 2**62 + 1),
    ],
)
def test_the_value_of_no_data_is_masked(tmp_path: Path, dtype: Any, text: str, value: Any) -> None:
    samples = GREY.astype(dtype)
    samples[0, 1] = value
    samples[2, 3] = value
    tifffile.imwrite(tmp_path / "x.tif", samples, **tag(text))
    image = read_one(tmp_path / "x.tif")
    np.testing.assert_array_equal(image.mask, (samples == dtype(value))[::-1])
    assert image.mask.sum() == 2
    np.testing.assert_array_equal(image.values[:, ~image.mask], upright(GREY)[:, ~image.mask])


@pytest.mark.parametrize("text", ["nan", "-9999", "1e400", "inf", "300", "0.5"])
def test_a_value_that_no_pixel_holds_masks_nothing_else(tmp_path: Path, text: str) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GREY, **tag(text))
    assert not read_one(tmp_path / "x.tif").mask.any()
    samples = np.where(GREY == 40, np.nan, GREY).astype(np.float32)
    tifffile.imwrite(tmp_path / "y.tif", samples, **tag(text))
    np.testing.assert_array_equal(read_one(tmp_path / "y.tif").mask, (GREY == 40)[::-1])


@pytest.mark.parametrize("on_every_page", [True, False])
def test_no_data_is_masked_on_every_page(tmp_path: Path, on_every_page: bool) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        for page in (GREY, GREY[::-1], GREY[:2].astype(np.float32)):
            tiff.write(page, contiguous=False, **tag("40", on_every_page=on_every_page))
    for image, page in zip(read_all(tmp_path / "x.tif"), (GREY, GREY[::-1], GREY[:2]), strict=True):
        np.testing.assert_array_equal(image.mask, (page == 40)[::-1])


def test_the_first_page_speaks_for_those_that_say_nothing(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        tiff.write(GREY, **tag("40"))
        tiff.write(GREY, contiguous=False, metadata=None)
        tiff.write(GREY, contiguous=False, **tag("60"))
    masks = [image.mask for image in read_all(tmp_path / "x.tif")]
    np.testing.assert_array_equal(masks, [(value == GREY)[::-1] for value in (40, 40, 60)])


def test_a_colour_is_no_data_where_all_its_channels_are(tmp_path: Path) -> None:
    samples = COLOUR.copy()
    samples[1, 1] = 0
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="rgb", **tag("0"))
    expected = (samples == 0).all(axis=-1)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").mask, expected[::-1])
    bands = np.moveaxis(samples, -1, 0).astype(np.int16)
    tifffile.imwrite(
        tmp_path / "y.tif", bands, photometric="minisblack", planarconfig="separate", **tag("0")
    )
    expected = (bands == 0).any(axis=0)
    np.testing.assert_array_equal(read_one(tmp_path / "y.tif").mask, expected[::-1])


def test_no_data_is_told_by_the_values_as_stored(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GREY, photometric="miniswhite", **tag("40"))
    image = read_one(tmp_path / "x.tif")
    np.testing.assert_array_equal(image.mask, (GREY == 40)[::-1])
    np.testing.assert_array_equal(image.pixels, upright(255 - GREY))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_no_data_of_a_palette_or_behind_pillow_is_masked(tmp_path: Path, compression: str) -> None:
    palette = PIL.Image.fromarray(GREY // 20).convert("P")
    palette.putpalette([value // 2 for value in range(256)] * 3)
    for picture in (palette, PIL.Image.fromarray(GREY // 20), PIL.Image.fromarray(GREY / 20.0)):
        kept = {42113: "5", 274: 3}
        picture.save(tmp_path / "x.tif", compression=compression, tiffinfo=kept)
        expected = (GREY // 20 == 5)[::-1, ::-1]
        np.testing.assert_array_equal(read_one(tmp_path / "x.tif").mask, expected[::-1])


def test_a_value_that_is_no_number_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GREY, **tag("none"))
    with caplog.at_level(logging.WARNING):
        assert not read_one(tmp_path / "x.tif").mask.any()
    assert "its value of no data is 'none', which is ignored" in caplog.text
