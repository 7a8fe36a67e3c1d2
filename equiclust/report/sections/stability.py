"""Section "Stability": how reproducible the labels are, and how many images have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equiclust.report.contents import Contents
from equiclust.report.figures.stability import (
    WorkingPoint,
    agreement_of_trained,
    draw_stability,
)
from equiclust.report.formatting import is_number, percent
from equiclust.report.sections.clusters import describe_unassigned

__all__ = ["STABILITY_IN_WORDS", "StabilitySection", "is_calibrated", "make_stability"]

STABILITY_IN_WORDS = (
    "A stable label is one that another clustering would give too, right or wrong: stability says "
    "nothing on whether the clusters are the classes you have in mind"
)
"""What the stability says, wherever the report first shows it."""

_SMALL_GAP = 0.05


@dataclass(frozen=True)
class StabilitySection:
    """What the report states on stability.

    Parameters
    ----------
    is_calibrated : bool
        Whether it was calibrated by repeated clusterings, as that of an ensemble is.
    has_curve : bool
        Whether the reliability is known as a function of coverage.
    figure : str
        Data URI; empty when nothing is known.
    coverage_sentences, agreement_sentences : tuple of str
    in_words : str, default STABILITY_IN_WORDS
        What the stability says and does not say.
    """

    is_calibrated: bool
    has_curve: bool
    figure: str
    coverage_sentences: tuple[str, ...]
    agreement_sentences: tuple[str, ...]
    in_words: str = STABILITY_IN_WORDS


def make_stability(contents: Contents) -> StabilitySection:
    """Draw and describe curve, histogram and agreement, as far as they are known.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    StabilitySection
    """
    curve = _curve(contents)
    point = _working_point(contents)
    return StabilitySection(
        is_calibrated=is_calibrated(contents),
        has_curve=bool(curve),
        figure=draw_stability(contents, curve, point),
        coverage_sentences=tuple(_coverage_sentences(contents, curve, point)),
        agreement_sentences=tuple(_agreement_sentences(contents)),
    )


def is_calibrated(contents: Contents) -> bool:
    """Whether the stability was calibrated with more than one network.

    Parameters
    ----------
    contents : Contents
    """
    return bool(contents.section("stability")) and contents.n_folds != 1


def _curve(contents: Contents) -> list[tuple[float, float]]:
    """Pairs of coverage and reliability by rising coverage."""
    points = [
        (float(entry["coverage"]), float(entry["reliability"]))
        for entry in contents.entries("curve", within="stability")
        if isinstance(entry, dict)
        and is_number(entry.get("coverage"))
        and is_number(entry.get("reliability"))
    ]
    return sorted(points)


def _working_point(contents: Contents) -> WorkingPoint:
    record = contents.section("stability")
    requested, coverage, reliability = (
        float(record[key]) if is_number(record.get(key)) else float("nan")
        for key in ("reliability_asked", "coverage", "reliability")
    )
    return WorkingPoint(requested, coverage, reliability)


def _coverage_sentences(
    contents: Contents, curve: Sequence[tuple[float, float]], point: WorkingPoint
) -> list[str]:
    found = [describe_unassigned(contents)]
    if np.isfinite(point.requested):
        found.append(f"The requested reliability was {percent(point.requested)}.")
    if curve and max(reliability for _, reliability in curve) < point.requested:
        found.append("Not even the most stable images reach it.")
    if point.is_known:
        found.append(
            f"The labels cover {percent(point.coverage)} of the images, with a reliability of "
            f"{percent(point.reliability)}."
        )
    if point.is_known and point.reliability < point.requested:
        found.append("That is less than was requested.")
    return found


def _agreement_sentences(contents: Contents) -> list[str]:
    record = contents.section("stability")
    all_members, held_out = record.get("agreement"), record.get("agreement_held_out")
    if not is_number(all_members) or not is_number(held_out):
        return []
    member = contents.words.member
    to_image = f"{contents.words.trained_on} the image"
    if not contents.n_held_out_folds:
        return [
            f"A {member} agrees with the label of an image in {percent(all_members)} of all cases, "
            f"and in {percent(held_out)} of those in which it was not {to_image}."
        ]
    trained = agreement_of_trained(contents, all_members, held_out)
    did, did_not = ("trained on", "did not")
    if not contents.is_trained:
        did, did_not = ("were fitted to", "were not")
    sentence = (
        f"{member.capitalize()}s that {did} an image agree with its label in {percent(trained)} of "
        f"all cases, {member}s that {did_not} in {percent(held_out)}."
    )
    if trained - held_out > _SMALL_GAP:
        return [
            sentence,
            f"So the {member}s partly recognise single images, not only shapes; for new images "
            "expect the second number.",
        ]
    return [sentence, f"So labels do not depend on whether a {member} was {to_image}."]
