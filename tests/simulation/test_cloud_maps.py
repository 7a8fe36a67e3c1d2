"""Maps and cubes of clouds: turned exactly, equally bright kinds, stated noise, exact moments."""

from __future__ import annotations

import math
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label, map_coordinates

from equiclust.exceptions import InputError, OutputError
from equiclust.simulation.cloud_cubes import simulate_cloud_cube
from equiclust.simulation.cloud_files import (
    BYTES_PER_PIXEL,
    truth_path,
    write_cloud_cube,
    write_cloud_map,
)
from equiclust.simulation.cloud_maps import BRIGHTNESS, beam_noise_map, simulate_cloud_map
from equiclust.simulation.cloud_scene import MAP_CLASSES, CloudScene
from equiclust.simulation.textures import CLOUD_CLASSES

FloatArray = npt.NDArray[Any]
CLEAN = 1e9


@cache
def clean_map(seed: int, side: int = 256) -> tuple[FloatArray, FloatArray]:
    image, truth = simulate_cloud_map((side, side), scale=16, snr=CLEAN, random_state=seed)
    return image.pixels[0].astype(float), truth


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.integers(32, 60), st.integers(32, 60)),
    st.sampled_from([0.0, 37.0, -12.5]),
    st.integers(-3, 5),
    st.integers(0, 3),
)
def test_quarter_turns_move_pixels_noise_included_and_change_none(
    shape: tuple[int, int], angle: float, quarters: int, edge: int
) -> None:
    options: dict[str, Any] = {"scale": 8.0, "blank_edge": edge, "random_state": 3}
    image, truth = simulate_cloud_map(shape, angle=angle, **options)
    swapped = shape[::-1] if quarters % 2 else shape
    rotated, turned_truth = simulate_cloud_map(swapped, angle=angle + 90 * quarters, **options)
    np.testing.assert_array_equal(rotated.pixels[0], np.rot90(image.pixels[0], quarters))
    np.testing.assert_array_equal(rotated.mask, np.rot90(image.mask, quarters))
    np.testing.assert_array_equal(turned_truth, np.rot90(truth, quarters))


@pytest.mark.parametrize(
    ("angle", "beam_fwhm", "tolerance"),
    [(37.0, 3.0, 0.02), (217.0, 6.0, 0.005), (90.0, 3.0, 2e-4)],
)
def test_the_turned_sky_is_the_same_at_the_same_coordinates(
    angle: float, beam_fwhm: float, tolerance: float
) -> None:
    # Looking the turned map up where its coordinates say that a pixel of the other one lies.
    options: dict[str, Any] = {
        "scale": 24.0,
        "snr": CLEAN,
        "beam_fwhm": beam_fwhm,
        "random_state": 2,
    }
    one, truth = simulate_cloud_map((160, 160), **options)
    other, other_truth = simulate_cloud_map((160, 160), angle=angle, **options)
    assert one.wcs is not None
    assert other.wcs is not None
    row, column = np.mgrid[45:115, 45:115]
    world = one.wcs.wcs_pix2world(column.ravel(), row.ravel(), 0)
    x, y = other.wcs.wcs_world2pix(*world, 0)
    back = map_coordinates(other.pixels[0].astype(float), [y, x], order=5).reshape(row.shape)
    here = one.pixels[0][row, column]
    assert np.sqrt(np.mean((back - here) ** 2)) < tolerance * here.std()
    kinds = map_coordinates(other_truth, [y, x], order=0).reshape(row.shape)
    assert (kinds == truth[row, column]).mean() > 0.985


def test_the_noise_is_another_at_other_angles_but_for_quarter_turns() -> None:
    options: dict[str, Any] = {"scale": 8.0, "random_state": 2}
    noise = []
    for angle in (0.0, 30.0):
        seen, _ = simulate_cloud_map((64, 64), snr=2.0, angle=angle, **options)
        clean, _ = simulate_cloud_map((64, 64), snr=CLEAN, angle=angle, **options)
        noise.append((seen.pixels - clean.pixels).ravel())
    assert abs(np.corrcoef(noise)[0, 1]) < 0.15


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kinds_have_equal_shares_and_equal_brightness(seed: int) -> None:
    values, truth = clean_map(seed)
    for kind in range(len(MAP_CLASSES)):
        here = values[truth == kind]
        assert here.size / truth.size == pytest.approx(0.25, abs=0.03)
        assert here.mean() == pytest.approx(BRIGHTNESS, rel=0.03)
        # Log-normal of spread 0.5.
        assert here.std() == pytest.approx(BRIGHTNESS * math.sqrt(math.e**0.25 - 1), rel=0.06)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_brightness_does_not_tell_the_kinds(seed: int) -> None:
    # The best of all rules on the brightness alone: the most frequent kind in each narrow bin.
    values, truth = clean_map(seed)
    bins = np.searchsorted(np.quantile(values, np.linspace(0, 1, 21)[1:-1]), values)
    counts = np.zeros((20, 4))
    np.add.at(counts, (bins.ravel(), truth.ravel()), 1)
    assert counts.max(axis=1).sum() / truth.size < 0.29


def test_texture_does_tell_the_kinds_apart() -> None:
    values, truth = clean_map(0)
    log = np.log(values)
    rough = [np.abs(np.diff(log, axis=0))[(truth == kind)[1:]].mean() for kind in range(4)]
    assert max(rough) > 1.3 * min(rough)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_regions_are_wider_than_what_they_show(seed: int) -> None:
    _, truth = clean_map(seed)
    for kind in range(4):
        parts, _ = label(truth == kind)
        # The frame cuts regions, so only those within it have all their pixels.
        inside = set(np.unique(parts[1:-1, 1:-1])) - {0}
        inside -= set(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
        assert all((parts == part).sum() >= 16**2 for part in inside)
    borders = (np.diff(truth, axis=0) != 0).mean() + (np.diff(truth, axis=1) != 0).mean()
    assert borders < 1.0 / 16


def test_noise_has_the_stated_rms_and_the_beam() -> None:
    options: dict[str, Any] = {"scale": 32.0, "beam_fwhm": 5.0, "random_state": 4}
    seen, _ = simulate_cloud_map((256, 256), snr=4.0, **options)
    clean, _ = simulate_cloud_map((256, 256), snr=CLEAN, **options)
    noise = (seen.pixels - clean.pixels)[0].astype(float)
    assert noise.std() == pytest.approx(BRIGHTNESS / 4.0, rel=0.04)
    assert abs(noise.mean()) < 0.2
    # White noise through a Gaussian beam is correlated as a Gaussian sqrt(2) wider.
    sigma = 5.0 / math.sqrt(8.0 * math.log(2.0))
    for lag in (2, 4):
        found = (noise[lag:] * noise[:-lag]).mean() / noise.var()
        assert found == pytest.approx(math.exp(-0.25 * (lag / sigma) ** 2), abs=0.05)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    sky = np.abs(np.fft.fft2(clean.pixels[0] * np.hanning(256) * np.hanning(256)[:, None])) ** 2
    assert sky[frequency > 0.4].mean() < 1e-4 * sky[frequency < 0.05].mean()


def test_noise_is_the_same_at_the_edges() -> None:
    rng = np.random.default_rng(0)
    planes = np.stack([beam_noise_map(rng, (40, 36), 2.0) for _ in range(400)])
    np.testing.assert_allclose(planes.std(axis=0), 1.0, atol=0.2)
    np.testing.assert_allclose(planes[:, 0].std(), 1.0, atol=0.03)


def test_same_seed_same_bytes(random_state: int) -> None:
    def draw(seed: int) -> bytes:
        image, truth = simulate_cloud_map((48, 64), scale=8.0, random_state=seed)
        return image.pixels.tobytes() + truth.tobytes()

    assert draw(random_state) == draw(random_state)
    assert draw(random_state) != draw(random_state + 1)


def test_coordinates_unit_beam_and_edge_are_stated() -> None:
    image, truth = simulate_cloud_map(
        (49, 65), centre=(10.0, 60.0), pixel_scale=0.01, beam_fwhm=4.0, blank_edge=3, random_state=0
    )
    assert image.wcs is not None
    np.testing.assert_allclose(image.wcs.wcs_pix2world([[32, 24]], 0), [[10.0, 60.0]])
    # East is left, north is up.
    (left, _), (_, above) = image.wcs.wcs_pix2world([[31, 24], [32, 25]], 0)
    assert left > 10.0
    assert above == pytest.approx(60.01)
    assert (image.unit, image.beam) == ("K km/s", (0.04, 0.04, 0.0))
    assert image.mask.sum() == 49 * 65 - 43 * 59
    assert not image.mask[3:-3, 3:-3].any()
    assert (truth.dtype, truth.shape) == (np.int16, (49, 65))


@pytest.mark.parametrize("kinds", [CLOUD_CLASSES, ("shells",), ("clumps", "fractal_steep")])
def test_any_kinds_will_do(kinds: tuple[str, ...]) -> None:
    _, truth = simulate_cloud_map((128, 96), classes=kinds, scale=8.0, random_state=0)
    share = np.bincount(truth.ravel(), minlength=len(kinds)) / truth.size
    np.testing.assert_allclose(share, 1.0 / len(kinds), atol=0.05)


def test_a_steeper_fractal_is_smoother() -> None:
    def roughness(slope: float) -> float:
        image, _ = simulate_cloud_map(
            (128, 128), classes=("fractal_shallow",), slope=slope, snr=CLEAN, random_state=0
        )
        return float(np.abs(np.diff(np.log(image.pixels))).mean())

    assert roughness(3.5) < 0.6 * roughness(2.0)


@pytest.mark.parametrize(
    ("options", "n_lines"), [({}, 1), ({"line_widths": (0.3, 0.5, 0.7, 0.9)}, 2)]
)
@pytest.mark.parametrize("angle", [0.0, 130.0])
def test_moments_of_the_noise_free_cube_are_the_map_and_the_band(
    options: dict[str, Any], n_lines: int, angle: float
) -> None:
    sky: dict[str, Any] = {"scale": 8.0, "snr": CLEAN, "angle": angle, "random_state": 5}
    cube = simulate_cloud_cube((40, 48, 64), n_lines=n_lines, **options, **sky)
    image, truth = simulate_cloud_map((48, 64), **sky)
    moment = 0.2 * cube.values.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(moment, image.pixels[0], rtol=2e-5)
    np.testing.assert_allclose(cube.column, image.pixels[0], rtol=1e-5)
    np.testing.assert_array_equal(cube.truth, truth)
    assert cube.values.dtype == np.float32
    velocity = np.tensordot(cube.velocities, cube.values, 1) * 0.2 / moment
    assert np.ptp(velocity) > 1.0
    assert (np.abs(velocity - 8.0) < 4.0).all()


@pytest.mark.parametrize("widths", [0.9, (0.6, 0.8, 1.0, 1.2)])
def test_lines_have_the_widths_asked_for(widths: float | tuple[float, ...]) -> None:
    cube = simulate_cloud_cube(
        (100, 48, 48), channel_width=0.1, line_widths=widths, scale=8.0, snr=CLEAN, random_state=1
    )
    weight = cube.values / cube.values.sum(axis=0)
    mean = np.tensordot(cube.velocities, weight, 1)
    variance = np.tensordot(cube.velocities**2, weight, 1) - mean**2 - 0.1**2 / 12.0
    wanted = np.broadcast_to(widths, 4)[cube.truth]
    np.testing.assert_allclose(np.sqrt(8 * math.log(2) * variance), wanted, rtol=0.01)


def test_channels_have_independent_noise_of_the_stated_rms() -> None:
    options: dict[str, Any] = {"line_widths": 0.8, "scale": 8.0, "random_state": 2}
    noisy = simulate_cloud_cube((20, 96, 96), snr=5.0, **options)
    clean = simulate_cloud_cube((20, 96, 96), snr=CLEAN, **options)
    noise = (noisy.values - clean.values).reshape(20, -1)
    peak = BRIGHTNESS / (0.8 * math.sqrt(math.pi / (4 * math.log(2))))
    np.testing.assert_allclose(noise.std(axis=1), peak / 5.0, rtol=0.1)
    assert noise.std() == pytest.approx(peak / 5.0, rel=0.02)
    others = np.corrcoef(noise) - np.eye(20)
    assert np.abs(others).max() < 0.15


def test_files_of_cubes_hold_what_is_simulated(tmp_path: Path) -> None:
    options: dict[str, Any] = {"scale": 8.0, "blank_edge": 2, "random_state": 7}
    seen: list[tuple[int, int]] = []
    path = tmp_path / "cube.fits"
    truth = write_cloud_cube(
        path, (9, 48, 40), progress=lambda done, total: seen.append((done, total)), **options
    )
    cube = simulate_cloud_cube((9, 48, 40), **options)
    assert seen == [(i, 9) for i in range(1, 10)]
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header, values = hdus[0].header, hdus[0].data
        np.testing.assert_array_equal(values, cube.values)
    assert path.stat().st_size % 2880 == 0
    assert np.isnan(cube.values[:, :2]).all()
    assert (header["BUNIT"], header["CTYPE3"], header["RESTFRQ"]) == ("K", "VRAD", 110.201354e9)
    wcs = WCS(header)
    _, _, speed = wcs.wcs_pix2world(20.0, 24.0, np.arange(9), 0)
    np.testing.assert_allclose(speed, 1e3 * cube.velocities)
    with fits.open(truth_path(path)) as hdus:
        np.testing.assert_array_equal(hdus[0].data, truth)
        assert hdus[0].data.dtype.newbyteorder("=") == np.int16
        assert [hdus[0].header[f"KIND{i}"] for i in range(4)] == list(MAP_CLASSES)
        corners = [[0, 0], [39, 47]]
        np.testing.assert_allclose(
            WCS(hdus[0].header).wcs_pix2world(corners, 0),
            wcs.celestial.wcs_pix2world(corners, 0),
            rtol=0,
            atol=1e-12,
        )


def test_files_of_maps_hold_what_is_simulated(tmp_path: Path) -> None:
    options: dict[str, Any] = {"scale": 8.0, "angle": 33.0, "random_state": 7}
    truth = write_cloud_map(tmp_path / "map.fits", (40, 48), **options)
    image, expected = simulate_cloud_map((40, 48), **options)
    assert image.wcs is not None
    np.testing.assert_array_equal(truth, expected)
    with fits.open(tmp_path / "map.fits") as hdus:
        hdus.verify("exception")
        np.testing.assert_array_equal(hdus[0].data, image.pixels[0])
        header = hdus[0].header
    assert header["BUNIT"] == "K km/s"
    assert (header["BMAJ"], header["BMIN"], header["BPA"]) == image.beam
    corners = [[0, 0], [47, 39]]
    np.testing.assert_allclose(
        WCS(header).wcs_pix2world(corners, 0), image.wcs.wcs_pix2world(corners, 0), atol=1e-9
    )


def test_memory_does_not_grow_with_the_channels(tmp_path: Path) -> None:
    side, canvas = 160, CloudScene((160, 160), scale=16.0).canvas

    def peak(n_channels: int) -> int:
        tracemalloc.start()
        try:
            write_cloud_cube(
                tmp_path / "c.fits", (n_channels, side, side), scale=16.0, overwrite=True
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)
    few, many = peak(2), peak(150)
    assert many < few + 2**20
    assert many < BYTES_PER_PIXEL * math.prod(canvas) < 4 * 150 * side**2


def test_a_cube_that_was_stopped_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    path.write_text("old")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cloud_cube(path, (6, 32, 32), scale=8.0, overwrite=True, progress=stop)
    assert path.read_text() == "old"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["cube.fits", "cube.truth.fits"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shape": (31, 40)}, "shape must .*31"),
        ({"shape": (2, 40, 40)}, "shape must .*2, 40, 40"),
        ({"classes": ("fog",)}, "classes must .*fog"),
        ({"scale": 1.0}, "scale must .*, got 1"),
        ({"region_size": 3.0}, "region_size must .*, got 3"),
        ({"slope": math.nan}, "slope must .*, got nan"),
        ({"slope": 3.0, "classes": ("shells",)}, "slope must .*, got 3.0 for shells"),
        ({"slope": 3.0, "classes": CLOUD_CLASSES}, "one fractal class"),
        ({"beam_fwhm": 1.0}, "beam_fwhm must .*, got 1"),
        ({"snr": 0.0}, "snr must .*, got 0"),
        ({"angle": math.inf}, "angle must .*, got inf"),
        ({"blank_edge": 20}, "blank_edge must .*, got 20"),
        ({"centre": (0.0, 91.0)}, "centre must .*91"),
        ({"pixel_scale": 2.0}, "pixel_scale must .*, got 2"),
        ({"random_state": "x"}, "random_state must .*, got 'x'"),
    ],
)
def test_bad_maps_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_cloud_map(**{"shape": (40, 40), **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shape": (40, 40)}, "shape must .*40, 40"),
        ({"shape": (1, 40, 40)}, "at least 2 channels, got 1"),
        ({"channel_width": 0.0}, "channel_width must .*, got 0"),
        ({"n_lines": 3}, "n_lines must .*, got 3"),
        ({"velocity": math.nan}, "velocity must .*, got nan"),
        ({"line_widths": -1.0}, "line_widths must be above 0, got .*-1"),
        ({"line_widths": (1.0, 2.0)}, "one for each of 4 classes, got 2"),
        ({"line_widths": 3.0}, "line_widths must fit into the 4 km/s .*, got 3"),
    ],
)
def test_bad_cubes_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_cloud_cube(**{"shape": (20, 40, 40), **options})


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.fits, got .*map\.png"):
        write_cloud_map(tmp_path / "map.png", (40, 40))


@pytest.mark.parametrize("name", ["map.fits", "map.truth.fits"])
def test_files_that_exist_are_overwritten_on_demand_only(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"{name}.*exists"):
        write_cloud_map(tmp_path / "map.fits", (40, 40), scale=8.0)
    with pytest.raises(OutputError, match=f"{name}.*exists"):
        write_cloud_cube(tmp_path / "map.fits", (3, 40, 40), scale=8.0)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
    truth = write_cloud_map(tmp_path / "map.fits", (40, 40), scale=8.0, overwrite=True)
    np.testing.assert_array_equal(fits.getdata(tmp_path / "map.truth.fits"), truth)
