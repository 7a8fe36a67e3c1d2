"""The model folder of a run: everything that `predict` needs, written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ensembles import ConsensusResult, KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering.cluster_tree import ClusterTree
from equiclust.clustering.partitions import Partitions
from equiclust.encoders.given_vectors import GivenVectors
from equiclust.encoders.latent_table import LatentTable
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.confounders import measure_confounders
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, replace_folder, write_json
from equiclust.io.catalogue import make_catalogue
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.manifest import DAMAGE, check_manifest, write_manifest
from equiclust.io.staging import recover
from equiclust.pipeline.image_facts import ImageFacts
from equiclust.pipeline.levels import add_levels
from equiclust.pipeline.partitions import add_partitions
from equiclust.pipeline.preprocessing import preprocess
from equiclust.pipeline.taught_catalogue import make_taught_catalogue
from equiclust.preprocessing import DEPROJECTED, Preprocessor
from equiclust.preprocessing.inclination import measure_inclinations
from equiclust.progress import Update
from equiclust.teaching.classifier import FewLabelClassifier
from equiclust.typing import Float32Array, IntArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Model"]

_PREPROCESSING = "preprocessing.json"
_CLASSIFIER = "teaching.json"
_TREE = "levels.json"
_PARTITIONS = "partitions.json"
# The batch size of an autoencoder's encoder: cutting a set at its multiples changes no latent.
_CHUNK = 64


@dataclass(frozen=True)
class Model:
    """Preprocessing, networks and consensus clustering: everything from an image to its label.

    Parameters
    ----------
    preprocessor : Preprocessor
    ensemble : KFoldEnsemble
        Fitted on preprocessed images.
    classifier : FewLabelClassifier, optional
        What a few labels taught; kinds are then given instead of clusters.
    tree : ClusterTree, optional
        Levels above and below the clusters; models of earlier versions have none.
    partitions : Partitions, optional
        Other partitions than that of the ensemble; models of earlier versions have none.
    """

    preprocessor: Preprocessor
    ensemble: KFoldEnsemble
    classifier: FewLabelClassifier | None = None
    tree: ClusterTree | None = None
    partitions: Partitions | None = None

    @property
    def sees_pixels(self) -> bool:
        """Whether images are encoded, and not looked up in a table of vectors made elsewhere."""
        return not any(
            isinstance(one, WhitenedEncoder)
            and isinstance(one.used_encoder, LatentTable | GivenVectors)
            for one in self.ensemble.members_
        )

    def save(self, folder: Path) -> None:
        """Write the model; an older model in the folder is replaced.

        Parameters
        ----------
        folder : Path
        """
        with replace_folder(folder) as draft:
            self.ensemble._write(draft)
            if self.classifier is not None:
                self.classifier._write(draft)
            for part in (self.tree, self.partitions):
                if part is not None:
                    part._write(draft)
            write_json(draft / _PREPROCESSING, self.preprocessor.get_params())
            write_manifest(draft)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read a model that `save` wrote; no code from the files is run.

        Parameters
        ----------
        folder : Path

        Returns
        -------
        Model

        Raises
        ------
        InputError
            When a part is missing or damaged.
        """
        recover(folder)
        path = folder / _PREPROCESSING
        content = read_json(path)
        digests = check_manifest(folder)
        try:
            preprocessor = Preprocessor(**content).fit(ImageSet())
        except DAMAGE as error:
            raise InputError(f"{str(path)!r} does not describe a preprocessor: {error}") from error
        ensemble = KFoldEnsemble._read(folder, digests)
        for member in ensemble.members_:
            if isinstance(member, EquivariantAutoencoder):
                _check_fits(preprocessor, member, path)
        taught = (folder / _CLASSIFIER).exists()
        classifier = FewLabelClassifier._read(folder, digests) if taught else None
        layered = (folder / _TREE).exists()
        tree = ClusterTree._read(folder, digests) if layered else None
        several = (folder / _PARTITIONS).exists()
        partitions = Partitions._read(folder, digests) if several else None
        for name, part in ((_TREE, tree), (_PARTITIONS, partitions)):
            if part is not None:
                _check_same_latents(part, ensemble, folder / name)
        return cls(preprocessor, ensemble, classifier, tree, partitions)

    def confounders(self, originals: ImageSet, images: ImageSet) -> Table | None:
        """Measures of the confounders that the model removes.

        Parameters
        ----------
        originals, images : ImageSet
            As read, and preprocessed.

        Returns
        -------
        astropy.table.Table or None
            None where it removes nothing.
        """
        return measure_confounders(originals, images) if self.ensemble.removals_ else None

    def facts(self, originals: ImageSet, images: ImageSet, ids: Sequence[str]) -> ImageFacts:
        """What the catalogue needs of images besides their latents.

        Parameters
        ----------
        originals, images : ImageSet
            As read, and preprocessed.
        ids : sequence of str
            Their names in the catalogue.

        Returns
        -------
        ImageFacts
        """
        inclinations = self._inclinations(originals)
        if inclinations is not None:
            inclinations["id"] = np.array(ids, dtype=np.str_)
        rows = CatalogueRows.of(originals, ids)
        return ImageFacts(rows, inclinations, self.confounders(originals, images))

    def predict_catalogue(self, facts: ImageFacts, latents: Float32Array) -> Table:
        """Catalogue of images that the model was not fitted to.

        Parameters
        ----------
        facts : ImageFacts
        latents : ndarray (n_members, n, d), float32
            From `ensemble.encode`, of the same images.

        Returns
        -------
        astropy.table.Table
            With the kinds instead of the clusters where labels were taught.
        """
        cleaned = self.ensemble.removals_(latents, facts.confounders)
        result = self.ensemble.consensus_.predict_consensus(cleaned)
        table = self._catalogue(facts.rows, result, more=facts.inclinations)
        if self.classifier is None:
            return self.with_other_labels(table, cleaned)
        kinds = self.classifier.predict_kinds(self.ensemble.transform_latents(latents))
        return make_taught_catalogue(table, kinds)

    def predict_transformed(
        self, vectors: Float32Array, confounders: Table | None = None
    ) -> IntArray:
        """Labels by latents as from `latents`.

        Parameters
        ----------
        vectors : ndarray (n, d), float32
        confounders : astropy.table.Table, optional
            As from `confounders`; kinds do not need them.

        Returns
        -------
        ndarray (n,), int
            Of clusters, or of the kinds that labels taught; -1 = don't know, or none of these.
        """
        if self.classifier is None:
            return self.ensemble.predict_transformed(vectors, confounders)
        return self.classifier.predict_kinds(vectors).labels

    def latents(self, images: ImageSet, update: Update) -> Float32Array:
        """Latents of preprocessed images, scaled as in the `latents.fits` of the run.

        Parameters
        ----------
        images : ImageSet
            Preprocessed.
        update : callable
            Gets the images done, their total and "".

        Returns
        -------
        ndarray (n, d), float32
        """
        return self.ensemble.transform_latents(self._encode(images, update))

    def _encode(self, images: ImageSet, update: Update) -> Float32Array:
        """Latents by every member, `(n_members, n, d)`, chunk by chunk."""
        latents = []
        for start in range(0, len(images), _CHUNK):
            latents.append(self.ensemble.encode(images[start : start + _CHUNK]))
            update(min(start + _CHUNK, len(images)), len(images), "")
        return np.concatenate(latents, axis=1)

    def fitted_catalogue(self, originals: ImageSet | CatalogueRows) -> Table:
        """Catalogue of what the ensemble was fitted to.

        Parameters
        ----------
        originals : ImageSet or CatalogueRows
            As read, or the rows of vectors without images.

        Returns
        -------
        astropy.table.Table
            With inclinations and position angles where the preprocessor removes inclination.
        """
        consensus = self.ensemble.consensus_
        images = originals if isinstance(originals, ImageSet) else None
        inclinations = None if images is None else self._inclinations(images)
        table = self._catalogue(
            originals, consensus.result_, consensus.agreement_held_out_, inclinations
        )
        return self.with_other_labels(table, self.ensemble.cleaned_latents_)

    def _inclinations(self, originals: ImageSet) -> Table | None:
        deprojected = self.preprocessor.canonical in DEPROJECTED
        return measure_inclinations(originals) if deprojected else None

    def _catalogue(
        self,
        rows: ImageSet | CatalogueRows,
        result: ConsensusResult,
        agreement_held_out: npt.ArrayLike | None = None,
        more: Table | None = None,
    ) -> Table:
        return make_catalogue(
            rows,
            result.labels,
            result.stability,
            fold_labels=result.member_labels,
            outlier_score=result.outlier_scores,
            agreement=result.agreement,
            agreement_held_out=agreement_held_out,
            more=more,
        )

    def with_other_labels(self, table: Table, cleaned_latents: Float32Array) -> Table:
        """Catalogue with the labels at other levels, and those of other partitions.

        Parameters
        ----------
        table : astropy.table.Table
            As from `catalogue`; not modified.
        cleaned_latents : ndarray (n_members, n, d), float32
            What is clustered: latents of the same images, without confounders.

        Returns
        -------
        astropy.table.Table
            The same where the model has neither.
        """
        vectors = self.ensemble.transform_latents(cleaned_latents)
        if self.tree is not None:
            table = add_levels(table, self.tree.predict_levels(vectors, table["label"].data))
        if self.partitions is not None:
            labels = self.partitions.predict_partitions(vectors)
            table = add_partitions(table, self.partitions, labels)
        return table

    def label_originals(self, originals: ImageSet) -> IntArray:
        """Labels of images as read.

        Parameters
        ----------
        originals : ImageSet

        Returns
        -------
        ndarray (n,), int
            -1 = don't know, also where an image cannot be preprocessed.
        """
        usable, images, _ = preprocess(originals, self.preprocessor)
        rows = {name: row for row, name in enumerate(originals.ids)}
        labels = np.full(len(originals), -1, dtype=np.int64)
        if len(images):
            if self.classifier is None:
                found = self.ensemble.predict(images, self.confounders(usable, images))
            else:
                found = self.classifier.predict_kinds(self.ensemble.transform(images)).labels
            labels[[rows[name] for name in usable.ids]] = found
        return labels


def _check_fits(preprocessor: Preprocessor, member: EquivariantAutoencoder, path: Path) -> None:
    channels = member.network_.config.in_channels
    if preprocessor.size != member.size or preprocessor.channels not in ("auto", channels):
        raise InputError(
            f"{str(path)!r} makes {preprocessor.channels} channels of size {preprocessor.size} "
            f"and the networks take {channels} of size {member.size}; restore the file"
        )


def _check_same_latents(
    part: ClusterTree | Partitions, ensemble: KFoldEnsemble, path: Path
) -> None:
    n_clusters, n_features = ensemble.consensus_.n_clusters, ensemble._n_features_out
    if (part.n_clusters, part.n_features_in_) != (n_clusters, n_features):
        raise InputError(
            f"{str(path)!r} has {part.n_clusters} clusters of {part.n_features_in_} latents and "
            f"the ensemble {n_clusters} of {n_features}; restore the file"
        )
