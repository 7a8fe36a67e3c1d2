"""Pictures, colours and axes of the figures."""

from __future__ import annotations

import base64
import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from equiclust.report.figures.palette import COLOURS, UNKNOWN, mark_of
from equiclust.report.figures.pictures import picture, residual_picture
from equiclust.report.figures.style import prefers_log


def pixels_of(uri: str) -> np.ndarray[Any, Any]:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_marks_of_the_first_sixty_clusters_differ_and_unknown_is_grey() -> None:
    marks = {mark_of(label) for label in range(60)}
    assert len(marks) == 60
    assert len({mark.colour for mark in marks}) == len(COLOURS) <= 12
    assert mark_of(-1) == UNKNOWN
    assert UNKNOWN.colour not in COLOURS


# Machado, Oliveira & Fernandes (2009), IEEE TVCG 15, 1291: complete dichromacy, linear sRGB.
EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])


def as_cielab(colour: str, eyes: str) -> np.ndarray[Any, Any]:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.asarray(EYES[eyes]) @ linear, 0.0, 1.0)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


@pytest.mark.parametrize("eyes", EYES)
def test_colours_can_be_told_apart_by_all_eyes(eyes: str) -> None:
    seen = [as_cielab(colour, eyes) for colour in (*COLOURS, UNKNOWN.colour)]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 20.0


def test_first_row_of_pixels_is_at_the_bottom() -> None:
    pixels = np.zeros((1, 4, 6), np.float32)
    pixels[0, 0, 5] = 1.0
    drawn = pixels_of(picture(pixels, side=32)).sum(axis=2)
    assert drawn.shape == (4, 6)
    assert np.argwhere(drawn > 300).tolist() == [[3, 5]]


def test_pictures_shrink_by_averaging_and_keep_their_shape() -> None:
    pixels = np.random.default_rng(0).random((3, 40, 80), dtype=np.float32)
    drawn = pixels_of(picture(pixels, side=20))
    expected = pixels[:, ::-1].reshape(3, 10, 4, 20, 4).mean(axis=(2, 4)).transpose(1, 2, 0)
    assert drawn.shape == (10, 20, 3)
    assert np.abs(drawn / 255.0 - expected).max() < 0.003


def test_residual_of_zero_is_nearly_white_and_signs_have_their_colours() -> None:
    residual = np.array([[[0.0, 0.2, -0.2]]], np.float32)
    none, more, less = pixels_of(residual_picture(residual, side=8, limit=0.1))[0].astype(int)
    assert none.min() > 240
    assert more[0] > more[2]
    assert less[2] > less[0]


def test_axes_are_logarithmic_only_where_that_is_possible_and_helps() -> None:
    assert prefers_log([1e-3, 1.0])
    assert not prefers_log([0.0, 1.0])
    assert not prefers_log([-1e-3, 1.0])
    assert not prefers_log([1.0, 2.0])
    assert not prefers_log([])
