"""Places of the sky in the pixels of images, and how the pixel grids of two images lie."""

from __future__ import annotations

import math

import numpy as np
from astropy.coordinates import ICRS, SkyCoord
from astropy.wcs import WCS

from equiclust.celestial import celestial_frame, sky_degrees
from equiclust.exceptions import InputError
from equiclust.typing import Float64Array

__all__ = ["field_of", "icrs_positions", "pixels_of", "pixels_of_pixels", "unit_vectors"]


def unit_vectors(degrees: Float64Array) -> Float64Array:
    """Directions on the unit sphere.

    Parameters
    ----------
    degrees : ndarray (n, 2), float64
        Longitude and latitude.

    Returns
    -------
    ndarray (n, 3), float64
        NaN where a coordinate is.
    """
    longitude, latitude = np.deg2rad(degrees).T
    level = np.cos(latitude)
    return np.stack(
        [level * np.cos(longitude), level * np.sin(longitude), np.sin(latitude)], axis=1
    )


def icrs_positions(wcs: WCS, x: Float64Array, y: Float64Array) -> Float64Array:
    """Right ascension and declination of pixels.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    x, y : ndarray (n,), float64
        Pixels from 0.

    Returns
    -------
    ndarray (n, 2), float64
        In degrees, ICRS; NaN outside of the projected sky.
    """
    longitude, latitude = sky_degrees(wcs, x, y)
    frame = _frame(wcs)
    if not isinstance(frame, ICRS):
        sky = SkyCoord(longitude, latitude, unit="deg", frame=frame).icrs
        longitude, latitude = sky.ra.deg, sky.dec.deg
    return np.stack([longitude, latitude], axis=1)


def pixels_of(wcs: WCS, positions: Float64Array) -> Float64Array:
    """Pixels at which positions lie.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two celestial axes.
    positions : ndarray (n, 2), float64
        Right ascension and declination in degrees, ICRS, near the image.

    Returns
    -------
    ndarray (n, 2), float64
        `x` and `y` from 0; NaN where there are none.
    """
    frame = _frame(wcs)
    longitude, latitude = positions.T
    if not isinstance(frame, ICRS):
        sky = SkyCoord(longitude, latitude, unit="deg", frame="icrs").transform_to(frame)
        longitude, latitude = sky.spherical.lon.deg, sky.spherical.lat.deg
    return _pixels_of_native(wcs, longitude, latitude)


def pixels_of_pixels(
    one: WCS | None, other: WCS | None, x: Float64Array, y: Float64Array
) -> Float64Array:
    """Pixels of one image in another one.

    Parameters
    ----------
    one, other : astropy.wcs.WCS or None
        Where both are None, their pixels are the same.
    x, y : ndarray (n,), float64
        Pixels of `one`, from 0.

    Returns
    -------
    ndarray (n, 2), float64
        Pixels of `other`; NaN where there are none.
    """
    if one is None or other is None:
        return np.stack([x, y], axis=1)
    if _same_frame(one, other):
        return _pixels_of_native(other, *sky_degrees(one, x, y))
    return pixels_of(other, icrs_positions(one, x, y))


def field_of(wcs: WCS, shape: tuple[int, int]) -> tuple[Float64Array, float]:
    """A circle around an image.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
    shape : (int, int)
        Height and width in pixels.

    Returns
    -------
    centre : ndarray (3,), float64
        Direction on the unit sphere.
    radius : float
        In degrees; 180 where it cannot be told.
    """
    height, width = shape
    steps = np.linspace(-0.5, 0.5, 9)
    y, x = (one.ravel() for one in np.meshgrid(steps, steps, indexing="ij"))
    places = icrs_positions(wcs, (x + 0.5) * width - 0.5, (y + 0.5) * height - 0.5)
    vectors = unit_vectors(places)
    seen = vectors[np.isfinite(vectors).all(axis=1)]
    if len(seen) < len(vectors):
        return np.array([1.0, 0.0, 0.0]), 180.0
    centre = vectors[len(vectors) // 2]
    farthest = float(np.max(np.linalg.norm(vectors - centre, axis=1)))
    # A little more: the edge is seen at some places alone.
    return centre, 1.05 * math.degrees(2.0 * math.asin(min(1.0, farthest / 2.0)))


def _frame(wcs: WCS) -> object:
    try:
        return celestial_frame(wcs)
    except ValueError as error:
        raise InputError(f"the images have coordinates of which {error}; convert them") from error


def _same_frame(one: WCS, other: WCS) -> bool:
    return bool(
        one.wcs.ctype[one.wcs.lng][:4] == other.wcs.ctype[other.wcs.lng][:4]
        and one.wcs.radesys == other.wcs.radesys
        and (one.wcs.equinox == other.wcs.equinox or one.wcs.radesys == "ICRS")
        and one.wcs.dateobs == other.wcs.dateobs
    ) or bool(repr(_frame(one)) == repr(_frame(other)))


def _pixels_of_native(wcs: WCS, longitude: Float64Array, latitude: Float64Array) -> Float64Array:
    found = np.full((len(longitude), 2), np.nan)
    known = np.isfinite(longitude) & np.isfinite(latitude)
    if known.any():
        world = [longitude[known], latitude[known]]
        if wcs.wcs.lng == 1:
            world.reverse()
        # Of places outside of a distorted image the iteration need not end.
        pixels = wcs.all_world2pix(*world, 0, quiet=True, tolerance=1e-6)
        found[known] = np.stack(pixels, axis=1)
    return found
