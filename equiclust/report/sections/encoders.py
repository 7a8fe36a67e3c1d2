"""Section "Encoders": the networks and tables that were applied as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.report.contents import Contents
from equiclust.report.formatting import shorten_path

__all__ = ["AppliedEncoder", "innermost", "make_encoders"]

_TABLES = ("LatentTable", "GivenVectors")


@dataclass(frozen=True)
class AppliedEncoder:
    """An encoder that was trained before.

    Parameters
    ----------
    name : str
        Of the network or the file.
    layer, pooling : str
        Empty where it has none, or its own.
    group : str
        Over which its features were averaged; "none", or empty for a table of vectors.
    digest : str
        Of its weights or its file; empty where it was not recorded.
    n_members : int
        Of the ensemble that use it.
    """

    name: str
    layer: str
    pooling: str
    group: str
    digest: str
    n_members: int


def make_encoders(contents: Contents) -> tuple[AppliedEncoder, ...]:
    """List the encoders of the members, each once.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of AppliedEncoder
    """
    records = [one for one in contents.entries("encoders") if isinstance(one, dict)]
    different = [one for i, one in enumerate(records) if one not in records[:i]]
    return tuple(_applied(one, records.count(one)) for one in different)


def innermost(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Record of the encoder that looks at the pixels, within those that turn them.

    Parameters
    ----------
    record : mapping
        See `equiclust.encoders.encoder_record`.

    Returns
    -------
    mapping
    """
    inner = record
    while isinstance(within := _parameters(inner).get("encoder"), dict):
        inner = within
    return inner


def _applied(record: Mapping[str, Any], n_members: int) -> AppliedEncoder:
    inner = innermost(record)
    given = _parameters(inner)
    is_table = inner.get("kind") in _TABLES
    return AppliedEncoder(
        name=str(given.get("network") or shorten_path(str(given.get("path") or inner.get("kind")))),
        layer=str(given.get("layer") or given.get("output") or ""),
        pooling=str(given.get("pooling") or ""),
        group="" if is_table else str(_parameters(record).get("group") or "none"),
        digest=str(inner.get("digest") or ""),
        n_members=n_members,
    )


def _parameters(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("parameters")
    return found if isinstance(found, dict) else {}
