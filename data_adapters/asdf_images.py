"""Images in an ASDF file: its tree is read as plain values, so that no code runs."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.adapter import ImagePart, PartAdapter, joined, reason_of
from data_adapters.array_axes import axes_of
from data_adapters.array_stack import ArrayStack
from data_adapters.asdf_blocks import MAGIC, Block, StoredValues, blocks_of
from data_adapters.hdf5_images import image_name
from data_adapters.objects.pixels import Pixels
from data_adapters.size_claims import check_claim
from data_adapters.stacks import file_id, numbered_names
from equiclust.exceptions import InputError, MissingPackageError, UnreadableFileError
from equiclust.images import Image
from equiclust.optional import import_optional

__all__ = ["AsdfAdapter"]

_START, _END = b"#ASDF ", b"\n..."
_MAX_TREE = 1 << 23
_ARRAY = ":stsci.edu:asdf/core/ndarray-"
_TYPES = {
    **{
        f"{kind}int{8 * size}": f"{kind or 'i'}{size}"
        for kind in ("", "u")
        for size in (1, 2, 4, 8)
    },
    **{f"float{8 * size}": f"f{size}" for size in (2, 4, 8)},
    "bool8": "b1",
}
_BESIDE = ("mask", "dq", "err")


class AsdfAdapter(PartAdapter):
    """Reads images from ``.asdf`` files, such as those of the Roman telescope.

    An array has the axes of `data_adapters.arrays.ArrayAdapter`. It is called ``images``,
    ``pixels`` or ``data``, is named in brackets behind the file by its keys with dots between
    (``file.asdf[roman.data]``), or is the only one of such a shape. An array ``mask`` beside it,
    `True` = ignore, and its unit are used too. Coordinates are not read, nor are other files to
    which the tree refers; values may be packed by zlib or bzip2.
    """

    suffixes = (".asdf",)
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Keys of an array in the tree, with dots between.
        axes : str, default ""
            Letters of its axes in their order, such as ``nhwc``; by default the shape decides.

        Returns
        -------
        tuple of Image
            The first row of pixels is the lowest one.

        Raises
        ------
        UnreadableFileError
            When the file cannot be read; the message is one sentence.
        """
        path = Path(path)
        # Of a packed array all is unpacked at once in any case.
        return joined(self._parts(path, part, axes, 0, 1 << 62, is_whole=True), path)

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a file in order, some at a time."""
        return self._parts(Path(path), part, axes, first, most_bytes, is_whole=False)

    def _parts(
        self, path: Path, part: str, axes: str, first: int, most_bytes: int, *, is_whole: bool
    ) -> Iterator[ImagePart]:
        with _errors_named(path):
            arrays = _arrays_of(path)
            name = part.replace(".", "/") or _image_name(arrays, path)
            if name not in arrays:
                listed = ", ".join(one.replace("/", ".") for one in list(arrays)[:10])
                raise UnreadableFileError(
                    f"{path}: it holds no array {part!r}, only {listed or 'nothing'}"
                )
            values, unit = arrays[name]
            n_values, size = math.prod(values.shape), values.dtype.itemsize
            check_claim(path, n_values, itemsize=size, whole=is_whole)
            letters = axes_of(values.shape, axes, path)
            beside = f"{name.rpartition('/')[0]}/mask".lstrip("/")
            mask = Pixels(arrays[beside][0], str(path)) if beside in arrays else None
            names = _names(file_id(path, part, self.suffixes), values.shape, letters)
            source = f"{path}[{part}]" if part else str(path)
            pixels = Pixels(values, str(path))
            stack = ArrayStack(pixels, letters, path, names, source, mask, unit)
            yield from stack.parts(first, most_bytes)


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (UnreadableFileError, MissingPackageError):
        raise
    except InputError as error:
        raise UnreadableFileError(str(error)) from error
    except Exception as error:
        # A damaged file can make a library fail in any way.
        raise UnreadableFileError(f"{path}: {reason_of(path, error)}") from error


def _names(stem: str, shape: Sequence[int], letters: str) -> Any:
    if "n" not in letters:
        return lambda start, last: [stem]
    n = shape[letters.index("n")]
    return lambda start, last: numbered_names(stem, n, start, last)


def _image_name(arrays: Mapping[str, Any], path: Path) -> str:
    """As in an HDF5 file; else what is called data, as of the Roman telescope."""
    data = [name for name in arrays if name.rpartition("/")[2] == "data"]
    named = any(name.rpartition("/")[2] in ("images", "pixels") for name in arrays)
    if data and not named:
        return min(data, key=lambda name: name.count("/"))
    science = {name: one for name, one in arrays.items() if name.rpartition("/")[2] not in _BESIDE}
    return image_name(science, path)


def _arrays_of(path: Path) -> dict[str, tuple[StoredValues, str]]:
    """Arrays that may be images, with their units, by the keys that lead to them."""
    asdf = import_optional("asdf", extra="asdf", purpose="an ASDF file")
    with path.open("rb") as file:
        head = file.read(_MAX_TREE)
        if not head.startswith(_START):
            raise UnreadableFileError(f"{path}: it is {'no ASDF file' if head else 'empty'}")
        end = head.find(_END)
        block = head.find(MAGIC)
        if end < 0 or 0 <= block < end:
            raise UnreadableFileError(f"{path}: its tree has no end; it is damaged or truncated")
        end += len(_END)
        tree = asdf.util.load_yaml(io.BytesIO(head[: end + 1]), tagged=True)
        blocks = blocks_of(file, end, path)
    found: dict[str, tuple[StoredValues, str]] = {}
    for name, node, unit in _nodes(tree):
        values = _values(node, blocks, path)
        if values is not None:
            found[name] = values, unit
    return found


def _nodes(tree: Any) -> Iterator[tuple[str, Any, str]]:
    """Nodes of arrays, depth last; a node is looked at once, however often it is referred to."""
    waiting: list[tuple[str, Any, str]] = [("", tree, "")]
    seen: set[int] = set()
    while waiting:
        name, node, unit = waiting.pop(0)
        if not isinstance(node, Mapping) or id(node) in seen:
            continue
        seen.add(id(node))
        if _ARRAY in str(getattr(node, "_tag", "")):
            yield name, node, unit
        elif "unit" in node and _ARRAY in str(getattr(node.get("value"), "_tag", "")):
            waiting.append((name, node["value"], str(node["unit"])))
        else:
            for key, child in node.items():
                waiting.append((f"{name}/{key}".lstrip("/"), child, ""))


def _values(node: Mapping[str, Any], blocks: Sequence[Block], path: Path) -> StoredValues | None:
    """The array of a node; None where it can be no image."""
    shape, kind = node.get("shape"), node.get("datatype")
    if not isinstance(shape, list) or kind not in _TYPES or not 2 <= len(shape) <= 4:
        return None
    source, offset = node.get("source"), node.get("offset", 0)
    if not isinstance(source, int) or "strides" in node or "mask" in node:
        return None
    lengths = _lengths(shape, node, blocks, source)
    if lengths is None or not isinstance(offset, int) or offset < 0:
        raise UnreadableFileError(f"{path}: it is damaged (an array of shape {shape} is nowhere)")
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if node.get("byteorder") == "big" else "<")
    n_bytes = math.prod(lengths) * dtype.itemsize
    if offset + n_bytes > blocks[source].n_bytes:
        raise UnreadableFileError(
            f"{path}: it is damaged or truncated (an array of shape {shape} takes {n_bytes} bytes, "
            f"and its block has {blocks[source].n_bytes})"
        )
    return StoredValues(path, blocks[source], lengths, dtype, offset)


def _lengths(
    shape: Sequence[Any], node: Mapping[str, Any], blocks: Sequence[Block], source: int
) -> tuple[int, ...] | None:
    """Lengths of the axes, of which the first may be as many as there are; None for no lengths."""
    if not -len(blocks) <= source < len(blocks):
        return None
    rest = shape[1:]
    if not all(isinstance(one, int) and one > 0 for one in rest):
        return None
    if shape[0] == "*":
        size = math.prod(rest) * np.dtype(_TYPES[node["datatype"]]).itemsize
        return (blocks[source].n_bytes // size, *rest)
    return (shape[0], *rest) if isinstance(shape[0], int) and shape[0] > 0 else None
