"""A map is the same whatever holds it, and no more of it is read than what is asked for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import NDData
from astropy.wcs import WCS
from scipy.ndimage import gaussian_filter

from data_adapters.sky import cut_patches, mask_from_file, moment_maps, open_sky_map
from data_adapters.sky.sky_map import SkyMap, as_sky_map
from equiclust.exceptions import InputError
from equiclust.segmentation import SegmentOptions, segment_sky_map
from tests.data_adapters.objects.kinds_of_input import CUBES, IMAGES, write_cube, write_image


def assert_same(found: SkyMap, reference: SkyMap) -> None:
    assert found.shape == reference.shape
    np.testing.assert_array_equal(found.read(), reference.read())
    part = slice(1, 4) if found.shape[0] > 1 else slice(0, 1), slice(5, 17)
    np.testing.assert_array_equal(found.read(*part), reference.read(*part))
    pixels = np.array([[0.0, 0.0], [23.0, 19.0]])
    places = [sky.wcs.all_pix2world(pixels, 0) for sky in (found, reference)]
    np.testing.assert_allclose(*places, rtol=0, atol=1e-11)
    assert (found.spectral is None) == (reference.spectral is None)
    if found.spectral is not None and reference.spectral is not None:
        np.testing.assert_allclose(found.spectral.values, reference.spectral.values, rtol=1e-12)
        assert found.spectral.unit == reference.spectral.unit


@pytest.mark.parametrize("kind", [one for one in IMAGES if "file" not in one])
def test_maps(kind: str, tmp_path: Path) -> None:
    path = write_image(tmp_path / "one.fits", 0)
    assert_same(open_sky_map(IMAGES[kind](path)), open_sky_map(path))


@pytest.mark.parametrize("kind", CUBES)
def test_cubes(kind: str, tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", 0)
    found, reference = open_sky_map(CUBES[kind](path)), open_sky_map(path)
    assert_same(found, reference)
    if "Spectral" in kind:
        np.testing.assert_allclose(found.beam, reference.beam, rtol=1e-12)
    # Rows and channels in any order, while it is open.
    with found, reference:
        for first in (12, 0, 5):
            rows = slice(first, first + 6)
            np.testing.assert_array_equal(found.read(rows=rows), reference.read(rows=rows))


def test_beams_of_channels(tmp_path: Path) -> None:
    from tests.data_adapters.objects.kinds_of_input import SpectralCube

    path = write_cube(tmp_path / "cube.fits", 0)
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("BMAJ", "1E", unit="arcsec", array=np.linspace(10.0, 12.0, 6)),
            fits.Column("BMIN", "1E", unit="arcsec", array=np.linspace(8.0, 9.0, 6)),
            fits.Column("BPA", "1E", unit="deg", array=np.full(6, 20.0)),
            fits.Column("CHAN", "1J", array=np.arange(6)),
            fits.Column("POL", "1J", array=np.zeros(6, int)),
        ],
        name="BEAMS",
    )
    with fits.open(path, mode="append") as hdus:
        hdus[0].header["CASAMBM"] = True
        del hdus[0].header["BMAJ"], hdus[0].header["BMIN"], hdus[0].header["BPA"]
        hdus.append(table)
        hdus.writeto(tmp_path / "beams.fits")
    found = open_sky_map(SpectralCube.read(tmp_path / "beams.fits"))
    reference = open_sky_map(tmp_path / "beams.fits")
    assert reference.channel_beams is not None
    np.testing.assert_allclose(found.channel_beams, reference.channel_beams, rtol=1e-6)


class Counted:
    """An array that counts the pixels that are asked for."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.n_read = values, 0
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        found = self.values[index]
        self.n_read += found.size
        return found


def test_no_more_than_the_chunks_asked_for_are_computed() -> None:
    source = Counted(np.arange(40 * 30 * 20, dtype=np.float32).reshape(40, 30, 20))
    lazy = da.from_array(source, chunks=(4, 10, 20), asarray=False, meta=np.zeros((0,), np.float32))
    sky = open_sky_map((lazy, WCS(naxis=3)))
    assert source.n_read == 0
    np.testing.assert_array_equal(sky.read(slice(5, 7), slice(11, 14)), source.values[5:7, 11:14])
    assert source.n_read == 4 * 10 * 20
    source.n_read = 0
    # A chunk is computed once, not once for each of its rows.
    with sky:
        for row in range(30):
            sky.read(slice(0, 4), slice(row, row + 1))
    assert source.n_read == 4 * 30 * 20
    assert sky.channel_step == 4


def test_maps_can_be_sent_to_other_processes() -> None:
    values = np.random.default_rng(0).normal(size=(20, 24)).astype(np.float32)
    for held in (values, da.from_array(values), NDData(values, mask=values > 1)):
        sky = open_sky_map(held)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(sky)).read(), sky.read())


def test_functions_of_maps_take_them(tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", 0)
    values, header = fits.getdata(path, header=True)
    held = da.from_array(values.astype(np.float32)), WCS(header)
    reference = moment_maps(open_sky_map(path))
    np.testing.assert_array_equal(moment_maps(held).integrated, reference.integrated)
    np.testing.assert_array_equal(moment_maps(path).integrated, reference.integrated)
    patches, expected = cut_patches(held, tile=8), cut_patches(open_sky_map(path), tile=8)
    np.testing.assert_array_equal(patches.images.pixels, expected.images.pixels)
    assert patches.images[0].path is None
    places = [one.images[0].wcs.wcs_pix2world(0, 0, 0) for one in (patches, expected)]
    np.testing.assert_allclose(*places, rtol=0, atol=1e-11)
    flags = np.zeros((20, 24), np.uint8)
    flags[2, 3] = 1
    assert mask_from_file(held, flags).sum() == 1
    with pytest.raises(InputError, match="is an extension of a file"):
        mask_from_file(held, "[MASK]")
    assert as_sky_map(sky := open_sky_map(path)) is sky


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "a map must be a path"),
        ([1, 2], "a map must be a path"),
        (np.zeros(5), "no image of two axes"),
        (np.zeros((4, 5), complex), "only real numbers"),
        (np.array([["a"]]), "only real numbers"),
        (fits.BinTableHDU(), "no image of two axes"),
        (fits.HDUList([fits.PrimaryHDU()]), "no image of two axes"),
        ((np.zeros((4, 5)), WCS(naxis=4)), "has 2 axes and its WCS 4"),
        (NDData(np.zeros((4, 5)), mask=np.zeros((3, 5))), "its mask must have shape"),
    ],
)
def test_what_is_no_map_is_refused_in_one_sentence(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_sky_map(value)
    assert "\n" not in str(caught.value)


def test_segments_of_a_map_in_memory_are_those_of_its_file(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32)
    values[:, 48:] = gaussian_filter(values[:, 48:], 2.0)
    fits.writeto(tmp_path / "map.fits", values)
    options = SegmentOptions(n_clusters=2, tile=16, step=8)
    labels = []
    for number, sky in enumerate((tmp_path / "map.fits", da.from_array(values, chunks=40))):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = segment_sky_map(sky, options, folder, n_jobs=1)
        labels.append(done.segment_map.labels)
    np.testing.assert_array_equal(*labels)
