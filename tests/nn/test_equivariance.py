"""The law of every layer: turn the input exactly, and the output turns exactly."""

from __future__ import annotations

import pytest
import torch

from equiclust.nn.convolution import GroupConv2d
from equiclust.nn.filters import polar_basis
from equiclust.nn.groups import Group
from tests.nn.layers import ALL, CONVOLUTIONS, GROUPS, Case, build, relative_error

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float64", "float32"])
@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("case", ALL, ids=str)
@torch.no_grad()
def test_turning_the_input_turns_the_output(case: Case, name: str, dtype: torch.dtype) -> None:
    group = Group(name)
    layer = build(case, group, dtype)
    x = case.input(group, dtype)
    y = layer(x)
    for element in group.grid_elements:
        found = layer(case.moved(x, group, element, output=False))
        assert relative_error(found, case.moved(y, group, element, output=True)) <= TOLERANCE[dtype]


@pytest.mark.parametrize("case", ALL, ids=str)
def test_gradients_agree_with_finite_differences(case: Case) -> None:
    group = Group("C2")
    layer = build(case, group, torch.float64)
    side = 6 + case.size[0] % 2
    x = case.input(group, torch.float64, batch=1)[..., :side, :side].requires_grad_()
    names = [name for name, _ in layer.named_parameters()]
    tensors = tuple(p.detach().requires_grad_() for p in layer.parameters())

    def run(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        named = dict(zip(names, values, strict=True))
        return torch.func.functional_call(layer, named, (x,))

    assert torch.autograd.gradcheck(run, (x, *tensors), fast_mode=True)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("name", ["D8", "trivial"])
@torch.no_grad()
def test_expanded_terms_do_the_same_without_the_group(case: Case, name: str) -> None:
    group = Group(name)
    layer = build(case, group)
    x = case.input(group, torch.float32)
    weight, bias, stride, padding, groups = layer.expanded()
    plain = torch.nn.functional.conv2d(x, weight, bias, stride, padding, 1, groups)
    torch.testing.assert_close(plain, layer(x))


@pytest.mark.parametrize("case", ALL, ids=str)
@torch.no_grad()
def test_memory_format_changes_nothing_but_the_memory(case: Case) -> None:
    group = Group("D4")
    layer = build(case, group)
    x = case.input(group, torch.float32)
    channels_last = layer(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(channels_last, layer(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ALL, ids=str)
@torch.no_grad()
def test_every_layer_compiles_into_one_graph(case: Case) -> None:
    group = Group("C4")
    layer = build(case, group).eval()
    x = case.input(group, torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), layer(x))


@pytest.mark.parametrize("kernel_size", [3, 4, 7])
@torch.no_grad()
def test_without_a_group_a_layer_is_a_plain_convolution_of_band_limited_filters(
    kernel_size: int,
) -> None:
    group = Group("trivial")
    layer = GroupConv2d(group, 2, 3, kernel_size)
    x = torch.randn(2, 2, 12, 10)
    basis = torch.tensor(polar_basis(group, kernel_size)[0], dtype=torch.float32)
    filters = torch.einsum("oij,jyx->oiyx", layer.weight[:, :, 0], basis)
    wanted = torch.nn.functional.conv2d(x, filters, layer.bias, padding=(kernel_size - 1) // 2)
    torch.testing.assert_close(layer(x), wanted)
