"""Views: what may change and what may not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.draws import BatchPart, Draws
from equiclust.exceptions import InputError

STILL = Augmentation(scale=0, shear=0, smoothing=0, contrast=0, gain=0, noise=0)


def _rings(n: int, size: int) -> torch.Tensor:
    offset = (torch.arange(size) - (size - 1) / 2) / (size / 2)
    radius = torch.hypot(offset[:, None], offset[None, :])
    return torch.exp(-(((radius - 0.4) / 0.2) ** 2)).expand(n, 1, size, size).clone()


def _no_mask(images: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(images), 1, *images.shape[2:], dtype=torch.bool)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _draws(n: int, seed: int) -> Draws:
    return Draws(_generator(seed), BatchPart(n))


def test_turning_alone_leaves_a_ring_as_it_is(random_state: int) -> None:
    images = _rings(6, 64)
    views, _ = STILL(images, _no_mask(images), _generator(random_state))
    assert float((views - images).abs().max()) < 0.01


def test_turning_moves_what_is_not_round(random_state: int) -> None:
    images = _rings(6, 64)
    images[..., :32] = 0
    views, _ = STILL(images, _no_mask(images), _generator(random_state))
    assert float((views - images).abs().amax(dim=(1, 2, 3)).median()) > 0.1


def test_the_same_seed_gives_the_same_view_and_another_does_not(random_state: int) -> None:
    images = _rings(4, 32)
    first, again, other = (
        Augmentation()(images, _no_mask(images), _generator(seed))[0]
        for seed in (random_state, random_state, random_state + 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_global_randomness_is_used() -> None:
    before = torch.get_rng_state()
    images = _rings(2, 32)
    Augmentation()(images, _no_mask(images), _generator(0))
    assert torch.equal(before, torch.get_rng_state())


def test_scale_is_area_neutral_and_within_its_limit() -> None:
    matrices = Augmentation(scale=0.3, shear=0.2)._matrices(_draws(500, 0)).numpy()
    determinants = np.linalg.det(matrices)
    assert np.abs(np.log(np.abs(determinants))).max() <= 0.6 + 1e-5
    assert 0.4 < (determinants < 0).mean() < 0.6
    axes = np.linalg.svd(matrices, compute_uv=False)
    assert np.log(axes[:, 0] / axes[:, 1]).max() <= 0.2 + 1e-4


def test_the_mask_moves_along_and_hides_what_comes_from_outside(random_state: int) -> None:
    images = _rings(8, 32)
    mask = _no_mask(images)
    mask[..., :16] = True
    views, hidden = Augmentation()(images.masked_fill(mask, 0.0), mask, _generator(random_state))
    assert bool((views[hidden] == 0).all())
    share = hidden.float().mean(dim=(1, 2, 3))
    assert float(share.min()) > 0.35
    assert float(share.max()) < 0.85


@pytest.mark.parametrize("step", ["__call__", "rotate"])
def test_a_view_does_not_depend_on_the_masks_of_other_images(step: str, random_state: int) -> None:
    images = _rings(3, 32)
    mask = _no_mask(images)
    mask[1, :, :9] = True
    with_mask, without_mask = (
        getattr(Augmentation(), step)(images, given, _generator(random_state))
        for given in (mask, _no_mask(images))
    )
    for k in (0, 2):
        assert torch.equal(with_mask[0][k], without_mask[0][k])
        assert torch.equal(with_mask[1][k], without_mask[1][k])
        assert not with_mask[1][k].any()
    assert with_mask[1][1].any()


def test_gain_and_noise_have_the_stated_size() -> None:
    images = torch.full((400, 1, 8, 8), 0.5)
    bright = Augmentation(scale=0, shear=0, smoothing=0, contrast=0, gain=0.3, noise=0)
    centre = bright(images, _no_mask(images), _generator(0))[0][:, 0, 3, 3] / 0.5
    assert 0.74 <= float(centre.min()) < 0.80
    assert 1.25 < float(centre.max()) <= 1.351
    dark = torch.zeros(400, 1, 8, 8)
    noisy = Augmentation(scale=0, shear=0, smoothing=0, contrast=0, gain=0, noise=0.1)
    deviation = noisy(dark, _no_mask(dark), _generator(0))[0].std(dim=(1, 2, 3))
    assert float(deviation.median()) == pytest.approx(0.05, abs=0.01)


def test_contrast_is_a_power_that_keeps_white() -> None:
    bend = Augmentation(scale=0, shear=0, smoothing=0, contrast=0.4, gain=0, noise=0)
    grid = torch.full((300, 1, 17, 17), 0.25)
    grid[:, :, 8, 8] = 1.0
    views = bend(grid, _no_mask(grid), _generator(0))[0]
    exponent = views[:, 0, 3, 8].log() / torch.tensor(0.25).log()
    assert 0.67 <= float(exponent.min()) < 0.70
    assert 1.44 < float(exponent.max()) <= 1.492
    assert float((views[:, 0, 8, 8] - 1.0).abs().max()) < 1e-3


def test_limits_beyond_reason_are_refused() -> None:
    with pytest.raises(InputError, match="shear must lie in 0 to 1, got 2"):
        Augmentation(shear=2)


@pytest.mark.parametrize("limit", [0.0, 0.1, 1.0])
def test_views_are_turned_up_to_the_limit_either_way(limit: float) -> None:
    plain = Augmentation(angle=limit, scale=0, shear=0, mirror=0)
    matrices = plain._matrices(_draws(2000, 0)).numpy()
    angles = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]) / np.pi
    assert np.abs(angles).max() <= limit + 1e-6
    np.testing.assert_allclose(
        np.quantile(angles, [0.25, 0.75]), [-limit / 2, limit / 2], atol=0.05
    )


def test_without_any_step_an_image_stays_as_it_is(random_state: int) -> None:
    nothing = Augmentation(
        angle=0, scale=0, shear=0, smoothing=0, contrast=0, gain=0, mirror=0, noise=0
    )
    images = torch.randn(4, 1, 33, 33, generator=_generator(random_state))
    views, _ = nothing(images, _no_mask(images), _generator(random_state))
    assert torch.equal(views, images)


def test_bending_is_smooth_and_as_large_as_asked(random_state: int) -> None:
    bent = Augmentation(bending=0.05)
    images = torch.zeros(200, 1, 32, 32)
    field = bent._bend(images, _draws(len(images), random_state))
    assert field is not None
    knots = field[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert float(knots.std()) == pytest.approx(0.05, rel=0.1)
    # Between knots, which are a third of the image apart, nothing jumps.
    assert float(field.diff(dim=1).abs().max()) < 0.05


def test_what_is_not_bent_draws_nothing(random_state: int) -> None:
    images = _rings(3, 32)
    images[..., :16] = 0
    straight = Augmentation()(images, _no_mask(images), _generator(random_state))[0]
    bent = Augmentation(bending=0.1)(images, _no_mask(images), _generator(random_state))[0]
    assert Augmentation()._bend(images, _draws(len(images), 0)) is None
    assert float((straight - bent).abs().max()) > 0.05


def test_tilts_squeeze_discs_as_inclinations_do(random_state: int) -> None:
    tilted = Augmentation(scale=0, shear=0, tilt=2 / 3, mirror=0)
    matrices = tilted._matrices(_draws(4000, random_state)).numpy()
    stretched, kept = np.linalg.svd(matrices, compute_uv=False).T
    np.testing.assert_allclose(kept, 1.0, rtol=1e-5)
    cosines = 1.0 / stretched
    assert cosines.min() == pytest.approx(0.5, abs=0.01)
    # From everywhere alike, a disc is seen under every cosine alike.
    assert ks_2samp(cosines, np.linspace(0.5, 1.0, 4000)).pvalue > 0.01


def test_a_tilted_ring_is_an_ellipse() -> None:
    images = _rings(64, 64)
    tilted = Augmentation(
        scale=0, shear=0, smoothing=0, contrast=0, gain=0, noise=0, tilt=0.8, angle=0, mirror=0
    )
    views, _ = tilted(images, _no_mask(images), _generator(0))
    shares = (views.sum(dim=(1, 2, 3)) / images.sum(dim=(1, 2, 3))).numpy()
    assert shares.min() < 0.5
    assert shares.max() < 1.01


def test_without_tilt_nothing_is_drawn_for_it(random_state: int) -> None:
    straight = Augmentation()._matrices(_draws(9, random_state))
    assert torch.equal(straight, Augmentation(tilt=0.0)._matrices(_draws(9, random_state)))
    assert not torch.equal(straight, Augmentation(tilt=0.5)._matrices(_draws(9, random_state)))


@pytest.mark.parametrize("rows", [slice(0, 7, 2), slice(1, 7, 2), slice(6, 7)])
def test_a_part_of_a_batch_has_the_views_of_the_whole(rows: slice, random_state: int) -> None:
    every_step = Augmentation(tilt=0.5, bending=0.1)
    images = _rings(7, 32)
    mask = _no_mask(images)
    mask[::3, :, :9] = True
    generators = _generator(random_state), _generator(random_state)
    whole = every_step(images, mask, generators[0])
    part = BatchPart(7, rows)
    some = every_step(images[rows], mask[rows], generators[1], part=part)
    whole += every_step.rotate(*whole, generators[0])
    some += every_step.rotate(*some, generators[1], part=part)
    for found, wanted in zip(some, whole, strict=True):
        torch.testing.assert_close(found, wanted[rows])
