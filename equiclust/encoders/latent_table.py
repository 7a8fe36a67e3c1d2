"""`LatentTable`: vectors that were made elsewhere, looked up by the names of the images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from equiclust.encoders._stateless import StatelessEncoder
from equiclust.encoders.latent_files import read_latents
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.images_like import ImagesLike, known_images
from equiclust.io.fit_record import array_digest
from equiclust.typing import Float32Array, PathLike
from equiclust.validation import shown

__all__ = ["LatentTable"]


class LatentTable(StatelessEncoder):
    """Vectors looked up in a file by the ids of the images; the pixels are not looked at.

    A row belongs to the image of the same id; to that of the same file name, with or without its
    ending, where that is not ambiguous. New images, and turned ones, have no row: what such vectors
    do under rotations cannot be measured.

    Parameters
    ----------
    path : path-like
        Of the file; see `read_latents`.

    Examples
    --------
    >>> import numpy as np
    >>> from equiclust import ImageSet
    >>> from equiclust.encoders import LatentTable
    >>> np.savez("vectors.npz", ids=["a", "b"], latents=np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> images = ImageSet.from_array(np.zeros((2, 32, 32)), ids=["b", "a"])
    >>> LatentTable("vectors.npz").transform(images)
    array([[3., 4.],
           [1., 2.]], dtype=float32)
    """

    def __init__(self, path: PathLike) -> None:
        self.path = path

    @property
    def latent_dim(self) -> int:
        """Length of a vector."""
        return int(self._loaded()[1].shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of the ids and vectors."""
        rows, latents = self._loaded()
        return array_digest(np.array(list(rows)), latents)

    def _check_parameters(self) -> None:
        if not isinstance(self.path, str | Path) or not str(self.path):
            raise InputError(f"path must name a file with vectors, got {shown(self.path)}")

    def _loaded(self) -> tuple[dict[str, int], Float32Array]:
        """Rows by id, and the vectors."""
        self._check_parameters()
        if getattr(self, "_cache", (None,))[0] != str(self.path):
            ids, latents = read_latents(self.path)
            self._cache: tuple[Any, ...] = (
                str(self.path), {name: row for row, name in enumerate(ids)}, latents,
            )  # fmt: skip
        return self._cache[1], self._cache[2]

    def transform(self, images: ImagesLike) -> Float32Array:
        """Look up the vectors of images.

        Parameters
        ----------
        images : ImageSet, or another of `ImagesLike` but an array
            With the ids, or from the files, that the table names.

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When an image has no row, or the images have no names.
        """
        known = known_images(images)
        if known is None:
            raise InputError(
                "images must be an ImageSet to be looked up in a table of vectors, got an array, "
                "which has no ids"
            )
        rows, latents = self._loaded()
        names = _unambiguous(rows)
        found = [_row(image, rows, names) for image in known]
        missing = [image.id for image, row in zip(known, found, strict=True) if row is None]
        if missing:
            raise InputError(
                f"{str(self.path)!r} has no row for {len(missing)} of {len(known)} images, first "
                f"for {missing[0]!r}"
            )
        return latents[np.array(found, dtype=np.int64)]


def _unambiguous(rows: dict[str, int]) -> dict[str, int]:
    """Rows by file name and by stem, where only one row has it."""
    places = [(form, row) for name, row in rows.items() for form in _forms(name)]
    counts = Counter(form for form, _ in places)
    return {form: row for form, row in places if counts[form] == 1}


def _forms(name: str) -> set[str]:
    path = PurePath(name)
    return {path.name, path.stem}


def _row(image: Image, rows: dict[str, int], names: dict[str, int]) -> int | None:
    for name in (image.id, image.path or ""):
        if name in rows:
            return rows[name]
    path = PurePath(image.path or image.id)
    return next((names[form] for form in (path.name, path.stem) if form in names), None)
