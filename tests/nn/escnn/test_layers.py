"""Every layer against its counterpart in escnn, there and back, and modules born in escnn."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d
from equiclust.nn.convolution import DepthwiseGroupConv2d, GroupConv2d, LiftingConv2d
from equiclust.nn.escnn import from_escnn, import_escnn, to_escnn
from equiclust.nn.escnn.plain import Fixed
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
    module = to_escnn(layer)
    # A depthwise layer has one weight where escnn's block has one per group element.
    times = layer.group.order if isinstance(layer, DepthwiseGroupConv2d) else 1
    assert module.weights.numel() == times * layer.weight.numel()
    trained, ours = (sum(p.numel() for p in part.parameters()) for part in (module, layer))
    assert trained == ours


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
def test_running_statistics_go_on_alike_on_both_sides() -> None:
    layer = FieldBatchNorm2d(Group("D4"), 2, momentum=0.3, eps=0.1)
    module = to_escnn(layer)
    back = from_escnn(module)
    x = 3 + torch.randn(4, 16, 5, 5)
    for part, given in ((layer, x), (module, module.in_type(x)), (back, x)):
        part.train()(given)
        part.eval()
    y = layer(x)
    for found in (module(module.in_type(x)).tensor, back(x)):
        torch.testing.assert_close(found, y)
    assert not torch.allclose(layer.norm.running_mean, torch.zeros(2))


@torch.no_grad()
def test_zero_weights_are_converted() -> None:
    layer = GroupConv2d(Group("C4"), 1, 1, 3)
    layer.weight.zero_()
    assert not from_escnn(to_escnn(layer)).weight.any()


@torch.no_grad()
def test_filters_that_our_layers_do_not_have_are_written_out_and_fixed() -> None:
    trivial, fields = _types(Group("D4"))
    circle = escnn.gspaces.rot2dOnR2(-1, maximum_frequency=3)
    tilted = escnn.gspaces.flipRot2dOnR2(3, axis=0.0)
    mixed = trivial + fields
    free = {"rings": [0.0, 1.0], "sigma": [0.005, 0.9]}
    harmonics = escnn.nn.FieldType(circle, [circle.irrep(0), circle.irrep(1)])
    mirrored = escnn.nn.FieldType(tilted, [tilted.regular_repr])
    modules = (
        escnn.nn.R2Conv(trivial, fields, 3),
        escnn.nn.R2Conv(trivial, fields, 3, padding=1, dilation=2),
        escnn.nn.R2Conv(trivial, fields, 3, padding=1, padding_mode="circular"),
        escnn.nn.R2Conv(trivial, trivial, 3, padding=1),
        escnn.nn.R2Conv(mixed, fields, 3, padding=1, bias=False),
        escnn.nn.R2Conv(trivial, fields, 3, padding=1, **free),
        escnn.nn.R2Conv(fields, fields, 3, padding=1, groups=2, frequencies_cutoff=1.0),
        escnn.nn.R2Conv(harmonics, harmonics, 3, padding=1),
        escnn.nn.R2Conv(mirrored, mirrored, 3, padding=1),
        escnn.nn.R2ConvTransposed(fields, trivial, 4, padding=1, stride=2),
        escnn.nn.InnerBatchNorm(fields, affine=False),
        escnn.nn.InnerBatchNorm(fields + trivial + fields),
        escnn.nn.IIDBatchNorm2d(harmonics),
    )
    for module in modules:
        for value in (*module.parameters(), *_running(module)):
            value.add_(torch.rand_like(value))
        x = torch.randn(2, module.in_type.size, 9, 9)
        wanted = module.eval()(module.in_type(x)).tensor
        layer = from_escnn(module)
        assert isinstance(layer, Fixed)
        assert relative_error(layer(x), wanted) <= 1e-5
        # Neither an optimiser nor the training mode changes what it computes.
        assert not list(layer.parameters())
        assert relative_error(layer.train()(x), wanted) <= 1e-5


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_converted_layer_keeps_weights_precision_and_steps(dtype: torch.dtype) -> None:
    layer = DepthwiseGroupConv2d(Group("D4"), 3, 5, bias=True).to(dtype)
    layer.bias.normal_()
    module = to_escnn(layer)
    assert {value.dtype for value in module.parameters()} == {dtype}
    assert sum(value.numel() for value in module.parameters()) == 3 * (11 + 1)
    back = from_escnn(module)
    assert isinstance(back, DepthwiseGroupConv2d)
    torch.testing.assert_close(back.state_dict(), layer.state_dict(), rtol=0, atol=0)


@torch.no_grad()
def test_without_our_parametrisation_it_is_a_plain_r2conv_of_the_same_output() -> None:
    layer = LiftingConv2d(Group("D4"), 2, 3, 5)
    layer.bias.normal_()
    module, x = to_escnn(layer), torch.randn(2, 2, 8, 8)
    for name in ("weights", "bias"):
        parametrize.remove_parametrizations(module, name)
    assert type(module) is escnn.nn.R2Conv
    assert relative_error(module(module.in_type(x)).tensor, layer(x)) <= 1e-5
    back = from_escnn(module)
    assert isinstance(back, LiftingConv2d)
    torch.testing.assert_close(back.state_dict(), layer.state_dict(), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("kind", [LiftingConv2d, GroupConv2d])
def test_weights_of_escnn_can_be_assigned(kind: type[GroupConv2d]) -> None:
    layer = kind(Group("D2"), 2, 3, 3)
    module, other = to_escnn(layer), to_escnn(layer)
    module.weights = 2 * other.weights
    torch.testing.assert_close(from_escnn(module).weight, 2 * layer.weight, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_strided_convolution_in_a_network_takes_every_size_that_escnn_takes() -> None:
    trivial, fields = _types(Group("D4"))
    module = escnn.nn.R2Conv(trivial, fields, 3, padding=1, stride=2)
    x = torch.randn(2, 2, 8, 8)
    wanted = module(module.in_type(x)).tensor
    network = from_escnn(escnn.nn.SequentialModule(module))
    assert relative_error(network(x), wanted) <= 1e-5
    # Alone it becomes our layer, which does not leave the grid off centre.
    with pytest.raises(InputError, match="to keep the grid centred"):
        from_escnn(module)(x)


def test_what_has_no_counterpart_is_refused_with_the_reason() -> None:
    _, fields = _types(Group("D4"))
    norm = escnn.nn.NormNonLinearity(fields)
    refused: list[tuple[nn.Module, str]] = [
        (norm, "^the NormNonLinearity cannot be converted: no layer corresponds"),
        (
            escnn.nn.SequentialModule(escnn.nn.SequentialModule(escnn.nn.ReLU(fields), norm)),
            "^the NormNonLinearity at '0.1' cannot be converted",
        ),
        (
            escnn.nn.SequentialModule(escnn.nn.InnerBatchNorm(fields, track_running_stats=False)),
            "^the InnerBatchNorm at '0' must have running statistics",
        ),
        (
            escnn.nn.R2ConvTransposed(fields, fields, 3, stride=2, output_padding=1),
            "^the R2ConvTransposed cannot be converted: its export.. gives another output",
        ),
        (escnn.nn.FieldDropout(fields), "^the FieldDropout cannot be converted"),
    ]
    for module, reason in refused:
        with pytest.raises(InputError, match=reason):
            from_escnn(module)
    with pytest.raises(InputError, match="got BinomialBlur2d: no escnn module corresponds"):
        to_escnn(BinomialBlur2d())


def test_without_escnn_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "escnn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    import_escnn.cache_clear()
    try:
        with pytest.raises(ImportError, match="pip install --no-deps 'escnn"):
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


def _running(module: nn.Module) -> list[Tensor]:
    # All other buffers are shared between modules of escnn.
    return [value for name, value in module.named_buffers() if "running" in name]
