"""Tables of vectors that were made elsewhere: arrays, FITS and Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data_adapters.discovery import split_part
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.io.catalogue import read_table
from equiclust.io.catalogue_rows import CatalogueRows
from equiclust.io.fit_record import array_digest
from equiclust.io.sky_columns import find_sky_columns, sky_positions
from equiclust.typing import Array, Float32Array, Float64Array, IntArray, PathLike
from equiclust.validation import shown

__all__ = ["LATENT_ENDINGS", "LatentFile", "is_latent_file", "read_latent_file", "read_latents"]

LATENT_ENDINGS = (".npy", ".npz", ".fits", ".ecsv", ".vot", ".csv", ".parquet")
"""Endings of the names of files that hold vectors."""

_ID_COLUMNS = (
    "id", "ids", "id_str", "name", "filename", "file", "path", "file_loc", "object_id", "source_id",
    "objid", "targetid",
)  # fmt: skip
_VECTOR_COLUMNS = (
    "latent", "latents", "embedding", "embeddings", "image_embedding", "features", "representation",
    "vector", "tensor",
)  # fmt: skip
_PATH_COLUMNS = ("path", "file_loc", "filename", "file")
# Numbers of rows, as pandas writes them, and what is to be found: no features.
_NO_FEATURES = {
    *_ID_COLUMNS, "index", "__index_level_0__", "unnamed: 0", "row", "label", "labels", "class",
}  # fmt: skip


class LatentFile(NamedTuple):
    """Vectors, and the objects that they belong to.

    Attributes
    ----------
    rows : CatalogueRows
        Names, and files and places where the file of the vectors has them.
    latents : ndarray (n, d), float32
    """

    rows: CatalogueRows
    latents: Float32Array

    @property
    def digest(self) -> str:
        """SHA-256 of the names and the vectors."""
        names = "\0".join(self.rows.ids).encode()
        return array_digest(np.frombuffer(names, dtype=np.uint8), self.latents)

    def take(self, indices: IntArray) -> LatentFile:
        """Some of the vectors.

        Parameters
        ----------
        indices : ndarray (m,), int
            Rows in the order wanted.

        Returns
        -------
        LatentFile
        """
        return LatentFile(self.rows.take(indices), self.latents[indices])


def is_latent_file(name: str) -> bool:
    """Whether a file holds vectors, by the ending of its name.

    Parameters
    ----------
    name : str
        With a column in brackets behind it, or without.

    Returns
    -------
    bool
    """
    return name.lower().partition("[")[0].endswith(LATENT_ENDINGS)


@checks_types
def read_latents(path: PathLike) -> tuple[tuple[str, ...], Float32Array]:
    """Read vectors and the names of the images that they belong to.

    - ``.npz``: the arrays ``ids (n,)`` and ``latents (n, d)``;
    - ``.npy``: an array ``(n, d)``, with the ids in a text file of the same name that ends in
      ``.txt``, one a line; or a structured array, whose fields are read as the columns of a table;
    - FITS, ECSV, CSV, VOTable and Parquet: a column ``id`` (or ``id_str``, ``name``, ``filename``,
      ``path``, ``object_id``, ``source_id``) and one of vectors, ``latent`` (or ``embedding``,
      ``features``, ``representation``, ``tensor``); without such a one, all columns of numbers in
      their order, but for ``index``, ``row``, ``label``, ``class``, and right ascension and
      declination. A name in brackets, as in ``latents.parquet[embedding]``, is that of the column.

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

    Examples
    --------
    >>> from astropy.table import Table
    >>> from equiclust.encoders import read_latents
    >>> rows = [("a", 83.6, -5.4, 1.0, 0.5), ("b", 83.7, -5.3, 2.0, 0.0)]
    >>> table = Table(rows=rows, names=["name", "ra", "dec", "feature_0", "feature_1"])
    >>> table.write("features.ecsv")
    >>> ids, latents = read_latents("features.ecsv")
    >>> ids, latents.tolist()
    (('a', 'b'), [[1.0, 0.5], [2.0, 0.0]])
    """
    found = read_latent_file(path)
    return found.rows.ids, found.latents


def read_latent_file(path: PathLike, *, numbered: bool = False) -> LatentFile:
    """Read vectors and what their file says of the objects that they belong to.

    Parameters
    ----------
    path : path-like
        As of `read_latents`. Columns ``ra`` and ``dec`` are places in degrees (ICRS), ``path`` (or
        ``filename``) the files of the images.
    numbered : bool, default False
        Whether objects without ids are called by the numbers of their rows, "00000" first.

    Returns
    -------
    LatentFile

    Raises
    ------
    InputError
        As of `read_latents`.
    MissingPackageError
        When pyarrow is missing for a Parquet file.
    """
    name, column = split_part(path)
    file = Path(name)
    if file.suffix.lower() not in LATENT_ENDINGS:
        raise InputError(f"{str(file)!r} must end in one of {', '.join(LATENT_ENDINGS)}")
    if not file.is_file():
        raise InputError(f"cannot read {str(file)!r}: there is no such file")
    columns = _READERS.get(file.suffix.lower(), _from_table)(file)
    vectors = _vectors(file, columns, column)
    names = _ids(file, columns, len(vectors), numbered=numbered)
    ids = _checked_ids(file, names, len(vectors))
    return LatentFile(_rows(ids, columns), _finite(file, ids, vectors))


def _from_array(path: Path) -> dict[str, Any]:
    found = _loaded(path)
    if not isinstance(found, np.ndarray):
        raise InputError(f"{str(path)!r} is an archive; let its name end in .npz")
    if found.dtype.names:
        return {name: found[name] for name in found.dtype.names}
    names = path.with_suffix(".txt")
    if not names.exists():
        return {"latents": found}
    try:
        ids = names.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the ids in {str(names)!r}: {error}") from error
    return {"latents": found, "ids": [name for name in ids if name.strip()]}


def _from_archive(path: Path) -> dict[str, Any]:
    arrays = _loaded(path)
    try:
        return {name: arrays[name] for name in arrays.files}
    except Exception as error:
        raise InputError(
            f"{str(path)!r} must hold the arrays 'ids' (n,) of text and 'latents' (n, d): {error}"
        ) from error


def _loaded(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    # A file that is none is a BadZipFile, an EOFError or a ValueError.
    except Exception as error:
        raise InputError(f"cannot read {str(path)!r} as an array: {error}") from error


def _from_table(path: Path) -> dict[str, Any]:
    table = read_table(path)
    return {name: table[name] for name in table.colnames}


_READERS = {".npy": _from_array, ".npz": _from_archive}


def _first(columns: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first of these columns that there is, whatever its case; else None."""
    named = {name.lower(): values for name, values in columns.items()}
    return next((named[name] for name in names if name in named), None)


def _vectors(path: Path, columns: Mapping[str, Any], wanted: str) -> Array:
    if wanted and wanted not in columns:
        raise InputError(f"{str(path)!r} has no column {wanted!r}, only {', '.join(columns)}")
    found = columns[wanted] if wanted else _first(columns, _VECTOR_COLUMNS)
    if found is None:
        others = _NO_FEATURES.union(_sky_columns(columns))
        numbers = [
            np.asarray(one)
            for name, one in columns.items()
            if np.ndim(one) == 1
            and np.asarray(one).dtype.kind in "fiu"
            and others.isdisjoint((name, name.lower()))
        ]
        if not numbers:
            raise InputError(
                f"{str(path)!r} must have a column 'latent' of vectors, or numbers, got "
                f"{', '.join(columns)}"
            )
        found = np.stack(numbers, axis=1)
    vectors = np.asarray(found)
    if vectors.dtype.kind == "O":
        lengths = sorted({np.size(() if one is None else one) for one in vectors.tolist()})
        raise InputError(
            f"{str(path)!r} must hold vectors of one length, got {', '.join(map(str, lengths[:9]))}"
        )
    if vectors.dtype.kind not in "fiu" or vectors.ndim != 2 or not vectors.size:
        raise InputError(
            f"{str(path)!r} must hold vectors (n, d) of numbers, got {shown(vectors.dtype)} of "
            f"shape {vectors.shape}"
        )
    return vectors


def _ids(path: Path, columns: Mapping[str, Any], n: int, *, numbered: bool) -> list[str]:
    found = _first(columns, _ID_COLUMNS)
    if found is not None:
        return [_text(name) for name in np.asarray(found).tolist()]
    if numbered:
        return [f"{row:05d}" for row in range(n)]
    if path.suffix.lower() == ".npy":
        names = str(path.with_suffix(".txt"))
        raise InputError(f"{str(path)!r} has no ids: write them to {names!r}, one a line")
    raise InputError(
        f"{str(path)!r} must have a column 'id' with the names of the images, "
        f"got {', '.join(columns)}"
    )


def _checked_ids(path: Path, names: Sequence[str], n: int) -> tuple[str, ...]:
    if len(names) != n:
        raise InputError(f"{str(path)!r} must have an id a row, got {len(names)} and {n}")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{str(path)!r} must have one row an image, got {name!r} twice")
        seen.add(name)
    return tuple(names)


def _finite(path: Path, names: Sequence[str], vectors: Array) -> Float32Array:
    with np.errstate(over="ignore"):
        latents = vectors.astype(np.float32)
    broken = ~np.isfinite(latents).all(axis=1)
    if broken.any():
        raise InputError(
            f"{str(path)!r} must hold finite vectors, got NaN or infinity in {int(broken.sum())} "
            f"of {len(vectors)} rows, first for {names[int(broken.argmax())]!r}"
        )
    return latents


def _rows(ids: tuple[str, ...], columns: Mapping[str, Any]) -> CatalogueRows:
    """Names with the files and places that stand beside them."""
    files = _first(columns, _PATH_COLUMNS)
    if files is None or len(files) != len(ids):
        paths = ("",) * len(ids)
    else:
        paths = tuple(map(_text, np.asarray(files).tolist()))
    return CatalogueRows(ids, paths, _positions(columns))


def _sky_columns(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of right ascension and declination; none where there are no such columns."""
    flat = {name: one for name, one in columns.items() if np.ndim(one) == 1}
    if not flat or len({len(one) for one in flat.values()}) > 1:
        return ()
    from astropy.table import Table

    try:
        *names, frame = find_sky_columns(Table(flat))
    except InputError:
        return ()
    # One letter is rather a feature than a galactic longitude.
    return tuple(names) if frame == "icrs" else ()


def _positions(columns: Mapping[str, Any]) -> Float64Array | None:
    names = _sky_columns(columns)
    if not names:
        return None
    from astropy.table import Table

    places = sky_positions(Table({name: columns[name] for name in names}), *names)
    return np.stack([places.ra.deg, places.dec.deg], axis=1)


def _text(name: Any) -> str:
    return (name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)).strip()
