"""Mirrors as often as asked."""

from __future__ import annotations

import pytest
import torch

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.draws import BatchPart, Draws


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_mirrors_are_as_often_as_asked(share: float) -> None:
    draws = Draws(torch.Generator().manual_seed(0), BatchPart(2000))
    matrices = Augmentation(mirror=share)._matrices(draws)
    mirrored = (torch.linalg.det(matrices) < 0).float().mean()
    assert float(mirrored) == pytest.approx(share, abs=0.04 if 0 < share < 1 else 0.0)
