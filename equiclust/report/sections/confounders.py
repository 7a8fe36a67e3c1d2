"""Section "Confounders": whether they explain the clusters, and what small changes do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from equiclust.evaluation.confounders.audit import LARGE, SIGNIFICANT
from equiclust.report.contents import Contents
from equiclust.report.formatting import compact, fixed, is_number, percent
from equiclust.report.sections.removal import RemovalPart, make_removal

__all__ = ["ConfounderRow", "ConfounderSection", "make_confounders"]

_NO_TWO_CLUSTERS = "They cannot be tested: there are no two clusters to compare."
_MEANINGS = {
    "orientation": "position angle of the major axis in the frame",
    "elongation": "1 - minor over major axis: of a flat disc, how inclined it looks",
    "brightness": "mean of the original image above its background",
    "signal_to_noise": "brightest pixel divided by the noise of the outermost pixels",
    "size": "share of the frame that the object fills",
    "edge": "share of the flux near the edge of the frame",
}


@dataclass(frozen=True)
class ConfounderRow:
    """One row of the table.

    Parameters
    ----------
    name, meaning : str
    share, chance, p_value, p_adjusted, n : str
        Formatted numbers; a dash where unknown.
    state : str
        "bad" where this confounder may explain the clusters, else empty.
    without : str, default ""
        The share without the removal of confounders; empty where nothing was removed.
    """

    name: str
    meaning: str
    share: str
    chance: str
    p_value: str
    p_adjusted: str
    n: str
    state: str
    without: str = ""


@dataclass(frozen=True)
class ConfounderSection:
    """What the report states on confounders.

    Parameters
    ----------
    rows : tuple of ConfounderRow
    sentences : tuple of str
        Results of the audit, confounders that were found first.
    is_suspect : bool
        Whether a confounder may explain the clusters.
    perturbation : str
        How many labels changed; empty when not measured or when there are no labels.
    is_testable : bool, default True
        Whether there are two clusters to compare.
    removal : RemovalPart, default ``RemovalPart()``
        What the removal of confounders did.
    """

    rows: tuple[ConfounderRow, ...]
    sentences: tuple[str, ...]
    is_suspect: bool
    perturbation: str
    is_testable: bool = True
    removal: RemovalPart = field(default_factory=RemovalPart)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not (self.rows or self.perturbation or self.removal.sentences)


def make_confounders(contents: Contents) -> ConfounderSection:
    """Format the audit of confounders, and the effect of perturbing the images.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    ConfounderSection
    """
    entries = [
        entry
        for entry in contents.entries("nuisances")
        if isinstance(entry, dict) and entry.get("name")
    ]
    removal = make_removal(contents)
    rows = tuple(_row(entry, removal) for entry in entries)
    stated = [
        (row.state != "bad", str(entry["sentence"]))
        for row, entry in zip(rows, entries, strict=True)
        if entry.get("sentence")
    ]
    sentences = tuple(text for _, text in sorted(stated, key=lambda item: item[0]))
    n_clusters = len(contents.cluster_labels)
    is_testable = n_clusters > 1
    return ConfounderSection(
        rows=rows,
        sentences=sentences if is_testable or not sentences else (_NO_TWO_CLUSTERS,),
        is_suspect=is_testable and any(row.state == "bad" for row in rows),
        perturbation=_perturbation(contents.section("perturbation")) if n_clusters else "",
        is_testable=is_testable,
        removal=removal,
    )


def _row(entry: Mapping[str, Any], removal: RemovalPart) -> ConfounderRow:
    name = str(entry["name"])
    share, p_value, count = (_number(entry, key) for key in ("eta_squared", "p_value", "n"))
    p_adjusted = _number(entry, "p_adjusted")
    decisive = p_value if p_adjusted is None else p_adjusted
    is_significant = decisive is not None and decisive <= SIGNIFICANT
    return ConfounderRow(
        name=name.replace("_", " ").capitalize(),
        meaning=_MEANINGS.get(name, ""),
        share=percent(share),
        chance=percent(_number(entry, "chance")),
        p_value=compact(p_value),
        p_adjusted=compact(p_adjusted),
        n=compact(None) if count is None else f"{int(count):,}",
        state="bad" if is_significant and share is not None and share >= LARGE else "",
        without="" if removal.is_empty else removal.shares.get(name, percent(None)),
    )


def _number(entry: Mapping[str, Any], key: str) -> float | None:
    value = entry.get(key)
    return value if is_number(value) else None


def _perturbation(record: Mapping[str, Any]) -> str:
    ari, changed, total = (_number(record, key) for key in ("ari", "changed", "n"))
    if ari is None:
        return ""
    what = record.get("what") or "changed a little"
    counts = ""
    if changed is not None and total:
        counts = (
            f"{int(changed):,} of {int(total):,} labels changed ({percent(changed / total)}), and "
        )
    return (
        f"Images were {what}: {counts}the adjusted Rand index of old and new labels is "
        f"{fixed(ari, 3)}."
    )
