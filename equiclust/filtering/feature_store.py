"""Features of all frames on disk, written as they are measured, so that a stopped call goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from equiclust.exceptions import InputError, OutputError
from equiclust.filtering.features import N_FEATURES, FrameFeatures
from equiclust.io.atomic import read_json, write_json
from equiclust.io.staging import refused
from equiclust.typing import Float32Array

__all__ = ["FeatureStore"]

_JOB, _FEATURES = "job.json", "features.bin"
_ROW_BYTES = 4 * N_FEATURES


class FeatureStore:
    """Folder of the unfinished work of one filtering.

    Parameters
    ----------
    folder : Path
        Made by `open`.
    job : mapping
        What decides the features, as JSON returns it. Features of another job are not used.

    Attributes
    ----------
    is_taken_up : bool
        After `open`: whether a stopped call of the same job has left the folder.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder = folder
        self.job = dict(job)
        self.is_taken_up = False
        self._file: IO[bytes] | None = None

    @property
    def _path(self) -> Path:
        return self.folder / _FEATURES

    def open(self) -> int:
        """Make the folder, or take up what a stopped call of the same job has left.

        Returns
        -------
        int
            Number of frames that are measured already.

        Raises
        ------
        OutputError
            When the folder holds anything else, or cannot be written.
        """
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        other = sorted(set(names) - {_JOB, _FEATURES})
        if other or (os.path.lexists(self.folder) and not self.folder.is_dir()):
            raise OutputError(
                f"cannot work in {str(self.folder)!r}: it holds something else; remove it or "
                "choose another output"
            )
        with refused(self.folder):
            self.is_taken_up = self._is_of_this_job()
            if not self.is_taken_up:
                self.remove()
                self.folder.mkdir(parents=True)
                write_json(self.folder / _JOB, self.job)
            self._file = self._path.open("ab")
            # Of a row that was being written when the call was stopped.
            n_done = self._path.stat().st_size // _ROW_BYTES
            self._file.truncate(n_done * _ROW_BYTES)
            return n_done

    def _is_of_this_job(self) -> bool:
        try:
            return read_json(self.folder / _JOB) == self.job
        except InputError:
            return False

    def append(self, values: Float32Array) -> None:
        """Add the features of the next frames.

        Parameters
        ----------
        values : ndarray (n, 260), float32

        Raises
        ------
        OutputError
            When the disk is full.
        """
        with refused(self.folder):
            if self._file is None:
                self._file = self._path.open("ab")
            self._file.write(values.astype("<f4").tobytes())
            self._file.flush()

    def read(self) -> FrameFeatures:
        """All features.

        Returns
        -------
        FrameFeatures
        """
        values = np.fromfile(self._path, "<f4").reshape(-1, N_FEATURES)
        return FrameFeatures(values.astype(np.float32, copy=False))

    def close(self) -> None:
        """Close the file; what is measured stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Remove the folder."""
        self.close()
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder)
