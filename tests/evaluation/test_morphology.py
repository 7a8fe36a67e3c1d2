"""Morphology: no orientation changes it, and each quantity answers to what it is named after."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from equiclust.evaluation.morphology import measure_morphology
from equiclust.images import ImageSet
from equiclust.simulation.discs import simulate_discs
from equiclust.simulation.textures import simulate_cloud_patches

SIDE = 48
Y, X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
RADIUS, ANGLE = np.hypot(Y, X), np.arctan2(Y, X)
DISC = np.exp(-((RADIUS / 10) ** 2))
FAR = RADIUS / 10
RING = np.exp(-(((RADIUS - 14) / 2) ** 2))
WINDING = 1 + 0.8 * np.cos(2 * ANGLE - 0.5 * RADIUS)


def measured(*pictures: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    table = measure_morphology(ImageSet.from_array(np.stack(pictures)[:, None].astype(np.float32)))
    return {name: np.asarray(table[name]) for name in table.colnames if name != "id"}


def turned(images: ImageSet, turns: int, *, mirror: bool) -> ImageSet:
    def one(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        array = np.rot90(array, turns, axes=(-2, -1))
        return np.ascontiguousarray(array[..., ::-1] if mirror else array)

    return ImageSet([image.with_pixels(one(image.pixels), one(image.mask)) for image in images])


@pytest.mark.parametrize("size", [32, 33])
def test_quarter_turns_and_mirrors_change_nothing(size: int) -> None:
    discs, _ = simulate_discs(12, size=size, random_state=111)
    pixels = np.random.default_rng(3).random((2, 1, size, size), dtype=np.float32)
    mask = np.zeros((size, size), dtype=bool)
    mask[:5, :9] = True
    images = ImageSet(
        [
            *(disc.with_pixels(np.where(mask, 0, disc.pixels), mask) for disc in discs[:3]),
            *discs[3:],
            *ImageSet.from_array(pixels, ids=["a", "b"]),
        ]
    )
    table = measure_morphology(images)
    for turns, mirror in ((1, False), (2, False), (0, True), (3, True)):
        other = measure_morphology(turned(images, turns, mirror=mirror))
        for name in table.colnames[1:]:
            np.testing.assert_allclose(other[name], table[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("quantity", "picture", "least"),
    [
        ("central_hole", DISC * (1 - np.exp(-(FAR**2) * 4)), 0.5),
        ("gap_depth", DISC * (1 - 0.9 * np.exp(-(((RADIUS - 9) / 2) ** 2))), 0.3),
        ("gap_depth", DISC + RING, 0.3),
        ("arms", DISC * WINDING, 0.2),
        ("lopsidedness", RING * (1.1 + np.cos(ANGLE)), 0.3),
        ("fine_structure", DISC * (1 + np.cos(2 * X) * np.cos(2 * Y)), 0.3),
        ("bright_spots", np.roll(DISC**9, 9, 0) + np.roll(DISC**9, -9, 0), 2.0),
    ],
)
def test_a_quantity_answers_to_what_it_is_named_after(
    quantity: str, picture: npt.NDArray[np.float64], least: float
) -> None:
    plain, marked = measured(DISC, picture)[quantity]
    assert marked >= least > plain + 0.02


def test_an_inclined_disc_has_neither_arms_nor_sides() -> None:
    inclined = np.exp(-((X / 6) ** 2) - (Y / 12) ** 2)
    found = measured(DISC, inclined)
    for name in ("arms", "lopsidedness", "central_hole", "gap_depth"):
        assert found[name][1] < 0.04
    assert found["concentration"][1] == pytest.approx(found["concentration"][0], abs=0.05)


def test_concentration_is_that_of_known_profiles() -> None:
    even, gaussian = measured(np.where(RADIUS < 18, 1.0, 0.0), DISC)["concentration"]
    assert even == pytest.approx(5 * np.log10(np.sqrt(0.8 / 0.2)), abs=0.06)
    assert gaussian == pytest.approx(5 * np.log10(np.sqrt(np.log(5) / np.log(1.25))), abs=0.06)


def test_bars_do_not_wind() -> None:
    bar, spiral = measured(DISC * (1 + 0.8 * np.cos(2 * ANGLE)), DISC * WINDING)["arms"]
    assert bar < 0.02 < spiral / 5


def test_a_texture_has_streaks_but_no_centre() -> None:
    stripes, even = np.cos(X), np.random.default_rng(1).normal(size=X.shape)
    found = measured(stripes, even)
    assert found["streaks"][0] > 0.9
    assert found["streaks"][1] < 0.1
    for name in ("central_hole", "arms", "lopsidedness", "concentration", "bright_spots"):
        assert np.isnan(found[name]).all()
    clouds, _ = simulate_cloud_patches(40, size=32, random_state=106)
    table = measure_morphology(clouds)
    assert np.isfinite(table["fine_structure"]).all()
    assert np.isnan(table["central_hole"]).mean() > 0.6


def test_what_has_no_shape_has_no_numbers() -> None:
    point, constant = np.zeros_like(X), np.ones_like(X)
    point[20:23, 20:23] = 1.0
    found = measured(point, constant)
    assert np.isnan(found["central_hole"]).all()
    assert found["bright_spots"][0] == 1
    assert all(np.isnan(values[1]) for values in found.values())
    assert len(measure_morphology(ImageSet())) == 0
