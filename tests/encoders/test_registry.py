"""Encoders by the names that commands use."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from torch import Tensor
from torch.nn import Module

from equiclust import ImageSet
from equiclust.encoders import (
    GroupAveraged,
    LatentTable,
    ModuleEncoder,
    OnnxEncoder,
    TorchvisionEncoder,
    encoder_names,
    get_encoder,
)
from equiclust.exceptions import InputError
from tests.encoders.networks import photographs, small_resnet


def test_every_name_is_a_network() -> None:
    for name in encoder_names():
        encoder = get_encoder(name, pooling="mean", weights="random")
        assert isinstance(encoder, TorchvisionEncoder)
        assert (encoder.network, encoder.pooling) == (name, "mean")


def test_a_group_averages() -> None:
    encoder = get_encoder("alexnet", group="D8", statistic="max", layer="features.2")
    assert isinstance(encoder, GroupAveraged)
    assert (encoder.group, encoder.statistic, encoder.encoder.layer) == ("D8", "max", "features.2")


def test_files_are_told_by_their_endings(tmp_path: Path) -> None:
    assert isinstance(get_encoder(tmp_path / "model.onnx", pooling="max"), OnnxEncoder)
    assert get_encoder("model.onnx", layer="map").output == "map"
    assert isinstance(get_encoder("LATENTS.FITS"), LatentTable)
    with pytest.raises(InputError, match=r"must use the names .* got 'path'"):
        get_encoder("model.onnx", path="other.onnx")


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(InputError, match=r"encoder must be one of alexnet, .* got 'lenet'"):
        get_encoder("lenet")
    with pytest.raises(InputError, match=r"encoder alexnet must use the names .* got 'colour'"):
        get_encoder("alexnet", colour=1)
    with pytest.raises(InputError, match="group must be named like"):
        get_encoder("alexnet", group="round")
    with pytest.raises(InputError, match="statistic is one over a group"):
        get_encoder("alexnet", statistic="max")


def test_encoders_are_estimators_that_can_be_copied_and_chained() -> None:
    images = photographs(3, 64)
    network = small_resnet("conv1", batch_size=2)
    averaged = GroupAveraged(network)
    chain = make_pipeline(averaged, StandardScaler())
    assert chain.fit_transform(images).shape == (3, 128)
    assert len(averaged.get_feature_names_out()) == averaged.latent_dim == 128
    again = pickle.loads(pickle.dumps(clone(averaged).set_params(encoder__pooling="max")))
    assert again.latent_dim == 64
    np.testing.assert_array_equal(again.transform(images), clone(again).fit_transform(images))
    assert not hasattr(pickle.loads(pickle.dumps(network)), "_cache")
    assert get_tags(averaged).input_tags.three_d_array


def test_large_images_are_encoded_fewer_at_a_time() -> None:
    images = ImageSet(
        (
            *ImageSet.from_array(np.zeros((5, 256, 256)), ids=list("abcde")),
            *ImageSet.from_array(np.zeros((3, 512, 512)), ids=list("fgh")),
        )
    )
    seen: list[int] = []

    class Watched(Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            return x.mean(dim=(2, 3))

    ModuleEncoder(Watched(), batch_size=4).transform(images)
    assert sorted(seen) == [1, 1, 1, 1, 4]
