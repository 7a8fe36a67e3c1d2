"""The model folder: all that `predict` needs, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ensembles import ConsensusResult, KFoldEnsemble
from equiclust.cli.session import Update
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json, replace_folder, write_json
from equiclust.io.catalogue import make_catalogue
from equiclust.pipeline.inputs import process
from equiclust.preprocessing import DEPROJECTED, Preprocessor
from equiclust.preprocessing.inclination import measure_inclinations

__all__ = ["Model"]

_PREPROCESSING = "preprocessing.json"
# As many as an autoencoder encodes at once: the way a set is cut changes no latent.
_SLICE = 64

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """Preprocessing, networks and jury: the whole way from an image to its label.

    Parameters
    ----------
    preprocessor : Preprocessor
    ensemble : KFoldEnsemble
        Fitted on processed images.
    """

    preprocessor: Preprocessor
    ensemble: KFoldEnsemble

    def save(self, folder: Path) -> None:
        """Write the folder, in place of an older one."""
        with replace_folder(folder) as draft:
            self.ensemble.save(draft)
            write_json(draft / _PREPROCESSING, self.preprocessor.get_params())

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Model from a folder that `save` wrote.

        Raises
        ------
        InputError
            When a part is missing or damaged.
        """
        path = folder / _PREPROCESSING
        try:
            preprocessor = Preprocessor(**read_json(path)).fit(ImageSet())
        except TypeError as error:
            raise InputError(f"{str(path)!r} does not describe a preprocessor: {error}") from error
        return cls(preprocessor, KFoldEnsemble.load(folder))

    def predict_consensus(self, images: ImageSet, update: Update) -> ConsensusResult:
        """What the jury says of processed images."""
        return self.ensemble.consensus_.predict_consensus(self._encoded(images, update))

    def latents(self, images: ImageSet, update: Update) -> FloatArray:
        """Latents `(n, d)` of processed images, as the run wrote those of its own."""
        return self.ensemble.transform_latents(self._encoded(images, update))

    def _encoded(self, images: ImageSet, update: Update) -> FloatArray:
        """Latents by every member, slice by slice."""
        latents = []
        for start in range(0, len(images), _SLICE):
            latents.append(self.ensemble.encode(images[start : start + _SLICE]))
            update(min(start + _SLICE, len(images)), len(images), "")
        return np.concatenate(latents, axis=1)

    def catalogue(
        self,
        originals: ImageSet,
        result: ConsensusResult,
        agreement_held_out: npt.ArrayLike | None = None,
    ) -> Any:
        """Catalogue of images, as read, by what the jury says of them.

        Where inclinations are undone they are told, too.
        """
        undone = self.preprocessor.canonical in DEPROJECTED
        return make_catalogue(
            originals,
            result.labels,
            result.confidence,
            fold_labels=result.member_labels,
            outlier_score=result.outlier_scores,
            agreement=result.agreement,
            agreement_held_out=agreement_held_out,
            more=measure_inclinations(originals) if undone else None,
        )

    def label_unprocessed(self, originals: ImageSet) -> npt.NDArray[np.int64]:
        """Labels of images as they are read; -1 also where one cannot be processed."""
        usable, images, _ = process(originals, self.preprocessor)
        places = {name: place for place, name in enumerate(originals.ids)}
        labels = np.full(len(originals), -1, dtype=np.int64)
        if len(images):
            labels[[places[name] for name in usable.ids]] = self.ensemble.predict(images)
        return labels
