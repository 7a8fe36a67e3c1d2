"""Digests of images and arrays, and the refusal of another fit's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiclust.exceptions import OutputError
from equiclust.images import Image, ImageSet
from equiclust.io.fit_record import array_digest, check_same_fit, image_set_digest, recorded_fit


def _image(seed: int = 0, *, side: int = 6) -> Image:
    values = np.random.default_rng(seed).random((side, side + 2))
    return Image.from_values(values, "one", mask=values > 0.8)


def test_equal_images_have_equal_digests() -> None:
    assert image_set_digest(ImageSet((_image(),))) == image_set_digest([_image()])


def test_a_digest_depends_on_pixels_mask_id_shape_and_order() -> None:
    one, two = _image(), replace(_image(1, side=5), id="two")
    changed = [
        [one, two],
        [two, one],
        [one],
        [_image(1)],
        [replace(one, id="other")],
        [replace(one, mask=~one.mask)],
        [replace(one, pixels=one.pixels.reshape(1, 8, 6), mask=one.mask.reshape(8, 6))],
    ]
    assert len({image_set_digest(images) for images in changed}) == len(changed)


def test_an_array_digest_depends_on_values_shape_and_type_but_not_on_the_memory_layout() -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    same = array_digest(array)
    assert array_digest(np.asfortranarray(array)) == same
    assert array_digest(array[:, ::-1][:, ::-1]) == same
    others = [array.reshape(4, 3), array.astype(np.float64), array + 1, array[None]]
    assert same not in {array_digest(other) for other in others}
    assert array_digest(array, array) != same


def test_a_record_is_kept_and_what_differs_is_named(tmp_path: Path) -> None:
    inputs = {"steps": 3, "widths": (1, 2), "weights": {"mse": 1.0, "pairs": np.float32(0.5)}}
    images = image_set_digest([_image()])
    check_same_fit(tmp_path, inputs | {"images": images}, started=False)
    assert recorded_fit(tmp_path)["steps"] == 3
    check_same_fit(tmp_path, inputs | {"images": images}, started=True)
    with pytest.raises(OutputError, match="steps was 3 and is now 4, images changed"):
        other = image_set_digest([_image(1)])
        check_same_fit(tmp_path, inputs | {"steps": 4, "images": other}, started=True)
    with pytest.raises(OutputError, match=r"weights\['mse'\] was 1\.0 and is now 2\.0; give"):
        weights = {"mse": 2.0, "pairs": 0.5}
        check_same_fit(tmp_path, inputs | {"images": images, "weights": weights}, started=True)


def test_results_without_a_record_are_refused(tmp_path: Path) -> None:
    assert recorded_fit(tmp_path) == {}
    with pytest.raises(OutputError, match="earlier version"):
        check_same_fit(tmp_path, {"steps": 3}, started=True)
