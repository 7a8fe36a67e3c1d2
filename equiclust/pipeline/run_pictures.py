"""The images of a run again: from its previews, or from the files that they came from."""

from __future__ import annotations

from functools import cached_property
from threading import Lock, RLock

import numpy as np

from equiclust.exceptions import EquiclustError, InputError
from equiclust.images import Image, ImageSet
from equiclust.io.atomic import read_json
from equiclust.io.previews import Previews, read_previews
from equiclust.pipeline.run_files import RunFiles
from equiclust.preprocessing import Preprocessor
from equiclust.typing import Float32Array

__all__ = ["RunPictures"]

_PREPROCESSING = "preprocessing.json"


class RunPictures:
    """Images of a finished run by their row in its catalogue; may be used by several threads.

    Parameters
    ----------
    run : RunFiles
        Images that are not among its previews are read from their files.

    Attributes
    ----------
    networks : RLock
        To be held while networks of the run are used: they have one caller at a time.
    """

    def __init__(self, run: RunFiles) -> None:
        self._run = run
        self._ids = [str(name) for name in run.catalogue["id"]]
        self._paths = [str(path) for path in run.catalogue["path"]]
        self.networks = RLock()
        # Libraries that read files are not all made for threads.
        self._lock = Lock()

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """Of the run; its networks are not loaded."""
        path = self._run.folder.model / _PREPROCESSING
        try:
            return Preprocessor(**read_json(path)).fit(ImageSet())
        except TypeError as error:
            raise InputError(f"{str(path)!r} does not describe a preprocessor: {error}") from error

    @cached_property
    def _previews(self) -> Previews:
        try:
            return read_previews(self._run.folder.previews_npz)
        except InputError:
            return Previews.empty()

    @cached_property
    def _preview_index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self._previews.ids)}

    def original(self, row: int) -> Image:
        """The image as it is in its file.

        Parameters
        ----------
        row : int

        Returns
        -------
        Image

        Raises
        ------
        InputError
            When the file is missing, unreadable or changed, or the run was given arrays.
        """
        from data_adapters.single_images import read_image

        name, path = self._ids[row], self._paths[row]
        if not path:
            raise InputError(f"the image {name!r} came from memory and has no file")
        with self._lock:
            return read_image(path, name, axes=self._run.axes)

    def preprocessed(self, row: int) -> Float32Array:
        """The image as the networks see it.

        Parameters
        ----------
        row : int

        Returns
        -------
        ndarray (c, h, w), float32
            From 0 to 1, the first row at the bottom.

        Raises
        ------
        InputError
            As of `original`, where the image is not among the previews.
        """
        index = self._preview_index.get(self._ids[row])
        if index is not None:
            return np.asarray(self._previews.images[index])
        read = ImageSet((self.original(row),))
        return np.asarray(self.preprocessor.transform(read).pixels[0])

    def preprocessed_or_none(self, row: int) -> Float32Array | None:
        """The image as the networks see it.

        Parameters
        ----------
        row : int

        Returns
        -------
        ndarray (c, h, w), float32, or None
            None where it cannot be had.
        """
        try:
            return self.preprocessed(row)
        except EquiclustError:
            return None

    def reconstruction(self, row: int) -> Float32Array:
        """The image as the networks reconstruct it.

        Parameters
        ----------
        row : int

        Returns
        -------
        ndarray (c, h, w), float32

        Raises
        ------
        InputError
            When no network of the run reconstructs, or the image cannot be had.
        """
        index = self._preview_index.get(self._ids[row])
        if index is not None and len(self._previews.reconstructions):
            return np.asarray(self._previews.reconstructions[index])
        return self.reconstruct(self.preprocessed(row))

    def reconstruct(self, pixels: Float32Array) -> Float32Array:
        """Mean reconstruction of an image by all networks, as in the previews.

        Parameters
        ----------
        pixels : ndarray (c, h, w), float32
            As the networks see it.

        Returns
        -------
        ndarray (c, h, w), float32

        Raises
        ------
        InputError
            When no network of the run reconstructs.
        """
        from equiclust.autoencoder.estimator import EquivariantAutoencoder

        with self.networks:
            found = [
                member.reconstruct(pixels[None])[0]
                for member in self._run.model.ensemble.members_
                if isinstance(member, EquivariantAutoencoder)
            ]
        if not found:
            raise InputError("no network of this run reconstructs images")
        mean: Float32Array = np.clip(np.mean(found, axis=0, dtype=np.float32), 0.0, 1.0)
        return mean
