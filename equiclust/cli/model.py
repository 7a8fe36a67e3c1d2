"""The model folder: all that `predict` needs, written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.catalogue import make_catalogue
from equiclust.cli.session import Update
from equiclust.clustering import LatentClusterer
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.persistence import read_json, replace_folder, write_json
from equiclust.preprocessing import Preprocessor

__all__ = ["Model", "encode", "label_images", "rebuild"]

_PREPROCESSING = "preprocessing.json"
# As many as the autoencoder encodes at once: the way a set is cut changes no latent.
_SLICE = 64

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """Preprocessing, network and clusters: the whole way from an image to its label.

    Parameters
    ----------
    preprocessor : Preprocessor
    autoencoder : EquivariantAutoencoder
        Fitted on processed images.
    clusterer : LatentClusterer
        Fitted on its latents.
    """

    preprocessor: Preprocessor
    autoencoder: EquivariantAutoencoder
    clusterer: LatentClusterer

    def save(self, folder: Path) -> None:
        """Write the folder, in place of an older one."""
        with replace_folder(folder) as draft:
            self.autoencoder.save(draft)
            self.clusterer.save(draft)
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
        autoencoder = EquivariantAutoencoder.load(folder)
        return cls(preprocessor, autoencoder, LatentClusterer.load(folder))

    def encode(self, images: ImageSet, update: Update) -> FloatArray:
        """Latents `(n, d)` of processed images."""
        return encode(self.autoencoder, images, update)


def encode(autoencoder: EquivariantAutoencoder, images: ImageSet, update: Update) -> FloatArray:
    """Latents `(n, d)` of processed images, slice by slice."""
    return _in_slices(autoencoder.transform, images, update)


def rebuild(autoencoder: EquivariantAutoencoder, images: ImageSet, update: Update) -> FloatArray:
    """Reconstructions `(n, c, h, w)` in 0 to 1, slice by slice."""
    return np.clip(_in_slices(autoencoder.reconstruct, images, update), 0.0, 1.0)


def label_images(clusterer: LatentClusterer, originals: ImageSet, latents: FloatArray) -> Any:
    """Catalogue of images, as read, by their latents."""
    labels = clusterer.predict(latents)
    return make_catalogue(
        originals,
        labels,
        clusterer.confidence(latents),
        fold_labels=labels[None],
        outlier_score=clusterer.outlier_scores(latents),
    )


def _in_slices(function: Any, images: ImageSet, update: Update) -> FloatArray:
    done = []
    for start in range(0, len(images), _SLICE):
        done.append(function(images[start : start + _SLICE]))
        update(min(start + _SLICE, len(images)), len(images), "")
    return np.concatenate(done)
