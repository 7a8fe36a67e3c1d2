"""The report on filtered frames, one HTML page that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from equiclust import __version__
from equiclust.filtering.averages import AverageFrame
from equiclust.filtering.features import FrameFeatures
from equiclust.filtering.figures import draw_averages, draw_flux
from equiclust.filtering.frame_filter import REASONS, UNCERTAIN, Judgement
from equiclust.report.formatting import counted
from equiclust.report.page import make_environment

__all__ = ["Confusion", "confusion_of", "headline_of", "write_page"]

_LABELS = ((1, "usable"), (0, "not usable"), (UNCERTAIN, "uncertain"))


@dataclass(frozen=True)
class Confusion:
    """Given labels against those of the filter.

    Parameters
    ----------
    counts : tuple of tuple of int
        A row for usable and for unusable frames as labelled; in it the numbers that the filter
        calls usable, not usable and uncertain.
    """

    counts: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def accuracy(self) -> float | None:
        """Share of right labels among those that the filter decides about."""
        (a, b, _), (c, d, _) = self.counts
        return (a + d) / (a + b + c + d) if a + b + c + d else None


def confusion_of(labels: Mapping[int, bool], judgement: Judgement) -> Confusion:
    """Compare the filter with given labels.

    Parameters
    ----------
    labels : mapping of int to bool
        Whether frames are usable, by index.
    judgement : Judgement

    Returns
    -------
    Confusion
    """
    indices = np.array(list(labels), np.int64)
    given = np.array(list(labels.values()), bool)
    found = judgement.label[indices]
    rows = [
        tuple(int(np.count_nonzero(found[given == truth] == label)) for label, _ in _LABELS)
        for truth in (True, False)
    ]
    return Confusion((rows[0], rows[1]))


def headline_of(judgement: Judgement) -> str:
    """The result in one sentence.

    Parameters
    ----------
    judgement : Judgement

    Returns
    -------
    str
    """
    n = len(judgement.label)
    usable, unusable, uncertain = (int(np.sum(judgement.label == one)) for one, _ in _LABELS)
    rest = f"; {uncertain:,} uncertain" if uncertain else ""
    if unusable == 0:
        return f"None of {n:,} frames is unusable{rest}"
    return f"{usable:,} of {n:,} frames are usable and {unusable:,} are not{rest}"


def write_page(
    path: Path,
    *,
    features: FrameFeatures,
    judgement: Judgement,
    averages: Sequence[AverageFrame],
    sentences: Sequence[str],
    notes: Sequence[str],
    confusion: Confusion | None,
) -> None:
    """Write the report.

    Parameters
    ----------
    path : Path
    features : FrameFeatures
    judgement : Judgement
    averages : sequence of AverageFrame
    sentences : sequence of str
        How the frames were judged.
    notes : sequence of str
        What to read first.
    confusion : Confusion or None
        `None` without labels.
    """
    counts = np.bincount(judgement.reason[judgement.label == 0], minlength=len(REASONS))
    page = make_environment().get_template("frames.html.j2")
    text = page.render(
        version=__version__,
        headline=headline_of(judgement),
        key_figures=_key_figures(judgement),
        sentences=sentences,
        notes=notes,
        flux=draw_flux(features, judgement),
        averages=draw_averages(averages) if averages else "",
        reasons=[(name, int(n)) for name, n in zip(REASONS, counts, strict=True) if n],
        n_unusable=int(counts.sum()),
        confusion=confusion,
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _key_figures(judgement: Judgement) -> list[tuple[str, str]]:
    n = len(judgement.label)
    figures = [(counted(n, "frame").removeprefix(f"{n:,} "), f"{n:,}")]
    return figures + [
        (f"{name}, {100 * np.mean(judgement.label == label):.3g} %", f"{one:,}")
        for label, name in _LABELS
        for one in [int(np.sum(judgement.label == label))]
    ]
