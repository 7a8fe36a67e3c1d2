"""`CleanedLatents`: the latents of an ensemble that are clustered, without confounders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ensembles.base_clusterings import concatenate_latents, latent_spreads
from ensembles.member_removals import MemberRemovals
from ensembles.refinement import DEEP_METHODS
from equiclust.clustering.selection import Choice, choose_n_clusters
from equiclust.evaluation.confounders.removal import RemovalMethod
from equiclust.exceptions import InputError
from equiclust.processes import at_most
from equiclust.typing import Float32Array
from equiclust.validation import shown

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CleanedLatents"]


class CleanedLatents:
    """Latents of `KFoldEnsemble`, which inherits from it, and what is removed from them."""

    n_clusters: int | Literal["auto"]
    n_jobs: int | None
    method: str
    latents_: Float32Array
    cleaned_latents_: Float32Array
    scales_: Float32Array
    removals_: MemberRemovals
    choice_: Choice

    def remove_confounders(
        self, confounders: Table, names: Sequence[str], *, method: RemovalMethod = "polynomial"
    ) -> Self:
        """Take out of every member's latents what confounders explain, before `fit_consensus`.

        The number of clusters is chosen anew. Labels of new images then need their confounders.

        Parameters
        ----------
        confounders : astropy.table.Table
            From `measure_confounders`, of the images that the members were trained on.
        names : sequence of str
            Columns to remove; none puts the latents back as they were.
        method : {"polynomial", "erasure"}, default "polynomial"
            See `ConfounderRemoval`.

        Raises
        ------
        InputError
            When the confounders do not fit the images, or the networks are refined by deep
            clustering, which has moved the latents towards clusters already.
        """
        check_is_fitted(self, "latents_")
        if names and self.method in DEEP_METHODS:
            raise InputError(f"names must be empty with method {self.method!r}, got {shown(names)}")
        self._keep_latents(self.latents_)
        if names:
            self.removals_ = MemberRemovals.fit(self.latents_, confounders, names, method)
            self.cleaned_latents_ = self.removals_(self.latents_, confounders)
        self._forget_choice()
        return self

    def _keep_latents(self, latents: Float32Array) -> None:
        self.latents_ = self.cleaned_latents_ = latents
        self.removals_ = MemberRemovals()
        self.scales_ = latent_spreads(latents).astype(np.float32)

    def _forget_choice(self) -> None:
        self.__dict__.pop("choice_", None)

    def _choice(self, seed: int) -> Choice:
        if self.n_clusters != "auto":
            return Choice(self.n_clusters, {}, ())
        scales = latent_spreads(self.cleaned_latents_).astype(np.float32)
        vectors = concatenate_latents(self.cleaned_latents_, scales, dtype=np.float32)
        with at_most(self.n_jobs):
            return choose_n_clusters(vectors, random_state=seed)
