"""An image is the same whatever package holds it: pixels, mask, unit, beam and coordinates."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS

from data_adapters import read
from equiclust.exceptions import InputError
from equiclust.images import Image, ImageSet
from equiclust.images_like import as_image_set
from tests.data_adapters.objects.kinds_of_input import BARE, CUBES, IMAGES, write_cube, write_image

SHARED = ("BUNIT", "BMAJ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_image(tmp_path / "one.fits", 0)


def assert_same(found: Image, reference: Image) -> None:
    np.testing.assert_array_equal(found.pixels, reference.pixels)
    np.testing.assert_array_equal(found.mask, reference.mask)
    if found.unit:
        assert u.Unit(found.unit) == u.Unit(reference.unit)
    if found.beam is not None:
        np.testing.assert_allclose(found.beam, reference.beam, rtol=1e-12)
    if found.wcs is not None:
        pixels = np.array([[0.0, 0.0], [23.0, 19.0], [3.0, 11.0]])
        places = [image.wcs.all_pix2world(pixels, 0) for image in (found, reference)]
        np.testing.assert_allclose(*places, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", IMAGES)
def test_every_kind_is_the_image_of_its_file(kind: str, path: Path) -> None:
    reference = read(path).images[0]
    assert_same(as_image_set(IMAGES[kind](path))[0], reference)
    found = read(IMAGES[kind](path))
    assert not found.rejected
    assert_same(found.images[0], reference)
    assert found.images[0].wcs is not None
    assert (found.images[0].path is not None) == (kind in ("HDU", "HDUList", "open file", "path"))


def test_a_list_is_one_image_each(path: Path, tmp_path: Path) -> None:
    other = write_image(tmp_path / "other.fits", 1)
    references = read([path, other]).images
    found = as_image_set([make(one) for make in IMAGES.values() for one in (path, other)])
    # Paths that are named again are used once.
    n_again = sum(name in ("HDU", "HDUList", "open file", "path") for name in IMAGES) - 2
    assert len(found) >= 2 * (len(IMAGES) - n_again)
    first = as_image_set([IMAGES["CCDData"](path), IMAGES["(dask, WCS)"](other)])
    assert first.ids == ("00000", "00001")
    for one, reference in zip(first, references, strict=True):
        assert_same(one, reference)


@pytest.mark.parametrize("kind", BARE)
@pytest.mark.parametrize("shape", [(20, 24), (5, 20, 24), (5, 2, 20, 24)])
def test_arrays_are_those_of_numpy(kind: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values[..., 3, 4] = np.nan
    whole = values if len(shape) > 2 else values[None]
    found = as_image_set(BARE[kind](values))
    for one, reference in zip(found, ImageSet.from_array(whole), strict=True):
        assert one.id == reference.id
        np.testing.assert_array_equal(one.pixels, reference.pixels)
        np.testing.assert_array_equal(one.mask, reference.mask)
    if "Quantity" in kind:
        assert u.Unit(found[0].unit) == u.Unit("Jy/beam")
    assert read(BARE[kind](values)).images.shapes == found.shapes


def test_one_image_of_several_channels(path: Path) -> None:
    values, header = fits.getdata(path, header=True)
    stacked = np.stack([values, 2.0 * values, 3.0 * values])
    found = as_image_set((stacked, WCS(header)))[0]
    assert found.shape == (3, 20, 24)
    assert found.wcs is not None
    assert as_image_set([da.from_array(stacked)])[0].shape == (3, 20, 24)


@pytest.mark.parametrize("kind", CUBES)
def test_a_cube_is_no_image(kind: str, tmp_path: Path) -> None:
    cube = CUBES[kind](write_cube(tmp_path / "c.fits", 0))
    with pytest.raises(InputError, match="it holds a cube of shape"):
        as_image_set(cube)
    assert "make an image of it first" in read(CUBES[kind](tmp_path / "c.fits")).rejected[0].reason


def test_planes_are_images_where_that_is_asked_for(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(6, 20, 24)).astype(np.float32)
    fits.writeto(tmp_path / "c.fits", values)
    with fits.open(tmp_path / "c.fits") as hdus:
        found = read(hdus, axes="nhw").images
    assert found.ids == read(tmp_path / "c.fits", axes="nhw").images.ids
    assert read(NDData(values), axes="nhw").images.ids == tuple(f"00000_{n}" for n in range(6))


@pytest.mark.parametrize(
    "hdu",
    [
        lambda v: fits.ImageHDU(v.astype(">i2"), fits.Header({"BLANK": 0})),
        lambda v: fits.ImageHDU(v.astype(np.uint16)),
        lambda v: fits.CompImageHDU(v.astype(np.int32)),
    ],
)
@pytest.mark.parametrize("options", [{}, {"do_not_scale_image_data": True}, {"uint": False}])
def test_scaled_and_blank_values_are_those_of_the_adapter(
    hdu: Any, options: dict[str, Any], tmp_path: Path
) -> None:
    values = np.arange(20 * 24).reshape(20, 24) % 300
    fits.HDUList([fits.PrimaryHDU(), hdu(values)]).writeto(tmp_path / "i.fits")
    reference = read(tmp_path / "i.fits").images[0]
    with fits.open(tmp_path / "i.fits", **options) as hdus:
        assert_same(as_image_set(hdus)[0], reference)
        assert_same(as_image_set(hdus[1])[0], reference)
    assert_same(as_image_set(io.BytesIO((tmp_path / "i.fits").read_bytes()))[0], reference)


def test_blank_of_unsigned_values_that_are_loaded(tmp_path: Path) -> None:
    stored = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)
    hdu = fits.ImageHDU(stored)
    hdu.header["BLANK"] = -32768 + 17
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "u.fits")
    reference = read(tmp_path / "u.fits").images[0]
    assert reference.mask.sum() == 1
    with fits.open(tmp_path / "u.fits") as hdus:
        assert hdus[1].data is not None
        assert_same(as_image_set(hdus)[0], reference)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ("no such file", "does not exist"),
        (NDData(np.zeros(5)), "no image of two axes"),
        (da.zeros((3, 4, 5), dtype=complex), "only real numbers"),
        (da.zeros((0, 4, 5)), "is empty"),
        ((np.zeros((4, 5)), WCS(naxis=4)), "has 2 axes and its WCS 4"),
        (io.BytesIO(b"nothing that is known"), "no format that is known"),
        (io.BytesIO(b"SIMPLE  = nothing"), "in memory"),
        (io.StringIO("text"), "open for text"),
        ([NDData(np.zeros((4, 5))), object()], "inputs must be"),
        (3, "pixels must have shape"),
    ],
)
def test_what_is_no_image_is_refused_in_one_sentence(images: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        as_image_set(images)
    assert "\n" not in str(caught.value)


def test_uncertainties_are_not_read_as_pixels(path: Path) -> None:
    from astropy.nddata import StdDevUncertainty

    ccd = IMAGES["CCDData"](path)
    ccd.uncertainty = StdDevUncertainty(np.full((20, 24), 5.0))
    assert_same(as_image_set(ccd)[0], read(path).images[0])
    assert len(as_image_set(ccd)) == 1
