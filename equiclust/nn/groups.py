"""`Group`: the rotations and mirrors under which the network is equivariant. Free of torch."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError

if TYPE_CHECKING:
    from torch import Tensor
import torch
from torch import Tensor

from equiclust.typing import Float64Array, IntArray

__all__ = [
    "MOST_ROTATIONS",
    "GridElement",
    "Group",
    "check_channels",
    "check_divisible",
    "check_group",
    "move_fields",
    "move_pixels",
]

Scalar = TypeVar("Scalar", bound=np.generic)

_NAME = re.compile(r"([CD])([1-9][0-9]*)", re.IGNORECASE)
MOST_ROTATIONS = 64
"""Rotations of the largest group."""


@dataclass(frozen=True)
class GridElement:
    """Element of a group that maps the square pixel grid onto itself: reflection, then rotation.

    Attributes
    ----------
    index : int
        Of the element in its group.
    quarter_turns : int
        Number of counter-clockwise rotations by 90 degrees.
    mirrored : bool
        Whether it mirrors left to right first.
    """

    index: int
    quarter_turns: int
    mirrored: bool


@checks_types
class Group:
    """Dihedral group D_N, cyclic group C_N or the trivial group, acting on the plane.

    With `R(a)` the counter-clockwise rotation by `a` and `F` the mirror `x -> -x`, element
    `g = m N + r` is `R(2 pi r / N) F^m`: first the N rotations, then the N mirrors. The regular
    representation sends the basis vector of `h` to that of `g h`, so a field's channel `h` moves
    to channel `g h`. escnn orders the elements and its regular representation likewise.

    Parameters
    ----------
    name : str
        `"D8"`, `"C4"`, `"D1"` (the mirror alone), ..., up to 64 rotations; `"trivial"` is `"C1"`.

    Raises
    ------
    InputError
        When the name is none of these.

    Examples
    --------
    >>> from equiclust.nn import Group
    >>> group = Group("D8")
    >>> group.n_rotations, group.mirrored, group.order
    (8, True, 16)
    """

    def __init__(self, name: str) -> None:
        self._mirrored, self._n_rotations = _parse(name)

    @property
    def name(self) -> str:
        """Canonical name: `"D8"`, `"C4"`, ..., `"trivial"`."""
        if self.order == 1:
            return "trivial"
        return f"{'D' if self.mirrored else 'C'}{self.n_rotations}"

    @property
    def n_rotations(self) -> int:
        """Number of rotations N."""
        return self._n_rotations

    @property
    def mirrored(self) -> bool:
        """Whether mirrors belong to the group."""
        return self._mirrored

    @property
    def order(self) -> int:
        """Number of elements, and of channels in a field."""
        return self.n_rotations * (1 + self.mirrored)

    @cached_property
    def matrices(self) -> Float64Array:
        """Matrices `(order, 2, 2)` of the elements, acting on `(x, y)` with y upwards."""
        n = self.n_rotations
        cosine, sine = np.array([_cosine_and_sine(turn, n) for turn in range(n)]).T
        rotations = np.stack([cosine, -sine, sine, cosine], axis=-1).reshape(-1, 2, 2)
        parts = [rotations, rotations * [-1.0, 1.0]] if self.mirrored else [rotations]
        return _frozen(np.concatenate(parts) + 0.0)  # -0 becomes 0

    @cached_property
    def inverse(self) -> IntArray:
        """Index `(order,)` of the inverse of every element."""
        mirrors, rotations = self._mirrors_and_rotations
        return _frozen(self._index(mirrors, rotations * (2 * mirrors - 1)))

    @cached_property
    def product(self) -> IntArray:
        """Index table `(order, order)` of `g h`."""
        mirrors, rotations = self._mirrors_and_rotations
        return _frozen(
            self._index(
                (mirrors[:, None] + mirrors[None]) % 2,
                rotations[:, None] + (1 - 2 * mirrors[:, None]) * rotations[None],
            )
        )

    @cached_property
    def inverse_product(self) -> IntArray:
        """Index table `(order, order)` of `g^-1 h`."""
        return _frozen(self.product[self.inverse])

    @cached_property
    def grid_elements(self) -> tuple[GridElement, ...]:
        """The elements under which a square pixel grid is exact: quarter turns and mirrors."""
        mirrors, rotations = self._mirrors_and_rotations
        return tuple(
            GridElement(index, int(4 * turn // self.n_rotations), bool(mirror))
            for index, (mirror, turn) in enumerate(zip(mirrors, rotations, strict=True))
            if 4 * turn % self.n_rotations == 0
        )

    @property
    def _mirrors_and_rotations(self) -> tuple[IntArray, IntArray]:
        mirrors, rotations = np.divmod(np.arange(self.order), self.n_rotations)
        return mirrors, rotations

    def _index(self, mirrors: IntArray, rotations: IntArray) -> IntArray:
        return mirrors * self.n_rotations + rotations % self.n_rotations

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Group({self.name!r})"

    def __reduce__(self) -> tuple[type[Group], tuple[str]]:
        return Group, (self.name,)


def _parse(name: str) -> tuple[bool, int]:
    text = "C1" if isinstance(name, str) and name.lower() == "trivial" else name
    match = _NAME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"group must be named like 'D8', 'C4', 'D1' or 'trivial', got {name!r}")
    n_rotations = int(match[2])
    if n_rotations > MOST_ROTATIONS:
        raise InputError(f"group may have {MOST_ROTATIONS} rotations at most, got {name!r}")
    return match[1].upper() == "D", n_rotations


def _cosine_and_sine(turn: int, n: int) -> tuple[float, float]:
    """Cosine and sine of `2 pi turn / n`, computed in the first eighth of the circle.

    So those of angles a quarter turn or a mirror apart have the same digits, and filters sampled
    at such angles are exact copies of each other.
    """
    quarters, rest = divmod(4 * turn, n)
    nearer = min(rest, n - rest)
    small, large = math.sin(nearer / n * math.pi / 2), math.cos(nearer / n * math.pi / 2)
    if 2 * rest == n:
        small = large
    cosine, sine = (large, small) if 2 * rest <= n else (small, large)
    for _ in range(quarters):
        cosine, sine = -sine, cosine
    return cosine, sine


def _frozen(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    array.setflags(write=False)
    return array


def check_group(group: object) -> None:
    """Check that an argument is a `Group`.

    Parameters
    ----------
    group : object

    Raises
    ------
    InputError
        When it is not.
    """
    if not isinstance(group, Group):
        raise InputError(f"group must be a Group such as Group('D8'), got {group!r}")


def check_channels(x: Tensor, channels: int) -> None:
    """Check that an input has the shape `(n, channels, h, w)`.

    Parameters
    ----------
    x : Tensor
    channels : int

    Raises
    ------
    InputError
        When it has another shape.
    """
    if x.ndim != 4 or x.shape[1] != channels:
        raise InputError(f"input must have shape (n, {channels}, h, w), got {tuple(x.shape)}")


def check_divisible(x: Tensor, group: Group) -> None:
    """Check that the channels of an input are whole fields.

    Parameters
    ----------
    x : Tensor
    group : Group

    Raises
    ------
    InputError
        When they are not.
    """
    if x.ndim != 4 or x.shape[1] % group.order:
        raise InputError(
            f"input must have shape (n, fields * {group.order}, h, w) for {group.name}, "
            f"got {tuple(x.shape)}"
        )


def move_pixels(x: Tensor, element: GridElement) -> Tensor:
    """Apply a group element to pixels, `x(g^-1 .)`.

    The images are mirrored left to right if the element is, then rotated counter-clockwise.

    Parameters
    ----------
    x : Tensor (..., h, w)
    element : GridElement

    Returns
    -------
    Tensor (..., h, w)
    """
    mirrored = x.flip(-1) if element.mirrored else x
    return torch.rot90(mirrored, element.quarter_turns, (-2, -1))


def move_fields(x: Tensor, group: Group, element: GridElement) -> Tensor:
    """Apply a group element to fields: move the pixels, and channel `h` to channel `g h`.

    Parameters
    ----------
    x : Tensor (n, fields * order, h, w)
    group : Group
    element : GridElement

    Returns
    -------
    Tensor (n, fields * order, h, w)

    Raises
    ------
    InputError
        When the channels are not whole fields.
    """
    check_divisible(x, group)
    sources = torch.tensor(group.inverse_product[element.index], device=x.device)
    n, channels, height, width = x.shape
    fields = x.reshape(n, channels // group.order, group.order, height, width)
    return move_pixels(fields.index_select(2, sources).flatten(1, 2), element)
