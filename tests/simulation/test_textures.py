"""Clouds with truth: the slope asked for, the same texture all over, stated noise, same bytes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.simulation.textures import (
    CLOUD_CLASSES,
    SLOPES,
    fractal_field,
    simulate_cloud_patches,
    texture,
)

kinds = pytest.mark.parametrize("kind", CLOUD_CLASSES)
FloatArray = npt.NDArray[np.float64]


def spectral_slope(fields: list[FloatArray], waves: tuple[float, float]) -> float:
    """Fit of the power against the number of waves a side, averaged over fields and angles."""
    n = len(fields[0])
    window = np.hanning(n)[:, None] * np.hanning(n)
    power = np.mean(
        [np.abs(np.fft.fft2(window * (field - field.mean()))) ** 2 for field in fields], axis=0
    )
    k = n * np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n))
    edges = np.geomspace(*waves, 9)
    rings = [(k >= low) & (k < high) for low, high in itertools.pairwise(edges)]
    logs = [(np.log(k[ring]).mean(), np.log(power[ring].mean())) for ring in rings]
    return -float(np.polyfit(*np.transpose(logs), 1)[0])


@settings(max_examples=15, deadline=None)
@given(st.floats(1.0, 4.0), st.integers(0, 2**31))
def test_the_spectrum_of_a_fractal_field_has_the_slope_asked_for(slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fields = [fractal_field((128, 128), slope, random_state=rng) for _ in range(6)]
    assert spectral_slope(fields, (4.0, 50.0)) == pytest.approx(slope, abs=0.2)


@pytest.mark.parametrize("kind", SLOPES)
def test_the_logarithm_of_a_fractal_texture_has_the_slope_of_its_kind(kind: str) -> None:
    rng = np.random.default_rng(0)
    fields = [np.log(texture(kind, (128, 128), rng, scale=128.0)) for _ in range(8)]
    assert spectral_slope(fields, (4.0, 50.0)) == pytest.approx(SLOPES[kind], abs=0.2)


def test_fractal_fields_have_mean_0_and_variance_1_and_an_outer_scale() -> None:
    rng = np.random.default_rng(1)
    fields = [fractal_field((96, 64), 3.0, outer_scale=12.0, random_state=rng) for _ in range(20)]
    assert max(abs(field.mean()) for field in fields) < 1e-12
    assert np.mean([field.var() for field in fields]) == pytest.approx(1.0, abs=0.1)
    # White beyond the outer scale: squares of that size hardly know of each other.
    means = np.stack([field.reshape(4, 24, 4, 16).mean(axis=(1, 3)) for field in fields])
    assert abs((means[:, 1:] * means[:, :-1]).mean()) < 0.35 * means.var()


@kinds
@pytest.mark.parametrize("shape", [(40, 72), (1, 5), (130, 90)])
def test_textures_are_positive_with_mean_1_and_follow_the_generator(
    kind: str, shape: tuple[int, int]
) -> None:
    one, same, other = (texture(kind, shape, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert one.shape == shape
    assert one.dtype == np.float64
    assert one.min() > 0.0
    assert one.mean() == pytest.approx(1.0)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@kinds
def test_textures_are_the_same_all_over_and_at_all_angles(kind: str) -> None:
    rng = np.random.default_rng(5)
    pictures = np.stack([texture(kind, (48, 48), rng, scale=32.0) for _ in range(150)])
    for strips in (pictures.mean(axis=1), pictures.mean(axis=2)):
        parts = strips.reshape(-1, 12, 4).mean(axis=2)
        error = parts.std(axis=0) / math.sqrt(len(pictures))
        assert (np.abs(parts.mean(axis=0) - 1.0) < 4.0 * error).all()
    steps = [np.abs(np.diff(pictures, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
    difference = steps[0] - steps[1]
    assert abs(difference.mean()) < 4.0 * difference.std() / math.sqrt(len(pictures))


@kinds
def test_a_wide_map_shows_more_of_the_same(kind: str) -> None:
    rng = np.random.default_rng(6)
    wide = texture(kind, (256, 256), rng, scale=32.0)
    narrow = np.stack([texture(kind, (32, 32), rng, scale=32.0) for _ in range(64)])
    steps = [np.abs(np.diff(x, axis=-1)).mean() for x in (wide, narrow)]
    assert steps[0] == pytest.approx(steps[1], rel=0.2)


@kinds
def test_texture_scales_with_its_scale(kind: str) -> None:
    # The number of pixels over which a texture forgets itself doubles; a fractal has no such width.
    def width(scale: float) -> float:
        rng = np.random.default_rng(7)
        side = int(2 * scale)
        pictures = np.stack([texture(kind, (side, side), rng, scale=scale) for _ in range(40)])
        steep = np.mean(np.diff(pictures, axis=-1) ** 2)
        return math.sqrt(pictures.var() / float(steep))

    ratio = width(96.0) / width(48.0)
    expected = (1.0, 1.5) if kind == "fractal_shallow" else (1.5, 2.5)
    assert expected[0] < ratio < expected[1]


def test_same_seed_same_bytes_and_a_longer_set_begins_alike(random_state: int) -> None:
    short, truth = simulate_cloud_patches(7, size=24, random_state=random_state)
    again, truth_again = simulate_cloud_patches(7, size=24, random_state=random_state)
    longer, _ = simulate_cloud_patches(9, size=24, random_state=random_state)
    other, _ = simulate_cloud_patches(7, size=24, random_state=random_state + 1)
    np.testing.assert_array_equal(short.pixels, again.pixels)
    np.testing.assert_array_equal(short.pixels, longer.pixels[:7])
    assert list(truth["seed"]) == list(truth_again["seed"])
    assert not np.array_equal(short.pixels, other.pixels)


@pytest.mark.parametrize("n", [1, 10, 18])
def test_kinds_are_balanced(n: int) -> None:
    images, truth = simulate_cloud_patches(n, size=16, random_state=0)
    counts = np.bincount(truth["kind_index"], minlength=len(CLOUD_CLASSES))
    assert counts.max() - counts.min() <= 1
    assert [CLOUD_CLASSES[i] for i in truth["kind_index"]] == list(truth["kind"])
    assert images.ids == tuple(truth["id"])


@kinds
def test_noise_has_the_rms_asked_for_and_the_beam_smooths_the_rest(kind: str) -> None:
    # The same seed with hardly any noise leaves the clean patch.
    options: dict[str, Any] = {"classes": [kind], "random_state": 2}
    images, truth = simulate_cloud_patches(20, snr=(12.0, 12.0), **options)
    clean, _ = simulate_cloud_patches(20, snr=(1e7, 1e7), **options)
    noise = (images.pixels - clean.pixels)[:, 0]
    np.testing.assert_allclose(clean.pixels.max(axis=(1, 2, 3)) / truth["noise_rms"], 12.0, 1e-4)
    ratio = noise.std(axis=(1, 2)) / truth["noise_rms"]
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.04)
    for part in (noise, clean.pixels[:, 0]):
        power = np.mean([np.abs(np.fft.fft2(picture)) ** 2 for picture in part], axis=0)
        frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64))
        assert power[(frequency > 0.5)].mean() < 1e-2 * power[(frequency < 0.1)].mean()


def test_truth_describes_itself_and_names_the_slopes() -> None:
    _, truth = simulate_cloud_patches(10, size=16, random_state=0)
    assert all(truth[name].description for name in truth.colnames)
    for row in truth:
        assert row["slope"] == SLOPES.get(row["kind"]) or math.isnan(row["slope"])
    assert truth["beam_fwhm"].unit == "pix"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"size": 8}, "size must .*, got 8"),
        ({"classes": ["fog"]}, "classes must .*fog"),
        ({"classes": []}, "classes must"),
        ({"snr": (0.0, 3.0)}, "snr must"),
        ({"random_state": "x"}, "random_state must .*, got 'x'"),
    ],
)
def test_bad_arguments_are_named_with_their_value(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_cloud_patches(**{"n": 2, "size": 16, **arguments})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shape": (0, 4)}, "shape must .*0, 4"),
        ({"slope": math.inf}, "slope must .*, got inf"),
        ({"outer_scale": 0.0}, "outer_scale must .*, got 0"),
    ],
)
def test_bad_fields_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fractal_field(**{"shape": (8, 8), "slope": 2.0, **arguments})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_name": "fog"}, "classes must .*fog"),
        ({"shape": (8, 0)}, "shape must"),
        ({"scale": 1.0}, "scale must .*, got 1"),
    ],
)
def test_bad_textures_are_refused(arguments: dict[str, Any], words: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=words):
        texture(**{"class_name": "clumps", "shape": (8, 8), "rng": rng, **arguments})
