"""A perturbed image shows the same object, lying otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS, Sip

from equiclust.evaluation.confounders import measure_confounders, perturb, perturbation_stability
from equiclust.evaluation.confounders.perturbation import _motion, _moved
from equiclust.evaluation.invariance.transforms import rotate_spline
from equiclust.exceptions import InputError
from equiclust.images import Beam, Image, ImageSet
from equiclust.preprocessing.inclination import measure_inclinations
from equiclust.simulation.disc_model import DiscParameters, render
from equiclust.simulation.discs import simulate_discs


def copies(n: int, *, size: int = 48) -> ImageSet:
    """One inclined disc, n times."""
    disc = DiscParameters(outer_radius=0.5, inclination=50.0, position_angle=20.0)
    return ImageSet.from_array(np.repeat(render(disc, size)[None], n, axis=0))


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("angle", [0.0, 33.0, 90.0, 200.0])
def test_rotation_agrees_with_an_independent_one(angle: float, mirror: bool) -> None:
    picture = np.pad(render(DiscParameters(outer_radius=0.4, inclination=40.0), 32), 8)
    image = Image.from_values(picture, "a")
    rotated, _ = _moved(image, _motion(image, angle, mirror, np.zeros(2)))
    expected = rotate_spline(image.pixels[None], angle, mirror=mirror, order=3)[0]
    assert rotated == pytest.approx(expected, abs=1e-5 * picture.max())


def test_what_a_shape_is_stays_and_what_it_is_not_changes() -> None:
    images = copies(150)
    changed = perturb(images, random_state=0)
    before, after = measure_confounders(images[:1]), measure_confounders(changed)
    assert changed.ids == images.ids
    assert changed.shapes == images.shapes
    assert np.asarray(after["size"]) == pytest.approx(before["size"][0], rel=0.05)
    assert np.asarray(after["elongation"]) == pytest.approx(before["elongation"][0], abs=0.03)
    gain = np.asarray(after["brightness"]) / before["brightness"][0]
    assert 0.78 < gain.min() < 0.82
    assert 1.22 < gain.max() < 1.28
    axes = np.exp(2j * np.deg2rad(np.asarray(after["orientation"])))
    assert abs(axes.mean()) < 0.2


def test_the_object_moves_by_up_to_a_pixel() -> None:
    changed = perturb(copies(150), random_state=1).pixels[:, 0].astype(float)
    at = np.arange(48) - 23.5
    light = np.where(changed > 0.1 * changed.max(axis=(1, 2), keepdims=True), changed, 0.0)
    total = light.sum(axis=(1, 2))
    for moved in (light.sum(axis=2) @ at / total, light.sum(axis=1) @ at / total):
        assert 0.9 < moved.max() < 1.05
        assert -1.05 < moved.min() < -0.9


def test_noise_is_a_hundredth_of_the_range() -> None:
    flat = np.zeros((20, 1, 40, 40))
    flat[..., 18:22, 18:22] = 10.0
    changed = perturb(ImageSet.from_array(flat), random_state=2).pixels
    corner = changed[..., :10, :10].std(axis=(1, 2, 3))
    assert corner.mean() == pytest.approx(0.1, rel=0.15)


def test_same_seed_same_images_and_a_longer_set_starts_like_a_shorter_one() -> None:
    images, _ = simulate_discs(5, size=32, random_state=0)
    first, again = perturb(images, random_state=3), perturb(images[:3], random_state=3)
    assert np.array_equal(first.pixels[:3], again.pixels)
    assert not np.array_equal(first.pixels, perturb(images, random_state=4).pixels)
    assert not np.array_equal(perturb(copies(2), random_state=0).pixels[0], copies(1).pixels[0])


def test_masks_rotate_along_and_the_frame_is_not_masked() -> None:
    images, _ = simulate_discs(10, size=48, random_state=0)
    assert not perturb(images, random_state=0).mask.any()
    mask = np.zeros((10, 48, 48), dtype=bool)
    mask[:, 18:24, 20:30] = True
    pixels = images.pixels.copy()
    pixels[np.broadcast_to(mask[:, None], pixels.shape)] = 1e6
    changed = perturb(ImageSet.from_array(pixels, mask=mask), random_state=0)
    assert changed.mask.sum(axis=(1, 2)) == pytest.approx(60, abs=8)
    # What lay under the mask is nowhere to be seen.
    assert changed.pixels.max() < 1.5 * images.pixels.max()


def test_every_channel_keeps_its_own_background() -> None:
    picture = np.stack([np.full((24, 30), level, dtype=np.float32) for level in (1.0, 5.0)])
    first = perturb(ImageSet.from_array(picture[None]), random_state=0).pixels[0]
    ratio = first[1].mean() / first[0].mean()
    assert ratio == pytest.approx(5.0, rel=0.02)
    assert first[0].std() < 0.06


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan])
def test_blank_images_stay_blank(value: float) -> None:
    changed = perturb(ImageSet.from_array(np.full((2, 1, 8, 8), value)), random_state=0)
    assert np.ptp(changed.pixels, axis=(1, 2, 3)) == pytest.approx(0.0)
    assert changed.mask.all() == np.isnan(value)


def _coordinates(kind: str) -> WCS:
    """Rotated, stretched and far from the middle, in the three ways that FITS knows."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRPIX1"], header["CRPIX2"] = 50.0, -3.0
    header["CRVAL1"], header["CRVAL2"] = 200.0, 60.0
    if kind == "cd":
        header["CD1_1"], header["CD1_2"] = -1e-4, 2e-5
        header["CD2_1"], header["CD2_2"] = 3e-5, 1.5e-4
    else:
        header["CDELT1"], header["CDELT2"] = -1e-4, 1.5e-4
    if kind == "pc":
        header["PC1_2"], header["PC2_1"] = 0.2, -0.3
    if kind == "crota":
        header["CROTA2"] = 25.0
    return WCS(header)


@pytest.mark.parametrize("kind", ["cd", "pc", "crota"])
def test_coordinates_follow_the_object(kind: str) -> None:
    y, x = np.mgrid[:41, :57]
    star = np.exp(-((y - 16) ** 2 + (x - 33) ** 2) / 8)
    wcs, beam = _coordinates(kind), Beam(3e-4, 2e-4, 20.0)
    star_at = wcs.pixel_to_world(33, 16)
    images = ImageSet(
        tuple(Image.from_values(star, str(i), wcs=wcs, beam=beam, unit="Jy") for i in range(8))
    )
    parities = set()
    for image in perturb(images, random_state=0):
        light = image.pixels[0].astype(float) - 0.1
        light[light < 0.1] = 0.0
        at = (light * x).sum() / light.sum(), (light * y).sum() / light.sum()
        assert image.wcs is not None
        assert image.wcs.pixel_to_world(*at).separation(star_at).deg < 0.2e-4
        assert (image.beam, image.unit) == (beam, "Jy")
        parities.add(bool(np.linalg.det(image.wcs.pixel_scale_matrix) > 0))
    assert parities == {False, True}
    # Those of the caller are what they were.
    assert wcs.pixel_to_world(33, 16).separation(star_at).deg == 0.0


def test_an_inclined_disc_has_the_same_inclination_and_position_angle() -> None:
    images, _ = simulate_discs(6, size=96, random_state=0)
    before = measure_inclinations(images)
    after = measure_inclinations(perturb(images, random_state=0))
    seen = np.asarray(before["inclination"]) > 30.0
    assert seen.sum() > 1
    assert all(image.beam is not None for image in images)
    for name in ("inclination", "position_angle"):
        difference = np.asarray(after[name])[seen] - np.asarray(before[name])[seen]
        error = np.asarray(before[f"{name}_error"])[seen]
        assert (np.abs((difference + 90.0) % 180.0 - 90.0) < error).all()
    assert list(after["inclination_note"]) == list(before["inclination_note"])


def test_coordinates_that_no_rotation_leaves_exact_are_dropped_with_the_beam() -> None:
    distorted = _coordinates("cd")
    bent = np.zeros((3, 3))
    bent[0, 2] = 1e-4
    distorted.sip = Sip(bent, bent, None, None, (5, 5))
    beam = Beam(1e-4, 1e-4, 0.0)
    images = ImageSet(
        tuple(
            Image.from_values(np.eye(9), name, wcs=wcs, beam=beam, unit="Jy")
            for name, wcs in (("distorted", distorted), ("none", None))
        )
    )
    for image in perturb(images, random_state=0):
        assert (image.wcs, image.beam, image.unit) == (None, None, "Jy")


def test_empty_set() -> None:
    assert len(perturb(ImageSet(), random_state=0)) == 0


def by_size(images: ImageSet) -> npt.NDArray[Any]:
    return (np.asarray(measure_confounders(images)["size"]) > 0.13).astype(int)


def by_orientation(images: ImageSet) -> npt.NDArray[Any]:
    return (np.asarray(measure_confounders(images)["orientation"]) > 90.0).astype(int)


def test_labels_by_size_are_stable_and_labels_by_orientation_are_not() -> None:
    large = [render(DiscParameters(outer_radius=r, inclination=50.0), 48) for r in (0.6, 0.3)]
    rotated = [np.rot90(disc, k) for disc in large for k in (0, 1)]
    images = ImageSet.from_array(np.stack(rotated * 10))
    sizes = perturbation_stability(by_size, images, by_size(images), random_state=0)
    assert (sizes["ari"], sizes["changed"], sizes["n"]) == (1.0, 0, 40)
    assert "rotated by any angle" in sizes["what"]
    angles = perturbation_stability(
        by_orientation, images, by_orientation(images), n_repeats=3, random_state=0
    )
    assert abs(angles["ari"]) < 0.15
    assert 12 <= angles["changed"] <= 28


def test_every_repeat_is_another() -> None:
    images = copies(2)
    shown: list[npt.NDArray[np.float32]] = []

    def predict(changed: ImageSet) -> list[int]:
        shown.append(changed.pixels)
        return [0, 1] if len(shown) == 1 else [1, 1]

    found = perturbation_stability(predict, images, [0, 1], n_repeats=2, random_state=0)
    assert found["ari"] == pytest.approx(0.5)
    assert not np.array_equal(*shown)


def test_what_does_not_fit_is_refused() -> None:
    images = copies(2)
    with pytest.raises(InputError, match="n_repeats"):
        perturbation_stability(by_size, images, [0, 1], n_repeats=0)
    with pytest.raises(InputError, match="labels must"):
        perturbation_stability(by_size, images, [0])
    with pytest.raises(InputError, match="labels from predict"):
        perturbation_stability(lambda _: [0], images, [0, 1])
