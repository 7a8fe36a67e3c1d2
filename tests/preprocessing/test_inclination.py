"""Inclinations: exact on ellipses, right within their errors on discs, silent where nothing is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.images import Beam, Image, ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.preprocessing.inclination import INCLINATION_COLUMNS, measure_inclinations
from equiclust.simulation.discs import simulate_views

Array = npt.NDArray[np.float64]


def ellipse(ratio: float, angle: float, *, side: int = 96, width: float = 12.0) -> Array:
    """Gaussian whose major axis lies at this angle from up to the left."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    turn = math.radians(angle)
    along = y * math.cos(turn) - x * math.sin(turn)
    across = y * math.sin(turn) + x * math.cos(turn)
    return np.exp(-0.5 * (along**2 + (across / ratio) ** 2) / width**2)


@settings(max_examples=30, deadline=None)
@given(inclination=st.floats(20.0, 65.0), angle=st.floats(0.0, 179.0))
def test_an_ellipse_is_measured_exactly(inclination: float, angle: float) -> None:
    [row] = measure_inclinations(ellipse(math.cos(math.radians(inclination)), angle)[None])
    assert row["inclination"] == pytest.approx(inclination, abs=0.3)
    assert abs((row["position_angle"] - angle + 90.0) % 180.0 - 90.0) < 0.3


def test_a_round_object_has_no_position_angle(random_state: int) -> None:
    noise = 0.03 * np.random.default_rng(random_state).standard_normal((8, 96, 96))
    found = measure_inclinations(ellipse(1.0, 0.0) + noise)
    assert (found["inclination"] < 12.0).all()
    # Uniform over half a turn, an angle has a standard deviation of 52 degrees.
    assert np.median(found["position_angle_error"]) > 15.0


@pytest.mark.parametrize(("limit", "median"), [(45.0, 2.5), (75.0, 1.5)])
def test_errors_are_small_and_bars_hold(limit: float, median: float) -> None:
    images, truth = simulate_views(120, size=64, max_inclination=limit, random_state=17)
    found = measure_inclinations(images)
    known = np.isfinite(found["inclination"])
    assert known.mean() > 0.98
    off = np.abs(found["inclination"] - truth["inclination"])[known]
    assert np.median(off) < median
    # A standard error holds the truth in 68 % of cases.
    assert 0.55 < np.mean(off <= found["inclination_error"][known]) < 0.85
    angles = (found["position_angle"] - truth["position_angle"] + 90.0) % 180.0 - 90.0
    assert 0.5 < np.mean(np.abs(angles) <= found["position_angle_error"]) < 0.85


@pytest.mark.parametrize("flip", [-1.0, 1.0])
@pytest.mark.parametrize("turn", [0.0, 40.0, 90.0])
def test_position_angles_are_on_the_sky(flip: float, turn: float) -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix, wcs.wcs.crval = [48.5, 48.5], [30.0, 40.0]
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    # East is to the left when `flip` is negative, and the sky is turned in the frame.
    wcs.wcs.cd = 1e-5 * np.array([[flip * c, -flip * s], [s, c]])
    image = Image.from_values(ellipse(0.5, 25.0), "one", wcs=wcs)
    along = np.array([-math.sin(math.radians(25.0)), math.cos(math.radians(25.0))])
    (ra, ra_end), (dec, dec_end) = wcs.wcs_pix2world(
        [[47.5, 47.5], [47.5 + along[0], 47.5 + along[1]]], 0
    ).T
    east = (ra_end - ra) * math.cos(math.radians(40.0))
    expected = math.degrees(math.atan2(east, dec_end - dec))
    [row] = measure_inclinations(ImageSet((image,)))
    assert abs((row["position_angle"] - expected + 90.0) % 180.0 - 90.0) < 0.5


def _beamed(ratio: float, fwhm: float, angle: float) -> Image:
    """A Gaussian disc of this ratio, seen through a Gaussian beam that is known."""
    side, width = 128, 10.0
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    sigma = fwhm / math.sqrt(8.0 * math.log(2.0))
    # In (y, x), for the position angle grows from up to the left.
    turn = -math.radians(angle)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    beam = rotation @ np.diag([sigma**2, (0.6 * sigma) ** 2]) @ rotation.T
    total = np.diag([width**2, (ratio * width) ** 2]) + beam
    (yy, xy), (_, xx) = np.linalg.inv(total)
    pixels = np.exp(-0.5 * (yy * y**2 + 2 * xy * y * x + xx * x**2))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [-1e-5, 1e-5]
    known = Beam(fwhm * 1e-5, 0.6 * fwhm * 1e-5, angle)
    return Image.from_values(pixels, "one", wcs=wcs, beam=known)


@pytest.mark.parametrize("angle", [50.0, 90.0, 120.0])
def test_a_known_beam_is_taken_off(angle: float) -> None:
    image = _beamed(0.6, 12.0, angle)
    [row] = measure_inclinations(ImageSet((image,)))
    assert row["inclination"] == pytest.approx(math.degrees(math.acos(0.6)), abs=2.0)
    assert abs((row["position_angle"] + 90.0) % 180.0 - 90.0) < 1.5
    assert row["inclination_note"] == ""
    [blind] = measure_inclinations(image.pixels)
    assert abs(blind["inclination"] - 53.13) > 4.0
    assert "beam not known" in blind["inclination_note"]


def test_what_is_no_larger_than_the_beam_has_no_angle() -> None:
    beam = _beamed(0.001, 12.0, 30.0)
    point = Image.from_values(
        ellipse(0.6, -30.0, side=128, width=12.0 / math.sqrt(8.0 * math.log(2.0))),
        "one", wcs=beam.wcs, beam=Beam(12e-5, 7.2e-5, -30.0),
    )  # fmt: skip
    noise = 0.01 * np.random.default_rng(0).standard_normal((1, 128, 128))
    for image in (point, point.with_pixels((point.pixels + noise).astype(np.float32), point.mask)):
        seen = Image.from_values(image.pixels[0], "one", wcs=beam.wcs, beam=point.beam)
        [row] = measure_inclinations(ImageSet((seen,)))
        assert row["inclination_note"] == "not resolved by the beam"
        assert math.isnan(row["inclination"])
        assert math.isnan(row["position_angle"])


@pytest.mark.parametrize("damaged", [math.inf, 1e200])
def test_a_beam_that_cannot_be_is_taken_for_none(damaged: float) -> None:
    image = _beamed(0.6, 12.0, 50.0)
    broken = Image.from_values(image.pixels[0], "one", wcs=image.wcs, beam=Beam(damaged, 1.0, 0.0))
    [row] = measure_inclinations(ImageSet((broken,)))
    assert "beam not known" in row["inclination_note"]
    assert np.isfinite(Preprocessor(canonical="affine").transform(ImageSet((broken,))).pixels).all()


def _with_axes(ctype: list[str], cdelt: list[float], pixels: Array) -> ImageSet:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ctype, cdelt
    wcs.wcs.crpix, wcs.wcs.crval = [48.5, 48.5], [30.0, 40.0] if "RA" in ctype[0] else [40.0, 30.0]
    return ImageSet((Image.from_values(pixels, "one", wcs=wcs),))


def test_latitude_may_be_the_first_axis() -> None:
    upright = ellipse(0.5, 0.0)
    [row] = measure_inclinations(_with_axes(["DEC--TAN", "RA---TAN"], [1e-5, -1e-5], upright))
    assert row["position_angle"] == pytest.approx(90.0, abs=0.5)


def test_pixels_may_be_oblong_on_the_sky() -> None:
    # Twice as wide in right ascension as high: what looks like an ellipse is round.
    upright = ellipse(0.5, 0.0)
    [row] = measure_inclinations(_with_axes(["RA---TAN", "DEC--TAN"], [-2e-5, 1e-5], upright))
    assert row["inclination"] < 4.0


def test_a_header_without_a_sky_is_no_coordinates() -> None:
    [row] = measure_inclinations(_with_axes(["LINEAR", "LINEAR"], [1.0, 1.0], ellipse(0.5, 25.0)))
    assert row["position_angle"] == pytest.approx(25.0, abs=0.5)


@pytest.mark.parametrize("side", [96, 400])
def test_how_much_sky_there_is_does_not_matter(side: int) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal((side, side))
    small = ellipse(0.5, 30.0, side=side, width=8.0) + noise
    [row] = measure_inclinations(small[None])
    assert row["inclination"] == pytest.approx(60.0, abs=1.0)
    [record] = Preprocessor(canonical="affine").describe(small[None])
    assert record["axis_ratio"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("rows", [slice(50, 96), slice(40, 56)])
def test_a_mask_over_the_object_is_no_inclination(rows: slice) -> None:
    mask = np.zeros((96, 96), dtype=bool)
    mask[rows, 6:-6] = True
    [row] = measure_inclinations(ImageSet((Image.from_values(ellipse(1.0, 0.0), "a", mask=mask),)))
    assert math.isnan(row["inclination"])
    assert "masked" in row["inclination_note"]


def test_what_is_lost_in_the_beam_is_said_rather_than_invented() -> None:
    [row] = measure_inclinations(ImageSet((_beamed(0.02, 12.0, 0.0),)))
    assert math.isnan(row["inclination"])
    limit = float(row["inclination_note"].removeprefix("edge-on: at least ").removesuffix(" deg"))
    assert 60.0 < limit < 89.0
    assert abs((row["position_angle"] + 90.0) % 180.0 - 90.0) < 2.0


def test_no_object_and_no_whole_object_have_no_inclination(random_state: int) -> None:
    texture = np.random.default_rng(random_state).standard_normal((64, 64))
    beyond = ellipse(0.5, 30.0, side=64, width=60.0)
    found = measure_inclinations(np.stack([texture, beyond, np.zeros((64, 64))]))
    assert np.isnan(found["inclination"]).all()
    assert np.isnan(found["position_angle"]).all()
    assert all("within the frame" in note for note in found["inclination_note"])


def test_shapes_and_masks_may_differ_and_order_stays() -> None:
    masked = np.zeros((64, 80), dtype=bool)
    masked[:5] = True
    images = [
        Image.from_values(ellipse(0.5, 0.0, side=64, width=8), "a"),
        Image.from_values(np.pad(ellipse(0.7, 0.0, side=64, width=8), ((0, 0), (8, 8))), "b",
                          mask=masked),
        Image.from_values(ellipse(0.9, 0.0, side=64, width=8), "c"),
        Image.from_values(np.ones((9, 9)), "d", mask=np.ones((9, 9), dtype=bool)),
    ]  # fmt: skip
    found = measure_inclinations(ImageSet(tuple(images)))
    assert list(found["id"]) == ["a", "b", "c", "d"]
    ratios = np.cos(np.radians(np.asarray(found["inclination"][:3])))
    np.testing.assert_allclose(ratios, [0.5, 0.7, 0.9], atol=0.01)
    assert math.isnan(found["inclination"][3])
    assert list(found.colnames[1:]) == list(INCLINATION_COLUMNS)


def test_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="at least one image"):
        measure_inclinations(ImageSet(()))
