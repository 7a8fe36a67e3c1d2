"""Findings at the head of the page, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equiclust.report.contents import Contents
from equiclust.report.formatting import counted, fixed, is_number, join_words, percent
from equiclust.report.sections.clusters import describe_unassigned
from equiclust.report.sections.confounders import make_confounders
from equiclust.report.sections.invariance import describe_certificate
from equiclust.report.sections.stability import STABILITY_IN_WORDS, is_calibrated

__all__ = ["Finding", "make_findings"]

_MOST_SIZES = 12
_CONSTANCY = (
    (0.995, "the clusters stay the same"),
    (0.9, "the clusters stay nearly the same"),
    (0.75, "the clusters stay much the same"),
    (0.5, "the clusters stay only roughly the same"),
    (-1.0, "the clusters change"),
)
"""Least adjusted Rand index, and what a small change does to the clusters from there on."""


@dataclass(frozen=True)
class Finding:
    """What was found on one topic.

    Parameters
    ----------
    topic : str
    sentences : tuple of str
    state : str, default ""
        "good", "bad" or empty.
    """

    topic: str
    sentences: tuple[str, ...]
    state: str = ""


def make_findings(contents: Contents) -> tuple[Finding, ...]:
    """Describe clusters, stability, invariance, and perturbation and confounders where measured.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    tuple of Finding
        Each with at least one sentence.
    """
    found = [
        Finding(f"{contents.sorting.group.capitalize()}s", tuple(_clusters(contents))),
        Finding("Accuracy", tuple(_accuracy(contents))),
        Finding("Stability", tuple(_stability(contents))),
        _invariance(contents),
        Finding("Small changes", tuple(_perturbation(contents))),
        _confounders(contents),
    ]
    return tuple(finding for finding in found if finding.sentences)


def _clusters(contents: Contents) -> Iterator[str]:
    total = counted(len(contents.ids), "image")
    labels = contents.cluster_labels
    if contents.is_one_family:
        yield f"There are no clusters: the {total} form one continuous family."
    elif not labels:
        yield f"None of the {total} could be assigned to a cluster with enough stability."
    else:
        sizes = [f"{np.sum(contents.labels == label):,}" for label in labels]
        shown = join_words(sizes) if len(sizes) <= _MOST_SIZES else _range(contents)
        yield f"{total} in {counted(len(labels), contents.sorting.group)} of {shown}."
    yield describe_unassigned(contents)


def _range(contents: Contents) -> str:
    counts = [int(np.sum(contents.labels == label)) for label in contents.cluster_labels]
    return f"{min(counts):,} to {max(counts):,} images"


def _accuracy(contents: Contents) -> Iterator[str]:
    for sentence in contents.entries("sentences", within="teaching"):
        yield f"{sentence}."


def _stability(contents: Contents) -> Iterator[str]:
    labelled = contents.stability[contents.labels >= 0]
    known = labelled[np.isfinite(labelled)]
    if not len(known):
        return
    yield f"Images with a label have a mean stability of {known.mean():.2f}."
    if not is_calibrated(contents):
        yield "It is that of a single network and is not calibrated."
    requested = contents.section("stability").get("reliability_asked")
    if is_number(requested):
        yield f"The requested reliability was {percent(requested)}."
    yield f"{STABILITY_IN_WORDS}."


def _invariance(contents: Contents) -> Finding:
    if contents.certificate is None:
        return Finding("Invariance", ("Not measured.",))
    passed = contents.certificate.passed
    sentences = (
        f"The certificate {'passed' if passed else 'failed'}.",
        *describe_certificate(
            contents.certificate,
            has_labels=bool(contents.cluster_labels),
            baseline=contents.words.baseline,
        ),
    )
    return Finding("Invariance", sentences, "good" if passed else "bad")


def _perturbation(contents: Contents) -> Iterator[str]:
    if len(contents.cluster_labels) < 2:
        return
    record = contents.section("perturbation")
    ari, changed, total = (record.get(key) for key in ("ari", "changed", "n"))
    if not is_number(ari):
        return
    outcome = next(text for least, text in _CONSTANCY if ari >= least)
    when = f"images are {record.get('what') or 'changed a little'}"
    text = f"{outcome[0].upper()}{outcome[1:]} when {when}"
    if is_number(changed) and is_number(total):
        verb = "changes" if changed == 1 else "change"
        text = f"{int(changed):,} of {int(total):,} labels {verb} when {when}: {outcome}"
    yield f"{text} (adjusted Rand index {fixed(ari)}; 1 = the same, 0 = no better than chance)."


def _confounders(contents: Contents) -> Finding:
    section = make_confounders(contents)
    return Finding("Confounders", section.sentences, "bad" if section.is_suspect else "")
