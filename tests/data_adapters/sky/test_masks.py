"""Masks: what is ignored is what was meant, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from data_adapters.sky.masks import (
    Noise,
    blank_mask,
    mask_from_file,
    region_mask,
    robust_noise,
    threshold_mask,
    weight_mask,
)
from data_adapters.sky.sky_map import SkyMap, open_sky_map
from equiclust.exceptions import InputError, UnreadableFileError

HEIGHT, WIDTH = 30, 40
FLAGS = np.random.default_rng(1).integers(0, 3, (HEIGHT, WIDTH))
Y, X = np.mgrid[:HEIGHT, :WIDTH]


def sky_of(path: Path, data: npt.NDArray[Any], *, wcs: bool = True, **images: Any) -> SkyMap:
    header = fits.Header()
    if wcs:
        sky = WCS(naxis=2)
        sky.wcs.ctype = ["GLON-TAN", "GLAT-TAN"]
        sky.wcs.crval, sky.wcs.cdelt, sky.wcs.crpix = [10.0, 0.0], [-0.01, 0.01], [21.0, 11.0]
        header = sky.to_header()
    extensions = [fits.ImageHDU(image, name=name) for name, image in images.items()]
    fits.HDUList([fits.PrimaryHDU(data, header), *extensions]).writeto(path)
    return open_sky_map(path)


@pytest.fixture
def sky(tmp_path: Path) -> SkyMap:
    return sky_of(tmp_path / "sky.fits", np.zeros((HEIGHT, WIDTH)), FLAGS=FLAGS)


@pytest.mark.parametrize("read_bytes", [1, 4 * WIDTH * 3 * 7, 1 << 26])
def test_blanks_of_all_or_any_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    monkeypatch.setattr("data_adapters.sky.masks.READ_BYTES", read_bytes)
    cube = np.random.default_rng(0).standard_normal((3, HEIGHT, WIDTH))
    cube[cube < 0.3] = np.nan
    opened = sky_of(tmp_path / "cube.fits", cube)
    seen: list[tuple[int, int, str]] = []
    mask = blank_mask(opened, on_progress=lambda *news: seen.append(news))
    np.testing.assert_array_equal(mask, np.isnan(cube).all(axis=0))
    np.testing.assert_array_equal(blank_mask(opened, rule="any"), np.isnan(cube).any(axis=0))
    np.testing.assert_array_equal(blank_mask(opened, channels=slice(1, 2)), np.isnan(cube[1]))
    assert seen[-1][:2] == (HEIGHT, HEIGHT)
    with pytest.raises(InputError, match=r"rule must be .* got 'most'"):
        blank_mask(opened, rule="most")


def test_flags_in_the_same_file_or_another(sky: SkyMap, tmp_path: Path) -> None:
    other = tmp_path / "flags.fits"
    fits.PrimaryHDU(FLAGS[None]).writeto(other)
    for source in ("[FLAGS]", f"{sky.path}[1]", other):
        np.testing.assert_array_equal(mask_from_file(sky, source), FLAGS != 0)
        np.testing.assert_array_equal(mask_from_file(sky, source, keep=True), FLAGS == 0)


def test_blank_flags_and_weights_are_ignored(sky: SkyMap, tmp_path: Path) -> None:
    weights = FLAGS.astype(np.float32)
    weights[3, 4] = np.nan
    path = tmp_path / "weights.fits"
    fits.PrimaryHDU(weights).writeto(path)
    assert mask_from_file(sky, path)[3, 4]
    assert mask_from_file(sky, path, keep=True)[3, 4]
    np.testing.assert_array_equal(weight_mask(sky, path, 1.0), ~(weights >= 1.0))
    with pytest.raises(InputError, match="least must be a finite weight, got nan"):
        weight_mask(sky, path, float("nan"))


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH + 1), (2, HEIGHT, WIDTH)])
def test_a_mask_of_another_size_is_refused(
    sky: SkyMap, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "flags.fits"
    fits.PrimaryHDU(np.zeros(shape)).writeto(path)
    with pytest.raises(InputError, match=r"flags.fits: it has shape .*\(30, 40\)"):
        mask_from_file(sky, path)
    with pytest.raises(UnreadableFileError, match="No such file"):
        mask_from_file(sky, tmp_path / "none.fits")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_sources_hardly_change_the_noise(random_state: int, share: float) -> None:
    rng = np.random.default_rng(random_state)
    image = 0.7 * rng.standard_normal((200, 200))
    bright = rng.uniform(size=image.shape) < share
    image[bright] += 5.0
    image[:3] = np.nan
    level, sigma = robust_noise(image)
    assert level == 0.0
    assert sigma == pytest.approx(0.7, rel=0.05)
    mask = threshold_mask(image, 4.0)
    assert mask[:3].all()
    # Four sigma leaves out one in 800 of sources at 7 sigma, and lets in nothing of the noise.
    np.testing.assert_allclose(~mask[3:], bright[3:], atol=1.1)
    assert np.mean(~mask[3:] != bright[3:]) < 3e-3


def test_a_sky_that_is_not_0_has_a_level(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    image = 100.0 + 2.0 * rng.standard_normal((200, 200))
    image[:20] += 500.0
    level, sigma = robust_noise(image)
    assert level == pytest.approx(100.0, abs=0.4)
    assert sigma == pytest.approx(2.0, rel=0.2)
    np.testing.assert_array_equal(threshold_mask(image, 20.0)[:20], False)
    assert threshold_mask(image, 20.0)[20:].all()
    whole = robust_noise(np.round(1000 * image).astype(np.int32))
    assert whole.sigma == pytest.approx(1000 * sigma, rel=2e-3)


@given(
    # Half of the smallest number is 0, so that a scale loses it.
    npst.arrays(np.float64, (6, 7), elements=st.floats(-10, 10, allow_subnormal=False)),
    st.floats(0.1, 10.0),
    st.randoms(use_true_random=False),
)
def test_noise_scales_with_the_image_and_knows_no_places(
    image: npt.NDArray[np.float64], scale: float, random: Any
) -> None:
    noise = robust_noise(image)
    order = list(range(image.size))
    random.shuffle(order)
    np.testing.assert_allclose(
        robust_noise(scale * image.ravel()[order].reshape(6, 7)),
        scale * np.asarray(noise),
        rtol=1e-9,
        atol=1e-12,
    )
    kept = image.copy()
    threshold_mask(image, 3.0)
    np.testing.assert_array_equal(image, kept)


def test_masked_pixels_tell_nothing() -> None:
    image = np.random.default_rng(0).standard_normal((50, 50))
    mask = np.zeros((50, 50), dtype=bool)
    mask[:, 25:] = True
    noise = robust_noise(image, mask=mask)
    image[:, 25:] = -1e6
    assert robust_noise(image, mask=mask) == noise
    assert threshold_mask(image, -1e9, mask=mask)[:, 25:].all()


def test_given_noise_is_taken() -> None:
    image = np.array([[1.0, 2.0, 3.0, np.nan]])
    np.testing.assert_array_equal(
        threshold_mask(image, 2.0, noise=1.0), [[True, True, False, True]]
    )
    np.testing.assert_array_equal(
        threshold_mask(image, 1.0, noise=Noise(0.5, 1.0)), [[True, False, False, True]]
    )
    with pytest.raises(InputError, match="noise must be at least 0"):
        threshold_mask(image, 1.0, noise=-1.0)


def test_without_pixels_there_is_no_noise() -> None:
    empty = np.full((3, 3), np.nan)
    assert np.isnan(robust_noise(empty)).all()
    assert threshold_mask(empty, 3.0).all()
    with pytest.raises(InputError, match=r"image must have shape \(h, w\)"):
        robust_noise(np.zeros((2, 3, 3)))
    with pytest.raises(InputError, match="method must be"):
        robust_noise(np.zeros((3, 3)), method="rms")


def regions(folder: Path, *lines: str) -> Path:
    path = folder / "cloud.reg"
    path.write_text("# Region file format: DS9 version 4.1\n" + "\n".join(lines) + "\n")
    return path


def disc(x: float, y: float, radius: float) -> npt.NDArray[np.bool_]:
    return np.hypot(X - x, Y - y) < radius


# DS9 counts pixels from 1.
PIXEL_REGIONS = {
    "circle": (["image", "circle(11,16,5.3)"], disc(10, 15, 5.3)),
    "two": (
        ["image", "circle(11,16,5.3)", "circle(31,16,5.3)"],
        disc(10, 15, 5.3) | disc(30, 15, 5.3),
    ),
    "hole": (
        ["image", "circle(11,16,9.3)", "-circle(11,16,4.3)"],
        disc(10, 15, 9.3) & ~disc(10, 15, 4.3),
    ),
    "order": (
        ["image", "-circle(11,16,4.3)", "circle(11,16,9.3)"],
        disc(10, 15, 9.3) & ~disc(10, 15, 4.3),
    ),
    "only a hole": (["image", "-circle(11,16,4.3)"], ~disc(10, 15, 4.3)),
    "box": (["image", "box(11,16,7,5,0)"], (np.abs(X - 10) < 3.5) & (np.abs(Y - 15) < 2.5)),
    "over the edge": (["image", "circle(1,1,8.3)"], disc(0, 0, 8.3)),
    "outside": (["image", "circle(500,500,8.3)"], np.zeros_like(X, dtype=bool)),
    "with a point": (["image", "circle(11,16,5.3)", "point(3,3)"], disc(10, 15, 5.3)),
    "sky": (["galactic", "circle(10.0,0.0,0.053)"], disc(20, 10, 5.3)),
    "both": (
        ["galactic", "circle(10.0,0.0,0.053)", "image", "-circle(21,11,2.3)"],
        disc(20, 10, 5.3) & ~disc(20, 10, 2.3),
    ),
}


@pytest.mark.parametrize("kind", PIXEL_REGIONS)
@pytest.mark.parametrize("at_once", [100, 1 << 20])
def test_inside_of_regions_is_used(
    sky: SkyMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, at_once: int
) -> None:
    monkeypatch.setattr("data_adapters.sky.masks.PIXELS_AT_ONCE", at_once)
    lines, used = PIXEL_REGIONS[kind]
    np.testing.assert_array_equal(~region_mask(sky, regions(tmp_path, *lines)), used)


@pytest.mark.parametrize(
    ("lines", "error", "reason"),
    [
        ([], InputError, "no region with an area"),
        (["image", "point(3,3)"], InputError, "no region with an area"),
        (["image", "blob(3,3)"], UnreadableFileError, "not understood"),
        (["image", "circle(a,3,3)"], UnreadableFileError, "no region file of DS9"),
        (["physical", "circle(3,3,3)"], UnreadableFileError, "not understood"),
    ],
)
def test_regions_of_no_use_are_refused(
    sky: SkyMap, tmp_path: Path, lines: list[str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason) as caught:
        region_mask(sky, regions(tmp_path, *lines))
    assert "\n" not in str(caught.value)


def test_regions_on_the_sky_need_coordinates(tmp_path: Path) -> None:
    plain = sky_of(tmp_path / "plain.fits", np.zeros((HEIGHT, WIDTH)), wcs=False)
    with pytest.raises(InputError, match="map has no coordinates"):
        region_mask(plain, regions(tmp_path, "galactic", "circle(10,0,0.1)"))
    with pytest.raises(UnreadableFileError, match="No such file"):
        region_mask(plain, tmp_path / "none.reg")
