"""The filters turn exactly with the grid and span the space of escnn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equiclust.exceptions import InputError
from equiclust.nn.convolution import GroupConv2d, LiftingConv2d, ProjectionConv2d
from equiclust.nn.escnn import import_escnn
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.filters import polar_basis, rings
from equiclust.nn.groups import Group

SIZES = range(1, 9)
COUNTS = {1: 1, 2: 3, 3: 6, 4: 5, 5: 11, 6: 12, 7: 18, 8: 25}


@pytest.mark.parametrize("kernel_size", SIZES)
@pytest.mark.parametrize("name", ["D8", "C8", "D4", "D1", "trivial"])
def test_filters_of_grid_elements_are_exact_copies(name: str, kernel_size: int) -> None:
    group = Group(name)
    basis = polar_basis(group, kernel_size)
    for element in group.grid_elements:
        moved = basis[..., ::-1] if element.mirrored else basis
        moved = np.rot90(moved, element.quarter_turns, (-2, -1))
        np.testing.assert_array_equal(basis[group.product[element.index]], moved)


@pytest.mark.parametrize("kernel_size", SIZES)
def test_filters_are_independent_and_of_unit_norm(kernel_size: int) -> None:
    basis = polar_basis(Group("D8"), kernel_size)
    assert basis.shape == (16, COUNTS[kernel_size], kernel_size, kernel_size)
    assert basis.dtype == np.float64
    flat = basis[0].reshape(len(basis[0]), -1)
    np.testing.assert_allclose((flat**2).sum(1), 1.0)
    assert np.linalg.svd(flat, compute_uv=False).min() > 1e-2


@pytest.mark.parametrize("kernel_size", [1, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("name", ["D8", "C8", "D4", "C4", "trivial"])
def test_filter_space_of_lifting_and_projection_is_that_of_escnn(
    name: str, kernel_size: int
) -> None:
    group = Group(name)
    for kind, regular in ((LiftingConv2d, (False, True)), (ProjectionConv2d, (True, False))):
        ours = _unit_filters(kind(group, 1, COUNTS[kernel_size], kernel_size))
        _assert_same_space(ours, _escnn_filters(group, kernel_size, regular))


@pytest.mark.parametrize(
    ("name", "kernel_size"),
    [("D8", 3), ("D8", 5), ("C8", 4), ("D4", 5), ("D4", 7), ("C4", 6), ("C4", 1), ("trivial", 7)],
)
def test_filter_space_between_fields_is_that_of_escnn(name: str, kernel_size: int) -> None:
    group = Group(name)
    n_weights = group.order * COUNTS[kernel_size]
    ours = _unit_filters(GroupConv2d(group, 1, n_weights, kernel_size))
    _assert_same_space(ours, _escnn_filters(group, kernel_size, (True, True)))


def test_rings_of_an_odd_filter_run_from_its_centre_to_its_rim() -> None:
    assert [ring.radius for ring in rings(7)] == [0, 1, 2, 3]
    assert [ring.max_frequency for ring in rings(7)] == [0, 2, 3, 2]


def test_the_basis_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        polar_basis(Group("D4"), 3)[0] = 0


@pytest.mark.parametrize("kernel_size", [0, -3, 2.0, True, "3"])
def test_other_kernel_sizes_are_refused(kernel_size: object) -> None:
    with pytest.raises(InputError, match="kernel_size must be a whole number of at least 1"):
        polar_basis(Group("D4"), kernel_size)  # type: ignore[arg-type]


def _unit_filters(layer: ExpandedConv2d) -> torch.Tensor:
    """Filters of one pair of fields for every unit weight, as rows."""
    n_weights = layer.weight.shape[0]
    with torch.no_grad():
        layer.weight.copy_(torch.eye(n_weights).view_as(layer.weight))
        return layer.expanded().weight.double().reshape(n_weights, -1)


def _escnn_filters(group: Group, kernel_size: int, regular: tuple[bool, bool]) -> torch.Tensor:
    escnn = import_escnn()
    build = escnn.gspaces.flipRot2dOnR2 if group.mirrored else escnn.gspaces.rot2dOnR2
    space = build(group.n_rotations)
    types = (
        escnn.nn.FieldType(space, [space.regular_repr if r else space.trivial_repr])
        for r in regular
    )
    module = escnn.nn.R2Conv(*types, kernel_size, initialize=False)
    ((_, basis),) = module.basisexpansion.named_buffers()
    return basis.double().flatten(1)


def _assert_same_space(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """As many independent filters, and no angle between the two spans."""
    assert ours.shape == theirs.shape
    frames = [torch.linalg.qr(filters.T).Q for filters in (ours, theirs)]
    cosines = torch.linalg.svdvals(frames[0].T @ frames[1])
    assert torch.linalg.matrix_rank(theirs) == len(theirs)
    assert cosines.min() > 1 - 1e-9
