"""Terms of the objective against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from equiclust.autoencoder.objectives import (
    ObjectiveWeights,
    PerceptualLoss,
    contrastive_loss,
    find_weights,
    masked_mse,
    rotation_error,
    vicreg_terms,
    view_distance,
)
from equiclust.exceptions import InputError, WeightsNotFoundError


def _batch(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_masked_pixels_do_not_count(random_state: int) -> None:
    images, others = _batch(random_state, 2, 3, 2, 8, 8).unbind()
    mask = _batch(random_state + 9, 3, 1, 8, 8) < 0.4
    valid = np.broadcast_to(~mask.numpy(), images.shape)
    expected = ((images - others).numpy()[valid] ** 2).mean()
    assert float(masked_mse(images, others, mask)) == pytest.approx(expected, rel=1e-5)
    spoiled = torch.where(mask, torch.full_like(others, 1e6), others)
    assert torch.equal(masked_mse(images, spoiled, mask), masked_mse(images, others, mask))


def test_everything_masked_costs_nothing() -> None:
    images = torch.ones(2, 1, 4, 4)
    assert float(masked_mse(images, -images, torch.ones(2, 1, 4, 4, dtype=torch.bool))) == 0.0


def test_vicreg_terms_agree_with_numpy(random_state: int) -> None:
    latents = 0.7 * torch.randn(40, 5, generator=torch.Generator().manual_seed(random_state))
    terms = vicreg_terms(latents.double())
    covariance = np.cov(latents.double().numpy(), rowvar=False)
    hinge = np.maximum(0.0, 1.0 - np.sqrt(np.diag(covariance) + 1e-4)).mean()
    off_diagonal = covariance - np.diag(np.diag(covariance))
    assert float(terms["variance"]) == pytest.approx(hinge, rel=1e-9)
    assert float(terms["covariance"]) == pytest.approx((off_diagonal**2).sum() / 5, rel=1e-9)


def test_a_collapsed_latent_costs_the_whole_variance_term_and_has_a_finite_gradient() -> None:
    latents = torch.zeros(8, 3, requires_grad=True)
    terms = vicreg_terms(latents)
    assert float(terms["variance"].detach()) == pytest.approx(0.99, abs=1e-6)
    terms["variance"].backward()
    assert latents.grad is not None
    assert torch.isfinite(latents.grad).all()


def test_view_distance_is_zero_for_equal_views_only(random_state: int) -> None:
    first, second = _batch(random_state, 2, 6, 4).unbind()
    assert float(view_distance(first, first)) == 0.0
    assert float(view_distance(first, second)) > 0.0


def test_total_is_the_weighted_sum() -> None:
    weights = ObjectiveWeights(mse=2.0, perceptual=0.0, variance=3.0)
    terms = {"mse": torch.tensor(5.0), "perceptual": torch.tensor(7.0), "variance": torch.ones(())}
    assert float(weights.total(terms)) == 13.0


def test_negative_weights_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="covariance must be zero or more, got -1"):
        ObjectiveWeights(covariance=-1)


def test_missing_weights_name_the_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match="EQUICLUST_WEIGHTS"):
        find_weights("alexnet", tmp_path)
    with pytest.raises(InputError, match="got 'lenet'"):
        find_weights("lenet", tmp_path)  # type: ignore[arg-type]  # that is the point


@pytest.fixture
def random_alexnet(tmp_path: Path) -> Path:
    """A trunk that has seen nothing, where the real one is expected."""
    from torchvision.models import alexnet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = alexnet().state_dict()
    kept = {name: value for name, value in state.items() if name.startswith("features.")}
    save_file(kept, tmp_path / "alexnet_features.safetensors")
    return tmp_path


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_perception_sees_differences_but_not_under_the_mask(
    random_alexnet: Path, channels: int
) -> None:
    loss = PerceptualLoss("alexnet", weights=random_alexnet).train()
    images = _batch(0, 2, channels, 32, 32)
    mask = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    mask[:, :, :16] = True
    spoiled = torch.where(mask, images + 1.0, images)
    assert float(loss(images, images, mask)) == 0.0
    assert float(loss(images, spoiled, mask)) == 0.0
    assert float(loss(images, images.flip(2), mask)) > 0.0
    assert torch.equal(loss(images, images.flip(3), mask), loss(images, images.flip(3), mask))


def test_perception_passes_gradients_to_the_image_and_none_to_the_trunk(
    random_alexnet: Path,
) -> None:
    loss = PerceptualLoss("alexnet", weights=random_alexnet)
    images = _batch(0, 2, 1, 64, 64)
    guess = _batch(1, 2, 1, 64, 64).requires_grad_()
    loss(images, guess, torch.zeros(2, 1, 64, 64, dtype=torch.bool)).backward()
    assert guess.grad is not None
    assert float(guess.grad.abs().sum()) > 0.0
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_resnet_distance_is_zero_only_for_equal_images(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_file(resnet18().state_dict(), tmp_path / "resnet18.safetensors")
    loss = PerceptualLoss("resnet18", weights=tmp_path)
    images, others = _batch(0, 2, 2, 1, 64, 64).unbind()
    mask = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    assert float(loss(images, images, mask)) == 0.0
    assert float(loss(images, others, mask)) > 0.0


def test_published_lpips_values_order_the_pairs(weights_folder: Path) -> None:
    """A blurred image looks nearer than a shifted noise of the same mean squared error."""
    loss = PerceptualLoss("alexnet", weights=weights_folder)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    disc = torch.tensor(np.exp(-8 * (np.hypot(x, y) - 0.5) ** 2 / 0.1), dtype=torch.float32)
    image = disc[None, None]
    dimmed = 0.9 * image
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    noisy = image + noise * ((dimmed - image).square().mean().sqrt() / noise.std())
    mask = torch.zeros(1, 1, 64, 64, dtype=torch.bool)
    assert float(loss(image, dimmed, mask)) < 0.5 * float(loss(image, noisy, mask))


def test_rotation_error_is_in_units_of_the_spread(random_state: int) -> None:
    latents = torch.randn(50, 4, generator=torch.Generator().manual_seed(random_state))
    shift = torch.tensor([0.03, 0.0, 0.0, -0.04])
    expected = 0.05**2 / float(latents.numpy().var(axis=0).sum())
    assert float(rotation_error(latents, latents + shift)) == pytest.approx(expected, rel=1e-3)
    scaled = float(rotation_error(10 * latents, 10 * (latents + shift)))
    assert scaled == pytest.approx(expected, rel=1e-3)


def test_contrast_agrees_with_its_definition(random_state: int) -> None:
    first, second = _batch(random_state, 2, 6, 5).unbind()
    views = np.concatenate([first.numpy(), second.numpy()]).astype(float)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    losses = []
    for i in range(12):
        powers = {j: np.exp(views[i] @ views[j] / 0.1) for j in range(12) if j != i}
        losses.append(-np.log(powers[(i + 6) % 12] / sum(powers.values())))
    assert float(contrastive_loss(first, second)) == pytest.approx(np.mean(losses), rel=1e-4)


def test_contrast_is_least_where_views_agree_and_images_differ() -> None:
    apart = torch.eye(8)
    alike, mixed = (
        contrastive_loss(apart, 3.0 * apart),
        contrastive_loss(apart, apart.roll(1, dims=0)),
    )
    assert float(alike) < 0.01 < float(mixed)
    # All latents equal: one of fifteen others, drawn blindly.
    assert float(contrastive_loss(torch.ones(8, 3), torch.ones(8, 3))) == pytest.approx(
        np.log(15), rel=1e-5
    )


def test_a_second_view_is_needed_for_two_terms_only() -> None:
    assert ObjectiveWeights().pairs
    assert ObjectiveWeights(invariance=0, contrastive=1).pairs
    assert not ObjectiveWeights(invariance=0).pairs
