"""Values that float32 cannot hold survive, in images, maps and cubes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from data_adapters import read, write_fits
from data_adapters.sky import moment_maps, open_sky_map
from equiclust.evaluation.confounders import measure_confounders
from equiclust.images import Image, ImageSet
from equiclust.precision import float32_holds
from equiclust.preprocessing import Preprocessor

STEPS = np.random.default_rng(0).normal(size=(24, 30))
BEYOND = {
    "luminosities": 1e39 * STEPS,
    "single photons in joules": 1e-60 * STEPS,
    "small structure on a large offset": 1e11 + 30 * STEPS,
    "the same beside blank pixels": np.where(np.arange(30) < 4, np.nan, 1e11 + 30 * STEPS),
    "counts of 64 bits": (2**53 + 1000 * STEPS).astype(np.int64),
}
WITHIN = {
    "noise": STEPS,
    "float32": STEPS.astype(np.float32),
    "constant": np.full((5, 5), 1 / 3),
    "constant but for rounding": 0.1 + 0.2 + np.spacing(0.3) * (STEPS > 0),
    "a bright star on a faint sky": np.where(STEPS > 2.5, 1e6, STEPS),
    "counts": (1000 * STEPS).astype(np.int32),
    "nothing": np.full((4, 4), np.nan),
    "flux densities": 1e-17 * STEPS,
}


@pytest.mark.parametrize("name", BEYOND)
def test_values_beyond_float32_are_found(name: str) -> None:
    assert not float32_holds(BEYOND[name])


@pytest.mark.parametrize("name", WITHIN)
def test_common_values_stay_float32(name: str) -> None:
    assert float32_holds(WITHIN[name])
    image = Image.from_values(WITHIN[name], "x")
    assert (image.offset, image.scale) == (0.0, 1.0)


def same(found: npt.NDArray[Any], values: npt.NDArray[Any]) -> None:
    finite = np.isfinite(values)
    tolerance = 1e-6 * np.std(values[finite].astype(np.float64))
    np.testing.assert_allclose(found[finite], values[finite], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", BEYOND)
def test_images_are_kept_relative_to_an_offset_and_a_scale(tmp_path: Path, name: str) -> None:
    values = BEYOND[name]
    image = Image.from_values(values, "x")
    np.testing.assert_array_equal(image.mask, ~np.isfinite(values))
    same(image.values[0], values)
    (path,) = write_fits(ImageSet((image,)), tmp_path)
    again = read([path]).images[0]
    np.testing.assert_array_equal(again.mask, image.mask)
    same(again.values[0], values)


@pytest.mark.parametrize("ignored", [-1.8e308, np.inf, 0.0, 1e39])
@pytest.mark.parametrize("name", [*BEYOND, "noise", "counts"])
def test_values_under_the_mask_decide_nothing(name: str, ignored: float) -> None:
    values = {**BEYOND, **WITHIN}[name]
    mask = np.zeros(values.shape, bool)
    mask[2:4, 20:] = True
    if values.dtype.kind == "i":
        ignored = np.iinfo(values.dtype).min
    image = Image.from_values(np.where(mask, values.dtype.type(ignored), values), "x", mask=mask)
    np.testing.assert_array_equal(image.mask, mask | ~np.isfinite(values))
    same(np.where(mask, values, image.values[0]), values)


@pytest.mark.parametrize("name", BEYOND)
def test_maps_are_read_in_float64(tmp_path: Path, name: str) -> None:
    fits.writeto(tmp_path / "x.fits", BEYOND[name])
    sky = open_sky_map(tmp_path / "x.fits")
    assert sky.read().dtype == np.float64
    np.testing.assert_array_equal(sky.read()[0], BEYOND[name].astype(np.float64))


def test_only_what_needs_it_is_read_in_float64(tmp_path: Path) -> None:
    for stored in (np.float64, np.float32, np.int32, np.int16):
        path = tmp_path / f"{np.dtype(stored)}.fits"
        fits.writeto(path, (1000 * STEPS).astype(stored))
        assert open_sky_map(path).read().dtype == np.float32


def test_scaled_integers_and_unsigned_ones_of_64_bits(tmp_path: Path) -> None:
    hdu = fits.PrimaryHDU((1000 * STEPS).astype(np.int16))
    hdu.header["BSCALE"], hdu.header["BZERO"] = 1e36, 0.0
    hdu.writeto(tmp_path / "scaled.fits")
    scaled = open_sky_map(tmp_path / "scaled.fits").read()[0]
    np.testing.assert_allclose(scaled, 1e36 * (1000 * STEPS).astype(np.int16))
    counts = np.arange(60, dtype=np.uint64).reshape(6, 10)
    fits.writeto(tmp_path / "counts.fits", counts)
    np.testing.assert_array_equal(open_sky_map(tmp_path / "counts.fits").read()[0], counts)


def test_moments_of_bright_cubes_are_those_of_faint_ones(tmp_path: Path) -> None:
    cube = np.abs(np.random.default_rng(1).normal(size=(5, 8, 9)))
    found = []
    for factor in (1.0, 1e39):
        fits.writeto(tmp_path / f"{factor:g}.fits", factor * cube)
        found.append(moment_maps(open_sky_map(tmp_path / f"{factor:g}.fits"), n_sigma=0.0))
    for name in ("integrated", "peak"):
        np.testing.assert_allclose(
            getattr(found[1], name) / 1e39, getattr(found[0], name), rtol=1e-6
        )
    np.testing.assert_allclose(found[1].centroid, found[0].centroid, rtol=1e-6)


def test_brightness_is_in_the_unit_and_images_look_alike() -> None:
    y, x = np.mgrid[:32, :32] - 15.5
    disc = 10 * np.exp(-(x**2 + 3 * y**2) / 20) + 0.01 * np.random.default_rng(2).normal(
        size=(32, 32)
    )
    sets = [ImageSet.from_array(values[None]) for values in (disc, 1e39 * disc, 1e11 + 10 * disc)]
    processed = [Preprocessor().fit_transform(images).pixels for images in sets]
    for pixels in processed[1:]:
        np.testing.assert_allclose(pixels, processed[0], atol=1e-5)
    faint, bright, offset = (measure_confounders(images)["brightness"][0] for images in sets)
    np.testing.assert_allclose([bright / 1e39, offset / 10], faint, rtol=1e-4)
