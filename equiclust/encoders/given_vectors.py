"""`GivenVectors`: stands for the encoder of vectors that are given in place of images."""

from __future__ import annotations

from typing import NoReturn

from equiclust.encoders._stateless import StatelessEncoder
from equiclust.exceptions import InputError
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["GivenVectors"]


class GivenVectors(StatelessEncoder):
    """Stands for the unknown encoder of vectors that are given without their images.

    Its vectors are handed over as features: see `ensembles.KFoldEnsemble.fit_features`.

    Parameters
    ----------
    path : path-like, default "vectors"
        File that the vectors came from, for the record; it need not be there any more.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles import KFoldEnsemble
    >>> from equiclust.encoders import GivenVectors, WhitenedEncoder
    >>> vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    >>> vectors[:20] += 9.0
    >>> members = WhitenedEncoder(GivenVectors("zoobot.parquet"), latent_dim=4)
    >>> ensemble = KFoldEnsemble(members, n_clusters=2, n_folds=2, method="kmeans", random_state=0)
    >>> labels = ensemble.fit_features(vectors).fit_consensus().labels_
    >>> np.unique(labels[:20]), np.unique(labels[20:])
    (array([1]), array([0]))
    """

    def __init__(self, path: PathLike = "vectors") -> None:
        self.path = path

    def _check_parameters(self) -> None:
        if not str(self.path):
            raise InputError(f"path must name where the vectors came from, got {shown(self.path)}")

    def transform(self, images: object) -> NoReturn:
        """Refuse images.

        Parameters
        ----------
        images : object

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(
            f"vectors from {str(self.path)!r} are clustered without images, and how to make them "
            "of images is not known; give vectors that were made in the same way"
        )
