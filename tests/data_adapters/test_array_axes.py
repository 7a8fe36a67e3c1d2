"""Which axis holds what: by the shape where it can be told, by letters where it cannot."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from data_adapters import read
from data_adapters.array_axes import check_axes, guessed_axes
from equiclust.exceptions import InputError, UnreadableFileError

PATH = Path("x.npy")


@pytest.mark.parametrize(
    ("shape", "letters"),
    [
        ((64, 48), "hw"),
        ((3, 4), "hw"),
        ((64, 2), "hw"),
        ((10, 64, 48), "nhw"),
        ((64, 64, 64), "nhw"),
        ((12, 5, 6), "nhw"),
        ((3, 64, 64), "nhw"),
        ((1, 64, 64), "nhw"),
        ((100, 8, 8), "nhw"),
        ((64, 48, 3), "hwc"),
        ((64, 48, 1), "hwc"),
        ((64, 48, 4), "hwc"),
        ((10, 64, 48, 3), "nhwc"),
        ((10, 64, 48, 1), "nhwc"),
        ((3, 64, 64, 3), "nhwc"),
        ((1, 64, 64, 4), "nhwc"),
        ((10, 3, 64, 48), "nchw"),
        ((10, 2, 64, 48), "nchw"),
        ((3, 3, 64, 64), "nchw"),
        ((4, 3, 5, 6), "nchw"),
        ((10, 7, 64, 48), "nchw"),
        ((10, 64, 64, 64), "nchw"),
    ],
)
def test_the_shape_tells_the_axes(shape: tuple[int, ...], letters: str) -> None:
    assert guessed_axes(shape, PATH) == letters


@pytest.mark.parametrize(
    "shape",
    [
        (64, 64, 2),
        (64, 64, 5),
        (3, 64, 3),
        (64, 3, 64),
        (64, 2, 64),
        (10, 64, 64, 2),
        (10, 64, 64, 5),
        (10, 64, 64, 16),
        (10, 64, 3, 64),
        (64, 3, 64, 3),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked_for(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableFileError, match=r"does not show .*--axes") as caught:
        guessed_axes(shape, PATH)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(), (5,), (1, 2, 3, 4, 5)])
def test_other_numbers_of_axes_are_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableFileError, match="two to four axes"):
        guessed_axes(shape, PATH)


@pytest.mark.parametrize(("shape", "said"), [((3, 64, 64), "first"), ((64, 64, 3), "last")])
def test_what_is_taken_for_likely_is_said(
    shape: tuple[int, ...], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        guessed_axes(shape, PATH)
    assert f"the {said} axis is taken for" in caplog.text


IMAGES = np.random.default_rng(0).normal(size=(7, 2, 9, 8)).astype(np.float32)


@pytest.mark.parametrize("axes", ["nchw", "nhwc", "cnhw", "hwcn", "whcn", "NHWC"])
def test_letters_give_the_same_images_in_whatever_order(tmp_path: Path, axes: str) -> None:
    stored = IMAGES.transpose(["nchw".index(letter) for letter in axes.lower()])
    mask = IMAGES[:, 0] > 1
    order = [letter for letter in axes.lower() if letter != "c"]
    np.savez(
        tmp_path / "x.npz",
        images=stored,
        mask=mask.transpose(["nhw".index(letter) for letter in order]),
    )
    images = read(tmp_path / "x.npz", axes=axes).images
    np.testing.assert_array_equal(images.pixels, IMAGES)
    np.testing.assert_array_equal(images.mask, mask)


def test_letters_may_name_more_axes_than_a_file_has(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", IMAGES[0].transpose(1, 2, 0))
    np.save(tmp_path / "grey.npy", IMAGES[:, 0])
    np.save(tmp_path / "flat.npy", IMAGES[0, 0])
    np.save(tmp_path / "five.npy", IMAGES[None])
    result = read(tmp_path, axes="nhwc")
    shapes = {image.id: image.shape for image in result.images}
    assert shapes["one"] == (2, 9, 8)
    assert shapes["flat"] == (1, 9, 8)
    assert result.rejected[0].reason == (
        "its array has shape (1, 7, 2, 9, 8), which the letters of axes do not fit: 'nhwc'"
    )
    assert read(tmp_path / "grey.npy", axes="nhw").images.pixels.shape == (7, 1, 9, 8)


@pytest.mark.parametrize("axes", ["xyz", "nh", "nhww", "c", "nhw c", "ntchw"])
def test_wrong_letters_are_refused_before_anything_is_read(axes: str) -> None:
    with pytest.raises(InputError, match="axes must hold h and w") as caught:
        read("nowhere.npy", axes=axes)
    assert repr(axes) in str(caught.value)


def test_no_letters_are_right() -> None:
    assert check_axes("") == ""
