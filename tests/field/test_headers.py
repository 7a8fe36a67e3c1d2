"""Headers of every sort: the pixels, the sky and the spectrum are what astropy makes of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from hypothesis import event, given, settings

from benchmarks.astropy_reference import (
    axes_of,
    cube_of,
    degrees_apart,
    five_pixels,
    sky_of,
    spectrum_of,
)
from data_adapters.sky import SkyMap, open_sky_map
from data_adapters.sky.geometry import celestial_wcs
from data_adapters.units import parse_unit
from equiclust.celestial import celestial_frame
from tests.field.headers import Made, images


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("headers") / "made.fits"


@settings(max_examples=60)
@given(made=images())
def test_astropy_agrees(made: Made, path: Path) -> None:
    sky = open_sky_map(made.write(path))
    values = sky.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, do_not_scale_image_data=True, memmap=False) as hdus:
            wcs = WCS(_spelled(hdus[0].header), fobj=hdus)
            expected = cube_of(hdus[0], wcs)
        np.testing.assert_array_equal(values, expected.astype(values.dtype))
        _check_sky(sky, wcs)
        _check_spectrum(sky, wcs)


def _spelled(header: fits.Header) -> fits.Header:
    """With units that astropy knows."""
    for axis in range(1, header["NAXIS"] + 1):
        said = header.get(f"CUNIT{axis}")
        if said is not None:
            header[f"CUNIT{axis}"] = {"KM/S": "km/s", "1/m": "m-1"}.get(said, said)
    return header


def _check_sky(sky: SkyMap, wcs: WCS) -> None:
    places = five_pixels(*sky.shape[1:])
    expected = sky_of(wcs, places)
    assert sky.wcs is not None
    assert degrees_apart(sky_of(sky.wcs, places), expected) < 1e-9
    again = celestial_wcs(sky.header)
    assert again is not None
    assert degrees_apart(sky_of(again, places), expected) < 1e-9
    if wcs.wcs.ctype[wcs.wcs.lng][:2] in ("RA", "GL"):
        frame = wcs_to_celestial_frame(wcs.celestial)
        assert celestial_frame(again).is_equivalent_frame(frame)


def _check_spectrum(sky: SkyMap, wcs: WCS) -> None:
    axis = axes_of(wcs).spectral
    assert (sky.spectral is None) == (axis is None)
    if sky.spectral is None:
        return
    event(sky.spectral.ctype)
    unit = wcs.wcs.cunit[axis]
    found = (sky.spectral.values * (parse_unit(sky.spectral.unit) or unit)).to_value(unit)
    np.testing.assert_allclose(found, spectrum_of(wcs, len(found)), rtol=1e-13, atol=0)
    velocities = sky.spectral.velocities(sky.spectral.values)
    if velocities is not None:
        rest = wcs.wcs.restfrq * units.Hz if wcs.wcs.restfrq else wcs.wcs.restwav * units.m
        by = {"Hz": units.doppler_radio, "m": units.doppler_optical}.get(str(unit))
        true = (found * unit).to_value(units.km / units.s, [] if by is None else by(rest))
        np.testing.assert_allclose(velocities, true, rtol=1e-9, atol=1e-6)
