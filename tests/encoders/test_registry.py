"""Encoders by the names that commands use."""

from __future__ import annotations

from pathlib import Path

import pytest

from equiclust.encoders import (
    GroupAveraged,
    LatentTable,
    OnnxEncoder,
    TorchvisionEncoder,
    encoder_names,
    get_encoder,
)
from equiclust.exceptions import InputError


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
