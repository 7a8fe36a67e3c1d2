"""Coverage maps cover what they are of: no more, no less, and no part of the sky twice."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from data_adapters.sky.geometry import celestial_wcs, pixel_solid_angles
from equiclust.exceptions import InputError
from equiclust.io.coverage import (
    COVERAGE_FORMATS,
    check_order,
    cone_coverage,
    footprint_coverage,
    order_of,
    pixel_coverage,
    write_coverage,
)
from tests.segmentation.segment_maps import blobs, sky

mocpy = pytest.importorskip("mocpy")
healpix = pytest.importorskip("astropy_healpix.core")

SHAPE = (60, 80)
SKIES = {
    "tangential": sky(),
    "at the pole": sky(CRVAL2=90.0, side=0.05),
    "where right ascension begins": sky(CRVAL1=0.0),
    "Galactic": sky("GLON-CAR", "GLAT-CAR", CRVAL2=0.0),
    "latitude first": sky("DEC--TAN", "RA---TAN", CRVAL1=31.2, CRVAL2=52.1),
    "turned": sky(PC1_1=0.8, PC1_2=-0.6, PC2_1=0.6, PC2_2=0.8),
}
ALL_SKY = {
    "plate carree": ("RA---CAR", "DEC--CAR", (90, 180), 90.5),
    "plate carree from its middle": ("RA---CAR", "DEC--CAR", (90, 180), 0.5),
    "Aitoff": ("GLON-AIT", "GLAT-AIT", (90, 180), 90.5),
}


def wcs_of(header: Any) -> WCS:
    wcs = celestial_wcs(header)
    assert wcs is not None
    return wcs


def all_sky(name: str) -> tuple[WCS, tuple[int, int]]:
    longitude, latitude, shape, middle = ALL_SKY[name]
    cards = {"CRVAL1": 0.0, "CRVAL2": 0.0, "CRPIX1": middle, "CRPIX2": 45.5}
    return wcs_of(sky(longitude, latitude, side=2.0, **cards)), shape


def solid_angle(moc: Any) -> float:
    return float(4.0 * math.pi * moc.sky_fraction)


@pytest.mark.parametrize("name", SKIES)
def test_labels_divide_the_map_and_have_their_areas(name: str) -> None:
    wcs, labels = wcs_of(SKIES[name]), blobs(SHAPE)
    areas = pixel_solid_angles(wcs, SHAPE)
    mocs = {label: pixel_coverage(wcs, labels == label) for label in np.unique(labels)}
    for label, moc in mocs.items():
        # A cell on the edge is in or out: the error is that of a random walk along the edge.
        cell = math.radians(mocpy.MOC.order_to_spatial_resolution(moc.max_order).deg) ** 2
        inside = np.pad(labels == label, 1)
        edge = sum(np.count_nonzero(np.diff(inside, axis=axis)) for axis in (0, 1))
        expected = float(areas[labels == label].sum())
        assert abs(solid_angle(moc) - expected) < 4.0 * cell * math.sqrt(4.0 * edge)
    whole = pixel_coverage(wcs, np.ones(SHAPE, dtype=bool))
    assert sum(map(solid_angle, mocs.values())) == pytest.approx(solid_angle(whole), rel=1e-12)
    joined = mocpy.MOC.new_empty(0).union(*mocs.values())
    assert joined.to_string() == whole.to_string()


@pytest.mark.parametrize("name", ALL_SKY)
def test_maps_of_all_the_sky_have_no_seam(name: str) -> None:
    wcs, shape = all_sky(name)
    moc = pixel_coverage(wcs, np.ones(shape, dtype=bool))
    # Pixels across the rim of the projection are partly on the sky.
    assert moc.sky_fraction == pytest.approx(1.0, abs=0.0 if "plate" in name else 0.02)


@pytest.mark.parametrize("name", SKIES)
def test_every_cell_belongs_to_the_pixel_about_its_centre(name: str) -> None:
    wcs, inside = wcs_of(SKIES[name]), blobs(SHAPE) == 1
    order = order_of(1.5 * max(abs(SKIES[name]["CDELT1"]), abs(SKIES[name]["CDELT2"])))
    moc = pixel_coverage(wcs, inside, order=order)
    y, x = np.mgrid[-3 : SHAPE[0] + 3 : 0.25, -3 : SHAPE[1] + 3 : 0.25]
    places = wcs.pixel_to_world(x.ravel(), y.ravel()).icrs
    cells = np.unique(healpix.lonlat_to_healpix(places.ra, places.dec, 1 << order, order="nested"))
    lon, lat = healpix.healpix_to_lonlat(cells, 1 << order, order="nested")
    column, row = (np.rint(one).astype(int) for one in wcs.world_to_pixel(SkyCoord(lon, lat)))
    on_map = (row >= 0) & (row < SHAPE[0]) & (column >= 0) & (column < SHAPE[1])
    expected = cells[on_map][inside[row[on_map], column[on_map]]]
    assert np.array_equal(np.sort(moc.flatten()), np.sort(expected))


def test_nothing_is_covered_by_no_pixels() -> None:
    moc = pixel_coverage(wcs_of(sky()), np.zeros(SHAPE, dtype=bool))
    assert moc.empty()


def test_frames_are_covered_and_little_more() -> None:
    frames = []
    for header in (sky(CRVAL1=0.0), sky(CRVAL2=89.99), sky()):
        frames.append((wcs_of(header), SHAPE))
        moc = footprint_coverage(frames[-1:], order=None)
        area = float(pixel_solid_angles(*frames[-1]).sum())
        assert 1.0 < solid_angle(moc) / area < 1.2
        fine = footprint_coverage(frames[-1:], order=moc.max_order + 4)
        assert 1.0 < solid_angle(fine) / area < 1.012
        y, x = np.mgrid[-0.49 : SHAPE[0] - 0.5, -0.49 : SHAPE[1] - 0.5]
        assert moc.contains_skycoords(frames[-1][0].pixel_to_world(x, y).icrs).all()
    together = footprint_coverage(frames, order=None)
    assert together.sky_fraction == pytest.approx(
        sum(footprint_coverage([one], order=None).sky_fraction for one in frames)
    )


def test_circles_are_covered_and_little_more() -> None:
    centres = SkyCoord([0.0, 10.0, 20.0], [89.99, 0.0, -45.0], unit="deg")
    moc = cone_coverage(centres, 0.05)
    assert 1.0 < solid_angle(moc) / (3.0 * math.pi * math.radians(0.05) ** 2) < 1.4
    for angle in np.arange(0.0, 360.0, 15.0):
        rim = centres.directional_offset_by(angle * u.deg, 0.0499 * u.deg)
        assert moc.contains_skycoords(rim).all()


@pytest.mark.parametrize("ending", COVERAGE_FORMATS)
def test_files_hold_the_same_cells(ending: str, tmp_path: Path) -> None:
    moc = pixel_coverage(wcs_of(sky()), blobs(SHAPE) == 1)
    path = tmp_path / f"kind{ending}"
    write_coverage(moc, path)
    found = mocpy.MOC.load(str(path), format=COVERAGE_FORMATS[ending])
    assert found.to_string() == moc.to_string()


def test_orders_end_somewhere() -> None:
    assert [order_of(side) for side in (360.0, 58.7, 1e-12)] == [0, 0, 29]
    for wrong in (-1, 30, 1.5, "7"):
        with pytest.raises(InputError, match="order must be"):
            check_order(wrong)  # type: ignore[arg-type]
