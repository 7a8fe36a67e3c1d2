"""Fields of a group in escnn's terms and in ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.groups import MOST_ROTATIONS, Group

__all__ = ["field_type", "group_of", "is_uniform"]


def field_type(group: Group, n: int, *, regular: bool) -> Any:
    """Fields of one kind.

    Parameters
    ----------
    group : Group
    n : int
        Number of fields.
    regular : bool
        Regular fields, or trivial ones, the channels of an image.

    Returns
    -------
    escnn.nn.FieldType
    """
    escnn = import_escnn()
    build = escnn.gspaces.flipRot2dOnR2 if group.mirrored else escnn.gspaces.rot2dOnR2
    space = build(group.n_rotations)
    return escnn.nn.FieldType(space, [space.regular_repr if regular else space.trivial_repr] * n)


def is_uniform(fields: Any, *, regular: bool) -> bool:
    """Whether all fields are of one kind, on a group that `group_of` knows.

    Parameters
    ----------
    fields : escnn.nn.FieldType
    regular : bool
        Regular fields, or trivial ones.

    Returns
    -------
    bool
    """
    space = fields.gspace
    if not 1 <= space.rotations_order <= MOST_ROTATIONS:
        return False
    wanted = space.regular_repr if regular else space.trivial_repr
    return set(fields.representations) == {wanted} and _known(space)


def group_of(space: Any) -> Group:
    """Group of a space that `is_uniform` found known.

    Parameters
    ----------
    space : escnn.gspaces.GSpace2D

    Returns
    -------
    Group
    """
    return Group(f"{'D' if space.flips_order else 'C'}{space.rotations_order}")


def _known(space: Any) -> bool:
    """Whether the elements are ours, in our order: the mirror must send x to -x."""
    group = group_of(space)
    actions = [space.basespace_action(element) for element in space.fibergroup.elements]
    return len(actions) == group.order and np.allclose(actions, group.matrices)
