"""Encoders as JSON: what comes back gives the same vectors, with the same weights or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from equiclust.encoders import (
    GroupAveraged,
    ModuleEncoder,
    TorchvisionEncoder,
    encoder_from_record,
    encoder_record,
)
from equiclust.encoders.backbone import make_backbone
from equiclust.encoders.records import state_digest
from equiclust.exceptions import InputError
from tests.encoders.networks import photographs, small_module, small_resnet


def test_an_encoder_comes_back_from_json_with_the_same_vectors() -> None:
    encoder = GroupAveraged(small_resnet("conv1"), "D8", statistic="mean+std")
    record = json.loads(json.dumps(encoder_record(encoder)))
    images = photographs(2, 64)
    again = encoder_from_record(record)
    np.testing.assert_array_equal(again.transform(images), encoder.transform(images))
    assert encoder_record(again) == record
    assert "device" not in record["parameters"]["encoder"]["parameters"]


def test_other_weights_are_refused(tmp_path: Path) -> None:
    def save(folder: Path, seed: int) -> Path:
        state = make_backbone("alexnet", "features.0", "random", random_state=seed).state_dict()
        folder.mkdir()
        path = folder / "alexnet.pth"
        torch.save({k.removeprefix("part."): v for k, v in state.items()}, path)
        return path

    old, other = save(tmp_path / "old", 0), save(tmp_path / "other", 1)
    encoder = TorchvisionEncoder(layer="features.0", weights=old)
    record = encoder_record(encoder)
    old.rename(tmp_path / "alexnet.pth")
    found = encoder_from_record(record, folder=tmp_path)
    assert encoder_record(found)["digest"] == record["digest"]
    other.rename(old)
    with pytest.raises(InputError, match="weights of the TorchvisionEncoder are others"):
        encoder_from_record(record)


def test_a_digest_follows_names_types_shapes_and_values() -> None:
    state = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    same = {"b": torch.ones(4), "a": torch.zeros(2, 3)}
    others = [
        {"c": torch.zeros(2, 3), "b": torch.ones(4)},
        {"a": torch.zeros(3, 2), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3), "b": 2 * torch.ones(4)},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(4)},
        {"a": torch.zeros(2, 3)},
    ]
    digests = [state_digest(one) for one in (state, *others)]
    assert state_digest(same) == digests[0]
    assert len(set(digests)) == len(digests)


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(InputError, match="record must be that of an encoder"):
        encoder_from_record({"parameters": {}})
    with pytest.raises(InputError, match=r"record must be that of one of .* got 'os.system'"):
        encoder_from_record({"kind": "os.system", "parameters": {}})
    with pytest.raises(InputError, match="record of a TorchvisionEncoder has wrong parameters"):
        encoder_from_record({"kind": "TorchvisionEncoder", "parameters": {"colour": 1}})
    with pytest.raises(InputError, match=r"encoder must be one of .* got a int"):
        encoder_record(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a module in memory"):
        encoder_from_record(encoder_record(ModuleEncoder(small_module())))
