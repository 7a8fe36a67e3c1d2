"""Pixels for the page are those of the image: their light, their place, their outlines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from equiclust.app import image_pixels as tested
from equiclust.app.image_pixels import ImagePixels, contour_lines, image_pixels, sky_position
from equiclust.app.run_view import RunView
from equiclust.exceptions import InputError
from equiclust.images import Image


class Pictures:
    """Stands for those of a run with one image."""

    def __init__(self, image: Image) -> None:
        self.image = image

    def original(self, row: int) -> Image:
        return self.image


class View:
    """Stands for a run with one image."""

    def __init__(self, image: Image) -> None:
        self.pictures = Pictures(image)

    def check_rows(self, rows: list[int]) -> None:
        assert rows == [0]


def shown(image: Image) -> ImagePixels:
    return image_pixels(View(image), 0, "original")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 16, 24), (1, 48, 32)])
@pytest.mark.parametrize("most", [1024, 16, 8])
def test_averaging_keeps_the_light(
    shape: tuple[int, int, int], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tested, "_MOST_PIXELS", most)
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    found = shown(Image.from_values(values, "a"))
    step = found.header["step"]
    assert max(found.pixels.shape) <= max(most, 3)
    assert found.header["shape"] == list(shape[1:])
    if all(side % step == 0 for side in shape[1:]):
        np.testing.assert_allclose(
            found.pixels.mean(axis=(1, 2)), values.mean(axis=(1, 2)), rtol=1e-5
        )


def test_averages_are_of_squares_and_of_known_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "_MOST_PIXELS", 3)
    values = np.arange(35, dtype=np.float32).reshape(1, 5, 7)
    mask = np.zeros((5, 7), dtype=bool)
    mask[0, 0] = True
    mask[3:, 3:6] = True
    found = shown(Image.from_values(values, "a", mask=mask))
    assert found.header["step"] == 3
    assert found.pixels.shape == (1, 2, 3)
    known = np.where(mask, np.nan, values[0])
    expected = [
        [np.nanmean(known[:3, :3]), np.nanmean(known[:3, 3:6]), np.nanmean(known[:3, 6:])],
        [np.nanmean(known[3:, :3]), np.nan, np.nanmean(known[3:, 6:])],
    ]
    np.testing.assert_allclose(found.pixels[0], expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 3), (2, 1025)])
def test_a_narrow_image_is_shown_too(shape: tuple[int, int]) -> None:
    found = shown(Image.from_values(np.ones(shape, dtype=np.float32), "a"))
    assert min(found.pixels.shape[1:]) >= 1
    assert np.all(found.pixels == 1)


def test_masked_pixels_are_unknown_and_percentiles_are_of_the_others() -> None:
    values = np.arange(400, dtype=np.float32).reshape(20, 20)
    image = Image.from_values(values, "a", mask=values < 100, unit="Jy")
    found = shown(image)
    assert found.header["unit"] == "Jy"
    assert np.isnan(found.pixels[0]).sum() == 100
    percentiles = dict(found.header["percentiles"])
    assert (percentiles[0.0], percentiles[100.0]) == (100, 399)
    assert percentiles[50.0] == pytest.approx(249.5)


def test_an_image_without_known_pixels_is_shown() -> None:
    values = np.ones((1, 8, 8), dtype=np.float32)
    image = Image.from_values(values, "a", mask=np.ones((8, 8), dtype=bool))
    found = shown(image)
    assert np.isnan(found.pixels).all()
    assert contour_lines(found, 3) == []


@pytest.fixture
def sky_image() -> Image:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [359.9, 2.0], [10.0, 12.0]
    wcs.wcs.cdelt = [-0.01, 0.01]
    image = Image.from_values(np.ones((1, 32, 32), dtype=np.float32), "a")
    return replace(image, wcs=wcs)


@pytest.mark.parametrize("place", [(0.0, 0.0), (9.0, 11.0), (31.5, -3.25)])
def test_sky_positions_agree_with_astropy(sky_image: Image, place: tuple[float, float]) -> None:
    found = sky_position(sky_image, *place)
    assert found is not None
    expected: SkyCoord = sky_image.wcs.pixel_to_world(*place).icrs
    assert SkyCoord(found["ra"], found["dec"], unit="deg").separation(expected).arcsec < 1e-6
    assert SkyCoord(found["text"], unit=("hourangle", "deg")).separation(expected).arcsec < 0.2


def test_where_there_is_no_sky_there_is_no_position(sky_image: Image) -> None:
    assert sky_position(replace(sky_image, wcs=None), 0, 0) is None
    # Beyond the horizon of the projection.
    assert sky_position(sky_image, 1e9, 1e9) is None or np.isfinite(
        sky_position(sky_image, 1e9, 1e9)["ra"]  # type: ignore[index]
    )
    linear = WCS(naxis=2)
    linear.wcs.ctype = ["LINEAR", "LINEAR"]
    assert sky_position(replace(sky_image, wcs=linear), 0, 0) is None


def disc(side: int = 40) -> ImagePixels:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return ImagePixels(np.exp(-(x**2 + y**2) / 60)[None].astype(np.float32), {})


@pytest.mark.parametrize("n_levels", [1, 5, 12])
def test_contours_are_closed_around_a_disc(n_levels: int) -> None:
    shown_disc = disc()
    found = contour_lines(shown_disc, n_levels)
    assert len(found) == n_levels
    levels = [one["level"] for one in found]
    assert levels == sorted(levels)
    radii = []
    for one in found:
        (line,) = one["lines"]
        points = np.array(line)
        assert points[0].tolist() == points[-1].tolist()
        radius = np.linalg.norm(points - 19.5, axis=1)
        assert np.ptp(radius) < 0.3
        np.testing.assert_allclose(np.exp(-(radius**2) / 60), one["level"], atol=0.02)
        radii.append(radius.mean())
    assert radii == sorted(radii, reverse=True)


def test_a_flat_image_has_no_contours() -> None:
    assert contour_lines(ImagePixels(np.ones((1, 9, 9), dtype=np.float32), {}), 4) == []
    assert contour_lines(ImagePixels(np.ones((1, 1, 9), dtype=np.float32), {}), 4) == []


@pytest.mark.parametrize("n_levels", [-1, 0, 13, 10**9])
def test_too_many_contours_are_refused(n_levels: int) -> None:
    with pytest.raises(InputError, match="levels must be 1 to 12"):
        contour_lines(disc(), n_levels)


def test_pixels_of_a_run(view: RunView) -> None:
    original = image_pixels(view, 2, "original")
    np.testing.assert_array_equal(original.pixels, view.pictures.original(2).values)
    for what in ("preprocessed", "reconstruction"):
        found = image_pixels(view, 2, what)
        assert found.pixels.shape[1:] == (32, 32)
        assert 0 <= found.pixels.min() <= found.pixels.max() <= 1
        assert not found.header["has_sky"]


@pytest.mark.parametrize("what", ["", "Original", "../original"])
def test_what_is_not_offered_is_refused(view: RunView, what: Any) -> None:
    with pytest.raises(InputError, match="what must be original, preprocessed or reconstruction"):
        image_pixels(view, 0, what)


def test_a_file_that_has_vanished_is_named(view: RunView, tmp_path: Path) -> None:
    view.pictures._paths[0] = str(tmp_path / "gone.fits")
    with pytest.raises(InputError, match=r"gone\.fits"):
        image_pixels(view, 0, "original")
