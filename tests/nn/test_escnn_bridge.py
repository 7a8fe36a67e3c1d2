"""Every layer against its counterpart in escnn, there and back."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import nn

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d
from equiclust.nn.convolution import DepthwiseGroupConv2d, GroupConv2d, LiftingConv2d
from equiclust.nn.escnn_bridge import from_escnn, import_escnn, to_escnn
from equiclust.nn.groups import Group
from equiclust.nn.resampling import BinomialBlur2d
from tests.nn.layers import CONVOLUTIONS, GROUPS, NORMALISATION, Case, build, relative_error

escnn = import_escnn()
SMALL = tuple(name for name in GROUPS if name != "D16")


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("case", [*CONVOLUTIONS, NORMALISATION], ids=str)
@torch.no_grad()
def test_escnn_computes_the_same_with_the_same_weights(case: Case, name: str) -> None:
    group = Group(name)
    layer = build(case, group).eval()
    module = to_escnn(layer)
    x = case.input(group, torch.float32)
    y = layer(x)
    assert not module.training
    assert relative_error(module(module.in_type(x)).tensor, y) <= 1e-5
    back = from_escnn(module)
    assert relative_error(back(x), y) <= 1e-6
    assert not back.training
    for key, value in layer.state_dict().items():
        torch.testing.assert_close(
            back.state_dict()[key].reshape(value.shape), value, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@torch.no_grad()
def test_both_have_as_many_weights(case: Case) -> None:
    layer = build(case, Group("D8"))
    # A depthwise layer has one weight where escnn's block has one per group element.
    times = layer.group.order if isinstance(layer, DepthwiseGroupConv2d) else 1
    assert to_escnn(layer).weights.numel() == times * layer.weight.numel()


@pytest.mark.parametrize("name", ["D8", "C4", "trivial"])
@torch.no_grad()
def test_modules_born_in_escnn_are_read(name: str) -> None:
    group = Group(name)
    trivial, fields = _types(group)
    modules = (
        escnn.nn.R2Conv(trivial, fields, 5, padding=2),
        escnn.nn.R2Conv(fields, fields, 3, padding=1),
        escnn.nn.R2Conv(fields, fields, 1),
        escnn.nn.R2Conv(fields, trivial, 4, padding=1, stride=2, bias=False),
        escnn.nn.InnerBatchNorm(fields, eps=1e-3, momentum=0.2),
    )
    for module in modules:
        layer = from_escnn(module.eval())
        x = torch.randn(2, module.in_type.size, 8, 8)
        assert relative_error(layer(x), module(module.in_type(x)).tensor) <= 1e-5


@torch.no_grad()
def test_training_mode_and_running_statistics_survive() -> None:
    layer = FieldBatchNorm2d(Group("D4"), 2, momentum=0.3)
    module = to_escnn(layer)
    assert module.training
    x = 3 + torch.randn(4, 16, 5, 5)
    torch.testing.assert_close(module(module.in_type(x)).tensor, layer(x))
    torch.testing.assert_close(from_escnn(module).state_dict(), layer.state_dict())


@torch.no_grad()
def test_zero_weights_are_converted() -> None:
    layer = GroupConv2d(Group("C4"), 1, 1, 3)
    layer.weight.zero_()
    assert not from_escnn(to_escnn(layer)).weight.any()


def test_what_has_no_counterpart_is_refused_with_the_reason() -> None:
    trivial, fields = _types(Group("D4"))
    circle = escnn.gspaces.rot2dOnR2(-1)
    tilted = escnn.gspaces.flipRot2dOnR2(3, axis=0.0)
    mixed = trivial + fields
    free = {"rings": [0.0, 1.0], "sigma": [0.005, 0.9]}
    continuous = escnn.nn.FieldType(circle, [circle.trivial_repr])
    mirrored = escnn.nn.FieldType(tilted, [tilted.regular_repr])
    refused: list[tuple[nn.Module, str]] = [
        (escnn.nn.R2Conv(trivial, fields, 3), "padding of the R2Conv must be 1"),
        (escnn.nn.R2Conv(trivial, fields, 3, padding=1, dilation=2), "dilation"),
        (escnn.nn.R2Conv(trivial, fields, 3, padding=1, padding_mode="circular"), "padding_mode"),
        (escnn.nn.R2Conv(trivial, trivial, 3, padding=1), "no layer corresponds to an R2Conv"),
        (escnn.nn.R2Conv(mixed, fields, 3, padding=1), "all regular or all trivial"),
        (escnn.nn.R2Conv(trivial, fields, 3, padding=1, **free), "span of the default basis"),
        (escnn.nn.R2Conv(fields, fields, 3, padding=1, groups=2), "span of the default basis"),
        (escnn.nn.R2Conv(continuous, continuous, 3, padding=1), "must be finite"),
        (escnn.nn.R2Conv(mirrored, mirrored, 3, padding=1), "must send x to -x"),
        (escnn.nn.InnerBatchNorm(fields, affine=False), "be affine"),
        (escnn.nn.ReLU(fields), "no layer corresponds to a ReLU"),
    ]
    for module, reason in refused:
        with pytest.raises(InputError, match=reason):
            from_escnn(module)
    with pytest.raises(InputError, match="no escnn module corresponds to a BinomialBlur2d"):
        to_escnn(BinomialBlur2d())  # type: ignore[arg-type]


def test_without_escnn_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "escnn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    import_escnn.cache_clear()
    try:
        with pytest.raises(ImportError, match="pip install --no-deps escnn"):
            to_escnn(LiftingConv2d(Group("D4"), 1, 1, 3))
    finally:
        import_escnn.cache_clear()


def _types(group: Group) -> tuple[Any, Any]:
    build = escnn.gspaces.flipRot2dOnR2 if group.mirrored else escnn.gspaces.rot2dOnR2
    space = build(group.n_rotations)
    return (
        escnn.nn.FieldType(space, [space.trivial_repr] * 2),
        escnn.nn.FieldType(space, [space.regular_repr] * 2),
    )
