"""The beam in pixels, against the sphere: steps along great circles, put back into pixels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.stats import gaussian_fwhm_to_sigma
from astropy.wcs import WCS

from equiclust.images import Beam, Image
from equiclust.preprocessing.sky import beam_moments, to_sky

SHAPE = (31, 40)
FRAMES = {
    "icrs": ("RA---", "DEC--", {"radesys": "ICRS"}),
    "fk5": ("RA---", "DEC--", {"radesys": "FK5", "equinox": 2000.0}),
    "fk5 of 1975": ("RA---", "DEC--", {"radesys": "FK5", "equinox": 1975.0}),
    "fk4": ("RA---", "DEC--", {"radesys": "FK4", "equinox": 1950.0}),
    "galactic": ("GLON-", "GLAT-", {}),
    "ecliptic": ("ELON-", "ELAT-", {}),
}


def turned(angle: float, *, mirrored: bool = False, ratio: float = 1.0) -> np.ndarray:
    """CD matrix in degrees, longitude to the left before it is rotated."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    scale = np.diag([1e-3 if mirrored else -1e-3, ratio * 1e-3])
    return np.array([[c, -s], [s, c]]) @ scale


MATRICES = {
    "upright": turned(0.0),
    "rotated": turned(37.0),
    "upside down": turned(180.0),
    "mirrored": turned(0.0, mirrored=True),
    "mirrored and rotated": turned(-64.0, mirrored=True),
    "oblong": turned(21.0, ratio=1.7),
    "swapped": turned(0.0)[:, ::-1],
}


def map_of(
    frame: str, matrix: np.ndarray, beam: Beam | None, *, projection: str = "TAN", lat: float = 40.0
) -> Image:
    lon_type, lat_type, cards = FRAMES[frame]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [lon_type + projection, lat_type + projection]
    wcs.wcs.crval = [0.02, lat]
    wcs.wcs.crpix = [17.0, 12.5]
    wcs.wcs.cd = matrix
    for name, value in cards.items():
        setattr(wcs.wcs, name, value)
    wcs.wcs.set()
    return Image.from_values(np.zeros(SHAPE), "map", wcs=wcs, beam=beam)


def moments_on_the_sphere(image: Image) -> np.ndarray:
    """Second moments (y, x): the semi-axes are walked on the sphere of the map's own frame."""
    assert image.wcs is not None
    assert image.beam is not None
    major, minor, angle = image.beam
    x, y = (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2
    lon, lat = image.wcs.all_pix2world(x, y, 0)
    # Of the frame only the sphere matters, which is the same in all.
    centre = SkyCoord(lon, lat, unit="deg")
    found = np.zeros((2, 2))
    for width, direction in ((major, angle), (minor, angle + 90.0)):
        there = centre.directional_offset_by(direction * u.deg, 1e-3 * width * u.deg)
        to = image.wcs.all_world2pix(there.ra.deg, there.dec.deg, 0)
        step = 1e3 * np.array([to[1] - y, to[0] - x]) * gaussian_fwhm_to_sigma
        found += np.outer(step, step)
    return found


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("angle", [0.0, 30.0, 117.0, -75.0])
def test_the_position_angle_of_a_beam_is_from_the_north_of_the_map(
    frame: str, matrix: str, angle: float
) -> None:
    image = map_of(frame, MATRICES[matrix], Beam(8e-3, 3e-3, angle))
    expected = moments_on_the_sphere(image)
    np.testing.assert_allclose(
        beam_moments(image), expected, rtol=1e-3, atol=1e-3 * np.trace(expected)
    )


@pytest.mark.parametrize(
    ("projection", "lat"), [*itertools.product(["TAN", "SIN", "CAR"], [-60.0, 0.0, 85.0])]
)
def test_nor_do_projection_and_latitude_change_it(projection: str, lat: float) -> None:
    image = map_of("galactic", turned(12.0), Beam(8e-3, 3e-3, 40.0), projection=projection, lat=lat)
    expected = moments_on_the_sphere(image)
    np.testing.assert_allclose(
        beam_moments(image), expected, rtol=1e-3, atol=1e-3 * np.trace(expected)
    )


def test_a_beam_pointing_north_on_a_galactic_map_lies_along_its_columns() -> None:
    image = map_of("galactic", MATRICES["upright"], Beam(8e-3, 4e-3, 0.0))
    along_y, along_x = np.diag(beam_moments(image))
    np.testing.assert_allclose([along_y, along_x], (np.array([8.0, 4.0]) / 2.354820045) ** 2, 1e-3)


def test_position_angles_of_objects_are_from_the_north_of_icrs() -> None:
    image = map_of("galactic", MATRICES["rotated"], None)
    assert image.wcs is not None
    here = image.wcs.pixel_to_world(19.5, 15.0).icrs
    there = image.wcs.pixel_to_world(19.5, 16.0).icrs
    north, east = to_sky(image, np.zeros(2))[:, 0]
    angle = here.position_angle(there).deg
    np.testing.assert_allclose(np.degrees(np.arctan2(east, north)) % 360.0, angle, atol=0.01)


@pytest.mark.parametrize("wcs", ["none", "linear", "no beam"])
def test_what_is_not_known_has_no_moments(wcs: str) -> None:
    image = map_of("icrs", MATRICES["upright"], None if wcs == "no beam" else Beam(1e-2, 1e-2, 0.0))
    if wcs != "no beam":
        image = Image.from_values(
            np.zeros(SHAPE), "map", wcs=None if wcs == "none" else WCS(naxis=2), beam=image.beam
        )
    np.testing.assert_array_equal(beam_moments(image), np.zeros((2, 2)))
