"""Encoders as plain values for JSON, and back: what their features can be made again from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from equiclust.argument_types import checks_types
from equiclust.encoders.protocol import Encoder
from equiclust.exceptions import InputError
from equiclust.typing import PathLike

__all__ = ["encoder_from_record", "encoder_record", "is_in_memory", "state_digest"]

_HOMES = {
    "Canonicalized": "equiclust.encoders.canonicalized",
    "GivenVectors": "equiclust.encoders.given_vectors",
    "GroupAveraged": "equiclust.encoders.group_averaged",
    "LatentTable": "equiclust.encoders.latent_table",
    "ModuleEncoder": "equiclust.encoders.module_encoder",
    "OnnxEncoder": "equiclust.encoders.onnx_encoder",
    "TorchvisionEncoder": "equiclust.encoders.torchvision_encoder",
}
# Where and how fast is no part of what is computed.
_LEFT_OUT = ("device",)
_IN_MEMORY = "ModuleEncoder"
_FILES = ("path", "weights")


def encoder_record(encoder: Encoder) -> dict[str, Any]:
    """Describe an encoder by plain values, from which `encoder_from_record` makes it again.

    Parameters
    ----------
    encoder : Encoder
        One of `equiclust.encoders`; inside of another one too.

    Returns
    -------
    dict
        ``kind``, ``parameters`` and, of weights or a file, the ``digest``.

    Raises
    ------
    InputError
        When it is no encoder of `equiclust.encoders`.

    Examples
    --------
    >>> from equiclust.encoders import TorchvisionEncoder, encoder_record
    >>> record = encoder_record(TorchvisionEncoder("small_alexnet"))
    >>> record["kind"], record["parameters"]["network"]
    ('TorchvisionEncoder', 'small_alexnet')
    """
    kind = type(encoder).__name__
    if _HOMES.get(kind) != type(encoder).__module__:
        raise InputError(
            f"encoder must be one of {', '.join(_HOMES)} to be described, got a {kind}"
        )
    given: dict[str, Any] = encoder.get_params(deep=False)  # type: ignore[attr-defined]
    parameters = {name: _plain(one) for name, one in given.items() if name not in _LEFT_OUT}
    if kind == _IN_MEMORY:
        parameters["module"] = type(given["module"]).__name__
    record = {"kind": kind, "parameters": parameters}
    digest = getattr(encoder, "digest", None)
    return record if digest is None else {**record, "digest": digest}


def _plain(value: Any) -> Any:
    if callable(getattr(value, "transform", None)):
        return encoder_record(value)
    if isinstance(value, Path):
        return str(value.resolve())
    return list(value) if isinstance(value, tuple) else value


def is_in_memory(encoder: Encoder) -> bool:
    """Whether an encoder is, or has within, a module that no record can give back.

    Parameters
    ----------
    encoder : Encoder

    Returns
    -------
    bool
    """
    within = getattr(encoder, "encoder", None)
    return type(encoder).__name__ == _IN_MEMORY or (within is not None and is_in_memory(within))


@checks_types
def encoder_from_record(record: Mapping[str, Any], *, folder: PathLike | None = None) -> Encoder:
    """Make an encoder again from its record, with the same weights.

    Parameters
    ----------
    record : mapping
        From `encoder_record`, also after a round trip through JSON.
    folder : path-like, optional
        Where files are looked for that are no longer where they were.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        When the record is none, or weights or file are others than those that were recorded.
    WeightsNotFoundError
        When the weights are not to be found.

    Examples
    --------
    >>> import json
    >>> from equiclust.encoders import encoder_from_record, encoder_record, get_encoder
    >>> text = json.dumps(encoder_record(get_encoder("small_alexnet", group="D4")))
    >>> encoder_from_record(json.loads(text)).group
    'D4'
    """
    try:
        kind, parameters = record["kind"], dict(record["parameters"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"record must be that of an encoder, got {record!r:.80}") from error
    if kind not in _HOMES:
        raise InputError(f"record must be that of one of {', '.join(_HOMES)}, got {kind!r}")
    if kind == _IN_MEMORY:
        raise InputError(
            "the encoder was a module in memory, which is not kept; make it again and hand it over "
            "as ModuleEncoder(module)"
        )
    for name, value in parameters.items():
        if isinstance(value, dict) and "kind" in value:
            parameters[name] = encoder_from_record(value, folder=folder)
        elif name in _FILES and isinstance(value, str):
            parameters[name] = _found(value, folder, needed=name == "path")
    try:
        encoder: Any = getattr(import_module(_HOMES[kind]), kind)(**parameters)
    except TypeError as error:
        raise InputError(f"the record of a {kind} has wrong parameters: {error}") from error
    encoder.fit()
    _check_digest(encoder, kind, record.get("digest"))
    found: Encoder = encoder
    return found


def _found(path: str, folder: PathLike | None, *, needed: bool) -> str | None:
    """Where a file is now; None, for weights that may be elsewhere, where it is no longer."""
    if path == "random" or Path(path).exists():
        return path
    beside = None if folder is None else Path(folder) / Path(path).name
    if beside is not None and beside.exists():
        return str(beside)
    return path if needed else None


def _check_digest(encoder: Any, kind: str, digest: object) -> None:
    if digest is not None and encoder.digest != digest:
        raise InputError(
            f"the weights of the {kind} are others than those that were recorded ({digest}, now "
            f"{encoder.digest}); name the file they were in"
        )


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and values of weights.

    Parameters
    ----------
    state : mapping of str to Tensor
        As from ``state_dict``.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        array = value.detach().cpu().contiguous().numpy()
        digest.update(f"{name}\0{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"
