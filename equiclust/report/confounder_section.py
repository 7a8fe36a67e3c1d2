"""Whether the clusters are nuisances, and whether small changes of an image move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.evaluation.confounders.audit import LARGE, SIGNIFICANT
from equiclust.report.contents import Contents
from equiclust.report.quantities import compact, is_number, percent

__all__ = ["ConfounderRow", "ConfounderSection", "make_confounders"]

_NO_TWO_CLUSTERS = "They cannot be judged: there are no two clusters to compare."
_MEANINGS = {
    "orientation": "how the major axis lies in the frame",
    "brightness": "mean of the image above its background, as it came",
    "signal_to_noise": "brightest pixel over the noise of the outermost pixels",
    "size": "how much of the frame the object takes up",
    "edge": "share of the light near the edge of the frame",
}


@dataclass(frozen=True)
class ConfounderRow:
    """A line of the table, and its `state`: "bad" where clusters may be this, else empty."""

    name: str
    meaning: str
    share: str
    chance: str
    p_value: str
    p_adjusted: str
    n: str
    state: str


@dataclass(frozen=True)
class ConfounderSection:
    """What the report says of nuisances.

    Attributes
    ----------
    rows : tuple of ConfounderRow
    sentences : tuple of str
        The audit in words, those that accuse first.
    is_suspect : bool
        Whether clusters may be a nuisance.
    perturbation : str
        How many labels changed; empty where that was not measured or there are no labels.
    is_judged : bool
        Whether there are two clusters to compare.
    """

    rows: tuple[ConfounderRow, ...]
    sentences: tuple[str, ...]
    is_suspect: bool
    perturbation: str
    is_judged: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.rows or self.perturbation)


def make_confounders(contents: Contents) -> ConfounderSection:
    """Table and sentences of the audit, and what perturbing the images did."""
    entries = [
        entry
        for entry in contents.entries("nuisances")
        if isinstance(entry, dict) and entry.get("name")
    ]
    rows = tuple(_row(entry) for entry in entries)
    said = [
        (row.state != "bad", str(entry["sentence"]))
        for row, entry in zip(rows, entries, strict=True)
        if entry.get("sentence")
    ]
    sentences = tuple(text for _, text in sorted(said, key=lambda item: item[0]))
    n_clusters = len(contents.cluster_labels)
    is_judged = n_clusters > 1
    return ConfounderSection(
        rows=rows,
        sentences=sentences if is_judged or not sentences else (_NO_TWO_CLUSTERS,),
        is_suspect=is_judged and any(row.state == "bad" for row in rows),
        perturbation=_perturbation(contents.section("perturbation")) if n_clusters else "",
        is_judged=is_judged,
    )


def _row(entry: Mapping[str, Any]) -> ConfounderRow:
    name = str(entry["name"])
    share, p_value, count = (_number(entry, key) for key in ("eta_squared", "p_value", "n"))
    p_adjusted = _number(entry, "p_adjusted")
    decisive = p_value if p_adjusted is None else p_adjusted
    proven = decisive is not None and decisive <= SIGNIFICANT
    return ConfounderRow(
        name=name.replace("_", " ").capitalize(),
        meaning=_MEANINGS.get(name, ""),
        share=percent(share),
        chance=percent(_number(entry, "chance")),
        p_value=compact(p_value),
        p_adjusted=compact(p_adjusted),
        n=compact(None) if count is None else f"{int(count):,}",
        state="bad" if proven and share is not None and share >= LARGE else "",
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
    rand = f"{ari:.3f}".replace("-", "\u2212")
    return f"Images were {what}: {counts}the adjusted Rand index of old and new labels is {rand}."
