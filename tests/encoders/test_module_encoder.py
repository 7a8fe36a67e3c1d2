"""Any module as an encoder: called as torch calls it, and left as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from equiclust.encoders import ModuleEncoder
from equiclust.exceptions import InputError
from tests.encoders.networks import photographs, small_module


def test_vectors_are_those_of_the_module_in_evaluation_mode() -> None:
    images, module = photographs(5, 24), small_module().train()
    found = ModuleEncoder(module, batch_size=2).transform(images)
    assert module.training
    assert module[2].training
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(images)).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_double_precision_and_vectors_are_taken_as_they_are() -> None:
    images = photographs(3, 8)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 4)).double()
    found = ModuleEncoder(module).transform(images)
    assert found.dtype == np.float32
    with torch.no_grad():
        expected = module(torch.from_numpy(images).double()).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


class _Gives(nn.Module):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def forward(self, images: torch.Tensor) -> Any:
        return self.value


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda x: x, "module must be a torch.nn.Module, got <function"),
        (nn.Conv2d(3, 4, 3), r"module does not take images of shape \(1, 8, 8\): .*channels"),
        (_Gives((1, 2)), "module must give one tensor with 2 entries for 2 images, got tuple"),
        (_Gives(torch.zeros(3, 4)), r"one tensor with 2 entries for 2 images, got \(3, 4\)"),
        (
            _Gives(torch.full((2, 4), torch.nan)),
            "give finite vectors.* first for image '00000'",
        ),
        (_Gives(torch.zeros(2)), r"pooling must fit the features .* shape \(2,\), got 'mean'"),
    ],
)
def test_what_is_no_encoder_is_refused_in_one_sentence(module: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModuleEncoder(module).transform(photographs(2, 8))


def test_the_length_is_known_after_the_first_images() -> None:
    encoder = ModuleEncoder(small_module())
    with pytest.raises(InputError, match="known after its first transform"):
        _ = encoder.latent_dim
    encoder.transform(photographs(1, 24))
    assert encoder.latent_dim == 5
