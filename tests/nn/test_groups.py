"""The group's tables obey the group's laws and its matrices represent it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equiclust.exceptions import InputError
from equiclust.nn.groups import GridElement, Group

groups = st.builds(
    lambda kind, n: Group(f"{kind}{n}"),
    st.sampled_from("CD"),
    st.integers(min_value=1, max_value=12),
)


@given(groups)
def test_matrices_multiply_as_the_table_says(group: Group) -> None:
    products = np.einsum("gij,hjk->ghik", group.matrices, group.matrices)
    np.testing.assert_allclose(group.matrices[group.product], products, atol=1e-14)


@given(groups)
def test_inverse_and_inverse_product_agree_with_the_product(group: Group) -> None:
    every = np.arange(group.order)
    assert (group.product[every, group.inverse] == 0).all()
    assert (group.product[every[:, None], group.inverse_product] == every[None]).all()


@given(groups)
def test_each_row_of_the_product_is_a_permutation(group: Group) -> None:
    assert (np.sort(group.product, axis=1) == np.arange(group.order)).all()


@given(groups)
def test_grid_elements_are_those_with_whole_matrices(group: Group) -> None:
    whole = [i for i, m in enumerate(group.matrices) if np.array_equal(m, np.round(m))]
    assert [element.index for element in group.grid_elements] == whole


@pytest.mark.parametrize(("name", "count"), [("D8", 8), ("C8", 4), ("D2", 4), ("D1", 2), ("C3", 1)])
def test_number_of_grid_elements(name: str, count: int) -> None:
    assert len(Group(name).grid_elements) == count


def test_elements_are_a_mirror_followed_by_a_turn() -> None:
    group = Group("D4")
    assert group.grid_elements[5] == GridElement(index=5, quarter_turns=1, mirrored=True)
    # (x, y) = (1, 0) is mirrored to (-1, 0) and turned to (0, -1).
    np.testing.assert_array_equal(group.matrices[5] @ [1.0, 0.0], [0.0, -1.0])


def test_quarter_turns_of_a_matrix_have_the_same_digits() -> None:
    matrices = Group("C8").matrices
    quarter = matrices[2]
    np.testing.assert_array_equal(quarter @ matrices[1], matrices[3])


@pytest.mark.parametrize(
    ("name", "order", "n_rotations", "mirrored", "canonical"),
    [
        ("D8", 16, 8, True, "D8"),
        ("c4", 4, 4, False, "C4"),
        ("D1", 2, 1, True, "D1"),
        ("C1", 1, 1, False, "trivial"),
        ("Trivial", 1, 1, False, "trivial"),
    ],
)
def test_names(name: str, order: int, n_rotations: int, mirrored: bool, canonical: str) -> None:
    group = Group(name)
    found = (group.order, group.n_rotations, group.mirrored, group.name)
    assert found == (order, n_rotations, mirrored, canonical)
    assert repr(group) == f"Group({canonical!r})"


@pytest.mark.parametrize("name", ["", "D", "D0", "D-4", "E8", "D08", "D4 ", "D65"])
def test_other_names_are_refused_with_the_name(name: str) -> None:
    with pytest.raises(InputError, match="group") as refusal:
        Group(name)
    assert repr(name) in str(refusal.value)


def test_groups_are_values() -> None:
    assert Group("C1") == Group("trivial") != Group("D1")
    assert len({Group("D8"), Group("d8"), Group("C8")}) == 2
    assert pickle.loads(pickle.dumps(Group("D8"))) == Group("D8")
    with pytest.raises(ValueError, match="read-only"):
        Group("D8").matrices[0, 0, 0] = 2
    with pytest.raises(AttributeError):
        Group("D8").n_rotations = 4  # type: ignore[misc]
