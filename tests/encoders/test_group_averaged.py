"""Averages over a group do not change when an image is turned, whatever the encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from equiclust import ImageSet
from equiclust.encoders import GroupAveraged, ModuleEncoder
from equiclust.evaluation.invariance import Element, quarter_turns, taper_corners
from equiclust.evaluation.invariance.transforms import rotate_exactly, rotate_spline
from equiclust.exceptions import InputError
from equiclust.simulation import simulate_shapes
from equiclust.typing import Float32Array
from tests.encoders.networks import photographs, small_module

TOLERANCE = 1e-6


def _largest_change(encoder: Any, images: Float32Array, elements: tuple[Element, ...]) -> float:
    latents = encoder.transform(images).astype(np.float64)
    moved = [encoder.transform(rotate_exactly(images, element)) for element in elements]
    norms = np.linalg.norm(latents, axis=1)
    return float(max((np.linalg.norm(one - latents, axis=1) / norms).max() for one in moved))


@pytest.mark.parametrize("size", [(63, 63), (64, 64), (200, 200), (224, 224), (70, 95)])
def test_quarter_turns_and_mirrors_change_nothing_at_any_size(size: tuple[int, int]) -> None:
    images, encoder = photographs(2, *size), ModuleEncoder(small_module())
    elements = quarter_turns()
    assert _largest_change(encoder, images, elements) > 1e-3
    assert _largest_change(GroupAveraged(encoder, "D4"), images, elements) <= TOLERANCE


@pytest.mark.parametrize("group", ["C4", "C8", "D8", "D16"])
@pytest.mark.parametrize("statistic", ["mean", "mean+std", "max"])
@pytest.mark.parametrize("side", [33, 34])
def test_every_group_and_statistic_keeps_quarter_turns_exact(
    group: str, statistic: Any, side: int
) -> None:
    encoder = GroupAveraged(ModuleEncoder(small_module()), group, statistic=statistic)
    elements = quarter_turns(mirror=group.startswith("D"))
    assert _largest_change(encoder, photographs(3, side), elements) <= TOLERANCE


def test_it_is_the_mean_over_the_eight_elements() -> None:
    images, encoder = photographs(3, 32), ModuleEncoder(small_module())
    each = np.stack([encoder.transform(rotate_exactly(images, g)) for g in quarter_turns()])
    averaged = GroupAveraged(encoder, "D4")
    np.testing.assert_allclose(averaged.transform(images), each.mean(axis=0), rtol=1e-5, atol=1e-7)
    both = averaged.set_params(statistic="mean+std").transform(images)
    np.testing.assert_allclose(both[:, 5:], each.std(axis=0), rtol=1e-4, atol=1e-6)
    assert both.shape[1] == averaged.latent_dim == 10
    largest = averaged.set_params(statistic="max").transform(images)
    np.testing.assert_array_equal(largest, each.max(axis=0))


def test_a_finer_group_is_the_mean_over_all_of_its_turned_images() -> None:
    images, encoder = photographs(2, 31), ModuleEncoder(small_module())
    within = taper_corners(images)
    turned = [rotate_exactly(within, g) for g in quarter_turns()]
    turned += [rotate_spline(one, 45.0) for one in turned]
    expected = np.mean([encoder.transform(one) for one in turned], axis=0)
    averaged = GroupAveraged(encoder, "D8").transform(images)
    np.testing.assert_allclose(averaged, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("coarse", "fine", "angle"), [("D4", "D8", 45.0), ("D8", "D16", 22.5)])
def test_a_group_with_an_angle_is_nearer_to_invariance_under_it(
    coarse: str, fine: str, angle: float
) -> None:
    images = taper_corners(simulate_shapes(4, size=32, random_state=0)[0].pixels)
    turned = rotate_spline(images, angle, order=5)

    def error(group: str) -> float:
        encoder = GroupAveraged(ModuleEncoder(small_module()), group)
        moved = encoder.transform(turned) - encoder.transform(images)
        return float(np.linalg.norm(moved, axis=1).mean())

    assert error(coarse) > 3.0 * error(fine)


def test_masks_turn_with_their_images() -> None:
    mask = np.zeros((3, 33, 33), bool)
    mask[:, 3:9, 20:] = True
    images = photographs(3, 33)
    encoder = ModuleEncoder(small_module())
    for group in ("D4", "D8"):
        averaged = GroupAveraged(encoder, group)
        upright = averaged.transform(ImageSet.from_array(images, mask=mask))
        turned = averaged.transform(
            ImageSet.from_array(np.rot90(images, axes=(2, 3)), mask=np.rot90(mask, axes=(1, 2)))
        )
        np.testing.assert_allclose(turned, upright, rtol=0, atol=TOLERANCE * np.abs(upright).max())
        assert not np.allclose(upright, averaged.transform(images), rtol=1e-3)


def test_batches_change_nothing() -> None:
    images, encoder = photographs(5, 32), ModuleEncoder(small_module(), batch_size=2)
    whole = GroupAveraged(encoder).transform(images)
    np.testing.assert_allclose(GroupAveraged(encoder, batch_size=2).transform(images), whole, 1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"group": "C3"}, "group must have 1, 2 or a multiple of 4 rotations.*'C3'"),
        ({"group": "round"}, "group must be named like"),
        ({"statistic": "median"}, "statistic must be one of mean, mean\\+std, max, got 'median'"),
        ({"encoder": 3}, "encoder must be an encoder of images, got 3"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict[str, Any], message: str) -> None:
    encoder = GroupAveraged(**{"encoder": ModuleEncoder(small_module()), **wrong})
    with pytest.raises(InputError, match=message):
        encoder.transform(photographs(2, 32))
