"""The inputs of a fit, recorded beside its checkpoints: no other fit goes on from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.exceptions import InputError, OutputError
from equiclust.images import Image
from equiclust.io.atomic import read_json, write_json
from equiclust.typing import Array, PathLike

__all__ = ["array_digest", "check_same_fit", "image_set_digest", "recorded_fit"]

_RECORD = "fit.json"
_PREFIX = "sha256:"


def array_digest(*arrays: Array) -> str:
    """SHA-256 of the types, shapes and values of arrays, in their order.

    Parameters
    ----------
    *arrays : ndarray
        Of any shape and type. Contiguous ones are read where they lie, without a copy.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(_buffer(array))
    return _PREFIX + digest.hexdigest()


def image_set_digest(images: Iterable[Image]) -> str:
    """SHA-256 of the ids, pixels and masks of images, in their order.

    Parameters
    ----------
    images : ImageSet or iterable of Image
        Read one by one: they are not stacked and may differ in size.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for image in images:
        digest.update(f"{image.id}\0{image.shape}".encode())
        digest.update(_buffer(image.pixels))
        digest.update(_buffer(image.mask))
    return _PREFIX + digest.hexdigest()


def _buffer(array: Array) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def recorded_fit(folder: PathLike) -> dict[str, Any]:
    """The inputs of the fit that `check_same_fit` recorded in a folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict
        Empty when no fit is recorded there.
    """
    path = Path(folder) / _RECORD
    return read_json(path) if path.is_file() else {}


def check_same_fit(folder: PathLike, inputs: Mapping[str, Any], *, started: bool) -> None:
    """Record the inputs of a fit in `fit.json`, or refuse a folder that belongs to another fit.

    Parameters
    ----------
    folder : path
        Made when missing.
    inputs : mapping of str to object
        Everything that decides the result, by the name of the argument: numbers, strings, lists
        and mappings, and for arrays a digest by `array_digest` or `image_set_digest`.
    started : bool
        Whether the folder holds results that this fit would go on from. If not, the record is
        written anew.

    Raises
    ------
    OutputError
        When the folder is `started` and its record is missing or differs from `inputs`.
    """
    given = json.loads(json.dumps(dict(inputs), default=lambda value: value.tolist()))
    if not started:
        write_json(Path(folder) / _RECORD, given)
        return
    try:
        known = recorded_fit(folder)
    except InputError as error:
        raise _refusal(folder, f"its record is damaged ({error})") from error
    if not known:
        raise _refusal(folder, "an earlier version did not record the images and parameters")
    changes = [
        _change(name, known.get(name), given.get(name))
        for name in {**given, **known}
        if known.get(name) != given.get(name)
    ]
    if changes:
        raise _refusal(folder, ", ".join(changes))


def _change(name: str, before: object, now: object) -> str:
    if any(str(value).startswith(_PREFIX) for value in (before, now)):
        return f"{name} changed"
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [key for key in {**now, **before} if before.get(key) != now.get(key)]
        return ", ".join(_change(f"{name}[{key!r}]", before.get(key), now.get(key)) for key in keys)
    return f"{name} was {before!r} and is now {now!r}"


def _refusal(folder: PathLike, why: str) -> OutputError:
    return OutputError(
        f"cannot resume the fit in {str(folder)!r}: {why}; give the arguments that it was started "
        "with or choose another folder"
    )
