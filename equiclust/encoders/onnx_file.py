"""What an ONNX file is made of, found without running it or any package for it.

An ONNX file is a message of protocol buffers. Only as much of it is parsed as tells whether it is
one, and which further files it wants to be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from equiclust.exceptions import InputError

__all__ = ["external_files", "onnx_digest"]

# Fields of the messages that lead to tensors: field to the message that it holds.
_FIELDS = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}  # fmt: skip
_VERSION, _GRAPH = 1, 7
_KEY, _VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_DEEPEST = 64

Field = tuple[int, "int | memoryview"]


def external_files(path: Path) -> tuple[Path, ...]:
    """Files beside an ONNX file in which it keeps weights.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of Path

    Raises
    ------
    InputError
        When it cannot be read, is no ONNX file, or wants a file that is missing or outside of its
        own folder.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    try:
        top = dict(_fields(content))
        if not isinstance(top.get(_VERSION), int) or not isinstance(top.get(_GRAPH), memoryview):
            raise ValueError("it has no version or no graph")
        names = sorted(set(_locations(content, "Model", 0)))
    except (ValueError, IndexError) as error:
        raise InputError(f"{str(path)!r} is no ONNX file: {error}") from error
    return tuple(_beside(path, name) for name in names)


def _beside(path: Path, name: str) -> Path:
    folder = path.resolve().parent
    found = (folder / name).resolve()
    if not found.is_relative_to(folder):
        raise InputError(
            f"{str(path)!r} wants weights from {name!r}, outside of its folder, which is not read"
        )
    if not found.is_file():
        raise InputError(f"{str(path)!r} wants weights from {name!r} beside it, which is missing")
    return found


def onnx_digest(path: Path) -> str:
    """SHA-256 of an ONNX file and the files of its weights.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits.

    Raises
    ------
    InputError
        As `external_files`.
    """
    digest = hashlib.sha256()
    for one in (path, *external_files(path)):
        with one.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{digest.hexdigest()}"


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    """Names of the files that the tensors of a message lie in."""
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deep")
    for number, value in _fields(message):
        inner = _FIELDS[kind].get(number)
        if inner is None or not isinstance(value, memoryview):
            continue
        if inner != "Entry":
            yield from _locations(value, inner, depth + 1)
            continue
        entry = {key: bytes(text) for key, text in _fields(value) if isinstance(text, memoryview)}
        if entry.get(_KEY) == b"location":
            yield entry.get(_VALUE, b"").decode("utf-8")


def _fields(message: memoryview) -> Iterator[Field]:
    """Numbers and values of the fields of a message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _SIZED:
            size, at = _varint(message, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if wire == _EIGHT_BYTES else 4
        else:
            raise ValueError("it is not made of fields")
        if not number or at + size > len(message):
            raise ValueError("it is cut off, or not made of fields")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is not made of fields")
