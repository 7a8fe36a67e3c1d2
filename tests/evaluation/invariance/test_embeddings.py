"""A module of torch and an encoder can be certified like a function."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from equiclust import assert_invariant, certify
from equiclust.exceptions import InputError

IMAGES = np.random.default_rng(0).random((4, 1, 12, 12), np.float32)


class _Means(nn.Module):
    """Invariant under quarter turns, but only without dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = torch.stack([images.mean(dim=(1, 2, 3)), images.amax(dim=(1, 2, 3))], dim=1)
        return self.dropout(values * self.weight)


class _Encoder:
    def transform(self, images: np.ndarray) -> np.ndarray:
        return images.mean(axis=3)[:, 0]


def test_a_module_is_certified_in_evaluation_mode_and_left_as_it_was() -> None:
    module = _Means().train()
    certificate = certify(module, IMAGES, n_random_angles=1, random_state=0)
    assert certificate.passed
    assert certificate.ours.latent_dim == 2
    assert module.training
    assert module.dropout.training
    assert_invariant(module, IMAGES)


def test_an_encoder_is_certified_by_its_transform_beside_another() -> None:
    certificate = certify(_Means(), IMAGES, baseline=_Encoder(), n_random_angles=1, random_state=0)
    same = certify(
        _Means(), IMAGES, baseline=_Encoder().transform, n_random_angles=1, random_state=0
    )
    assert certificate == same
    with pytest.raises(AssertionError, match="latents are not invariant"):
        assert_invariant(_Encoder(), IMAGES)


def test_a_module_that_gives_maps_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"embed must give latents of shape \(4, d\)"):
        certify(nn.Conv2d(1, 2, 3), IMAGES)
    with pytest.raises(InputError, match="module does not take images of shape"):
        certify(nn.Conv2d(2, 2, 3), IMAGES)
    with pytest.raises(InputError, match="embed must be a function, an encoder or a torch"):
        certify(3, IMAGES)  # type: ignore[arg-type]
