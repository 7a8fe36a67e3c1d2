"""The filters remembered in evaluation mode never differ from what the weights say."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.groups import Group
from tests.nn.layers import CONVOLUTIONS, Case, build

D4 = Group("D4")
X = torch.linspace(-1, 1, 2 * 8 * 6 * 6).reshape(2, 8, 6, 6)


def layer() -> GroupConv2d:
    return GroupConv2d(D4, 1, 1, 3).eval()


def fresh(module: ExpandedConv2d, x: Tensor = X) -> Tensor:
    """What the present weights give, computed with gradients on and so without memory."""
    with torch.enable_grad():
        return module(x).detach()


def add_in_place(module: nn.Module) -> None:
    module.weight.add_(1.0)


def step_an_optimiser(module: nn.Module) -> None:
    with torch.enable_grad():
        module(X).square().sum().backward()
    torch.optim.SGD(module.parameters(), lr=0.1).step()
    module.zero_grad()


def load_state(module: nn.Module) -> None:
    module.load_state_dict(GroupConv2d(D4, 1, 1, 3).state_dict())


def load_by_assignment(module: nn.Module) -> None:
    module.load_state_dict(GroupConv2d(D4, 1, 1, 3).state_dict(), assign=True)


def swap_data(module: nn.Module) -> None:
    module.weight.data = torch.randn_like(module.weight)


def swap_data_twice(module: nn.Module) -> None:
    """Freeing the first tensor invites the allocator to give its address to the third."""
    module.weight.data = torch.randn_like(module.weight)
    module.weight.data = torch.randn_like(module.weight)


def swap_parameter(module: nn.Module) -> None:
    module.weight = nn.Parameter(torch.randn_like(module.weight))


def swap_for_an_alias(module: nn.Module) -> None:
    """The new parameter has the old one's address and, after as many changes, its version."""
    version = module.weight._version
    module.weight = nn.Parameter(module.weight.data)
    while module.weight._version < version:
        module.weight.add_(1.0)


def reset(module: nn.Module) -> None:
    module.reset_parameters()


CHANGES = [
    add_in_place,
    step_an_optimiser,
    load_state,
    load_by_assignment,
    swap_data,
    swap_data_twice,
    swap_parameter,
    swap_for_an_alias,
    reset,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@torch.no_grad()
def test_a_change_of_the_weights_is_seen(change: Callable[[nn.Module], None]) -> None:
    module = layer()
    before = module(X)
    change(module)
    assert not torch.allclose(module(X), before)
    torch.testing.assert_close(module(X), fresh(module))


@torch.no_grad()
def test_edits_that_torch_does_not_record_are_seen_after_train_or_to() -> None:
    module = layer()
    for refresh in (lambda: module.train().eval(), lambda: module.to("cpu")):
        module(X)
        module.weight.data.add_(1.0)
        refresh()
        torch.testing.assert_close(module(X), fresh(module))


@torch.no_grad()
def test_filters_are_expanded_once_in_evaluation_and_every_time_in_training() -> None:
    module = layer()
    calls = []
    expand = module._expand
    module._expand = lambda: calls.append(1) or expand()  # type: ignore[method-assign]
    for _ in range(3):
        module(X)
    assert len(calls) == 1
    module.train()
    module(X), module(X)
    assert len(calls) == 3
    with torch.enable_grad():
        module.eval()(X)
    assert len(calls) == 4


@torch.no_grad()
def test_the_state_dict_holds_weights_alone_in_either_mode() -> None:
    module = layer()
    module(X)
    keys = set(module.state_dict())
    assert keys == set(module.train().state_dict()) == {"weight", "bias"}


@torch.no_grad()
def test_copies_leave_the_memory_behind_and_do_the_same() -> None:
    module = layer()
    wanted = module(X)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    loaded = layer()
    file.seek(0)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for baseline in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), loaded):
        assert baseline._remembered is None
        torch.testing.assert_close(baseline(X), wanted, rtol=0, atol=0)
    clone = copy.deepcopy(module)
    clone.weight.mul_(2)
    torch.testing.assert_close(module(X), wanted, rtol=0, atol=0)


@torch.no_grad()
def test_precision_follows_the_layer_to_float64_and_back() -> None:
    module = layer()
    wanted = module(X)
    doubled = copy.deepcopy(module).double()
    exact = GroupConv2d(D4, 1, 1, 3).double()
    torch.testing.assert_close(doubled.basis, exact.basis, rtol=0, atol=0)
    assert not torch.equal(doubled.basis, module.basis.double())
    torch.testing.assert_close(doubled(X.double()).float(), wanted)
    torch.testing.assert_close(doubled.float()(X), wanted, rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_a_layer_made_on_no_device_can_be_filled_later(case: Case) -> None:
    wanted = build(case, D4).eval()
    with torch.device("meta"):
        module = case.build(D4)
    module = module.to_empty(device="cpu").eval()
    module.load_state_dict(wanted.state_dict())
    x = case.input(D4, torch.float32)
    torch.testing.assert_close(module(x), wanted(x), rtol=0, atol=0)


def test_filters_remembered_in_inference_mode_serve_outside_of_it() -> None:
    module = layer()
    with torch.inference_mode():
        wanted = module(X).clone()
    with torch.no_grad():
        torch.testing.assert_close(module(X), wanted)
    module(X).sum().backward()
    assert module.weight.grad is not None


def test_a_layer_made_in_inference_mode_works() -> None:
    with torch.inference_mode():
        module = layer()
        before = module(X)
        module.weight.add_(1.0)
        assert not torch.allclose(module(X), before)


@torch.no_grad()
def test_autocast_neither_rounds_nor_spoils_the_filters() -> None:
    module = layer()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(X).dtype == torch.bfloat16
    torch.testing.assert_close(module(X), fresh(module), rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_many_sets_of_weights_run_at_once(case: Case) -> None:
    group = Group("D4")
    layers = [build(case, group).eval() for _ in range(3)]
    x = case.input(group, torch.float32)
    layers[0](x)
    weights, buffers = torch.func.stack_module_state(layers)

    def run(weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        torch.func.functional_call(layers[0], (weights, buffers), (-x,))
        return torch.func.functional_call(layers[0], (weights, buffers), (x,))

    together = torch.vmap(run)(weights, buffers)
    one_by_one = torch.stack([module(x) for module in layers])
    torch.testing.assert_close(together, one_by_one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LiftingConv2d("D8", 1, 1, 3), "group must be a Group such as"),  # type: ignore[arg-type]
        (
            lambda: LiftingConv2d(D4, 0, 1, 3),
            "in_channels must be a whole number of at least 1, got 0",
        ),
        (
            lambda: LiftingConv2d(D4, 1, -1, 3),
            "out_fields must be a whole number of at least 1, got -1",
        ),
        (
            lambda: GroupConv2d(D4, 1, 1, 0),
            "kernel_size must be a whole number of at least 1, got 0",
        ),
        (
            lambda: GroupConv2d(D4, 1, 1, 3, stride=0),
            "stride must be a whole number of at least 1, got 0",
        ),
        (
            lambda: PointwiseGroupConv2d(D4, True, 1),
            "in_fields must be a whole number of at least 1",
        ),
        (
            lambda: DepthwiseGroupConv2d(D4, 2.0, 3),
            "fields must be a whole number of at least 1, got 2.0",
        ),  # type: ignore[arg-type]
        (
            lambda: ProjectionConv2d(D4, 1, 0, 3),
            "out_channels must be a whole number of at least 1, got 0",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    make: Callable[[], object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize("shape", [(2, 4, 6, 6), (8, 6, 6), (2, 8, 6)])
def test_inputs_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"shape \(n, 8, h, w\), got"):
        layer()(torch.zeros(shape))
