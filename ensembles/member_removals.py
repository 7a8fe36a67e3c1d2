"""Removal of confounders from the latents of every member of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ensembles.consensus_files import member_folder
from equiclust.evaluation.confounders import ConfounderRemoval
from equiclust.evaluation.confounders.removal import RemovalMethod
from equiclust.typing import Array, PathLike

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["MemberRemovals"]


@dataclass(frozen=True)
class MemberRemovals:
    """A removal for each member; of none, latents stay as they are.

    Parameters
    ----------
    members : tuple of ConfounderRemoval, default ()
    """

    members: tuple[ConfounderRemoval, ...] = ()

    @classmethod
    def fit(
        cls, latents: Array, confounders: Table, names: Sequence[str], method: RemovalMethod
    ) -> Self:
        """Learn what confounders explain of the latents of each member.

        Parameters
        ----------
        latents : ndarray (n_members, n, d)
        confounders : astropy.table.Table
            From `measure_confounders`, of the `n` images.
        names : sequence of str
            Columns to remove.
        method : {"polynomial", "erasure"}
        """
        removal = (ConfounderRemoval(tuple(names), method=method) for _ in latents)
        return cls(
            tuple(one.fit(own, confounders) for one, own in zip(removal, latents, strict=True))
        )

    def __bool__(self) -> bool:
        return bool(self.members)

    def __call__(self, latents: Array, confounders: Table | None) -> Array:
        """Latents `(n_members, n, d)` without the confounders."""
        if not self.members:
            return latents
        pairs = zip(self.members, latents, strict=True)
        return np.stack([one.transform(own, confounders) for one, own in pairs])

    @property
    def names(self) -> tuple[str, ...]:
        """Confounders that are removed."""
        return self.members[0].names_ if self.members else ()

    @property
    def explained_variance_ratio(self) -> float:
        """Mean share of the variance of a member's latents that is removed."""
        shares = [one.explained_variance_ratio_ for one in self.members]
        return float(np.mean(shares)) if shares else 0.0

    def write(self, folder: Path) -> None:
        """Write each removal beside its member.

        Parameters
        ----------
        folder : path
            Of the model.
        """
        for k, one in enumerate(self.members):
            one._write(member_folder(folder, k))

    @classmethod
    def read(cls, folder: PathLike, n_members: int, digests: Mapping[Path, str]) -> Self:
        """Read what `write` wrote.

        Parameters
        ----------
        folder : path
            Of the model.
        n_members : int
        digests : mapping of path to str
            Those of the manifest.

        Raises
        ------
        InputError
            When one is missing or damaged.
        """
        folders = [member_folder(folder, k) for k in range(n_members)]
        return cls(tuple(ConfounderRemoval._read(one, digests) for one in folders))
