"""Images are encoded once, unless they have a mask or are to be encoded anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from equiclust.images import ImageSet
from equiclust.pipeline.known_latents import KnownLatents


class _Counting:
    """Encodes an image as its mean and the share that is masked."""

    def __init__(self) -> None:
        self.n_encoded = 0

    def transform(self, images: Any) -> Any:
        given = images if isinstance(images, ImageSet) else ImageSet.from_array(images)
        self.n_encoded += len(given)
        return np.stack([(image.pixels.mean(), image.mask.mean()) for image in given])


def test_known_images_are_looked_up() -> None:
    pixels = np.random.default_rng(0).random((6, 1, 4, 4), np.float32)
    ensemble = _Counting()
    latents = KnownLatents(ensemble)  # type: ignore[arg-type]
    first = latents.encode(pixels[:4])
    assert ensemble.n_encoded == 4
    found = latents.look_up(ImageSet.from_array(pixels[[5, 1, 4, 0]]))
    assert ensemble.n_encoded == 6
    np.testing.assert_array_equal(found[[1, 3]], first[[1, 0]])
    np.testing.assert_allclose(found[:, 0], pixels[[5, 1, 4, 0]].mean(axis=(1, 2, 3)))
    # Whether the same image has the same latent again can only be told by encoding it again.
    latents.encode(pixels[:4])
    assert ensemble.n_encoded == 10


def test_a_mask_makes_another_image() -> None:
    pixels = np.random.default_rng(0).random((1, 1, 4, 4), np.float32)
    ensemble = _Counting()
    latents = KnownLatents(ensemble)  # type: ignore[arg-type]
    latents.encode(pixels)
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    image = replace(ImageSet.from_array(pixels)[0], mask=mask)
    assert latents.look_up(ImageSet((image,)))[0, 1] == 0.25
    assert ensemble.n_encoded == 2
