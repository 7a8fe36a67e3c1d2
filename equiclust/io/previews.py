"""Images and reconstructions that a run keeps to be shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.io.catalogue import printable
from equiclust.io.regular_files import open_regular
from equiclust.typing import Array, Float32Array, PathLike

__all__ = ["Previews", "read_previews", "write_previews"]

_MOST_BYTES = 1 << 30
_NAMES = ("ids", "images", "reconstructions")


@dataclass(frozen=True, eq=False)
class Previews:
    """Some images of a run, as the network sees them and as it reconstructs them.

    Parameters
    ----------
    ids : tuple of str
        One of each of the `m` images, as in the catalogue.
    images : ndarray (m, c, h, w), float32
        From 0 to 1, the first row at the bottom.
    reconstructions : ndarray (m, c, h, w), float32
        Likewise; `(0, c, h, w)` where no network reconstructs.
    """

    ids: tuple[str, ...]
    images: Float32Array
    reconstructions: Float32Array

    @classmethod
    def empty(cls) -> Previews:
        """No previews: arrays of shape `(0, 1, 1, 1)`."""
        nothing = np.zeros((0, 1, 1, 1), np.float32)
        return cls((), nothing, nothing)


def write_previews(path: PathLike, previews: Previews) -> None:
    """Write previews as a compressed NumPy archive, whole or not at all.

    Parameters
    ----------
    path : path-like
        File that ends in .npz.
    previews : Previews

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    with atomic_path(path) as draft:
        np.savez_compressed(
            draft,
            ids=np.array(previews.ids, dtype=np.str_),
            images=previews.images,
            reconstructions=previews.reconstructions,
        )


def read_previews(path: PathLike) -> Previews:
    """Read the previews of a run; nothing in the file is ever unpickled.

    Parameters
    ----------
    path : path-like
        File that `write_previews` has written.

    Returns
    -------
    Previews
        Empty when there is no such file. Pixels that are not finite or outside of 0 to 1 are
        clipped, NaN becomes 0.

    Raises
    ------
    InputError
        When the file is damaged, larger than 1 GiB, or no archive of these arrays.
    """
    if not Path(path).exists():
        return Previews.empty()
    ids, images, reconstructions = _load(path)
    if ids.ndim != 1 or ids.dtype.kind != "U":
        _refuse(path, f"ids must be text of shape (m,), got {ids.dtype} of shape {ids.shape}")
    for name, pixels in (("images", images), ("reconstructions", reconstructions)):
        if pixels.dtype.kind not in "fiu":
            _refuse(path, f"{name} must be numbers, got {pixels.dtype}")
    shape = images.shape
    fitting = reconstructions.shape in (shape, (0, *shape[1:]))
    if len(shape) != 4 or not fitting or len(ids) != shape[0] or 0 in shape[1:]:
        _refuse(
            path,
            f"images and reconstructions must have the shape ({len(ids)}, c, h, w), got {shape} "
            f"and {reconstructions.shape}",
        )
    names = tuple(printable(name) for name in ids.tolist())
    return Previews(names, _in_range(images), _in_range(reconstructions))


def _load(path: PathLike) -> list[Array]:
    # NumPy leaves a file that it opens itself open when that is no archive.
    with open_regular(path, most_bytes=_MOST_BYTES) as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return [archive[name] for name in _NAMES]
        # What is damaged fails in zipfile, zlib, struct, tokenize or NumPy, each in its own way.
        except Exception as error:
            _refuse(path, " ".join(str(error).split()) or type(error).__name__, error)


def _refuse(path: PathLike, reason: str, cause: Exception | None = None) -> NoReturn:
    raise InputError(
        f"cannot read {os.fspath(path)!r} as previews: {reason}; restore the file, or remove it "
        "to do without pictures"
    ) from cause


def _in_range(pixels: Array) -> Float32Array:
    with np.errstate(over="ignore"):
        return np.clip(np.nan_to_num(pixels.astype(np.float32)), 0.0, 1.0)
