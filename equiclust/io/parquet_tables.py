"""Tables in Parquet files, written block by block."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.io.ucds import set_ucd, ucd_of
from equiclust.io.votables import votable_of
from equiclust.optional import import_optional

if TYPE_CHECKING:
    from astropy.table import Column, Table

__all__ = ["read_parquet", "write_parquet"]

_PURPOSE = "a Parquet file"
# Where the metadata of a table and of its columns stand, as JSON.
_META = b"equiclust"
# Keys of the VOParquet convention (IVOA Note 1.0).
_VERSION, _CONTENT = b"IVOA.VOTable-Parquet.version", b"IVOA.VOTable-Parquet.content"


def write_parquet(blocks: Iterable[Table], path: Path) -> None:
    """Write tables of the same columns below one another.

    Parameters
    ----------
    blocks : iterable of astropy.table.Table
        At least one.
    path : Path
        Replaced.

    Raises
    ------
    MissingPackageError
        When pyarrow is not installed.
    """
    arrow = import_optional("pyarrow", extra="parquet", purpose=_PURPOSE)
    parquet = import_optional("pyarrow.parquet", extra="parquet", purpose=_PURPOSE)
    writer = None
    try:
        for block in blocks:
            plain = _to_arrow(block, arrow)
            if writer is None:
                writer = parquet.ParquetWriter(path, plain.schema)
            writer.write_table(plain)
    finally:
        if writer is not None:
            writer.close()


def read_parquet(path: Path) -> Table:
    """Read a table.

    Parameters
    ----------
    path : Path

    Returns
    -------
    astropy.table.Table
        Missing text is empty, missing floats are NaN; other missing values are masked.

    Raises
    ------
    MissingPackageError
        When pyarrow is not installed.
    """
    from astropy.table import Column, MaskedColumn, Table

    parquet = import_optional("pyarrow.parquet", extra="parquet", purpose=_PURPOSE)
    found = parquet.read_table(path)
    about = json.loads((found.schema.metadata or {}).get(_META, b"{}"))
    table = Table(meta=about.get("meta", {}))
    for name in found.column_names:
        known = about.get("columns", {}).get(name, {})
        values = _to_numpy(found.column(name))
        kind = MaskedColumn if isinstance(values, np.ma.MaskedArray) else Column
        table[name] = kind(values, description=known.get("description"), unit=known.get("unit"))
        if known.get("ucd"):
            set_ucd(table[name], known["ucd"])
    return table


def _to_arrow(table: Table, arrow: Any) -> Any:
    columns = {name: _to_array(table[name], arrow) for name in table.colnames}
    about = {
        "meta": {key: str(value) for key, value in table.meta.items()},
        "columns": {
            column.name: {
                "description": column.description,
                "unit": _unit_of(column),
                "ucd": ucd_of(column),
            }
            for column in table.itercols()
        },
    }
    said = {_META: json.dumps(about).encode(), **_for_others(table)}
    return arrow.table(columns).replace_schema_metadata(said)


def _for_others(table: Table) -> dict[bytes, bytes]:
    """Units, UCDs and descriptions as TOPCAT and astropy look for them: a VOTable of no rows."""
    buffer = io.BytesIO()
    votable_of(table[:0], any_length=False).to_xml(buffer)
    return {_VERSION: b"1.0", _CONTENT: buffer.getvalue()}


def _unit_of(column: Column) -> str | None:
    return None if column.unit is None else column.unit.to_string("fits")


def _to_array(column: Column, arrow: Any) -> Any:
    values, mask = np.asarray(column), _mask_of(column)
    if values.dtype.kind == "U":
        return arrow.array(values.astype(object), type=arrow.string(), mask=mask)
    if values.ndim == 1:
        return arrow.array(values, mask=mask)
    return arrow.FixedSizeListArray.from_arrays(arrow.array(values.ravel()), values.shape[1])


def _mask_of(column: Column) -> Any:
    """Values that are missing, bool `(n,)`; None where none is."""
    mask = getattr(column, "mask", None)
    return None if mask is None or column.ndim > 1 or not np.any(mask) else np.asarray(mask)


def _to_numpy(column: Any) -> Any:
    joined = column.combine_chunks()
    kind = str(joined.type)
    if kind in ("string", "large_string"):
        return np.array([value or "" for value in joined.to_pylist()], dtype=np.str_)
    if kind.startswith(("fixed_size_list", "list", "large_list")):
        return _vectors(joined)
    if joined.null_count and not kind.startswith(("float", "double", "half")):
        known = joined.drop_null().to_numpy(zero_copy_only=False)
        mask = np.asarray(joined.is_null())
        values = np.ma.MaskedArray(np.zeros(len(joined), dtype=known.dtype), mask=mask)
        values.data[~mask] = known
        return values
    return np.asarray(joined.to_numpy(zero_copy_only=False))


def _vectors(column: Any) -> Any:
    """Lists as rows, or as objects where they have several lengths, or some are missing."""
    compute = import_optional("pyarrow.compute", extra="parquet", purpose=_PURPOSE)
    lengths = np.unique(np.asarray(compute.list_value_length(column).fill_null(-1)))
    if column.null_count or len(lengths) != 1:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(column.flatten()).reshape(len(column), -1)
