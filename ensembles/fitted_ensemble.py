"""`FittedEnsemble`: encoding, prediction and files of an ensemble, in the format of version 0.1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_is_fitted

from ensembles.base_clusterings import concatenate_latents
from ensembles.consensus_clustering import ConsensusClustering
from ensembles.consensus_files import member_folder
from ensembles.consensus_result import ConsensusResult
from ensembles.encoder_members import encoder_latents
from ensembles.label_voting import Method
from ensembles.member_estimators import MemberEstimator, read_member, share_encoders
from ensembles.member_removals import MemberRemovals
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.exceptions import InputError
from equiclust.image_estimator import TakesImages
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.io.atomic import read_json, write_json
from equiclust.io.manifest import DAMAGE, MANIFEST, check_manifest, saved_together
from equiclust.io.staging import recover
from equiclust.progress import Update
from equiclust.typing import Array, Float32Array, IntArray, PathLike

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["FittedEnsemble"]

_FORMAT = 1
# Of a model that removes confounders, which earlier versions would leave in.
_FORMAT_WITH_REMOVALS = 2
_FILE = "ensemble.json"


# scikit-learn carries no annotations, hence the ignored error.
class FittedEnsemble(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    ClusterMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Encoding, prediction and files of `KFoldEnsemble`, which inherits from it."""

    estimator: Any
    n_clusters: int | Literal["auto"]
    method: str
    consensus: Method
    reliability: float
    n_init: int
    n_folds: int
    held_out_folds: int | Literal["auto"]
    random_state: int | np.random.RandomState | None
    members_: list[MemberEstimator]
    consensus_: ConsensusClustering
    scales_: Float32Array
    # Of an ensemble from whose latents nothing was removed.
    removals_: MemberRemovals = MemberRemovals()

    @property
    def _n_features_out(self) -> int:
        return sum(member.latent_dim for member in self.members_)

    def encode(self, images: ImagesLike, on_progress: Update | None = None) -> Float32Array:
        """Latents of images by every member.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        on_progress : callable, optional
            Gets the number of members done, their total and an empty remark.

        Returns
        -------
        ndarray (n_folds, n, latent_dim), float32
        """
        check_is_fitted(self, "members_")
        given = as_image_set(images)
        whitened = [one for one in self.members_ if isinstance(one, WhitenedEncoder)]
        known = iter(encoder_latents(whitened, given))
        found = []
        for k, member in enumerate(self.members_):
            is_known = isinstance(member, WhitenedEncoder)
            found.append(next(known) if is_known else member.transform(given))
            if on_progress is not None:
                on_progress(k + 1, len(self.members_), "")
        return np.stack(found)

    def transform(self, images: ImagesLike) -> Float32Array:
        """Concatenated latents of all members, each scaled to the same weight.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, n_folds * latent_dim), float32
        """
        return self.transform_latents(self.encode(images))

    def transform_latents(self, latents: Float32Array) -> Float32Array:
        """Concatenate latents that are known already, as `transform` does.

        Parameters
        ----------
        latents : ndarray (n_folds, n, latent_dim), float32
            As from `encode`.

        Returns
        -------
        ndarray (n, n_folds * latent_dim), float32
        """
        return concatenate_latents(latents, self.scales_, dtype=np.float32)

    def remove_from_transformed(
        self, vectors: Float32Array, confounders: Table | None
    ) -> Float32Array:
        """Concatenated latents without the confounders that the ensemble removes.

        Parameters
        ----------
        vectors : ndarray (n, n_folds * latent_dim), float32
            As from `transform`.
        confounders : astropy.table.Table or None
            From `measure_confounders`, of the same images; not needed where nothing is removed.

        Returns
        -------
        ndarray (n, n_folds * latent_dim), float32
        """
        if not self.removals_:
            return vectors
        latents = self.removals_(self._split(vectors), confounders)
        return self.transform_latents(latents.astype(np.float32))

    def _split(self, vectors: Float32Array) -> Array:
        """Latents of every member `(n_folds, n, latent_dim)` from concatenated ones."""
        latents = np.stack(np.split(np.asarray(vectors), len(self.scales_), axis=1))
        scales = np.where(self.scales_ > 0, self.scales_, 1.0) * np.sqrt(len(self.scales_))
        split: Array = latents * scales[:, None, None]
        return split

    def predict_transformed(
        self, vectors: Float32Array, confounders: Table | None = None
    ) -> IntArray:
        """Predict labels from concatenated latents.

        Parameters
        ----------
        vectors : ndarray (n, n_folds * latent_dim), float32
            As from `transform`.
        confounders : astropy.table.Table, optional
            From `measure_confounders`, of the same images; needed where they are removed.

        Returns
        -------
        ndarray (n,), int
            -1 = "don't know".
        """
        check_is_fitted(self, "consensus_")
        return self.consensus_.predict(self.removals_(self._split(vectors), confounders))

    def predict(self, images: ImagesLike, confounders: Table | None = None) -> IntArray:
        """Predict labels of images, old or new.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        confounders : astropy.table.Table, optional
            From `measure_confounders`, of the same images; needed where they are removed.

        Returns
        -------
        ndarray (n,), int
            -1 = "don't know".
        """
        return self.predict_consensus(images, confounders).labels

    def predict_consensus(
        self, images: ImagesLike, confounders: Table | None = None
    ) -> ConsensusResult:
        """Predict labels, stability, agreement and outlier scores of images, old or new.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
        confounders : astropy.table.Table, optional
            From `measure_confounders`, of the same images; needed where they are removed.

        Returns
        -------
        ConsensusResult
        """
        return self.predict_encoded(self.encode(images), confounders)

    def predict_encoded(
        self, latents: Float32Array, confounders: Table | None = None
    ) -> ConsensusResult:
        """Predict labels from latents that are known already.

        Parameters
        ----------
        latents : ndarray (n_folds, n, latent_dim), float32
            As from `encode`.
        confounders : astropy.table.Table, optional
            From `measure_confounders`, of the same images; needed where they are removed.

        Returns
        -------
        ConsensusResult
        """
        check_is_fitted(self, "consensus_")
        return self.consensus_.predict_consensus(self.removals_(latents, confounders))

    def reconstruct(self, images: ImagesLike) -> Float32Array:
        """Mean of the reconstructions by all members that are autoencoders.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, c, size, size), float32
            In 0 to 1.

        Raises
        ------
        InputError
            When no member is an autoencoder.
        """
        check_is_fitted(self, "members_")
        own = [one for one in self.members_ if isinstance(one, EquivariantAutoencoder)]
        if not own:
            raise InputError("no member of this ensemble can reconstruct images")
        total = own[0].reconstruct(images)
        for member in own[1:]:
            total += member.reconstruct(images)
        return total / np.float32(len(own))

    @property
    def notes_(self) -> list[str]:
        """Remarks on the training that a user should read, each one once."""
        return list(
            dict.fromkeys(
                note for member in self.members_ for note in getattr(member, "notes_", [])
            )
        )

    def save(self, folder: PathLike) -> None:
        """Write the fitted ensemble as JSON and safetensors, each member in its own folder.

        Parameters
        ----------
        folder : path
            Made when missing. When anything fails, an older ensemble in it is still there.

        Raises
        ------
        InputError
            When something that was learned is not finite.
        OutputError
            When the folder cannot be written to.
        """
        check_is_fitted(self, "consensus_")
        with saved_together(folder) as draft:
            self._write(draft)

    def _write(self, folder: Path) -> None:
        self.consensus_._write(folder)
        for k, member in enumerate(self.members_):
            member._write(member_folder(folder, k))
        self.removals_.write(folder)
        parameters = self.get_params(deep=False)
        del parameters["estimator"]
        if not isinstance(self.random_state, int | np.integer | None):
            parameters["random_state"] = None
        content = {
            "format": _FORMAT_WITH_REMOVALS if self.removals_ else _FORMAT,
            "manifest": MANIFEST,
            "parameters": parameters,
            "scales": self.scales_,
        }
        write_json(folder / _FILE, content)

    @classmethod
    def load(cls, folder: PathLike) -> Self:
        """Read the ensemble that `save` wrote; its predictions are equal to the last bit.

        Parameters
        ----------
        folder : path

        Raises
        ------
        InputError
            When the folder holds no ensemble, or a damaged one.
        """
        recover(folder)
        # First, since the check would read every name in a folder that is a wrong one.
        read_json(Path(folder) / _FILE)
        return cls._read(folder, check_manifest(folder, whole=False))

    @classmethod
    def _read(cls, folder: PathLike, digests: Mapping[Path, str]) -> Self:
        """Ensemble in a folder that is checked already; `digests` are those of its manifest."""
        path = Path(folder) / _FILE
        content = read_json(path)
        if "manifest" in content and not digests:
            # Only version 0.1 wrote none.
            check_manifest(folder, whole=False, required=True)
        if content.get("format") not in (_FORMAT, _FORMAT_WITH_REMOVALS):
            raise InputError(
                f"{str(path)!r} must describe an ensemble of format {_FORMAT} or "
                f"{_FORMAT_WITH_REMOVALS}, got {content.get('format')!r}"
            )
        try:
            ensemble = cls(**content["parameters"])
            ensemble.scales_ = np.array(content["scales"], dtype=np.float32)
        except DAMAGE as error:
            raise InputError(f"{str(path)!r} does not describe an ensemble: {error}") from error
        ensemble.consensus_ = ConsensusClustering._read(folder, digests)
        ensemble.members_ = [
            read_member(member_folder(folder, k), digests)
            for k in range(len(ensemble.consensus_.members_))
        ]
        share_encoders(ensemble.members_)
        if content["format"] == _FORMAT_WITH_REMOVALS:
            ensemble.removals_ = MemberRemovals.read(folder, len(ensemble.members_), digests)
        if not ensemble._fits_together():
            raise InputError(f"{str(path)!r} does not fit the members beside it")
        ensemble.estimator = clone(ensemble.members_[0])
        return ensemble

    def _fits_together(self) -> bool:
        """Whether scales and removals are one for each member, and scales those of the consensus.

        The consensus scales what is left after the removal of confounders.
        """
        known, dimensions = self.consensus_.scales_, [one.latent_dim for one in self.members_]
        if self.scales_.shape != (len(dimensions),) or known.shape != self.scales_.shape:
            return False
        if self.removals_:
            return [one.n_features_in_ for one in self.removals_.members] == dimensions
        return bool(np.allclose(self.scales_, known, rtol=1e-3, atol=0.0))
