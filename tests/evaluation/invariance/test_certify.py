from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from equiclust.evaluation.invariance import Certificate, certify
from equiclust.exceptions import InputError
from equiclust.images import ImageSet

from .scenes import Blobs, dipole, misaligned_pooling, radial_profile, raw_pixels, sorted_pixels

IMAGES = Blobs().render(32)


def by_brightness(latents: np.ndarray) -> np.ndarray:
    return (latents[:, -1] > np.median(latents[:, -1])).astype(int)


@pytest.mark.parametrize("embed", [radial_profile, sorted_pixels])
def test_invariant_embeddings_pass(embed, random_state: int) -> None:
    certificate = certify(embed, Blobs(random_state=random_state).render(33), random_state=0)
    assert certificate.passed
    assert certificate.failures == ()
    assert certificate.ours.d4.relative_to_norm.max < 1e-6
    assert certificate.ours.d4.n_elements == 8


@pytest.mark.parametrize("embed", [raw_pixels, misaligned_pooling])
def test_broken_embeddings_fail_in_words(embed, random_state: int) -> None:
    certificate = certify(embed, Blobs(random_state=random_state).render(32), random_state=0)
    assert not certificate.passed
    assert certificate.ours.d4.relative_to_norm.max > 1e-3
    assert "quarter turns move latents" in certificate.failures[0]
    assert "FAILED" in certificate.to_text()


def test_misalignment_is_found_where_the_grid_has_no_middle() -> None:
    """Every second pixel from the first keeps an odd grid's centre and loses an even one's."""
    assert certify(misaligned_pooling, Blobs().render(33), random_state=0).passed
    assert not certify(misaligned_pooling, Blobs().render(32), random_state=0).passed


def test_radial_profile_is_invariant_at_any_angle() -> None:
    ours = certify(radial_profile, Blobs().render(64), random_state=0).ours
    for family in (ours.diagonal, ours.random, ours.there_and_back):
        assert family.relative_to_spread.max < 1e-5
    assert ours.equivariance_db > 100.0
    assert ours.lie_derivative.max < 1e-4


def test_a_turning_vector_moves_as_the_chord_says() -> None:
    ours = certify(dipole, IMAGES, angles=[60.0], n_random_angles=1, mirror=False).ours
    assert ours.diagonal.relative_to_norm.median == pytest.approx(2 * np.sin(np.pi / 6), rel=1e-3)
    assert ours.d4.relative_to_norm.max == pytest.approx(2.0, rel=1e-5)
    assert ours.d4.relative_to_norm.mean == pytest.approx((0 + 2 + 2 * 2**0.5) / 4, rel=1e-5)


def test_lie_derivative_of_a_turning_vector_is_its_length() -> None:
    """d/da of (x, y) is (-y, x), so the derivative is as long as the dipole itself."""
    latents = dipole(IMAGES)
    spread = np.sqrt(latents.var(axis=0).sum())
    derivative = certify(dipole, IMAGES, random_state=0).ours.lie_derivative
    lengths = np.linalg.norm(latents, axis=1) / spread
    assert derivative.mean == pytest.approx(lengths.mean(), rel=1e-3)
    assert derivative.max == pytest.approx(lengths.max(), rel=1e-3)


def test_displacements_in_spreads_by_independent_arithmetic() -> None:
    latents = dipole(IMAGES)
    spread = np.sqrt(np.mean(np.sum((latents - latents.mean(axis=0)) ** 2, axis=1)))
    ours = certify(dipole, IMAGES, mirror=False, random_state=0).ours
    assert ours.spread == pytest.approx(spread)
    assert ours.d4.relative_to_spread.max == pytest.approx(
        2.0 * np.linalg.norm(latents, axis=1).max() / spread, rel=1e-5
    )


@pytest.mark.parametrize("factor", [1e-4, 10.0, 1e6])
def test_units_do_not_depend_on_the_latents_scale(factor: float) -> None:
    plain = certify(misaligned_pooling, IMAGES, random_state=0).ours
    scaled = certify(lambda x: misaligned_pooling(x) * factor, IMAGES, random_state=0).ours
    for family in ("d4", "diagonal", "random", "there_and_back"):
        one, other = getattr(plain, family), getattr(scaled, family)
        assert other.relative_to_spread.mean == pytest.approx(one.relative_to_spread.mean, rel=1e-4)
        assert other.relative_to_norm.mean == pytest.approx(one.relative_to_norm.mean, rel=1e-4)
    assert scaled.equivariance_db == pytest.approx(plain.equivariance_db, rel=1e-4)
    assert scaled.lie_derivative.max == pytest.approx(plain.lie_derivative.max, rel=1e-3)


def test_a_shift_changes_the_norm_and_not_the_spread() -> None:
    plain = certify(raw_pixels, IMAGES, random_state=0).ours
    shifted = certify(lambda x: raw_pixels(x) + 10.0, IMAGES, random_state=0).ours
    assert shifted.d4.relative_to_norm.max < 0.1 * plain.d4.relative_to_norm.max
    assert shifted.d4.relative_to_spread.max == pytest.approx(
        plain.d4.relative_to_spread.max, rel=1e-4
    )


@pytest.mark.parametrize("value", [0.0, 1.0, -300.0])
def test_a_constant_latent_has_collapsed(value: float) -> None:
    certificate = certify(lambda x: np.full((len(x), 4), value), IMAGES, random_state=0)
    assert not certificate.passed
    assert "collapsed" in certificate.failures[0]
    assert certificate.ours.collapsed
    assert certificate.ours.equivariance_db is None
    assert certificate.ours.lie_derivative is None
    json.dumps(certificate.to_dict(), allow_nan=False)
    assert "collapsed" in certificate.to_text()


def test_rounding_is_no_spread() -> None:
    def embed(images: np.ndarray) -> np.ndarray:
        return 1.0 + 1e-7 * sorted_pixels(images).astype(np.float64)

    assert not certify(embed, IMAGES, random_state=0).passed


def test_an_embedding_that_is_not_deterministic_is_called_so() -> None:
    rng = np.random.default_rng(0)
    certificate = certify(
        lambda x: sorted_pixels(x) * rng.uniform(0.5, 1.5), IMAGES, random_state=0
    )
    assert "not deterministic" in certificate.failures[0]


def test_an_empty_image_with_latent_zero_gives_finite_figures() -> None:
    images = IMAGES.copy()
    images[0] = 0.0
    certificate = certify(radial_profile, images, random_state=0)
    assert certificate.passed
    json.dumps(certificate.to_dict(), allow_nan=False)


def test_a_constant_predictor_never_flips() -> None:
    ours = certify(raw_pixels, IMAGES, predict=lambda z: np.zeros(len(z), int), random_state=0).ours
    for family in (ours.d4, ours.diagonal, ours.random, ours.there_and_back):
        assert family.flip_rate == 0.0
        assert family.ari == 1.0


def test_flips_are_counted_over_images_and_elements() -> None:
    """The sign of x under C4: kept by 0 degrees, lost by 180, and by one of 90 and 270."""
    ours = certify(
        dipole, IMAGES, predict=lambda z: (z[:, 0] > 0).astype(int), mirror=False, random_state=0
    ).ours
    assert ours.d4.flip_rate == pytest.approx(0.5)


def test_invariant_latents_keep_their_labels() -> None:
    ours = certify(sorted_pixels, IMAGES, predict=by_brightness, random_state=0).ours
    assert (ours.d4.flip_rate, ours.d4.ari) == (0.0, 1.0)


def test_without_predict_nothing_is_said_of_labels() -> None:
    ours = certify(sorted_pixels, IMAGES, random_state=0).ours
    assert (ours.d4.flip_rate, ours.random.ari) == (None, None)


def test_baseline_is_measured_as_it_would_be_alone() -> None:
    both = certify(
        radial_profile,
        IMAGES,
        baseline=raw_pixels,
        baseline_predict=by_brightness,
        random_state=3,
    )
    alone = certify(raw_pixels, IMAGES, predict=by_brightness, random_state=3)
    assert both.passed
    assert both.baseline == alone.ours


def test_an_exact_renderer_stands_in_for_the_spline() -> None:
    """At 24 px a spline misses the chord that a turning vector draws; rendering does not."""
    scene = Blobs()

    def render(_: Any, angle: float, mirror: bool) -> np.ndarray:
        return scene.render(24, angle, mirror)

    def miss(rotate: Any) -> float:
        ours = certify(dipole, scene.render(24), rotate=rotate, mirror=False, random_state=0).ours
        return abs(ours.diagonal.relative_to_norm.max - 2.0 * np.sin(np.deg2rad(135.0 / 2.0)))

    assert miss(render) < 0.1 * miss(None)


def test_what_an_exact_renderer_does_not_need() -> None:
    certificate = certify(radial_profile, IMAGES, rotate=lambda x, angle, mirror: x, random_state=0)
    assert certificate.ours.there_and_back is None
    assert not certificate.interpolated
    assert certificate.ours.random.relative_to_norm.max == 0.0


def test_corners_of_the_frame_are_not_measured() -> None:
    """Bright corners, which a turned frame cannot hold, are faded out of both images."""
    images = Blobs().render(64)
    for corner in (np.s_[:8, :8], np.s_[-8:, :8], np.s_[:8, -8:], np.s_[-8:, -8:]):
        images[(..., *corner)] += 1.0
    ours = certify(radial_profile, images, random_state=0).ours
    for family in (ours.diagonal, ours.random, ours.there_and_back):
        assert family.relative_to_spread.max < 1e-4


def test_there_and_back_brings_images_back() -> None:
    ours = certify(raw_pixels, Blobs().render(48), angles=[30.0, 45.0], random_state=0).ours
    assert ours.diagonal.relative_to_norm.median > 0.1
    assert ours.there_and_back.relative_to_norm.max < 1e-3


@pytest.mark.parametrize("mirror", [True, False])
def test_what_the_renderer_is_asked_for(mirror: bool) -> None:
    asked: list[tuple[float, bool]] = []

    def render(images: np.ndarray, angle: float, flip: bool) -> np.ndarray:
        asked.append((angle, flip))
        return images

    certify(sorted_pixels, IMAGES, angles=[45.0], n_random_angles=12, mirror=mirror, rotate=render)
    assert any(flip for _, flip in asked) is mirror
    assert {(0.0, False), (45.0, False), (0.5, False), (-0.5, False)} < set(asked)
    assert all(-0.5 <= angle < 360.0 for angle, _ in asked)
    assert len(asked) == 1 + (2 if mirror else 1) + 12 + 2


def test_random_angles_follow_random_state(random_state: int) -> None:
    def run(seed: int) -> Certificate:
        return certify(raw_pixels, IMAGES, angles=[45.0], n_random_angles=2, random_state=seed)

    assert run(random_state) == run(random_state)
    assert run(random_state) != run(random_state + 1)


def test_handedness_is_allowed_when_asked_for() -> None:
    def handed(images: np.ndarray) -> np.ndarray:
        quarters = np.stack([np.rot90(images, k, axes=(-1, -2)) for k in range(4)])
        return quarters[:, :, 0, 10, 14].max(axis=0)[:, None]

    assert certify(handed, IMAGES, mirror=False, random_state=0).passed
    assert not certify(handed, IMAGES, random_state=0).passed


def test_rectangles_and_image_sets() -> None:
    images = np.random.default_rng(0).normal(size=(3, 12, 20)).astype(np.float32)
    assert certify(sorted_pixels, ImageSet.from_array(images), random_state=0).passed


def test_dictionary_round_trip_through_json() -> None:
    certificate = certify(
        sorted_pixels, IMAGES, predict=by_brightness, baseline=raw_pixels, random_state=0
    )
    text = json.dumps(certificate.to_dict(), allow_nan=False)
    assert Certificate.from_dict(json.loads(text)) == certificate
    assert json.loads(text)["passed"] is True


def test_what_is_not_a_certificate_is_refused() -> None:
    with pytest.raises(InputError, match="record"):
        Certificate.from_dict({"passed": True})


def test_text_is_aligned_and_shows_both() -> None:
    text = certify(sorted_pixels, IMAGES, baseline=raw_pixels, random_state=0).to_text()
    table = text.split("\n\n")[1].splitlines()
    assert len({len(line) for line in table}) == 1
    assert table[0].split() == ["ours", "baseline"]
    # There are no labels here, so that nothing is said of them.
    assert "labels" not in text
    assert "-" not in [line.split()[-1] for line in table]


def broken_latents(value: float):
    def embed(images: np.ndarray) -> np.ndarray:
        latents = radial_profile(images)
        latents[2] = value
        return latents

    return embed


@pytest.mark.parametrize(
    ("embed", "images", "sentence"),
    [
        (radial_profile, IMAGES[:1], "at least 2, got 1"),
        (radial_profile, IMAGES[:0], "at least 2, got 0"),
        (radial_profile, IMAGES[0], r"shape \(n, c, h, w\)"),
        (radial_profile, np.repeat(IMAGES[:1], 3, axis=0), "3 times the same"),
        (radial_profile, np.full_like(IMAGES, np.nan), "finite"),
        (radial_profile, IMAGES[..., :3, :], "4 pixels a side"),
        (radial_profile, IMAGES.astype(complex), "real numbers"),
        (lambda x: x, IMAGES, r"embed must give latents of shape \(6, d\)"),
        (lambda x: radial_profile(x)[1:], IMAGES, "for 6 images, got shape"),
        (broken_latents(np.nan), IMAGES, "1 of 6 images, first for image 2"),
        (broken_latents(np.inf), IMAGES, "finite latents"),
        (lambda x: x[:, 0, :, 0], IMAGES[..., :20, :], "of one length, got 20 and"),
    ],
)
def test_bad_input_gets_a_sentence(embed, images: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        certify(embed, images, random_state=0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"angles": []}, "angles must be"),
        ({"angles": [np.nan]}, "angles must be"),
        ({"n_random_angles": 0}, "n_random_angles must be a whole number of at least 1, got 0"),
        ({"predict": lambda z: z}, "predict must give 6 integer labels"),
        ({"predict": lambda z: z[:, 0]}, "predict must give 6 integer labels, got dtype float32"),
        ({"baseline": broken_latents(np.nan)}, "baseline must give finite"),
        ({"rotate": lambda x, angle, mirror: x[..., 1:]}, "rotate must give"),
    ],
)
def test_bad_options_get_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        certify(radial_profile, IMAGES, random_state=0, **options)


def test_the_certificate_needs_no_torch() -> None:
    code = "import sys, equiclust.evaluation.invariance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
