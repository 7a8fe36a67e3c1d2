from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from data_adapters.sky import patches
from data_adapters.sky.patches import cut_patches
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError

HEIGHT, WIDTH = 41, 53


def values(n_channels: int = 1) -> np.ndarray:
    cube = np.random.default_rng(0).normal(size=(n_channels, HEIGHT, WIDTH)).astype(np.float32)
    cube[0, 3:20, 5:25] = np.nan
    return cube


@pytest.fixture
def sky(tmp_path: Path) -> SkyMap:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [30.0, 0.0], [20.5, 11.0], [-0.01, 0.01]
    header = wcs.to_header()
    header["BUNIT"], header["BMAJ"], header["BMIN"], header["BPA"] = "K", 0.02, 0.02, 0.0
    fits.writeto(tmp_path / "sky.fits", values(2), header)
    return open_sky_map(tmp_path / "sky.fits")


def test_a_patch_is_a_piece_of_the_map_and_of_its_sky(sky: SkyMap) -> None:
    found = cut_patches(sky, tile=16, step=8)
    assert len(found.images) == len(found.origins) == len(found.masked_fractions)
    cube = values(2)
    for image, (row, column) in zip(found.images, found.origins, strict=True):
        assert (image.unit, image.beam.major if image.beam else None) == ("K", 0.02)
        y, x = np.nonzero(~image.mask)
        np.testing.assert_array_equal(image.pixels[:, y, x], cube[:, y + row, x + column])
        assert image.wcs is not None
        assert sky.wcs is not None
        places = image.wcs.all_pix2world(x, y, 0)
        expected = sky.wcs.all_pix2world(x + column, y + row, 0)
        np.testing.assert_allclose(places, expected, rtol=0, atol=1e-10)


def test_masked_patches_are_left_out_and_counted(sky: SkyMap) -> None:
    every = cut_patches(sky, tile=16, step=8, max_masked=0.999)
    found = cut_patches(sky, tile=16, step=8, max_masked=0.3)
    few = every.masked_fractions <= 0.3
    assert found.n_left_out == every.n_left_out + np.sum(~few)
    np.testing.assert_array_equal(found.origins, every.origins[few])
    measured = [image.mask.mean() for image in every.images]
    np.testing.assert_allclose(every.masked_fractions, measured)


def test_a_mask_is_added_to_what_is_blank(sky: SkyMap) -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[:, 30:] = True
    found = cut_patches(sky, tile=10, mask=mask, channels=slice(1, 2))
    for image, (row, column) in zip(found.images, found.origins, strict=True):
        y, x = np.nonzero(~image.mask)
        assert image.shape == (1, 10, 10)
        assert not mask[y + row, x + column].any()


def test_reading_by_bands_changes_nothing(sky: SkyMap, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cut_patches(sky, tile=12, step=5)
    monkeypatch.setattr(patches, "READ_BYTES", 1)
    by_band = cut_patches(sky, tile=12, step=5)
    assert whole.images.ids == by_band.images.ids
    for one, other in zip(whole.images, by_band.images, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_what_does_not_fit_is_refused(sky: SkyMap) -> None:
    with pytest.raises(InputError, match="mask must have shape"):
        cut_patches(sky, tile=8, mask=np.zeros((3, 3), dtype=bool))
    with pytest.raises(InputError, match="max_masked"):
        cut_patches(sky, tile=8, max_masked=1.0)
