"""Tables as VOTables, the format of the Virtual Observatory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equiclust.exceptions import InputError
from equiclust.io.ucds import ucd_of
from equiclust.io.votable_rows import is_plain, row_texts

if TYPE_CHECKING:
    from astropy.io.votable.tree import Field, VOTableFile
    from astropy.table import Table

__all__ = ["read_votable", "votable_of", "write_votable"]

_FRAME = "ICRS"
_WIDER = {"u4": "i8", "u8": "i8", "u2": "i4", "i1": "i2", "f2": "f4"}
_OF_ICRS = ("pos.eq.ra", "pos.eq.dec")


def write_votable(table: Table, path: Path) -> None:
    """Write a table.

    Parameters
    ----------
    table : astropy.table.Table
        Its columns have units, descriptions and UCDs; its metadata is kept as text.
    path : Path
        Replaced.
    """
    known = _with_known_types(table)
    if not is_plain(known):
        # As text, astropy spells infinity in a way that other readers refuse.
        votable_of(known).to_xml(str(path), tabledata_format="binary2")
        return
    frame = io.BytesIO()
    votable_of(known[:0]).to_xml(frame)
    before, end, after = frame.getvalue().decode().rpartition("</TABLE>")
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{before}<DATA><TABLEDATA>\n")
        file.writelines(row_texts(known))
        file.write(f"</TABLEDATA></DATA>{end}{after}")


def _repair_fields(fields: Sequence[Field], *, any_length: bool) -> None:
    """Give each an id of its own, text any length, and truth values the type that others read."""
    from astropy.io.votable.converters import get_converter

    taken = {field.name for field in fields}
    for field in fields:
        while field.name != field.ID and field.ID in taken:
            field.ID += "_"
        taken.add(field.ID)
        if any_length and field.datatype == "unicodeChar" and "x" not in str(field.arraysize):
            field.arraysize = "*"
        if field.datatype == "bit" and field.arraysize is None:
            field.datatype = "boolean"
        field.converter = get_converter(field)


def _with_known_types(table: Table) -> Table:
    """VOTable has no unsigned numbers of more than a byte, and no signed ones of one."""
    found = table.copy(copy_data=False)
    for name in table.colnames:
        dtype = table[name].dtype
        wider = _WIDER.get(dtype.str[1:])
        if dtype.str[1:] == "u8" and len(table) and np.max(table[name]) > np.iinfo(np.int64).max:
            raise InputError(
                f"a VOTable cannot hold {np.max(table[name])} of the column {name!r}; choose "
                "another format"
            )
        if wider:
            found[name] = table[name].astype(wider)
        elif dtype.kind == "U" and hasattr(table[name], "mask"):
            # Else what stands behind the mask would be written.
            found[name] = table[name].filled("")
    return found


def votable_of(table: Table, *, any_length: bool = True) -> VOTableFile:
    """A table as the tree of a VOTable file.

    Parameters
    ----------
    table : astropy.table.Table
    any_length : bool, default True
        Whether text may be longer than that of the table.

    Returns
    -------
    astropy.io.votable.tree.VOTableFile
        With the system of the coordinates, and the metadata of the table as INFO elements.

    Raises
    ------
    InputError
        When a whole number is too large for it.
    """
    from astropy.io.votable import from_table
    from astropy.io.votable.exceptions import VOWarning
    from astropy.io.votable.tree import CooSys, Info

    with warnings.catch_warnings():
        # Of names that are no identifiers, which get some.
        warnings.simplefilter("ignore", VOWarning)
        made = from_table(_with_known_types(table))
    (resource,) = made.resources
    _repair_fields(resource.tables[0].fields, any_length=any_length)
    on_sky = [
        field
        for field in resource.tables[0].fields
        if ucd_of(table[field.name]).startswith(_OF_ICRS)
    ]
    if on_sky:
        resource.coordinate_systems.append(CooSys(ID=_FRAME, system=_FRAME))
    for field in on_sky:
        field.ref = _FRAME
    for number, (name, value) in enumerate(table.meta.items()):
        resource.infos.append(Info(ID=f"info_{number}", name=str(name), value=str(value)))
    return made


def read_votable(path: Path) -> Table:
    """Read the one table of a VOTable file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    astropy.table.Table
        Columns by their names; INFO elements are its metadata.

    Raises
    ------
    ValueError
        When there is more than one table.
    """
    from astropy.io.votable import parse
    from astropy.table import Table

    tree = parse(str(path), verify="ignore")
    table = Table.read(tree, format="votable", use_names_over_ids=True)
    for resource in tree.resources:
        table.meta |= {info.name: info.value for info in resource.infos if info.name}
    for name in table.colnames:
        if table[name].dtype.kind == "O":
            _make_text(table, name)
    return table


def _make_text(table: Table, name: str) -> None:
    """Text of any length is read as objects."""
    from astropy.table import Column

    values = np.ma.filled(table[name], "")
    if all(isinstance(value, str) for value in values):
        table[name] = Column(
            np.asarray(values, dtype=np.str_), description=table[name].description,
            unit=table[name].unit, meta=dict(table[name].meta),
        )  # fmt: skip
