"""Tables of vectors that were made elsewhere: arrays, FITS and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.optional import import_optional
from equiclust.typing import Array, Float32Array, PathLike
from equiclust.validation import shown

__all__ = ["LATENT_ENDINGS", "read_latents"]

LATENT_ENDINGS = (".npy", ".npz", ".fits", ".ecsv", ".vot", ".csv", ".parquet")
"""Endings of the names of files that hold vectors."""

_ID_COLUMNS = ("id", "ids", "name", "filename", "file", "path")
# Numbers of rows, as pandas writes them, and what is to be found: no features.
_NO_FEATURES = (
    *_ID_COLUMNS, "index", "__index_level_0__", "unnamed: 0", "row", "label", "labels", "class",
)  # fmt: skip
_VECTOR_COLUMNS = ("latent", "latents", "embedding", "embeddings", "features", "vector")


@checks_types
def read_latents(path: PathLike) -> tuple[tuple[str, ...], Float32Array]:
    """Read vectors and the names of the images that they belong to.

    - ``.npz``: the arrays ``ids (n,)`` and ``latents (n, d)``;
    - ``.npy``: an array ``(n, d)``, with the ids in a text file of the same name that ends in
      ``.txt``, one a line;
    - FITS, ECSV, CSV, VOTable and Parquet: a column ``id`` (or ``name``, ``filename``, ``path``)
      and one of vectors, ``latent`` (or ``embedding``, ``features``); without such a one, all
      columns of numbers in their order, but for ``index``, ``row``, ``label`` and ``class``.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ids : tuple of str
    latents : ndarray (n, d), float32

    Raises
    ------
    InputError
        When the file cannot be read, an id occurs twice, or a vector is not finite.
    MissingPackageError
        When pyarrow is missing for a Parquet file.
    """
    file = Path(path)
    if file.suffix.lower() not in LATENT_ENDINGS:
        raise InputError(f"{str(file)!r} must end in one of {', '.join(LATENT_ENDINGS)}")
    if not file.is_file():
        raise InputError(f"cannot read {str(file)!r}: there is no such file")
    ids, vectors = _READERS.get(file.suffix.lower(), _from_table)(file)
    return _checked(file, ids, vectors)


def _from_array(path: Path) -> tuple[Sequence[Any], Array]:
    names = path.with_suffix(".txt")
    try:
        ids = names.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{str(path)!r} has no ids: write them to {str(names)!r}, one a line"
        ) from error
    return [name for name in ids if name.strip()], _loaded(path)


def _from_archive(path: Path) -> tuple[Sequence[Any], Array]:
    arrays = _loaded(path)
    try:
        return arrays["ids"].tolist(), arrays["latents"]
    except (KeyError, ValueError, OSError, IndexError) as error:
        raise InputError(
            f"{str(path)!r} must hold the arrays 'ids' (n,) of text and 'latents' (n, d): {error}"
        ) from error


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    # A file that is none is a BadZipFile, an EOFError or a ValueError.
    except Exception as error:
        raise InputError(f"cannot read {str(path)!r} as an array: {error}") from error


def _from_table(path: Path) -> tuple[Sequence[Any], Array]:
    table = read_table(path)
    return _columns(path, {name: np.asarray(table[name]) for name in table.colnames})


def _from_parquet(path: Path) -> tuple[Sequence[Any], Array]:
    parquet = import_optional("pyarrow.parquet", extra="parquet", purpose="a Parquet file")
    try:
        table = parquet.read_table(path)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        return _columns(path, {name: _array(path, one) for name, one in columns.items()})
    except InputError:
        raise
    # Those of Arrow, and lists of different lengths.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"cannot read {str(path)!r} as a table of vectors: {reason}") from error


def _array(path: Path, values: list[Any]) -> Array:
    lengths = sorted({len(one or ()) for one in values if isinstance(one, list | None)})
    if len(lengths) > 1:
        raise InputError(
            f"{str(path)!r} must hold vectors of one length, got {', '.join(map(str, lengths))}"
        )
    return np.asarray(values)


def _columns(path: Path, columns: dict[str, Array]) -> tuple[Sequence[Any], Array]:
    """Ids and vectors among the columns of a table."""
    named = {name.lower(): values for name, values in columns.items()}
    ids = next((named[name] for name in _ID_COLUMNS if name in named), None)
    if ids is None:
        raise InputError(
            f"{str(path)!r} must have a column 'id' with the names of the images, "
            f"got {', '.join(columns)}"
        )
    vectors = next((named[name] for name in _VECTOR_COLUMNS if name in named), None)
    if vectors is None:
        numbers = [
            one
            for name, one in named.items()
            if one.ndim == 1 and one.dtype.kind in "fiu" and name not in _NO_FEATURES
        ]
        if not numbers:
            raise InputError(f"{str(path)!r} must have a column 'latent' of vectors, or numbers")
        vectors = np.stack(numbers, axis=1)
    return ids.tolist(), vectors


def _checked(
    path: Path, ids: Sequence[Any], vectors: Array
) -> tuple[tuple[str, ...], Float32Array]:
    names = tuple(_text(name) for name in ids)
    if vectors.dtype.kind not in "fiu" or vectors.ndim != 2 or not vectors.size:
        raise InputError(
            f"{str(path)!r} must hold vectors (n, d) of numbers, got {shown(vectors.dtype)} of "
            f"shape {vectors.shape}"
        )
    if len(names) != len(vectors):
        raise InputError(
            f"{str(path)!r} must have an id a row, got {len(names)} and {len(vectors)}"
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{str(path)!r} must have one row an image, got {name!r} twice")
        seen.add(name)
    broken = ~np.isfinite(vectors).all(axis=1)
    if broken.any():
        raise InputError(
            f"{str(path)!r} must hold finite vectors, got NaN or infinity in {int(broken.sum())} "
            f"of {len(vectors)} rows, first for {names[int(broken.argmax())]!r}"
        )
    return names, vectors.astype(np.float32)


def _text(name: Any) -> str:
    return (name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)).strip()


_READERS = {".npy": _from_array, ".npz": _from_archive, ".parquet": _from_parquet}
