"""Images are read-only, finite, and as many as they say."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from equiclust.exceptions import InputError
from equiclust.images import Beam, Image, ImageSet
from equiclust.images_like import as_image_set

shapes = arrays.array_shapes(min_dims=2, max_dims=3, max_side=5)


@given(values=arrays.arrays(np.float32, shapes, elements=st.floats(width=32)))
def test_values_that_are_not_finite_are_masked_in_every_channel(values: Any) -> None:
    image = Image.from_values(values, "x")
    cube = values if values.ndim == 3 else values[None]
    assert image.shape == cube.shape
    assert image.pixels.dtype == np.float32
    np.testing.assert_array_equal(image.mask, ~np.isfinite(cube).all(axis=0))
    np.testing.assert_array_equal(image.pixels, np.where(np.isfinite(cube), cube, 0))


def test_a_given_mask_is_added() -> None:
    image = Image.from_values([[1.0, np.nan], [2.0, 3.0]], "x", mask=[[0, 0], [1, 0]])
    np.testing.assert_array_equal(image.mask, [[False, True], [True, False]])


def test_nothing_can_be_changed_and_nothing_of_the_users_is_frozen() -> None:
    values, mask = np.ones((2, 3), dtype=np.float32), np.zeros((2, 3), dtype=bool)
    image = Image.from_values(values, "x", mask=mask)
    values[0, 0], mask[0, 0] = 5.0, True
    assert image.pixels[0, 0, 0] == 1.0
    assert not image.mask[0, 0]
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0, 0] = 2.0
    with pytest.raises(AttributeError):
        image.id = "y"  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(3,), (1, 2, 3, 4), (0, 3), (3, 0), (0, 3, 3)])
def test_an_illegal_shape_is_named_with_the_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="'odd'"):
        Image.from_values(np.zeros(shape), "odd")


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 3\), got \(3, 2\)"):
        Image.from_values(np.zeros((2, 3)), "x", mask=np.zeros((3, 2)))


def _views() -> dict[str, Any]:
    whole = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    read_only = np.arange(60, dtype=np.float32).reshape(3, 4, 5)[:, ::-1]
    read_only.setflags(write=False)
    return {
        "own": whole,
        "view": np.arange(240, dtype=np.float32).reshape(3, 8, 10)[:, ::2, ::-2],
        "transposed": np.arange(60, dtype=np.float32).reshape(5, 4, 3).T,
        "read-only view of what can be written": read_only,
        "double": whole.astype(np.float64),
        "big-endian": whole.astype(">f4"),
        "integers": whole.astype(np.int16),
    }


@pytest.mark.parametrize("kind", _views())
def test_the_callers_arrays_stay_writable_and_change_no_image(kind: str) -> None:
    pixels = _views()[kind]
    mask = np.zeros((8, 5), dtype=bool)[::2]
    writable = pixels.flags.writeable
    image = Image(pixels, mask, "x")
    expected = pixels.astype(np.float32)
    owner = pixels if pixels.base is None else pixels.base
    assert (pixels.flags.writeable, mask.flags.writeable) == (writable, True)
    assert owner.flags.writeable
    owner[...] = 7
    mask[...] = True
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.dtype == np.float32
    assert not image.mask.any()
    assert not image.pixels.flags.writeable
    assert not image.mask.flags.writeable


def test_what_is_frozen_already_is_shared_and_nothing_is_copied_twice() -> None:
    image = Image.from_values(np.ones((2, 300, 400)), "x")
    again = image.with_pixels(image.pixels, image.mask)
    assert np.shares_memory(again.pixels, image.pixels)
    assert np.shares_memory(again.mask, image.mask)
    part = Image(image.pixels[:1, ::2], image.mask[::2], "y")
    assert np.shares_memory(part.pixels, image.pixels)
    for make in (
        lambda pixels: Image(pixels, np.zeros(pixels.shape[1:], dtype=bool), "x"),
        lambda pixels: Image.from_values(pixels, "x"),
        lambda pixels: ImageSet.from_array(pixels[None]),
    ):
        pixels = np.ones((4, 500, 500), dtype=np.float32)
        tracemalloc.start()
        made = make(pixels)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(made.mask)
        assert peak < 1.7 * pixels.nbytes


def _on_the_sky() -> Image:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.cdelt, wcs.wcs.crpix = [30.0, -40.0], [-1e-4, 1e-4], [2.0, 1.0]
    return Image.from_values(
        np.ones((2, 3, 4)), "x", path="x.fits", unit="K", beam=Beam(3e-4, 2e-4, 10.0), wcs=wcs
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_pixels_of_the_same_shape_keep_coordinates_and_beam(channels: int) -> None:
    image = _on_the_sky()
    other = image.with_pixels(np.zeros((channels, 3, 4), np.float32), np.ones((3, 4), bool))
    assert (other.id, other.path, other.unit, other.beam) == ("x", "x.fits", "K", image.beam)
    assert other.wcs is image.wcs
    assert not other.pixels.any()
    assert other.mask.all()


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (6, 8)])
def test_pixels_of_another_shape_lose_coordinates_and_beam(shape: tuple[int, int]) -> None:
    other = _on_the_sky().with_pixels(np.zeros((2, *shape), np.float32), np.zeros(shape, bool))
    assert (other.id, other.path, other.unit) == ("x", "x.fits", "K")
    assert (other.wcs, other.beam) == (None, None)


@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 2, 5, 6)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, ">f8", bool])
def test_a_set_from_an_array_holds_its_frames_in_order(shape: tuple[int, ...], dtype: Any) -> None:
    frames = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    images = ImageSet.from_array(frames)
    assert len(images) == 4
    assert images.ids == ("00000", "00001", "00002", "00003")
    expected = frames.astype(np.float32).reshape(4, -1, 5, 6)
    np.testing.assert_array_equal(images.pixels, expected)
    assert images.mask.shape == (4, 5, 6)
    assert images.shapes == {expected.shape[1:]}


def test_a_set_stays_itself_and_an_array_becomes_one() -> None:
    images = ImageSet.from_array(np.ones((2, 3, 4)))
    assert as_image_set(images) is images
    assert as_image_set(np.ones((2, 3, 4))).shapes == {(1, 3, 4)}
    with pytest.raises(InputError, match=r"\(3, 4\)"):
        as_image_set(np.ones((3, 4)))


def test_a_set_is_a_sequence() -> None:
    images = ImageSet.from_array(np.ones((4, 2, 2)), ids=list("abcd"))
    assert [image.id for image in images] == list("abcd")
    assert images[1].id == "b"
    assert images[-1] in images
    assert images[1:3].ids == ("b", "c")
    assert images.take([3, 0]).ids == ("d", "a")
    assert images.take(np.array([], dtype=int)).ids == ()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"pixels": np.zeros((3, 3))}, r"\(3, 3\)"),
        ({"pixels": np.zeros((1, 1, 1, 3, 3))}, r"\(1, 1, 1, 3, 3\)"),
        ({"pixels": np.zeros((2, 3, 3), dtype=complex)}, "complex128"),
        ({"pixels": np.full((1, 2, 2), "a")}, "<U1"),
        ({"pixels": np.zeros((2, 3, 3)), "ids": ["a"]}, "2 images, got 1"),
        ({"pixels": np.zeros((2, 3, 3)), "ids": ["a", "a"]}, "'a'"),
        ({"pixels": np.zeros((2, 3, 3)), "mask": np.zeros((3, 3, 3))}, "2 images, got 3"),
        ({"pixels": np.zeros((2, 3, 3)), "mask": np.zeros((2, 2, 2))}, r"\(3, 3\)"),
    ],
)
def test_arrays_that_do_not_fit_are_explained(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        ImageSet.from_array(**arguments)


def test_sizes_that_differ_cannot_be_stacked() -> None:
    mixed = ImageSet((Image.from_values(np.eye(2), "a"), Image.from_values(np.eye(3), "b")))
    with pytest.raises(InputError, match=r"\(1, 2, 2\), \(1, 3, 3\)"):
        _ = mixed.pixels
    with pytest.raises(InputError, match="no image"):
        _ = ImageSet().mask


@pytest.mark.parametrize("module", ["equiclust.images", "data_adapters", "equiclust.preprocessing"])
def test_importing_costs_no_heavy_library(module: str) -> None:
    heavy = ["torch", "matplotlib", "astropy"]
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
