"""Stamps and their tables put into place, and recognised when they are there."""

from __future__ import annotations

import filecmp
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_adapters.stamp_files import kind_of_stamps
from equiclust._version import __version__
from equiclust.cutouts.placement import Left
from equiclust.cutouts.sources import Sources
from equiclust.cutouts.stamp_outputs import StampOutput, kind_of
from equiclust.cutouts.stamp_tables import beside, rejected_table
from equiclust.exceptions import InputError, OutputError
from equiclust.io.block_tables import BlockTable
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.outputs import not_ours
from equiclust.io.staging import refused, staged
from equiclust.io.table_parts import Parts

__all__ = ["check_free", "finished_job", "publish"]

_JOB, _RESULT = "JOB", "RESULT"


def tables_of(output: Path) -> tuple[Path, Path]:
    """Tables of the stamps, and of the sources without one.

    Parameters
    ----------
    output : Path

    Returns
    -------
    (Path, Path)
    """
    return beside(output, ".ecsv"), beside(output, ".rejected.ecsv")


def check_free(output: Path, parts: Path) -> None:
    """Refuse to write over anything; what a stopped call has left is checked where it is used.

    Parameters
    ----------
    output : Path
    parts : Path
        Folder of a stopped call.

    Raises
    ------
    OutputError
    """
    is_empty = output.is_dir() and not output.is_symlink() and not os.listdir(output)
    if os.path.lexists(output) and not is_empty:
        raise not_ours(output)
    if os.path.lexists(parts):
        return
    draft = output.with_name(f".{output.name}.partial")
    for path in (*tables_of(output), draft):
        if os.path.lexists(path):
            raise not_ours(path)


def finished_job(output: Path, description: Mapping[str, str]) -> dict[str, Any] | None:
    """What a finished call of the same job has made.

    Parameters
    ----------
    output : Path
    description : mapping of str to str
        From `Job.description`.

    Returns
    -------
    dict or None
        Fields of `Cutouts` but the path; None where there is none.
    """
    table, rejected = tables_of(output)
    if not os.path.lexists(output) or not table.is_file():
        return None
    try:
        meta = _meta_of(table)
        if json.loads(meta[_JOB]) != dict(description):
            return None
        found = json.loads(meta[_RESULT])
        if not _is_whole(output, int(found["n_stamps"])):
            return None
    except (InputError, KeyError, ValueError, TypeError):
        return None
    found["bands"] = tuple(found["bands"])
    return {"table": table, "rejected": rejected, **found}


def _is_whole(output: Path, n_stamps: int) -> bool:
    """Whether something holds stamps, and of a folder all."""
    kind = kind_of(output)
    if kind == "folder":
        names = os.listdir(output) if output.is_dir() else []
        return sum(name.endswith(".fits") for name in names) == n_stamps
    if kind == "file":
        return kind_of_stamps(output) == "many"
    return (output / "images").is_dir()


def _meta_of(path: Path) -> dict[str, Any]:
    meta: dict[str, Any] = dict(read_table(path).meta)
    return meta


def publish(
    output: StampOutput,
    parts: Parts,
    sources: Sources,
    left: Sequence[Left],
    bands: Sequence[str],
    description: Mapping[str, str],
) -> dict[str, Any]:
    """Put tables and stamps into place, the stamps last.

    Parameters
    ----------
    output : StampOutput
    parts : Parts
        Of the table of the stamps.
    sources : Sources
    left : sequence of Left
        Sources without a stamp.
    bands : sequence of str
    description : mapping of str to str
        From `Job.description`.

    Returns
    -------
    dict
        Fields of `Cutouts` but the path.

    Raises
    ------
    OutputError
        When a table cannot be written, or something else is in its place; what is cut is kept.
    """
    n_partial = 0
    for part in parts.tables():
        names = [name for name in part.colnames if name.startswith("coverage")]
        lowest = [min(row) for row in zip(*(part[name] for name in names), strict=True)]
        n_partial += sum(value < 1.0 for value in lowest)
    reasons = Counter(_reason(one) for one in left)
    result = {
        "bands": list(bands),
        "n_sources": len(sources),
        "n_stamps": sum(map(len, parts.tables(["id"]))),
        "n_partial": int(n_partial),
        "reasons": dict(reasons.most_common()),
    }
    meta = {
        "CREATOR": f"equiclust {__version__}",
        _JOB: json.dumps(dict(description)),
        _RESULT: json.dumps(result),
    }

    def described() -> Any:
        for part in parts.tables():
            part.meta = dict(meta)
            yield part

    table, rejected = tables_of(output.output)
    with refused(output.output), staged(table) as drafts:
        BlockTable(described).write(drafts / table.name)
        write_table(rejected_table(sources, left), drafts / rejected.name)
        for path in (rejected, table):
            _put(drafts / path.name, path)
    output.finish()
    parts.remove()
    return {**result, "bands": tuple(bands), "table": table, "rejected": rejected}


def _put(draft: Path, path: Path) -> None:
    """Move a file into place, unless the same is there."""
    if not os.path.lexists(path):
        os.replace(draft, path)
    elif path.is_symlink() or not filecmp.cmp(draft, path, shallow=False):
        raise OutputError(
            f"cannot write {str(path)!r}: something else is there; move it away and repeat the "
            "command, which goes on from here"
        )


def _reason(one: Left) -> str:
    """The reason without the numbers of one source."""
    reason = "too few pixels have a value" if one.reason[0].isdigit() else one.reason
    return f"{reason} ({one.band})" if one.band else reason
