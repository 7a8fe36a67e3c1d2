"""What columns of our tables are, in the words that the Virtual Observatory's programs know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import Column, Table

__all__ = ["add_ucds", "set_ucd", "ucd_of"]

_CLASS = "meta.code.class"
# Unified Content Descriptors (IVOA Recommendation UCD1+ 1.5).
_UCDS = {
    "id": "meta.id;meta.main",
    "path": "meta.ref;meta.file",
    "reason": "meta.note",
    "label": _CLASS,
    "label_coarse": _CLASS,
    "label_fine": _CLASS,
    "label_2": _CLASS,
    "label_3": _CLASS,
    "cluster": _CLASS,
    "kind": _CLASS,
    "given": _CLASS,
    "stability": "stat.probability",
    "probability": "stat.probability",
    "agreement": "stat.value;arith.ratio",
    "agreement_held_out": "stat.value;arith.ratio",
    "outlier_score": "stat.value",
    "novelty": "stat.value",
    "latent": "stat.param",
    "similar": "meta.id.assoc",
    "rank": "stat.rank",
    "distance": "stat.value",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "glon": "pos.galactic.lon",
    "glat": "pos.galactic.lat",
    "x": "pos.cartesian.x",
    "y": "pos.cartesian.y",
    "channel": "meta.record",
    "channel_low": "meta.record;stat.min",
    "channel_high": "meta.record;stat.max",
    "n_pixels": "meta.number;instr.pixel",
    "area": "phys.angArea",
    "flux": "phot.flux",
    "mean": "phot.flux;stat.mean",
    "membership": "meta.code.member",
    "inclination": "src.orbital.inclination",
    "inclination_error": "stat.error;src.orbital.inclination",
    "inclination_note": "meta.note",
    "position_angle": "pos.posAng",
    "position_angle_error": "stat.error;pos.posAng",
    "orientation": "pos.posAng",
    "elongation": "src.morph.param",
    "brightness": "phot.flux;stat.mean",
    "signal_to_noise": "stat.snr",
    "size": "phys.angSize;arith.ratio",
    "edge": "phot.flux;arith.ratio",
    "separation": "pos.angDistance",
    "match_row": "meta.id.cross",
    "n_within": "meta.number",
}
_SPECTRAL = {
    "velocity": "spect.dopplerVeloc",
    "frequency": "em.freq",
    "wavelength": "em.wl",
    "energy": "em.energy",
}
_KEY = "ucd"


def add_ucds(table: Table) -> Table:
    """Say of columns of a table of ours what they are, where that is not said.

    Parameters
    ----------
    table : astropy.table.Table
        Gets the entry ``ucd`` in the `meta` of its columns, from which VOTable, FITS, ECSV and
        Parquet files have it.

    Returns
    -------
    astropy.table.Table
        The same table.
    """
    for column in table.itercols():
        found = _by_name(str(column.name))
        if found and not ucd_of(column):
            set_ucd(column, found)
    return table


def ucd_of(column: Column) -> str:
    """The UCD of a column, from wherever it was read.

    Parameters
    ----------
    column : astropy.table.Column

    Returns
    -------
    str
        Empty where there is none.
    """
    return str((column.info.meta or {}).get(_KEY) or "")


def set_ucd(column: Column, ucd: str) -> None:
    """Give a column a UCD.

    Parameters
    ----------
    column : astropy.table.Column
    ucd : str
    """
    column.info.meta = {**(column.info.meta or {}), _KEY: ucd}


def _by_name(name: str) -> str:
    if re.fullmatch(r"label_fold_\d+", name):
        return _CLASS
    kind, _, end = name.rpartition("_")
    if kind in _SPECTRAL and end in ("low", "high"):
        return f"{_SPECTRAL[kind]};stat.{'min' if end == 'low' else 'max'}"
    return _UCDS.get(name, "")
