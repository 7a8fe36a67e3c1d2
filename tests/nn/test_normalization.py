"""`FieldBatchNorm2d` against torch's own batch normalisation of the fields as volumes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d
from equiclust.nn.groups import Group
from tests.nn.layers import NORMALISATION, build

FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("memory_format", FORMATS, ids=["contiguous", "channels last"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ["D8", "C4", "trivial"])
def test_it_normalises_whole_fields(
    name: str, training: bool, memory_format: torch.memory_format
) -> None:
    group = Group(name)
    layer = build(NORMALISATION, group).train(training)
    reference = nn.BatchNorm3d(2).train(training)
    reference.load_state_dict(layer.norm.state_dict())
    x = (2 + 3 * torch.randn(3, 2 * group.order, 5, 4)).to(memory_format=memory_format)
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = layer(mine)
    wanted = reference(theirs.reshape(3, 2, group.order, 5, 4)).reshape(x.shape)
    torch.testing.assert_close(y, wanted)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    torch.testing.assert_close(layer.norm.weight.grad, reference.weight.grad)
    torch.testing.assert_close(layer.norm.state_dict(), reference.state_dict())


@pytest.mark.parametrize("memory_format", FORMATS, ids=["contiguous", "channels last"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_it_keeps_the_memory_format(training: bool, memory_format: torch.memory_format) -> None:
    layer = FieldBatchNorm2d(Group("D4"), 2).train(training)
    y = layer(torch.randn(2, 16, 4, 4).to(memory_format=memory_format))
    assert y.is_contiguous(memory_format=memory_format)


@torch.no_grad()
def test_scale_and_shift_do_the_same_in_evaluation() -> None:
    layer = build(NORMALISATION, Group("D4")).eval()
    x = torch.randn(2, 16, 3, 3)
    scale, shift = layer.expanded_scale_shift()
    assert scale.shape == shift.shape == (16,)
    torch.testing.assert_close(layer(x), x * scale[:, None, None] + shift[:, None, None])


def test_one_number_of_each_kind_per_field() -> None:
    layer = FieldBatchNorm2d(Group("D8"), 5)
    sizes = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    assert sizes == {
        "norm.weight": (5,),
        "norm.bias": (5,),
        "norm.running_mean": (5,),
        "norm.running_var": (5,),
        "norm.num_batches_tracked": (),
    }


def test_it_can_be_synchronised_over_devices() -> None:
    layer = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(FieldBatchNorm2d(Group("D4"), 2)))
    assert isinstance(layer.norm, nn.SyncBatchNorm)
    assert layer.eval()(torch.zeros(1, 16, 2, 2)).shape == (1, 16, 2, 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="fields must be a whole number of at least 1, got 0"):
        FieldBatchNorm2d(Group("D4"), 0)
    with pytest.raises(InputError, match=r"shape \(n, 16, h, w\), got \(1, 8, 2, 2\)"):
        FieldBatchNorm2d(Group("D4"), 2)(torch.zeros(1, 8, 2, 2))
