"""How sure the labels are, and what was left without one for want of confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equiclust.report.confidence_figure import (
    WorkingPoint,
    agreement_of_trained,
    draw_confidence,
)
from equiclust.report.contents import Contents
from equiclust.report.quantities import counted, is_number, percent

__all__ = ["ConfidenceSection", "is_calibrated", "make_confidence", "unassigned_words"]

_LITTLE_GAP = 0.05


@dataclass(frozen=True)
class ConfidenceSection:
    """What the report says of confidence.

    Attributes
    ----------
    is_calibrated : bool
        Whether it was calibrated by committees of networks, as an ensemble's is.
    has_curve : bool
        Whether reliability was worked out for every coverage.
    figure : str
        Data URI; empty without anything to draw.
    coverage_sentences, agreement_sentences : tuple of str
    """

    is_calibrated: bool
    has_curve: bool
    figure: str
    coverage_sentences: tuple[str, ...]
    agreement_sentences: tuple[str, ...]


def make_confidence(contents: Contents) -> ConfidenceSection:
    """Curve, histogram and agreement, as far as they are known."""
    curve = _curve(contents)
    point = _working_point(contents)
    return ConfidenceSection(
        is_calibrated=is_calibrated(contents),
        has_curve=bool(curve),
        figure=draw_confidence(contents, curve, point),
        coverage_sentences=tuple(_coverage_sentences(contents, curve, point)),
        agreement_sentences=tuple(_agreement_sentences(contents)),
    )


def is_calibrated(contents: Contents) -> bool:
    """Whether confidence was calibrated by several networks."""
    return bool(contents.section("confidence")) and contents.n_folds != 1


def unassigned_words(contents: Contents) -> str:
    """How many images were left without a label, as a sentence."""
    count, total = int(np.sum(contents.labels < 0)), len(contents.ids)
    why = "not sure enough to be put into any cluster"
    if not count:
        return "No image was left without a label."
    if count == total:
        return f"Every image was left with “don't know”: {why}."
    were = "was" if count == 1 else "were"
    share = percent(count / total)
    return f"{counted(count, 'image')} of {total:,} ({share}) {were} left with “don't know”: {why}."


def _curve(contents: Contents) -> list[tuple[float, float]]:
    """Pairs of coverage and reliability by rising coverage."""
    points = [
        (float(entry["coverage"]), float(entry["reliability"]))
        for entry in contents.entries("curve", within="confidence")
        if isinstance(entry, dict)
        and is_number(entry.get("coverage"))
        and is_number(entry.get("reliability"))
    ]
    return sorted(points)


def _working_point(contents: Contents) -> WorkingPoint:
    record = contents.section("confidence")
    asked, coverage, reliability = (
        float(record[key]) if is_number(record.get(key)) else float("nan")
        for key in ("reliability_asked", "coverage", "reliability")
    )
    return WorkingPoint(asked, coverage, reliability)


def _coverage_sentences(
    contents: Contents, curve: Sequence[tuple[float, float]], point: WorkingPoint
) -> list[str]:
    found = [unassigned_words(contents)]
    if np.isfinite(point.asked):
        found.append(f"A reliability of {percent(point.asked)} was asked for.")
    if curve and max(reliability for _, reliability in curve) < point.asked:
        found.append("Not even the most confident images reach it.")
    if point.is_known:
        found.append(
            f"The labels cover {percent(point.coverage)} of the images, with a reliability of "
            f"{percent(point.reliability)}."
        )
    if point.is_known and point.reliability < point.asked:
        found.append("That is less than was asked for.")
    return found


def _agreement_sentences(contents: Contents) -> list[str]:
    record = contents.section("confidence")
    every, unseen = record.get("agreement"), record.get("agreement_held_out")
    if not is_number(every) or not is_number(unseen):
        return []
    if not contents.n_held_out_folds:
        return [
            f"A network gives an image its label in {percent(every)} of all cases, and in "
            f"{percent(unseen)} of those in which it had never seen it."
        ]
    seen = agreement_of_trained(contents, every, unseen)
    sentence = (
        f"Networks that trained on an image give it its label in {percent(seen)} of all cases, "
        f"networks that had never seen it in {percent(unseen)}."
    )
    if seen - unseen > _LITTLE_GAP:
        return [
            sentence,
            "So networks partly know images again, not only shapes; the second number is what to "
            "expect of new images.",
        ]
    return [sentence, "So labels do not hang on whether a network has seen the image."]
