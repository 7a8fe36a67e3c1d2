"""TIFF files: no page is lost, and no value is cut down, inverted or swapped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile

from data_adapters.tiff import TiffAdapter
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from tests.data_adapters.test_pictures import COLOUR, GREY, read_all, read_one, upright


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
    images = read_all(tmp_path / "x.tif")
    assert [image.id for image in images] == ["x_000", "x_001", "x_002"]
    for image, page in zip(images, pages, strict=True):
        np.testing.assert_array_equal(image.pixels, upright(page))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff_is_read(tmp_path: Path, compression: str) -> None:
    for samples in (GREY, COLOUR, GREY.astype(np.uint16) * 200):
        PIL.Image.fromarray(samples).save(tmp_path / "x.tif", compression=compression)
        np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(samples))


def write_pages(path: Path, *pages: npt.NDArray[Any], **options: Any) -> None:
    """Pages one after the other, without any metadata."""
    with tifffile.TiffWriter(path, **options) as tiff:
        for page in pages:
            tiff.write(page, photometric="minisblack", metadata=None)


def assert_pages(images: tuple[Image, ...], *pages: npt.NDArray[Any]) -> None:
    assert len(images) == len(pages)
    for image, page in zip(images, pages, strict=True):
        np.testing.assert_array_equal(image.pixels, upright(page))


SMALL = GREY[:2, :3] + 100


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_pages_of_different_size_are_all_images_in_their_order(
    tmp_path: Path, dtype: Any, byteorder: Any, bigtiff: bool
) -> None:
    # The last is half as large as the first, as in a pyramid, but is not called reduced.
    pages = [GREY.astype(dtype), SMALL.astype(dtype), (GREY + 7).astype(dtype)]
    pages.append(np.tile(GREY, (4, 4)).astype(dtype))
    pages.append(np.tile(GREY, (2, 2)).astype(dtype))
    write_pages(tmp_path / "x.tif", *pages, byteorder=byteorder, bigtiff=bigtiff)
    images = read_all(tmp_path / "x.tif")
    assert [image.id for image in images] == [f"x_{i:03d}" for i in range(5)]
    assert_pages(images, *pages)


def test_pages_of_different_depth_are_all_images(tmp_path: Path) -> None:
    pages = [GREY, GREY.astype(np.uint16) * 257, GREY.astype(np.float32) / 7, GREY * 1.5]
    write_pages(tmp_path / "x.tif", *pages)
    assert_pages(read_all(tmp_path / "x.tif"), *(page.astype(np.float32) for page in pages))


def test_many_pages_of_which_one_is_odd_are_all_images(tmp_path: Path) -> None:
    # tifffile compares the pages 1, 7 and the last with the first.
    pages = [(GREY + i).astype(np.uint16) for i in range(12)]
    pages[3] = SMALL.astype(np.uint16)
    write_pages(tmp_path / "x.tif", *pages)
    assert_pages(read_all(tmp_path / "x.tif"), *pages)


def test_pictures_saved_one_after_the_other_are_all_images(tmp_path: Path) -> None:
    first, *others = [PIL.Image.fromarray(page) for page in (GREY, SMALL, COLOUR)]
    first.save(tmp_path / "x.tif", save_all=True, append_images=others)
    assert_pages(read_all(tmp_path / "x.tif"), GREY, SMALL, COLOUR)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_and_masks_are_no_images(tmp_path: Path, dtype: Any) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
        tiff.write(SMALL.astype(dtype), subfiletype=1, **options)
        tiff.write(GREY.astype(dtype), **options)
        tiff.write(GREY.astype(dtype), subfiletype=2, **options)
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as tiff:
        tiff.pages[2].tags["NewSubfileType"].overwrite(4)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(GREY))


def test_what_is_only_a_thumbnail_is_an_image(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", SMALL, subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(SMALL))


@pytest.mark.parametrize("reduced", [True, False])
def test_a_page_within_a_page_is_an_image_unless_it_is_a_thumbnail(
    tmp_path: Path, reduced: bool
) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
        tiff.write(GREY, subifds=1, **options)
        tiff.write(SMALL, subfiletype=int(reduced), **options)
        tiff.write(GREY + 9, **options)
    expected = [GREY, GREY + 9] if reduced else [GREY, SMALL, GREY + 9]
    assert_pages(read_all(tmp_path / "x.tif"), *expected)


def test_a_last_page_that_is_lost_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    write_pages(path, GREY, SMALL)
    with tifffile.TiffFile(path) as tiff:
        second = tiff.pages[1].offset
    content = path.read_bytes()
    at = content.rindex(second.to_bytes(4, "little"))
    for where in (b"\xff\xff\xff\x7f", b"\x02\x00\x00\x00"):
        path.write_bytes(content[:at] + where + content[at + 4 :])
        with pytest.raises(UnreadableFileError, match="damaged or truncated"):
            read_all(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_images_of_imagej_are_read_though_it_has_one_page(tmp_path: Path, dtype: Any) -> None:
    stack = np.stack([GREY, GREY + 5, GREY + 9]).astype(dtype)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})
    assert_pages(read_all(path), *stack)
    # Of large stacks ImageJ describes the first image alone; the others follow its pixels.
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.filehandle.seek(tiff.pages[0].offset)
        n_tags = int.from_bytes(tiff.filehandle.read(2), "big")
        tiff.filehandle.seek(tiff.pages[0].offset + 2 + 12 * n_tags)
        tiff.filehandle.write(b"\0\0\0\0")
    assert_pages(read_all(path), *stack)


def test_channels_that_metadata_know_of_are_those_of_one_image(tmp_path: Path) -> None:
    planes = np.moveaxis(COLOUR, -1, 0).astype(np.uint16)
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(tmp_path / "x.ome.tif", planes, ome=True, **options)
    np.testing.assert_array_equal(
        read_one(tmp_path / "x.ome.tif").pixels, upright(COLOUR.astype(np.uint16))
    )


@pytest.mark.parametrize("bits", [1, 8])
def test_where_0_means_white_brightness_is_what_is_read(tmp_path: Path, bits: int) -> None:
    samples = GREY if bits == 8 else GREY > 100
    picture = PIL.Image.fromarray(samples)
    picture.save(tmp_path / "x.tif", tiffinfo={262: 0})
    with tifffile.TiffFile(tmp_path / "x.tif") as tiff:
        assert tiff.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
        stored = tiff.pages[0].asarray()
    np.testing.assert_array_equal(
        read_one(tmp_path / "x.tif").pixels, upright(255 - stored * (255 if bits == 1 else 1))
    )


def test_where_0_means_white_so_it_is_in_deep_pages(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 100
    tifffile.imwrite(tmp_path / "x.tif", deep, photometric="miniswhite")
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(65535 - deep))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pages_are_shown_as_their_orientation_says(
    tmp_path: Path, orientation: int, dtype: Any
) -> None:
    shown = {
        1: GREY,
        2: np.fliplr(GREY),
        3: np.rot90(GREY, 2),
        4: np.flipud(GREY),
        5: GREY.T,
        6: np.rot90(GREY, -1),
        7: np.rot90(GREY, 2).T,
        8: np.rot90(GREY, 1),
    }[orientation]
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "x.tif", GREY.astype(dtype), extratags=[tag], metadata=None)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(shown))


def lzw(content: bytes) -> bytes:
    """Content as codes of nine bits (Welch 1984), cleared before any code needs ten."""
    codes = []
    for start in range(0, len(content), 200):
        codes += [256, *content[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def write_lzw(path: Path, samples: npt.NDArray[Any], byteorder: str, **options: Any) -> None:
    dtype = samples.dtype.newbyteorder(byteorder)  # type: ignore[arg-type]
    options.setdefault("photometric", "rgb" if samples.ndim == 3 else "minisblack")
    tifffile.imwrite(
        path,
        iter([lzw(samples.astype(dtype).tobytes())]),
        shape=samples.shape,
        dtype=dtype,
        byteorder=byteorder,
        compression="adobe_deflate",
        rowsperstrip=len(samples),
        metadata=None,
        **options,
    )
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["Compression"].overwrite(5)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_deep_values_in_lzw_are_right_or_refused(
    tmp_path: Path, byteorder: str, dtype: str, n_channels: int
) -> None:
    share = np.random.default_rng(0).random((6, 9, n_channels))
    scale = {"u2": 65535, "u4": 2**32 - 1, "i2": 2**15 - 1, "i4": 2**31 - 1}.get(dtype, 1000)
    samples = (share * scale).astype(dtype)
    options = {"extrasamples": ["unassalpha"]} if n_channels == 4 else {}
    write_lzw(
        tmp_path / "x.tif", samples if n_channels > 1 else samples[..., 0], byteorder, **options
    )
    refused = dtype in ("f2", "f8") or (dtype != "u2" and (n_channels > 1 or byteorder == ">"))
    if refused:
        with pytest.raises(UnreadableFileError, match="LZW takes the package imagecodecs"):
            read_one(tmp_path / "x.tif")
        return
    expected = upright(samples[..., :3] if n_channels == 4 else samples).astype(np.float32)
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, expected)


def test_0_means_white_in_lzw_too(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 100
    write_lzw(tmp_path / "x.tif", deep, "<", photometric="miniswhite")
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(65535 - deep))


@pytest.mark.parametrize(
    ("samples", "options", "reason"),
    [
        (GREY.astype(np.complex64), {}, "complex64"),
        (np.dstack([COLOUR, GREY]).astype(np.uint16), {"photometric": "separated"}, "SEPARATED"),
        (COLOUR.astype(np.uint16), {"photometric": "cielab"}, "CIELAB of 16 bits"),
        (COLOUR, {"photometric": "cielab"}, "LAB"),
        (GREY.astype(np.uint16), {"photometric": "palette"}, "PALETTE"),
    ],
    ids=["complex", "deep CMYK", "deep LAB", "LAB", "deep palette"],
)
def test_values_that_are_no_brightness_are_refused(
    tmp_path: Path, samples: Any, options: dict[str, Any], reason: str
) -> None:
    if options.get("photometric") == "palette":
        options = {**options, "colormap": np.zeros((3, 65536), np.uint16)}
    tifffile.imwrite(tmp_path / "x.tif", samples, **options)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        read_all(tmp_path / "x.tif")
    assert "damaged" not in str(caught.value)


def test_pages_in_other_files_are_missed(tmp_path: Path) -> None:
    stack = np.stack([GREY, GREY + 5]).astype(np.uint16)
    path = tmp_path / "x.ome.tif"
    tifffile.imwrite(path, stack, ome=True, metadata={"axes": "TYX"}, photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        text = tiff.pages[0].description
    other = text.replace('SizeT="2"', 'SizeT="3"')
    assert other != text
    tifffile.tiffcomment(path, other)
    with pytest.raises(UnreadableFileError, match="pages that are not in it"):
        read_all(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": 2},
        {"compression": "lzma", "rowsperstrip": 5},
    ],
    ids=["strips", "tiles", "deflate", "predictor", "lzma"],
)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u4", "i8", "f2", "f4", "f8"])
def test_every_type_in_every_layout_is_read(
    tmp_path: Path, byteorder: Any, options: dict[str, Any], dtype: str
) -> None:
    if options.get("predictor") and dtype[0] == "f":
        return
    sign = 1 if dtype[0] == "u" else -1
    deep = (np.random.default_rng(0).random((18, 20)) * 100 * sign).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", deep, byteorder=byteorder, **options)
    expected = upright(deep.astype(np.float32))
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("n_channels", [2, 5])
def test_channels_beside_the_colours_are_kept(
    tmp_path: Path, dtype: Any, planar: str, n_channels: int
) -> None:
    samples = np.random.default_rng(0).integers(0, 99, (6, 7, n_channels)).astype(dtype)
    stored = samples if planar == "contig" else np.moveaxis(samples, -1, 0)
    tifffile.imwrite(
        tmp_path / "x.tif", stored, planarconfig=planar, photometric="minisblack",
        extrasamples=["unspecified"] * (n_channels - 1),
    )  # fmt: skip
    np.testing.assert_array_equal(read_one(tmp_path / "x.tif").pixels, upright(samples))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colours_multiplied_by_their_opacity_are_divided_by_it(tmp_path: Path, dtype: Any) -> None:
    most = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    share = np.random.default_rng(0).random((6, 7, 4))
    share[2, 3, 3] = 0.0
    opacity = share[..., 3:]
    stored = np.concatenate([share[..., :3] * opacity, opacity], axis=-1) * most
    stored = stored.astype(dtype)
    tifffile.imwrite(
        tmp_path / "x.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None
    )
    image = read_one(tmp_path / "x.tif")
    np.testing.assert_array_equal(image.mask, stored[::-1, :, 3] == 0)
    shown = ~np.broadcast_to(image.mask, image.pixels.shape)
    exact = stored[..., :3] / np.maximum(stored[..., 3:], 1e-9).astype(float) * most
    np.testing.assert_allclose(
        image.pixels[shown], upright(exact)[shown], atol=0 if most == 1.0 else 1, rtol=1e-6
    )


def test_all_axes_of_imagej_are_told_apart(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 999, (2, 3, 4, 6, 7)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    assert_pages(
        read_all(tmp_path / "x.tif"),
        *(np.moveaxis(stack[t, z], 0, -1) for t in range(2) for z in range(3)),
    )
    coloured = np.random.default_rng(0).integers(0, 255, (2, 6, 7, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "y.tif", coloured, imagej=True, metadata={"axes": "TYXS"})
    assert_pages(read_all(tmp_path / "y.tif"), *coloured)


STACK = np.random.default_rng(0).integers(0, 999, (9, 8, 6, 3)).astype(np.uint16)


def test_slices_of_an_image_are_one_image_where_the_shape_says_so(tmp_path: Path) -> None:
    # A reader of numpy's image (h, w, c) as pages gets h images of w x c pixels.
    options: dict[str, Any] = {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "one.tif", STACK[0], **options)
    assert_pages(read_all(tmp_path / "one.tif"), STACK[0])
    tifffile.imwrite(tmp_path / "several.tif", STACK, **options)
    assert_pages(read_all(tmp_path / "several.tif"), *STACK)
    tifffile.imwrite(tmp_path / "two.tif", np.tile(STACK[..., :2], (1, 1, 3, 1)), **options)
    with pytest.raises(UnreadableFileError, match=r"\(9, 8, 18, 2\) does not show"):
        read_all(tmp_path / "two.tif")


@pytest.mark.parametrize(
    ("axes", "written"),
    [
        ("nhwc", {"photometric": "minisblack"}),
        ("nhwc", {"photometric": "rgb"}),
        ("nchw", {"photometric": "minisblack"}),
        ("hwcn", {"photometric": "minisblack"}),
        ("cnhw", {"imagej": True, "metadata": {"axes": "TZYX"}}),
        ("cnhw", {"imagej": True, "metadata": {"axes": "TCYX"}}),
        ("nhwc", {"photometric": "rgb", "planarconfig": "contig", "metadata": None}),
    ],
)
def test_letters_say_what_the_axes_of_pages_hold(
    tmp_path: Path, axes: str, written: dict[str, Any]
) -> None:
    stored = STACK.transpose(["nhwc".index(letter) for letter in axes])
    tifffile.imwrite(tmp_path / "x.tif", stored, **written)
    assert_pages(TiffAdapter().read(tmp_path / "x.tif", axes=axes), *STACK)


def test_letters_hold_for_every_page_where_pages_differ(tmp_path: Path) -> None:
    write_pages(tmp_path / "x.tif", GREY, SMALL)
    assert_pages(TiffAdapter().read(tmp_path / "x.tif", axes="wh"), GREY.T, SMALL.T)
    with pytest.raises(UnreadableFileError, match=r"\(9, 8, 6, 3\), which the letters"):
        tifffile.imwrite(tmp_path / "y.tif", STACK, photometric="minisblack")
        TiffAdapter().read(tmp_path / "y.tif", axes="hwc")
    assert len(TiffAdapter().read(tmp_path / "y.tif", axes="nhw")) == 9 * 8


def test_masks_turn_with_the_axes(tmp_path: Path) -> None:
    samples = np.dstack([GREY, np.where(GREY == 40, 0, 255)]).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "x.tif", samples, photometric="minisblack", planarconfig="contig",
        extrasamples=["unassalpha"],
    )  # fmt: skip
    [image] = TiffAdapter().read(tmp_path / "x.tif", axes="wh")
    np.testing.assert_array_equal(image.mask, (GREY == 40).T[::-1])
