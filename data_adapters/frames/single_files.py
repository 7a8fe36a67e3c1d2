"""Sequences of frames in files of their own: CBF, EDF and TIFF by fabio, FITS by astropy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.frames.stack import FrameStack
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.optional import import_optional
from equiclust.typing import Array

__all__ = ["FabioStack", "FitsStack", "open_fabio", "open_fits"]


@dataclass(frozen=True)
class FabioStack(FrameStack):
    """Frames of a file that fabio reads.

    Parameters
    ----------
    path, part, n_frames, frame_shape, dtype : object
        See `FrameStack`.
    saturation : float or None, default None
        See `FrameStack`.
    """

    def read(self, start: int, stop: int) -> Array:
        """Read frames; see `FrameStack.read`."""
        with _fabio_file(self.path) as image:
            # By number, fabio would open another file of a sequence.
            single = self.n_frames == 1
            frames = [image.data if single else image.getframe(i).data for i in range(start, stop)]
            return np.stack([self._checked(frame) for frame in frames])

    def _checked(self, frame: Any) -> Array:
        values = _two_axes(frame, self.path)
        if values.shape != self.frame_shape:
            height, width = self.frame_shape
            raise UnreadableFileError(
                f"{str(self.path)!r} holds a frame of {values.shape[0]} x {values.shape[1]} pixels "
                f"and not {height} x {width}; leave it out"
            )
        return values


@dataclass(frozen=True)
class FitsStack(FrameStack):
    """Frames of the first image of a FITS file, `(height, width)` or `(n, height, width)`.

    Parameters
    ----------
    path, part, n_frames, frame_shape, dtype : object
        See `FrameStack`.
    saturation : float or None, default None
        See `FrameStack`.
    """

    def read(self, start: int, stop: int) -> Array:
        """Read frames; see `FrameStack.read`."""
        with _fits_image(self.path) as unit:
            # A section is scaled by itself; the whole array could not be mapped then.
            part = (slice(start, stop), slice(None)) if len(unit.shape) == 3 else slice(None)
            values = np.asarray(unit.section[part])
            frames = values if values.ndim == 3 else values[None]
            return frames.astype(frames.dtype.newbyteorder("="))


def open_fabio(path: Path, like: FrameStack | None = None) -> list[FabioStack]:
    """Find the frames in a CBF, EDF or TIFF file.

    Parameters
    ----------
    path : Path
    like : FrameStack, optional
        The last file of the same folder. A CBF file holds one frame: it is taken for one of the
        same shape without being opened, since a scan may have a hundred thousand of them.

    Returns
    -------
    list of FabioStack
        One.

    Raises
    ------
    MissingPackageError
        When fabio is not installed.
    UnreadableFileError
        When the file cannot be read.
    """
    is_alike = like is not None and like.path.parent == path.parent
    if like is not None and is_alike and path.suffix == like.path.suffix == ".cbf":
        return [FabioStack(path, "", 1, like.frame_shape, like.dtype)]
    with _fabio_file(path) as image:
        frame = _two_axes(image.data, path)
        return [FabioStack(path, "", image.nframes, _shape(frame), frame.dtype)]


def open_fits(path: Path) -> list[FitsStack]:
    """Find the frames in a FITS file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of FitsStack
        One.

    Raises
    ------
    UnreadableFileError
        When the file holds no image of two or three axes.
    """
    with _fits_image(path) as unit:
        shape = unit.shape
        sample = np.asarray(unit.section[..., :1, :1])
        n = shape[0] if len(shape) == 3 else 1
        return [FitsStack(path, "", n, (shape[-2], shape[-1]), sample.dtype.newbyteorder("="))]


@contextmanager
def _fabio_file(path: Path) -> Iterator[Any]:
    fabio = import_optional("fabio", extra="frames", purpose="reading CBF, EDF and TIFF frames")
    # It tells of damage on standard error, and raises it too.
    logging.getLogger("fabio").setLevel(logging.CRITICAL)
    try:
        with fabio.open(str(path)) as image:
            yield image
    except (InputError, MemoryError):
        raise
    # Its readers raise whatever the damage leads to.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableFileError(f"cannot read {str(path)!r} as a frame: {reason}") from error


@contextmanager
def _fits_image(path: Path) -> Iterator[Any]:
    from astropy.io import fits

    try:
        with fits.open(path) as units:
            images = [unit for unit in units if unit.is_image and len(unit.shape) in (2, 3)]
            if not images:
                raise UnreadableFileError(
                    f"{str(path)!r} holds no image of two or three axes; leave it out"
                )
            yield images[0]
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise UnreadableFileError(f"cannot read {str(path)!r} as a frame: {reason}") from error


def _two_axes(frame: Any, path: Path) -> Array:
    values = np.asarray(frame)
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise UnreadableFileError(
            f"{str(path)!r} must hold frames of two axes, got {values.dtype} of shape "
            f"{values.shape}; leave it out"
        )
    return values


def _shape(frame: Array) -> tuple[int, int]:
    return int(frame.shape[0]), int(frame.shape[1])
