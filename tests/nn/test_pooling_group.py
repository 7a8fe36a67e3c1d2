"""Mean and spread over the group against NumPy, and a gradient where the spread is zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equiclust.exceptions import InputError
from equiclust.nn.groups import Group
from equiclust.nn.pooling import group_mean, group_std

D4 = Group("D4")


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_pooling_agrees_with_numpy(memory_format: torch.memory_format) -> None:
    x = torch.randn(2, 24, 3, 4).to(memory_format=memory_format)
    fields = x.numpy().reshape(2, 3, 8, 3, 4)
    np.testing.assert_allclose(group_mean(x, D4), fields.mean(2), atol=1e-6)
    np.testing.assert_allclose(group_std(x, D4), fields.std(2), atol=1e-6)


@pytest.mark.parametrize("name", ["D4", "trivial"])
def test_the_spread_of_equal_values_is_zero_with_a_finite_gradient(name: str) -> None:
    group = Group(name)
    x = torch.ones(1, 2 * group.order, 3, 3, requires_grad=True)
    spread = group_std(x, group)
    assert spread.max() < 1e-18
    spread.sum().backward()
    assert not x.grad.any()


@pytest.mark.parametrize("shape", [(1, 12, 2, 2), (8, 2, 2)])
@pytest.mark.parametrize("pool", [group_mean, group_std])
def test_broken_fields_are_refused(pool, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=r"fields \* 8, h, w\) for D4, got"):
        pool(torch.zeros(shape), D4)
