"""`KnownFeatures`: an ensemble of vectors that were made elsewhere, without images."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ensembles.members import Member
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.typing import Float32Array

__all__ = ["KnownFeatures"]


class KnownFeatures:
    """Features in place of images for `KFoldEnsemble`, which inherits from it."""

    members_: list[Any]

    def fit_features(self, features: Float32Array) -> Self:
        """Fit the members to features of their encoder that are known; `fit_consensus` follows.

        Parameters
        ----------
        features : ndarray (n, d), float32
            One row for each object, as the encoder of every member would give them.

        Returns
        -------
        KFoldEnsemble
            Itself.

        Raises
        ------
        InputError
            When a parameter cannot be used, or a member has to be trained on images.
        """
        ensemble: Any = self
        ensemble._check_parameters()
        members, held_out = ensemble._draw_members(len(features), None)
        _check_whitened(members)
        fitted = [
            Member(one, one.fit_features(features[~hidden]).whiten(features), 0.0)
            for one, hidden in zip(members, held_out, strict=True)
        ]
        ensemble._keep_members(fitted)
        ensemble.held_out_ = held_out
        return self

    def encode_features(self, features: Float32Array) -> Float32Array:
        """Latents by every member of features that are known.

        Parameters
        ----------
        features : ndarray (n, d), float32

        Returns
        -------
        ndarray (n_folds, n, latent_dim), float32
            As from `encode`.

        Raises
        ------
        InputError
            When a member needs images, or the features have another length.
        """
        check_is_fitted(self, "members_")
        _check_whitened(self.members_)
        return np.stack([member.whiten(features) for member in self.members_])


def _check_whitened(members: list[Any]) -> None:
    for member in members:
        if not isinstance(member, WhitenedEncoder):
            raise InputError(
                "every member must be a WhitenedEncoder to take features in place of images, got "
                f"{type(member).__name__}"
            )
