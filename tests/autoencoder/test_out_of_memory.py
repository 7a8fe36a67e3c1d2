"""Where the memory of a device ends: smaller batches, or a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from equiclust import EquivariantAutoencoder
from equiclust.exceptions import InputError
from equiclust.nn.encoder import Encoder

N = 12


def _pixels() -> np.ndarray:
    return np.random.default_rng(0).random((N, 1, 32, 32), dtype=np.float32)


def _autoencoder() -> EquivariantAutoencoder:
    return EquivariantAutoencoder(
        size=32, fields=(2, 4), latent_dim=4, max_epochs=1, batch_size=6, perceptual=None,
        pretrained=False, preprocess=False, device="cpu", random_state=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> EquivariantAutoencoder:
    return _autoencoder().fit(_pixels())


class _Small:
    """A function on a device that has memory for some images."""

    def __init__(self, function: Any, most: int) -> None:
        self.function, self.most = function, most
        self.seen: list[int] = []

    def __call__(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.function(images)


def test_encoding_goes_on_with_half_the_batch(
    trained: EquivariantAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = trained.transform(_pixels())
    small = _Small(trained._encoder, 2)
    monkeypatch.setattr(trained, "_encoder", small)
    monkeypatch.setattr("equiclust.autoencoder._trained._ENCODING_BATCH", 8)
    np.testing.assert_allclose(trained.transform(_pixels()), wanted, atol=1e-6)
    assert small.seen == [8, 4, 2, 2, 2, 2, 2, 2]


def test_reconstruction_goes_on_with_half_the_batch(
    trained: EquivariantAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = trained.reconstruct(_pixels())
    monkeypatch.setattr(trained.network_, "reconstruct", _Small(trained.network_.reconstruct, 16))
    np.testing.assert_allclose(trained.reconstruct(_pixels()), wanted, atol=1e-6)


def test_no_memory_for_one_image_is_said(
    trained: EquivariantAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "_encoder", _Small(trained._encoder, 0))
    with pytest.raises(InputError, match=r"no memory for one image of \(1, 32, 32\).* 'cpu'"):
        trained.transform(_pixels())


def test_no_memory_for_a_batch_of_the_training_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Encoder, "forward", fail)
    with pytest.raises(InputError, match="batch_size must be lower than 6, or devices higher than"):
        _autoencoder().fit(_pixels())
