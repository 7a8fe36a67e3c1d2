"""Equalised contrast: the same whichever way an image lies, and scikit-image's own."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.exposure import equalize_adapthist

from equiclust.exceptions import InputError
from equiclust.preprocessing import Preprocessor
from equiclust.typing import Float32Array


def _textures(size: int) -> Float32Array:
    """Waves under a light that falls off, without any symmetry."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(20 * (a * x + b * y)) for a, b in rng.normal(size=(3, 2))]
    return np.stack([(w + 2) * (0.3 + x) + rng.random((size, size)) for w in waves]).astype(
        np.float32
    )


@pytest.mark.parametrize(("size", "seen"), [(40, 32), (63, 44)])
def test_equalising_commutes_with_turns_and_mirrors(size: int, seen: int) -> None:
    # Tiles of 5 pixels do not divide 44: scikit-image's own result depends on the corner.
    images = _textures(size)
    step = Preprocessor(size=seen, canonical="none", equalize="clahe")
    straight = step.transform(images).pixels
    turned = step.transform(np.rot90(images[..., ::-1], axes=(1, 2))).pixels
    np.testing.assert_allclose(
        turned, np.rot90(straight[..., ::-1], axes=(2, 3)), atol=1e-6, rtol=0
    )


def test_the_result_is_near_that_of_scikit_image() -> None:
    plain = Preprocessor(size=64, canonical="none")
    images = plain.transform(_textures(64)).pixels
    ours = plain.set_params(equalize="clahe").transform(_textures(64)).pixels
    theirs = np.stack([equalize_adapthist(one[0].astype(float)) for one in images])[:, None]
    assert np.abs(ours - theirs).mean() < 0.2 * np.abs(images - theirs).mean()


def test_what_is_masked_stays_black_and_nothing_is_undone() -> None:
    step = Preprocessor(size=32, canonical="none", equalize="clahe", circular_mask=1.0)
    images = _textures(40)
    done = step.transform(images)
    assert not done.pixels[:, 0][done.mask].any()
    assert done.pixels.min() >= 0.0
    assert done.pixels.max() <= 1.0
    with pytest.raises(InputError, match="'clahe', which cannot be undone"):
        step.inverse_transform(done, step.describe(images))
    with pytest.raises(InputError, match="equalize must be"):
        Preprocessor(equalize="histogram").fit(images)
