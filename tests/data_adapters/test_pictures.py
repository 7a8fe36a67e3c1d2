"""Pictures with their values, upright, and what only calls itself a picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from data_adapters.registry import adapters_by_suffix
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image

GREY = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
COLOUR = np.stack([GREY, GREY[::-1], GREY // 2], axis=-1)


def read_all(path: Path, part: str = "") -> tuple[Image, ...]:
    return adapters_by_suffix()[path.suffix.lower()].read(path, part)


def read_one(path: Path) -> Image:
    [image] = read_all(path)
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


COLOUR_TYPES = {"grey": (0, 1), "colour": (2, 3), "grey and opacity": (4, 2), "opacity": (6, 4)}


def png(
    samples: npt.NDArray[Any], depth: int, colour_type: int, *chunks: tuple[bytes, bytes]
) -> bytes:
    """PNG file of samples `(h, w, c)`, by its standard (ISO/IEC 15948)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    height, width = samples.shape[:2]
    digits = np.arange(depth - 1, -1, -1)
    bits = (samples.reshape(height, -1, 1).astype(np.int64) >> digits) & 1
    packed = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), packed], axis=1)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        *chunks,
        (b"IDAT", zlib.compress(filtered.tobytes())),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def noise(depth: int, n_channels: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(depth).integers(0, 2**depth, (6, 9, n_channels))


@pytest.mark.parametrize("colours", COLOUR_TYPES)
def test_sixteen_bits_of_a_png_are_not_cut_down(tmp_path: Path, colours: str) -> None:
    colour_type, n_channels = COLOUR_TYPES[colours]
    deep = noise(16, n_channels)
    has_opacity = colour_type >= 4
    if has_opacity:
        # Opacity of less than a 256th is not none.
        deep[1, 2, -1], deep[3, 4, -1] = 0, 255
    (tmp_path / "x.png").write_bytes(png(deep, 16, colour_type))
    image = read_one(tmp_path / "x.png")
    np.testing.assert_array_equal(image.pixels, upright(deep[..., :-1] if has_opacity else deep))
    expected = deep[::-1, :, -1] == 0 if has_opacity else np.zeros((6, 9), dtype=bool)
    np.testing.assert_array_equal(image.mask, expected)


def test_sixteen_bits_of_filtered_rows_are_read(tmp_path: Path) -> None:
    # The filter `Sub` takes the differences of bytes one pixel, six bytes, apart.
    deep = np.add.outer(np.arange(6) * 257, np.arange(9) * 1031)[..., None] + [0, 5000, 50000]
    rows = deep.astype(">u2").tobytes()
    stride = 9 * 6
    lines = []
    for start in range(0, len(rows), stride):
        row = np.frombuffer(rows[start : start + stride], np.uint8)
        before = np.concatenate([np.zeros(6, np.uint8), row[:-6]])
        lines.append(b"\x01" + (row - before).tobytes())
    whole = png(deep, 16, 2)
    at = whole.index(b"IDAT") - 4
    data = zlib.compress(b"".join(lines))
    chunk = struct.pack(">I", len(data)) + b"IDAT" + data
    chunk += struct.pack(">I", zlib.crc32(b"IDAT" + data))
    (tmp_path / "x.png").write_bytes(whole[:at] + chunk + whole[-12:])
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(deep))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_the_transparent_value_of_a_grey_png_is_masked(tmp_path: Path, depth: int) -> None:
    samples = noise(depth, 1)
    value = int(samples[2, 3, 0])
    transparent = (b"tRNS", struct.pack(">H", value))
    (tmp_path / "x.png").write_bytes(png(samples, depth, 0, transparent))
    image = read_one(tmp_path / "x.png")
    np.testing.assert_array_equal(image.mask, samples[::-1, :, 0] == value)
    scale = 1 if depth == 16 else 255 // (2**depth - 1)
    np.testing.assert_array_equal(
        image.pixels[~image.mask[None]], upright(samples * scale)[~image.mask[None]]
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_a_png_is_masked(tmp_path: Path, depth: int) -> None:
    samples = noise(depth, 3)
    # One colour differs in the last bit of one channel alone.
    samples[4, 4] = samples[2, 3] ^ [0, 0, 1]
    transparent = (b"tRNS", struct.pack(">HHH", *map(int, samples[2, 3])))
    (tmp_path / "x.png").write_bytes(png(samples, depth, 2, transparent))
    image = read_one(tmp_path / "x.png")
    np.testing.assert_array_equal(image.mask, np.all(samples == samples[2, 3], axis=-1)[::-1])


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_of_any_depth_is_looked_up_with_its_opacity(tmp_path: Path, depth: int) -> None:
    samples = noise(depth, 1)
    colours = np.random.default_rng(1).integers(0, 256, (2**depth, 3), dtype=np.uint8)
    opacity = np.full(2**depth, 255, dtype=np.uint8)
    opacity[samples[2, 3, 0]] = 0
    chunks = ((b"PLTE", colours.tobytes()), (b"tRNS", opacity.tobytes()))
    (tmp_path / "x.png").write_bytes(png(samples, depth, 3, *chunks))
    image = read_one(tmp_path / "x.png")
    np.testing.assert_array_equal(image.mask, (opacity[samples[..., 0]] == 0)[::-1])
    shown = np.broadcast_to(~image.mask, (3, 6, 9))
    np.testing.assert_array_equal(image.pixels[shown], upright(colours[samples[..., 0]])[shown])


def test_every_frame_of_an_animation_is_an_image(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(GREY + step) for step in (0, 5, 9)]
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:])
    images = read_all(tmp_path / "x.png")
    assert [image.id for image in images] == ["x_000", "x_001", "x_002"]
    for image, step in zip(images, (0, 5, 9), strict=True):
        np.testing.assert_array_equal(image.pixels, upright(GREY + step))


def test_previews_behind_a_jpeg_are_no_images(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(GREY), PIL.Image.fromarray(GREY[:1])]
    frames[0].save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=frames[1:])
    assert read_one(tmp_path / "x.jpg").shape == (1, 3, 4)


def test_a_deep_picture_held_sideways_is_put_right(tmp_path: Path) -> None:
    deep = noise(16, 3)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "x.png").write_bytes(png(deep, 16, 2, (b"eXIf", exif.tobytes()[6:])))
    turned = np.rot90(deep, -1)
    np.testing.assert_array_equal(read_one(tmp_path / "x.png").pixels, upright(turned))


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
    "text": (lambda path: path.write_text("hello"), "not a PNG, JPEG, TIFF"),
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
        read_all(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_picture_has_no_parts(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no part '1'"):
        read_all(tmp_path / "x.png", "1")


def test_a_picture_too_large_to_be_true_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIL.Image.fromarray(np.zeros((50, 50), dtype=np.uint8)).save(tmp_path / "x.png")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1500)
    assert read_one(tmp_path / "x.png").shape == (1, 50, 50)
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(UnreadableFileError, match="2500 pixels"):
        read_all(tmp_path / "x.png")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".bmp"])
@pytest.mark.parametrize("samples", [GREY, COLOUR], ids=["grey", "colour"])
def test_other_formats_keep_their_values(tmp_path: Path, suffix: str, samples: Any) -> None:
    path = tmp_path / f"x{suffix}"
    PIL.Image.fromarray(samples).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    image = read_one(path)
    np.testing.assert_array_equal(image.pixels, upright(samples))
    assert not image.mask.any()


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_frames_of_animations_are_images_with_their_own_colours(
    tmp_path: Path, suffix: str
) -> None:
    # At the end of each frame, GIF and PNG keep what the next one does not paint over.
    frames = [np.roll(COLOUR, step, axis=0) for step in range(3)]
    first, *others = [PIL.Image.fromarray(frame) for frame in frames]
    options = {"lossless": True} if suffix == ".webp" else {}
    first.save(tmp_path / f"x{suffix}", save_all=True, append_images=others, **options)
    images = read_all(tmp_path / f"x{suffix}")
    assert len(images) == 3
    for image, frame in zip(images, frames, strict=True):
        np.testing.assert_array_equal(image.pixels, upright(frame))


def test_the_transparent_colour_of_a_gif_is_masked(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4), mode=None)
    picture.convert("P").save(tmp_path / "x.gif", transparency=5)
    image = read_one(tmp_path / "x.gif")
    np.testing.assert_array_equal(image.mask, np.arange(12).reshape(3, 4)[::-1] == 5)


INK = np.random.default_rng(3).integers(0, 256, (3, 4, 4), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_ink_becomes_light(tmp_path: Path, suffix: str) -> None:
    ink = INK if suffix == ".tif" else np.full((16, 16, 4), [200, 90, 10, 60], np.uint8)
    PIL.Image.fromarray(ink, mode="CMYK").save(tmp_path / f"x{suffix}", quality=100)
    colours = (255.0 - ink[..., :3]) * (255.0 - ink[..., 3:]) / 255
    pixels = read_one(tmp_path / f"x{suffix}").pixels
    np.testing.assert_allclose(pixels, upright(colours), atol=1 if suffix == ".tif" else 5)


def test_a_jpeg_may_be_progressive(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(0, 128, 2), np.arange(0, 64, 2)).astype(np.uint8)
    for progressive in (False, True):
        PIL.Image.fromarray(smooth).save(
            tmp_path / f"{progressive}.jpg", quality=90, progressive=progressive
        )
    first, second = (read_one(tmp_path / f"{progressive}.jpg") for progressive in (False, True))
    np.testing.assert_array_equal(first.pixels, second.pixels)


def test_opacity_of_each_frame_of_few_bits_is_that_of_its_own_value(tmp_path: Path) -> None:
    # The value 1 of 2 bits is spread to 85, once for all frames.
    samples = noise(2, 1)
    picture = png(samples, 2, 0, (b"tRNS", struct.pack(">H", 1)))
    (tmp_path / "x.png").write_bytes(picture)
    for _ in range(2):
        np.testing.assert_array_equal(read_one(tmp_path / "x.png").mask, samples[::-1, :, 0] == 1)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp", ".bmp"])
def test_a_picture_is_not_unpacked_to_a_thousand_times_its_size(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_adapters.size_claims.SMALLEST_LIMIT", 1000)
    monkeypatch.setattr("data_adapters.size_claims.UNPACKING_RATIO", 3)
    PIL.Image.fromarray(np.zeros((100, 100), np.uint8)).save(tmp_path / f"x{suffix}")
    with pytest.raises(UnreadableFileError, match=r"it claims \d+ pixel values"):
        read_all(tmp_path / f"x{suffix}")
