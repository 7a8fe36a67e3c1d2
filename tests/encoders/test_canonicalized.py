"""Every image is seen in its own frame, so that how it lies does not matter."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.encoders import Canonicalized, ModuleEncoder, encoder_from_record, encoder_record
from equiclust.encoders.moment_frame import moment_frames
from equiclust.evaluation.invariance import quarter_turns, rotate_spline, taper_corners
from equiclust.evaluation.invariance.transforms import rotate_exactly
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.typing import Float32Array
from tests.encoders.networks import photographs, small_module, small_resnet


def _commas(side: int) -> Float32Array:
    """Three bright lopsided blobs `(3, 1, side, side)` without any symmetry."""
    y, x = np.indices((side, side)) / (side - 1) - 0.5
    images = [
        np.exp(-((x - 0.1) ** 2) / w - y**2 / 0.01)
        + 0.8 * np.exp(-((x - 0.25) ** 2 + (y - 0.12) ** 2) / 0.006)
        for w in (0.02, 0.03, 0.04)
    ]
    return np.stack(images)[:, None].astype(np.float32)


@pytest.mark.parametrize("side", [40, 41])
def test_quarter_turns_and_mirrors_change_nothing(side: int) -> None:
    images, encoder = _commas(side), Canonicalized(ModuleEncoder(small_module()))
    latents = encoder.transform(images)
    norms = np.linalg.norm(latents, axis=1)
    for element in quarter_turns():
        moved = encoder.transform(rotate_exactly(images, element))
        assert (np.linalg.norm(moved - latents, axis=1) / norms).max() <= 1e-6, element


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("angle", [17.0, 45.0, 200.0])
def test_the_frame_turns_with_the_image(angle: float, mirror: bool) -> None:
    images = taper_corners(_commas(64))
    before, after = (
        moment_frames(images),
        moment_frames(rotate_spline(images, angle, mirror=mirror)),
    )
    assert (before.mirrored != after.mirrored).all() == mirror
    np.testing.assert_allclose(after.certainty, before.certainty, atol=0.02)
    encoder = Canonicalized(ModuleEncoder(small_module()))
    seen = encoder.canonical(ImageSet.from_array(images)).pixels
    again = encoder.canonical(
        ImageSet.from_array(rotate_spline(images, angle, mirror=mirror))
    ).pixels
    assert np.abs(again - seen).mean() < 0.01 * seen.std()


def test_without_mirrors_a_mirrored_image_stays_another() -> None:
    images = _commas(40)
    encoder = Canonicalized(ModuleEncoder(small_module()), mirror=False)
    latents = encoder.transform(images)
    turned = encoder.transform(np.rot90(images, axes=(2, 3)))
    np.testing.assert_allclose(turned, latents, rtol=1e-5, atol=1e-6)
    mirrored = encoder.transform(images[..., ::-1])
    assert np.abs(mirrored - latents).max() > 100.0 * np.abs(turned - latents).max()


@pytest.mark.parametrize("mirror", [False, True])
def test_every_element_of_the_square_gives_the_same_seen_image(mirror: bool) -> None:
    given = np.concatenate([_commas(40), _commas(40)[..., ::-1]])
    images = ImageSet.from_array(given)
    encoder = Canonicalized(ModuleEncoder(small_module()), mirror=mirror)
    seen = encoder.canonical(images).pixels
    for element in quarter_turns(mirror=mirror):
        again = encoder.canonical(ImageSet.from_array(rotate_exactly(images.pixels, element)))
        np.testing.assert_allclose(again.pixels, seen, atol=1e-5)
    # Seen once more it lies as it is.
    angles, mirrored, _ = encoder.frames(seen)
    upright = np.where(mirrored, 180.0 - angles, angles)
    assert mirrored.any() != mirror
    np.testing.assert_allclose((upright + 180.0) % 360.0 - 180.0, 0.0, atol=1.0)


def test_masked_pixels_count_as_nothing_however_the_image_lies() -> None:
    mask = np.zeros((3, 40, 40), bool)
    mask[:, 4:12, 22:30] = True
    wild = np.where(mask[:, None], 1e3, _commas(40)).astype(np.float32)
    encoder = Canonicalized(ModuleEncoder(small_module()))
    zero = ImageSet.from_array(np.where(mask[:, None], 0.0, _commas(40)), mask=mask)
    latents = encoder.transform(zero)
    np.testing.assert_allclose(
        encoder.transform(ImageSet.from_array(wild, mask=mask)), latents, rtol=1e-4, atol=1e-5
    )
    covered = [image.mask.mean() for image in encoder.canonical(zero)]
    np.testing.assert_allclose(covered, mask[0].mean(), atol=0.01)


def test_a_symmetric_image_is_said_to_have_no_certain_frame() -> None:
    y, x = np.indices((41, 41)) - 20.0
    round_one = np.exp(-(x**2 + y**2) / 50.0)
    long_one = np.exp(-(x**2) / 100.0 - y**2 / 20.0)
    encoder = Canonicalized(ModuleEncoder(small_module()))
    # It points along an axis, and has no side.
    even_one = np.exp(-((x - 4.0) ** 2) / 100.0 - y**2 / 20.0)
    symmetric = np.stack([round_one, long_one, even_one])
    assert encoder.frames(symmetric).certainty.max() < 1e-6
    assert encoder.frames(_commas(41)).certainty.min() > 0.05


def test_it_comes_back_from_its_record_and_refuses_what_it_cannot_use() -> None:
    encoder = Canonicalized(small_resnet("conv1"), mirror=False)
    again = encoder_from_record(encoder_record(encoder))
    images = photographs(2, 64)
    np.testing.assert_array_equal(again.transform(images), encoder.transform(images))
    with pytest.raises(InputError, match="frame must be one of moment, got 'learned'"):
        Canonicalized(small_resnet(), "learned").fit()  # type: ignore[arg-type]
    with pytest.raises(InputError, match="encoder must be an encoder of images, got 3"):
        Canonicalized(3).fit()  # type: ignore[arg-type]
