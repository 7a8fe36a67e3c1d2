"""Fitted estimators on disk: parameters as JSON, arrays as safetensors, nothing that can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_arrays, read_json, write_arrays, write_json
from equiclust.io.manifest import DAMAGE, check_manifest, file_digest, saved_together
from equiclust.io.staging import recover
from equiclust.typing import Array, PathLike

__all__ = ["SaveLoadMixin", "check_fits", "check_ranks"]

Arrays = dict[str, Array]

_FORMAT = 1


# scikit-learn carries no annotations, hence the ignored error.
class SaveLoadMixin(BaseEstimator):  # type: ignore[misc]
    """Mixin with `save` and `load` for an estimator whose fitted state consists of arrays.

    A subclass names its files by `_file_stem`. Its `_arrays` returns what was learned, and its
    `_restore` checks and sets it again. What is not an array, and JSON can hold, it returns from
    `_learned`.
    """

    _file_stem: str
    # Written into the file, so that files outlive a renamed class; by default the class's name.
    _saved_kind: str = ""
    random_state: object

    def _arrays(self) -> Arrays:
        raise NotImplementedError

    def _learned(self) -> dict[str, Any]:
        return {}

    def _saved_parameters(self) -> dict[str, Any]:
        """Parameters that JSON can hold."""
        parameters: dict[str, Any] = self.get_params(deep=False)
        if not isinstance(self.random_state, int | np.integer | None):
            # A generator has moved on since the fit: it could not repeat it anyway.
            parameters["random_state"] = None
        return parameters

    @classmethod
    def _upgrade_parameters(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters that an earlier version saved, by the names that they have now."""
        return parameters

    def _restore(self, arrays: Arrays, learned: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _check_parameters(self) -> None:
        raise NotImplementedError

    def save(self, folder: PathLike) -> None:
        """Write the fitted estimator as JSON and safetensors.

        Parameters
        ----------
        folder : path-like
            Made when missing; an older estimator in it is replaced, other files are kept. When
            anything fails, the older one is still there.

        Raises
        ------
        InputError
            When something that was learned is not finite.
        OutputError
            When the folder cannot be written to.
        """
        check_is_fitted(self)
        with saved_together(folder, manifest=self._is_many) as draft:
            self._write(draft)

    # Whether it is more than the two files that are written here, so that it has a manifest.
    _is_many = False

    def _write(self, folder: Path) -> None:
        path, arrays_path = self._files(folder)
        write_arrays(arrays_path, self._arrays())
        content = {
            "format": _FORMAT,
            "kind": self._kind(),
            "parameters": self._saved_parameters(),
            "learned": self._learned(),
            "sha256": file_digest(arrays_path),
        }
        write_json(path, content)

    @classmethod
    def load(cls, folder: PathLike) -> Self:
        """Read an estimator that `save` wrote; its predictions are equal to the last bit.

        Parameters
        ----------
        folder : path-like

        Returns
        -------
        SaveLoadMixin
            A fitted estimator of this class.

        Raises
        ------
        InputError
            When the folder holds no such estimator, or a damaged one.
        """
        recover(folder)
        return cls._read(folder, check_manifest(folder, whole=False) if cls._is_many else {})

    @classmethod
    def _read(cls, folder: PathLike, digests: Mapping[Path, str]) -> Self:
        """Estimator in a folder that is checked already; `digests` are those of its manifest."""
        path, arrays_path = cls._files(folder)
        content = cls._checked_content(path, arrays_path, digests)
        arrays = read_arrays(arrays_path)
        try:
            estimator = cls(**content["parameters"])
            estimator._check_parameters()
            estimator._restore(arrays, content["learned"])
        except DAMAGE as error:
            raise InputError(f"{str(folder)!r} holds a damaged {cls.__name__}: {error}") from error
        return estimator

    @classmethod
    def _kind(cls) -> str:
        return cls._saved_kind or cls.__name__

    @classmethod
    def _files(cls, folder: PathLike) -> tuple[Path, Path]:
        stem = cls._file_stem
        return Path(folder) / f"{stem}.json", Path(folder) / f"{stem}.safetensors"

    @classmethod
    def _checked_content(
        cls, path: Path, arrays_path: Path, digests: Mapping[Path, str]
    ) -> dict[str, Any]:
        content = read_json(path)
        if content.get("format") != _FORMAT or content.get("kind") != cls._kind():
            raise InputError(
                f"{str(path)!r} must describe a {cls._kind()} of format {_FORMAT}, got "
                f"kind {content.get('kind')!r} of format {content.get('format')!r}"
            )
        parameters = content.get("parameters")
        if isinstance(parameters, dict):
            parameters = content["parameters"] = cls._upgrade_parameters(parameters)
        known = sorted(cls().get_params(deep=False))
        # A parameter that is younger than the file has its default.
        if not isinstance(parameters, dict) or not set(parameters) <= set(known):
            raise InputError(f"{str(path)!r} must give no parameters but {', '.join(known)}")
        digest = digests.get(arrays_path) or file_digest(arrays_path)
        if content.get("sha256") != digest:
            raise InputError(
                f"{str(arrays_path)!r} is not the file that {path.name!r} was saved with"
            )
        return content


def check_ranks(arrays: Arrays, ranks: Mapping[str, int]) -> None:
    """Check that arrays are present, finite and of the expected numbers of axes.

    Parameters
    ----------
    arrays : dict of str to ndarray
    ranks : mapping of str to int
        Expected number of axes by the name of the array.

    Raises
    ------
    InputError
        When an array is missing, empty, not finite, or has another number of axes.
    """
    for name, rank in ranks.items():
        if name not in arrays:
            raise InputError(f"the array {name!r} is missing")
        if arrays[name].ndim != rank:
            raise InputError(
                f"the array {name!r} must have {rank} axes, got shape {arrays[name].shape}"
            )
    for name, array in arrays.items():
        if array.size == 0 or not np.all(np.isfinite(array)):
            raise InputError(f"the array {name!r} must hold finite values")


def check_fits(condition: bool, what: str) -> None:
    """Check that the shapes of arrays belong together.

    Parameters
    ----------
    condition : bool
        Whether they do.
    what : str
        Names of the arrays, for the message.

    Raises
    ------
    InputError
        When `condition` is false.
    """
    if not condition:
        raise InputError(f"{what} do not fit each other")
