"""Arrays saved by NumPy: many images in one file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from data_adapters.adapter import ImagePart, PartAdapter, reason_of
from data_adapters.array_axes import axes_of, in_order
from data_adapters.array_files import StoredArray, opened_arrays
from data_adapters.stacks import images_of_stack, numbered_names
from equiclust.exceptions import InputError, UnreadableFileError
from equiclust.images import Image
from equiclust.typing import Array

__all__ = ["ArrayAdapter"]

IMAGE_NAMES = ("images", "pixels")
BESIDE = ("mask", "ids")


class ArrayAdapter(PartAdapter):
    """Reads images from ``.npy`` and ``.npz`` files.

    An array has the shape `(n, h, w)`, `(n, c, h, w)` or, for one image, `(h, w)`. A last axis of
    1, 3 or 4 behind two of at least 5, as in `(n, h, w, 3)`, holds channels; where a shape can be
    read in two ways, `axes` must say which. In an archive the array is called ``images`` or
    ``pixels``, is named in brackets behind the file (``file.npz[name]``), or is the only one of
    such a shape. The arrays ``mask``, `True` = ignore, with the axes of the images without the
    channels, and ``ids``, `(n,)`, text, bytes of UTF-8 or whole numbers, of the archive are used
    too; all others, such as labels, are not read.
    """

    suffixes = (".npy", ".npz")
    takes_axes = True

    def read(self, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
        """All images of a file.

        Parameters
        ----------
        path : Path
            The file.
        part : str, default ""
            Name of an array in an archive, as in ``file.npz[name]``.
        axes : str, default ""
            Letters of its axes in their order, of `n` images, `c` channels, `h` rows and `w`
            columns, such as ``nhwc``; by default the shape decides.

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
        with _errors_named(path):
            return _images_of(_load(path, part), path, part, axes)

    def read_parts(
        self,
        path: Path,
        part: str = "",
        *,
        axes: str = "",
        first: int = 0,
        most_bytes: int = 1 << 26,
    ) -> Iterator[ImagePart]:
        """The images of a file in order, some at a time where it is a ``.npy`` file."""
        path = Path(path)
        with _errors_named(path):
            with opened_arrays(path) as content:
                stored = content.get("")
                letters = "" if stored is None or part else _letters_of_stack(stored, axes, path)
                if stored is not None and letters:
                    yield from _parts_of(stored, letters, path, first, most_bytes)
                    return
            images = _images_of(_load(path, part), path, part, axes)
            if images[first:]:
                yield ImagePart(len(images) - first, len(images), images[first:])


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableFileError:
        raise
    except InputError as error:
        raise UnreadableFileError(f"{path}: {error}") from error
    except Exception as error:
        # A damaged file can make a library fail in any way. Nothing is unpickled.
        raise UnreadableFileError(f"{path}: {reason_of(path, error)}") from error


def _letters_of_stack(stored: StoredArray, axes: str, path: Path) -> str:
    """Letters of the axes where images follow one another in the file; else empty."""
    if len(stored.shape) < 3 or not (stored.may_be_images and stored.is_row_by_row):
        return ""
    if min(stored.shape) == 0 or (axes and not axes.startswith("n")):
        return ""
    letters = axes_of(stored.shape, axes, path)
    return letters if letters.startswith("n") else ""


def _parts_of(
    stored: StoredArray, letters: str, path: Path, first: int, most_bytes: int
) -> Iterator[ImagePart]:
    n = stored.shape[0]
    step = max(1, most_bytes // (math.prod(stored.shape[1:]) * max(stored.dtype.itemsize, 4)))
    for values in stored.rows(step, first=first):
        last = first + len(values)
        names = numbered_names(path.stem, n, first, last)
        images = images_of_stack(in_order(values, letters), names, str(path))
        yield ImagePart(len(images), n, images)
        first = last


def _load(path: Path, part: str) -> dict[str, Array]:
    """The images under the name ``images``, with their mask and ids."""
    with opened_arrays(path) as content:
        if "" not in content:
            return _from_archive(content, path, part)
        if part:
            raise UnreadableFileError(f"{path}: a .npy file has no part {part!r}")
        return {"images": content[""].load()}


def _from_archive(content: Mapping[str, StoredArray], path: Path, part: str) -> dict[str, Array]:
    name = part or _image_name(content, path)
    if name not in content:
        listed = ", ".join(content) or "nothing"
        raise UnreadableFileError(f"{path}: it holds no array {name!r}, only {listed}")
    beside = {key: content[key].load() for key in BESIDE if key in content and key != name}
    return {"images": content[name].load(), **beside}


def _image_name(content: Mapping[str, StoredArray], path: Path) -> str:
    for name in IMAGE_NAMES:
        if name in content:
            return name
    candidates = [name for name in content if name not in BESIDE and content[name].may_be_images]
    if len(candidates) != 1:
        listed = ", ".join(content) or "nothing"
        raise UnreadableFileError(
            f"{path}: it must hold one array called images or pixels, it holds {listed}; "
            f"name one as in {path.name}[NAME]"
        )
    return candidates[0]


def _images_of(arrays: Mapping[str, Array], path: Path, part: str, axes: str) -> tuple[Image, ...]:
    pixels, mask, ids = arrays["images"], arrays.get("mask"), arrays.get("ids")
    name = f"{path.stem}[{part}]" if part else path.stem
    if pixels.dtype.kind not in "biuf":
        raise UnreadableFileError(
            f"{path}: its values are {pixels.dtype}; save them as real numbers"
        )
    if pixels.size == 0:
        raise UnreadableFileError(f"{path}: its array of shape {pixels.shape} is empty")
    letters = axes_of(pixels.shape, axes, path)
    if mask is not None:
        mask = _mask_in_order(mask, pixels.shape, letters, path)
    names: Sequence[str] = [name]
    if "n" in letters:
        n = pixels.shape[letters.index("n")]
        names = numbered_names(name, n, 0, n)
    return _named_images(in_order(pixels, letters), mask, ids, names, path, part)


def _mask_in_order(mask: Array, shape: tuple[int, ...], letters: str, path: Path) -> Array:
    wanted = tuple(n for n, letter in zip(shape, letters, strict=True) if letter != "c")
    if mask.shape != wanted:
        raise UnreadableFileError(f"{path}: its mask must have shape {wanted}, got {mask.shape}")
    return in_order(mask, letters.replace("c", ""), order="nhw")


def _named_images(
    pixels: Array,
    mask: Array | None,
    ids: Array | None,
    names: Sequence[str],
    path: Path,
    part: str,
) -> tuple[Image, ...]:
    if ids is not None:
        names = _text_of(ids, path)
    if len(names) != len(pixels):
        raise UnreadableFileError(
            f"{path}: its ids must name {len(pixels)} images, got {len(names)} names"
        )
    source = f"{path}[{part}]" if part else str(path)
    return images_of_stack(pixels, names, source, mask=mask)


def _text_of(ids: Array, path: Path) -> list[str]:
    """Ids as text; bytes, which NumPy keeps of C strings, are read as names of files are."""
    if ids.dtype.kind == "S":
        return [id.decode("utf-8", "surrogateescape") for id in ids.ravel()]
    if ids.dtype.kind not in "Uiu":
        raise UnreadableFileError(
            f"{path}: its ids are {ids.dtype}; save them as text or whole numbers"
        )
    return [str(id) for id in ids.ravel()]
