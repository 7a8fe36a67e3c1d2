"""`check_adapter`: what every adapter promises, for its author's own tests."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_adapters.adapter import Adapter, PartAdapter, joined
from data_adapters.registry import check_suffixes, known_suffix
from equiclust.argument_types import checks_types
from equiclust.exceptions import UnreadableFileError
from equiclust.images import Image
from equiclust.io.staging import digest_of
from equiclust.typing import Array

__all__ = ["check_adapter"]

_DESCRIPTORS = Path("/dev/fd")
_NO_PART = "no such part"


@checks_types
def check_adapter(
    adapter: Adapter, path: str | Path, *, expected: npt.ArrayLike | None = None, axes: str = ""
) -> None:
    """Check that an adapter keeps the promises of `Adapter`, on a file of its format.

    It must have the protocol and make itself without arguments; give images with ids that differ
    and with the path of the file; give them again when the file is read again, by a copy of itself
    that was pickled, and in parts; leave no file open and the file as it was; and refuse a part
    that is not there, and copies of the file that are empty, cut off or no such file, by an
    `UnreadableFileError` of one sentence that begins with the path.

    Parameters
    ----------
    adapter : Adapter
    path : str or Path
        A small file, or folder, of at least one image, without a part in brackets.
    expected : array-like (h, w) or (c, h, w), optional
        Values of the first image, NaN where they are masked; the first row is the lowest one.
        Without them nobody knows whether the image is upside down.
    axes : str, default ""
        Letters of `data_adapters.read`, for adapters that take them.

    Raises
    ------
    AssertionError
        When a promise is not kept; the message says which.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from data_adapters.arrays import ArrayAdapter
    >>> values = np.arange(12.0).reshape(3, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", values)
    ...     check_adapter(ArrayAdapter(), f"{folder}/a.npy", expected=values)
    """
    file = Path(path)
    _check_protocol(adapter, file)
    before, n_open = _digests(file), _n_open()
    images = _read(adapter, file, axes=axes)
    _check_images(images, file)
    if expected is not None:
        _check_values(images[0], np.asarray(expected, dtype=np.float64))
    _check_same(images, _read(adapter, file, axes=axes), "when it is read again")
    copy = pickle.loads(pickle.dumps(adapter))
    _check_same(images, _read(copy, file, axes=axes), "by an adapter that was pickled")
    if isinstance(adapter, PartAdapter):
        _check_parts(adapter, file, images, axes)
    _check_refused(adapter, file, _NO_PART, f"part {_NO_PART!r}")
    with tempfile.TemporaryDirectory() as folder:
        for damaged, what in _damaged(file, Path(folder)):
            _check_damaged(adapter, damaged, what, images)
    _tell(_digests(file) == before, f"{file}: it was changed")
    _tell(_n_open() <= n_open, f"{file}: {_n_open() - n_open} files were left open")


def _tell(is_kept: bool, promise: str) -> None:
    if not is_kept:
        raise AssertionError(promise)


def _check_protocol(adapter: Adapter, path: Path) -> None:
    check_suffixes(adapter)
    _tell(
        bool(known_suffix(path, adapter.suffixes)),
        f"{path}: its name must end in one of suffixes, {adapter.suffixes}",
    )
    made = type(adapter)()
    _tell(made.suffixes == adapter.suffixes, "the class must make itself without arguments")


def _read(adapter: Adapter, path: Path, part: str = "", *, axes: str = "") -> tuple[Image, ...]:
    options = {"axes": axes} if getattr(adapter, "takes_axes", False) else {}
    found = adapter.read(path, part, **options)
    _tell(isinstance(found, tuple), f"read must give a tuple, got {type(found).__name__}")
    return found


def _check_images(images: tuple[Image, ...], path: Path) -> None:
    _tell(len(images) > 0, f"{path}: read gave no image")
    for image in images:
        _tell(isinstance(image, Image), f"read must give images, got {type(image).__name__}")
        named = bool(image.id) and image.id.isprintable()
        _tell(named, f"an id must be printable text, got {image.id!r}")
        source = image.path or ""
        is_file = source == str(path) or source.startswith(f"{path}[")
        _tell(is_file, f"the path of image {image.id!r} must be {str(path)!r}, got {image.path!r}")
    ids = [image.id for image in images]
    _tell(len(set(ids)) == len(ids), f"ids must differ, got {ids}")


def _values(image: Image) -> Array:
    return np.where(image.mask, np.nan, image.values)


def _check_values(image: Image, expected: Array) -> None:
    found = _values(image)
    wanted = expected if expected.ndim == 3 else expected[None]
    _tell(
        found.shape == wanted.shape,
        f"image {image.id!r} must have shape {wanted.shape}, got {found.shape}",
    )
    hidden = np.isnan(wanted).any(axis=0)
    wanted = np.where(hidden, np.nan, wanted)
    right, turned = (
        bool(np.allclose(values, wanted, rtol=1e-6, atol=0.0, equal_nan=True))
        for values in (found, found[:, ::-1])
    )
    upside_down = turned and not right
    _tell(
        upside_down or bool(np.array_equal(image.mask, hidden)),
        f"image {image.id!r} must have {hidden.sum()} masked pixels, got {image.mask.sum()}, or "
        "they lie elsewhere",
    )
    said = "it is upside down: the first row must be the lowest" if upside_down else "others"
    _tell(right, f"image {image.id!r} must have the values that are expected, got {said}")


def _check_same(first: tuple[Image, ...], again: tuple[Image, ...], when: str) -> None:
    _tell(len(first) == len(again), f"{len(first)} images are {len(again)} {when}")
    for one, other in zip(first, again, strict=True):
        same = (one.id, one.path, one.unit, one.beam) == (
            (other.id, other.path, other.unit, other.beam)
        )
        same = same and np.array_equal(_values(one), _values(other), equal_nan=True)
        _tell(bool(same), f"image {one.id!r} is another one {when}")


def _check_parts(adapter: PartAdapter, path: Path, images: tuple[Image, ...], axes: str) -> None:
    size = images[0].pixels.nbytes
    for first in sorted({0, len(images) // 2}):
        parts = list(adapter.read_parts(path, axes=axes, first=first, most_bytes=size))
        _check_same(images[first:], joined(iter(parts), path), f"read in parts from {first} on")
        counts = {part.of for part in parts}
        _tell(counts == {len(images)}, f"parts must be of {len(images)} images, got {counts}")
        _tell(
            all(part.n == len(part.images) for part in parts),
            "a part must hold as many images as it says",
        )


def _check_refused(adapter: Adapter, path: Path, part: str, what: str) -> None:
    try:
        _read(adapter, path, part)
    except UnreadableFileError as error:
        text = str(error)
        is_sentence = text.startswith(str(path)) and "\n" not in text and len(text) > len(str(path))
        _tell(
            is_sentence, f"{what} must be refused in one line that begins with the path: {text!r}"
        )
    except Exception as error:
        raise AssertionError(
            f"{what} must raise an UnreadableFileError, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError(f"{what} must raise an UnreadableFileError, got images")


def _check_damaged(adapter: Adapter, path: Path, what: str, images: tuple[Image, ...]) -> None:
    """Refused, or where what is cut off was nothing but padding the same images."""
    if what.startswith("cut"):
        try:
            found = _read(adapter, path)
        except Exception:
            found = ()
        pairs = zip(images, found, strict=False)
        same = (np.array_equal(_values(a), _values(b), equal_nan=True) for a, b in pairs)
        if len(found) == len(images) and all(same):
            return
    _check_refused(adapter, path, "", f"a file that is {what}")


def _damaged(path: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Copies that are no good, one at a time; of a folder all files are spoilt."""
    copy = folder / path.name
    for what in ("empty", "cut to a half", "cut at its end", "random bytes"):
        if path.is_dir():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(path, copy)
        else:
            shutil.copyfile(path, copy)
        for file in _files(copy):
            file.write_bytes(_spoilt(file.read_bytes(), what))
        yield copy, what


def _spoilt(content: bytes, what: str) -> bytes:
    if what == "random bytes":
        return np.random.default_rng(0).bytes(len(content))
    kept = {"empty": 0, "cut to a half": len(content) // 2}
    return content[: kept.get(what, len(content) - max(1, len(content) // 20))]


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())


def _digests(path: Path) -> dict[str, str]:
    return {str(one): digest_of(one) for one in _files(path)}


def _n_open() -> int:
    """Files that this process has open; 0 where the system does not say."""
    return len(os.listdir(_DESCRIPTORS)) if _DESCRIPTORS.is_dir() else 0
