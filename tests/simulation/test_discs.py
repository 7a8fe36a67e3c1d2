"""Discs with truth: exact turns, shared nuisance, stated noise, same bytes."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.stats import ks_2samp

from equiclust.exceptions import InputError
from equiclust.simulation.disc_model import beam_noise
from equiclust.simulation.discs import (
    DISC_CLASSES,
    DiscParameters,
    disc_brightness,
    draw_disc,
    render,
    simulate_discs,
    simulate_views,
)

kinds = pytest.mark.parametrize("kind", DISC_CLASSES)


@kinds
@pytest.mark.parametrize("size", [33, 48])
def test_quarter_turns_and_mirrors_only_move_pixels(
    kind: str, size: int, random_state: int
) -> None:
    disc = draw_disc(kind, max_offset=0.1, random_state=random_state)
    beam = {"beam_ratio": 0.8, "beam_angle": 25.0}
    upright = render(disc, size, **beam)
    for turns, mirror in itertools.product(range(4), (False, True)):
        expected = np.rot90(np.fliplr(upright) if mirror else upright, turns)
        rotated = render(disc, size, rotation=90.0 * turns, mirror=mirror, **beam)
        np.testing.assert_allclose(rotated, expected, rtol=0, atol=1e-12 * upright.max())


@kinds
def test_turning_the_picture_turns_the_disc_on_the_sky(kind: str) -> None:
    disc = draw_disc(kind, random_state=5)
    rotated = DiscParameters(**{**vars(disc), "position_angle": disc.position_angle - 30.0})
    # A picture turned as `rot90` does, with row 0 at the bottom, turns clockwise on the sky.
    np.testing.assert_allclose(
        render(disc, 40, rotation=30.0), render(rotated, 40), rtol=0, atol=1e-10
    )


@kinds
@pytest.mark.parametrize("inclination", [0.0, 30.0, 60.0])
def test_flux_falls_as_the_cosine_of_the_inclination(
    kind: str, inclination: float, random_state: int
) -> None:
    drawn = draw_disc(kind, outer_radius=(0.5, 0.5), random_state=random_state)
    disc = DiscParameters(**{**vars(drawn), "inclination": inclination})
    total = render(disc, 96, supersample=3).sum() * (2.0 / 96) ** 2
    assert total == pytest.approx(disc.flux * math.cos(math.radians(inclination)), rel=3e-3)


@kinds
def test_brightness_is_kept_on_the_sky_and_squeezed_along_the_minor_axis(kind: str) -> None:
    drawn = {**vars(draw_disc(kind, random_state=1)), "position_angle": 0.0}
    face_on = DiscParameters(**{**drawn, "inclination": 0.0})
    tilted = DiscParameters(**{**drawn, "inclination": 60.0})
    x, y = np.meshgrid(np.linspace(-0.7, 0.7, 14), np.linspace(-0.7, 0.7, 14))
    np.testing.assert_allclose(
        disc_brightness(0.5 * x, y, tilted), disc_brightness(x, y, face_on), rtol=1e-9, atol=1e-12
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DISC_CLASSES), st.integers(0, 2**31))
def test_every_disc_is_finite_positive_and_inside_the_frame(kind: str, seed: int) -> None:
    picture = render(draw_disc(kind, random_state=seed), 64)
    assert picture.shape == (64, 64)
    assert picture.dtype == np.float64
    assert np.isfinite(picture).all()
    assert picture.min() > -1e-5 * picture.max()
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert border.max() < 0.3 * picture.max()


@kinds
def test_a_mirrored_disc_differs_only_in_handedness(kind: str) -> None:
    drawn = {**vars(draw_disc(kind, random_state=2)), "position_angle": 0.0}
    one, other = (DiscParameters(**{**drawn, "mirror": flag}) for flag in (False, True))
    np.testing.assert_allclose(
        render(one, 33), np.fliplr(render(other, 33)), rtol=0, atol=1e-12 * render(one, 33).max()
    )


def test_only_smooth_discs_and_rings_and_holes_are_alike_all_round() -> None:
    angles = np.linspace(0.0, 2.0 * np.pi, 180, endpoint=False)
    radii = np.linspace(0.2, 1.0, 30)[:, None]
    for kind in DISC_CLASSES:
        disc = draw_disc(kind, max_inclination=0.0, random_state=3)
        r = radii * disc.outer_radius
        around = disc_brightness(r * np.cos(angles), r * np.sin(angles), disc)
        spread = around.std(axis=1).max() / around.max()
        assert (spread < 1e-9) == (kind in ("smooth", "rings", "cavity"))


def test_the_beam_is_the_gaussian_it_claims_to_be() -> None:
    disc = draw_disc("kink", outer_radius=(0.5, 0.5), random_state=0)
    sharp = render(disc, 80, beam_fwhm=0.0)
    # At position angle 90 the major axis lies along x.
    got = render(disc, 80, beam_fwhm=0.1, beam_ratio=0.5, beam_angle=90.0)
    sigma = 0.1 * 80 / math.sqrt(8.0 * math.log(2.0))
    expected = gaussian_filter(sharp, (sigma * math.sqrt(0.5), sigma / math.sqrt(0.5)), truncate=8)
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-4 * expected.max())


def test_a_disc_that_overfills_the_frame_is_not_dimmed_at_its_border() -> None:
    plate = DiscParameters(outer_radius=4.0, slope=0.0, edge=12.0)
    picture = render(plate, 40, beam_fwhm=0.2, beam_ratio=0.7)
    np.testing.assert_allclose(picture, picture[20, 20], rtol=1e-5)


def test_noise_has_unit_rms_and_the_width_of_the_beam() -> None:
    rng = np.random.default_rng(0)
    noise = np.stack([beam_noise(rng, 64, beam_fwhm=0.08) for _ in range(60)])
    assert noise.std() == pytest.approx(1.0, rel=0.03)
    # The autocorrelation of noise seen through a Gaussian is sqrt(2) wider than the beam.
    neighbour = (noise[:, :, :-3] * noise[:, :, 3:]).mean() / noise.var()
    sigma = 0.08 * 64 / math.sqrt(8.0 * math.log(2.0))
    assert neighbour == pytest.approx(math.exp(-(3.0**2) / (4.0 * sigma**2)), abs=0.03)


def test_nuisance_does_not_tell_the_kinds_apart(random_state: int) -> None:
    draws: dict[str, list[DiscParameters]] = {
        kind: [draw_disc(kind, random_state=(10 * random_state + k) * 1000 + i) for i in range(150)]
        for k, kind in enumerate(DISC_CLASSES)
    }
    names = ("outer_radius", "slope", "edge", "flux", "inclination", "position_angle", "mirror")
    values = {
        name: {kind: [float(getattr(disc, name)) for disc in draws[kind]] for kind in DISC_CLASSES}
        for name in names
    }
    p_values = [
        ks_2samp(values[name][a], values[name][b], method="asymp").pvalue
        for name in names
        for a, b in itertools.combinations(DISC_CLASSES, 2)
    ]
    assert min(p_values) > 0.01 / len(p_values)


def test_inclinations_are_those_of_discs_lying_at_random() -> None:
    _, truth = simulate_discs(400, size=16, max_inclination=60.0, random_state=0)
    cosines = np.cos(np.deg2rad(truth["inclination"]))
    assert ks_2samp(cosines, np.linspace(0.5, 1.0, 4000)).pvalue > 1e-3
    assert truth["inclination"].unit == units.deg


def test_same_seed_same_bytes_and_a_longer_set_begins_alike(random_state: int) -> None:
    short, truth = simulate_discs(7, size=24, random_state=random_state)
    again, truth_again = simulate_discs(7, size=24, random_state=random_state)
    longer, truth_longer = simulate_discs(9, size=24, random_state=random_state)
    other, _ = simulate_discs(7, size=24, random_state=random_state + 1)
    np.testing.assert_array_equal(short.pixels, again.pixels)
    np.testing.assert_array_equal(short.pixels, longer.pixels[:7])
    assert list(truth["structure"]) == list(truth_again["structure"])
    assert list(truth["kind"]) == list(truth_longer["kind"][:7])
    assert not np.array_equal(short.pixels, other.pixels)


@pytest.mark.parametrize("n", [1, 12, 20])
def test_kinds_are_balanced_and_shuffled(n: int) -> None:
    _, truth = simulate_discs(n, size=16, random_state=0)
    counts = np.bincount(truth["kind_index"], minlength=6)
    assert counts.max() - counts.min() <= 1
    assert [DISC_CLASSES[i] for i in truth["kind_index"]] == list(truth["kind"])
    if n == 12:
        assert list(truth["kind"]) != list(DISC_CLASSES) * 2


def test_signal_to_noise_is_the_one_in_the_truth() -> None:
    images, truth = simulate_discs(
        30, size=64, classes=["smooth"], outer_radius=(0.3, 0.35), snr=(15.0, 60.0), random_state=0
    )
    corner = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, 64)] * 2)) > 0.85
    rms = images.pixels[:, 0, corner].std(axis=1)
    assert np.median(rms / truth["noise_rms"]) == pytest.approx(1.0, abs=0.05)
    peaks = images.pixels.max(axis=(1, 2, 3))
    np.testing.assert_allclose(peaks / truth["noise_rms"], truth["peak_snr"], atol=5.0)
    assert truth["peak_snr"].min() >= 15.0
    assert truth["peak_snr"].max() <= 60.0


def test_the_seed_in_the_truth_gives_the_disc_and_leaves_only_noise() -> None:
    images, truth = simulate_discs(12, size=64, max_offset=0.1, random_state=4)
    for image, row in zip(images, truth, strict=True):
        disc = draw_disc(row["kind"], max_offset=0.1, random_state=int(row["seed"]))
        assert disc.inclination == row["inclination"]
        clean = render(disc, 64, beam_ratio=row["beam_ratio"], beam_angle=row["beam_angle"])
        clean *= row["peak_snr"] * row["noise_rms"] / clean.max()
        assert (image.pixels[0] - clean).std() == pytest.approx(row["noise_rms"], rel=0.3)


@pytest.mark.parametrize("kind", ["spiral", "kink"])
def test_arms_and_wakes_trail(kind: str) -> None:
    disc = draw_disc(kind, max_inclination=0.0, random_state=1)
    disc = DiscParameters(**{**vars(disc), "mirror": False})
    angles = np.linspace(0.0, 2.0 * np.pi, 720, endpoint=False)
    centre = disc.structure[0].radius if kind == "kink" else 0.6
    rings = [
        disc_brightness(r * np.cos(angles), r * np.sin(angles), disc)
        for r in disc.outer_radius * centre * np.array([1.1, 1.15])
    ]
    shifts = [np.dot(rings[0], np.roll(rings[1], k)) for k in range(-40, 41)]
    # Turning counter-clockwise, the outer ring lags: it must be rolled forward to fit.
    assert 0 < int(np.argmax(shifts)) - 40 < 40


def test_images_know_their_sky_unit_and_beam() -> None:
    images, truth = simulate_discs(3, size=32, random_state=0)
    for image, row in zip(images, truth, strict=True):
        assert (image.id, image.unit, image.shape) == (row["id"], "Jy/beam", (1, 32, 32))
        assert not image.mask.any()
        assert image.beam is not None
        assert image.beam.minor / image.beam.major == pytest.approx(row["beam_ratio"])
        pixel = 0.02 / 3600.0
        assert image.beam.major * image.beam.minor == pytest.approx((0.05 * 32 * pixel) ** 2)
        back = WCS(fits.Header.fromstring(image.wcs.to_header_string()))
        centre = back.pixel_to_world(15.5, 15.5)
        north, east = back.pixel_to_world(15.5, 16.5), back.pixel_to_world(14.5, 15.5)
        assert 60.0 < centre.ra.deg < 75.0
        assert 20.0 < centre.dec.deg < 30.0
        assert centre.separation(north).arcsec == pytest.approx(0.02)
        assert abs(centre.position_angle(north).wrap_at("180d").deg) < 1e-3
        assert centre.position_angle(east).deg == pytest.approx(90.0, abs=1e-3)


def test_truth_describes_itself_and_its_structure() -> None:
    _, truth = simulate_discs(6, size=16, random_state=0)
    assert all(truth[name].description for name in truth.colnames)
    parts = {row["kind"]: [p["type"] for p in json.loads(row["structure"])] for row in truth}
    assert parts["smooth"] == []
    assert parts["spiral"] == ["Spiral"]
    assert "Vortex" in parts["crescent"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"size": 8}, "size must .*, got 8"),
        ({"classes": ["spirals"]}, "classes must .*spirals"),
        ({"classes": []}, "classes must"),
        ({"classes": ["smooth", "smooth"]}, "classes must"),
        ({"max_inclination": 90.0}, "max_inclination must .*, got 90"),
        ({"outer_radius": (0.8, 0.3)}, "outer_radius must"),
        ({"max_offset": -1.0}, "max_offset must"),
        ({"snr": (0.0, 3.0)}, "snr must"),
        ({"beam_fwhm": 0.0}, "beam_fwhm must .*, got 0"),
        ({"random_state": -1}, "random_state must .*, got -1"),
    ],
)
def test_bad_arguments_are_named_with_their_value(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_discs(**{"n": 2, "size": 16, **arguments})


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 0},
        {"supersample": 0},
        {"beam_fwhm": -1.0},
        {"beam_ratio": 0.0},
        {"rotation": math.nan},
    ],
)
def test_bad_pictures_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        render(DiscParameters(), **{"size": 16, **arguments})


@kinds
@pytest.mark.parametrize("mirror", [False, True])
def test_spinning_a_face_on_disc_turns_its_picture(kind: str, mirror: bool) -> None:
    disc = draw_disc(kind, max_inclination=0.0, random_state=3)
    upright = render(DiscParameters(**{**vars(disc), "mirror": mirror}), 40)
    spun = render(DiscParameters(**{**vars(disc), "mirror": mirror, "spin": 90.0}), 40)
    rotated = np.rot90(upright, -1 if mirror else 1)
    np.testing.assert_allclose(spun, rotated, rtol=0, atol=1e-12 * upright.max())


@kinds
def test_spinning_an_inclined_disc_is_more_than_turning_its_picture(kind: str) -> None:
    disc = draw_disc(kind, max_inclination=0.0, random_state=4)
    tilted = {**vars(disc), "inclination": 60.0, "position_angle": 0.0}
    before, after = (render(DiscParameters(**{**tilted, "spin": s}), 40) for s in (0.0, 70.0))
    axisymmetric = kind in ("smooth", "rings", "cavity")
    assert np.allclose(before, after, rtol=0, atol=1e-9 * before.max()) == axisymmetric


def test_views_show_the_same_systems_from_everywhere() -> None:
    images, truth = simulate_views(40, n_views=3, size=24, max_inclination=70, random_state=1)
    assert images.ids[:4] == (
        "disc_00000_view_0", "disc_00000_view_1", "disc_00000_view_2", "disc_00001_view_0"
    )  # fmt: skip
    for system in truth.group_by("system").groups:
        for name in ("kind", "outer_radius", "flux", "seed", "structure"):
            assert len(set(system[name])) == 1, name
        for name in ("inclination", "position_angle", "spin", "beam_angle", "noise_rms"):
            assert len(set(system[name])) == 3, name
    cosines = np.cos(np.radians(np.asarray(truth["inclination"])))
    assert ks_2samp(cosines, np.linspace(math.cos(math.radians(70)), 1, 400)).pvalue > 0.01
    assert truth["inclination"].unit == truth["spin"].unit == units.deg


def test_a_view_is_the_disc_that_its_row_describes() -> None:
    images, truth = simulate_views(2, size=32, snr=(1e6, 1e6), random_state=6)
    row = truth[3]
    disc = draw_disc(str(row["kind"]), random_state=int(row["seed"]))
    camera = {name: row[name] for name in ("inclination", "position_angle", "spin", "mirror")}
    seen = DiscParameters(**{**vars(disc), **camera})
    beam = {"beam_ratio": row["beam_ratio"], "beam_angle": row["beam_angle"]}
    expected = render(seen, 32, **beam)
    found = images.pixels[3, 0]
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), atol=1e-4)


@pytest.mark.parametrize("first", [4, 9])
def test_the_first_views_do_not_depend_on_how_many_follow(first: int) -> None:
    few, _ = simulate_views(first, size=16, random_state=2)
    many, _ = simulate_views(12, size=16, random_state=2)
    np.testing.assert_array_equal(few.pixels, many.pixels[: 2 * first])


def test_no_view_is_refused() -> None:
    with pytest.raises(InputError, match="n_views must be a whole number of at least 1, got 0"):
        simulate_views(2, n_views=0)
