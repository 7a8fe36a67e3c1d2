from __future__ import annotations

import numpy as np
import pytest

from equiclust.evaluation.invariance import assert_invariant
from equiclust.exceptions import InputError

from .scenes import Blobs, misaligned_pooling, radial_profile, raw_pixels, sorted_pixels


@pytest.mark.parametrize("embed", [radial_profile, sorted_pixels])
@pytest.mark.parametrize("size", [32, 33])
def test_invariant_embeddings_pass(embed, size: int, random_state: int) -> None:
    assert_invariant(embed, Blobs(random_state=random_state).render(size))


@pytest.mark.parametrize("embed", [raw_pixels, misaligned_pooling])
def test_others_fail(embed, random_state: int) -> None:
    with pytest.raises(AssertionError, match=r"image \d moves by .* when the image is"):
        assert_invariant(embed, Blobs(random_state=random_state).render(32))


def test_element_and_image_are_named() -> None:
    """Three uniform images cannot be caught turning; a ramp is worst when upside down."""
    ramp = np.arange(16, dtype=np.float32)[:, None] - 7.5
    images = np.ones((4, 1, 16, 16), np.float32)
    images[3] = ramp

    def embed(pixels: np.ndarray) -> np.ndarray:
        return (pixels * ramp).sum(axis=(2, 3)) + 1.0

    with pytest.raises(AssertionError, match=r"image 3 moves .* is rotated by 180 degrees"):
        assert_invariant(embed, images, mirror=False)


def test_tolerance_follows_the_dtype() -> None:
    images = Blobs().render(32)

    def shaky(dtype: str):
        # Knows the first pixel, but only to a part in 1e8: rounding for float32.
        def embed(pixels: np.ndarray) -> np.ndarray:
            values = np.sort(pixels.reshape(len(pixels), -1).astype(np.float64), axis=1)
            return (values * (1.0 + 1e-8 * pixels[:, 0, 0, :1].astype(np.float64))).astype(dtype)

        return embed

    images[:, 0, 0, 0] = 1.0
    assert_invariant(shaky("float32"), images)
    assert_invariant(shaky("float16"), images)
    with pytest.raises(AssertionError):
        assert_invariant(shaky("float64"), images)
    assert_invariant(shaky("float64"), images, atol=1e-5)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("excess", [0.5, 2.0])
def test_tolerance_is_a_part_of_the_latents_norm(dtype: str, limit: float, excess: float) -> None:
    """Latents of length 1 that move by half the tolerance pass, by twice it they fail."""
    images = np.zeros((2, 1, 8, 8), np.float32)
    images[0, 0, 0, 0] = images[1, 0, 3, 3] = 1.0

    def embed(pixels: np.ndarray) -> np.ndarray:
        error = excess * limit * pixels[:, 0, 0, 0].astype(np.float64)
        return np.stack([np.ones(len(pixels)), error], axis=1).astype(dtype)

    if excess < 1.0:
        assert_invariant(embed, images)
    else:
        with pytest.raises(AssertionError, match="image 0"):
            assert_invariant(embed, images)


def test_left_may_be_told_from_right() -> None:
    def handed(pixels: np.ndarray) -> np.ndarray:
        quarters = np.stack([np.rot90(pixels, k, axes=(-1, -2)) for k in range(4)])
        return quarters[:, :, 0, 2, 5].max(axis=0)[:, None]  # one pixel, wherever it is turned to

    images = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
    assert_invariant(handed, images, mirror=False)
    with pytest.raises(AssertionError, match="mirrored"):
        assert_invariant(handed, images)


def test_wrong_input_is_told_apart_from_failing() -> None:
    with pytest.raises(InputError, match="at least 2"):
        assert_invariant(sorted_pixels, Blobs(1).render(16))
