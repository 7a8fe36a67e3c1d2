"""Places and areas on the sky, against what is known by formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs.utils import proj_plane_pixel_area

from data_adapters.sky.geometry import (
    beam_solid_angle,
    celestial_wcs,
    is_galactic,
    pixel_solid_angles,
)
from equiclust.celestial import sky_positions
from equiclust.images import Beam
from tests.segmentation.segment_maps import cube_sky, sky


def all_sky(projection: str, width: int) -> fits.Header:
    header = sky(f"GLON-{projection}", f"GLAT-{projection}", side=360.0 / width)
    header["CRVAL1"], header["CRVAL2"] = 0.0, 0.0
    header["CRPIX1"], header["CRPIX2"] = 0.5 * width + 0.5, 0.25 * width + 0.5
    return header


def test_all_pixels_of_the_sky_cover_the_sky() -> None:
    wcs = celestial_wcs(all_sky("CAR", 720))
    assert wcs is not None
    areas = pixel_solid_angles(wcs, (360, 720))
    np.testing.assert_allclose(areas.sum(), 4.0 * np.pi, rtol=1e-4)
    latitude = np.radians(np.arange(-90.0, 90.5, 0.5))
    exact = np.radians(0.5) * np.diff(np.sin(latitude))
    np.testing.assert_allclose(areas[5:-5, 100], exact[5:-5], rtol=1e-4)


@pytest.mark.parametrize("side", [1.0, 4.0, 12.0])
def test_large_pixels_are_as_large_as_they_are(side: float) -> None:
    width = round(360.0 / side)
    wcs = celestial_wcs(all_sky("CAR", width))
    assert wcs is not None
    areas = pixel_solid_angles(wcs, (width // 2, width))
    latitude = np.radians(np.linspace(-90.0, 90.0, width // 2 + 1))
    exact = np.radians(side) * np.diff(np.sin(latitude))
    np.testing.assert_allclose(areas, np.broadcast_to(exact[:, None], areas.shape), rtol=1e-5)


@pytest.mark.parametrize("side", [7.0, 2.0])
def test_pixels_on_the_edge_of_the_sky_count_as_far_as_they_lie_on_it(side: float) -> None:
    wcs = celestial_wcs(all_sky("AIT", round(360.0 / side)))
    assert wcs is not None
    width = round(360.0 / side)
    covered = np.nansum(pixel_solid_angles(wcs, (width // 2, width)))
    np.testing.assert_allclose(covered, 4.0 * np.pi, rtol=0.01)


@pytest.mark.parametrize("side", [0.1, 1e-5])
def test_pixels_of_a_gnomonic_map_shrink_as_the_cosine_cubed(side: float) -> None:
    wcs = celestial_wcs(sky(side=side, CRPIX1=1.0, CRPIX2=1.0))
    assert wcs is not None
    areas = pixel_solid_angles(wcs, (101, 301))
    y, x = np.mgrid[:101, :301] * np.radians(side)
    exact = np.radians(side) ** 2 * (1.0 + x**2 + y**2) ** -1.5
    np.testing.assert_allclose(areas, exact, rtol=1e-5)
    # At the centre it is the pixel's area in the plane of projection, which astropy tells.
    np.testing.assert_allclose(
        areas[0, 0], np.radians(1.0) ** 2 * proj_plane_pixel_area(wcs), rtol=1e-5
    )


def test_beyond_the_edge_of_the_sky_areas_and_places_are_nan() -> None:
    wcs = celestial_wcs(all_sky("AIT", 90))
    assert wcs is not None
    areas = pixel_solid_angles(wcs, (45, 90))
    assert np.isnan(areas[0, 0])
    assert np.isfinite(areas[22, 45])
    assert np.isnan(sky_positions(wcs, 0.0, 0.0).l.deg)


@pytest.mark.parametrize("header", [fits.Header(), sky("LINEAR", "LINEAR"), sky("XLON-TAN", "?")])
def test_without_coordinates_of_the_sky_there_are_none(header: fits.Header) -> None:
    assert celestial_wcs(header) is None


def test_the_axes_may_stand_the_other_way_round() -> None:
    usual = celestial_wcs(sky())
    other = sky("DEC--TAN", "RA---TAN")
    other["CRVAL1"], other["CRVAL2"] = 31.2, 52.123456789012
    other["CRPIX1"], other["CRPIX2"] = 17.0, 20.5
    other["CDELT1"], other["CDELT2"] = 2e-3, -2e-3
    swapped = celestial_wcs(other)
    assert usual is not None
    assert swapped is not None
    here, there = sky_positions(usual, 3.0, 8.0), sky_positions(swapped, 8.0, 3.0)
    assert here.separation(there).deg < 1e-9
    np.testing.assert_allclose(
        pixel_solid_angles(swapped, (9, 7)), pixel_solid_angles(usual, (7, 9)).T, rtol=1e-9
    )


def test_frames_are_told_apart_also_in_cubes() -> None:
    cube, galactic = celestial_wcs(cube_sky()), celestial_wcs(sky("GLON-TAN", "GLAT-TAN"))
    assert cube is not None
    assert galactic is not None
    assert not is_galactic(cube)
    assert is_galactic(galactic)
    place = sky_positions(cube, 19.5, 16.0).icrs
    np.testing.assert_allclose((place.ra.deg, place.dec.deg), (52.123456789012, 31.2), atol=1e-9)


@pytest.mark.parametrize(
    "cards", [{"CTYPE3": "WAVE-TAB"}, {"CTYPE3": "FELO-HEL"}, {"CUNIT3": "A"}, {"CDELT3": 0.0}]
)
def test_an_odd_third_axis_does_not_cost_the_sky(cards: dict[str, Any]) -> None:
    header, usual = cube_sky(), celestial_wcs(cube_sky())
    header.update({"CRVAL3": 1e3, "CDELT3": 1.0, "CRPIX3": 1.0, "CTYPE3": "WAVE"} | cards)
    found = celestial_wcs(header)
    assert found is not None
    assert usual is not None
    assert sky_positions(found, 3.0, 8.0).separation(sky_positions(usual, 3.0, 8.0)).deg == 0.0


@pytest.mark.parametrize("widths", [(3e-3, 3e-3), (0.02, 0.01), (0.01, 0.02)])
def test_the_solid_angle_of_a_beam_is_its_integral(widths: tuple[float, float]) -> None:
    sigma = np.radians(widths) / 2.354820045030949
    exact = 2.0 * np.pi * sigma[0] * sigma[1]
    np.testing.assert_allclose(beam_solid_angle(Beam(*widths, 30.0)), exact, rtol=1e-12)
