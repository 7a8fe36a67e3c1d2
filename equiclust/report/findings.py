"""What was found, in sentences, by the question that they answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equiclust.report.confidence_section import is_calibrated, unassigned_words
from equiclust.report.confounder_section import make_confounders
from equiclust.report.contents import Contents
from equiclust.report.invariance_section import invariance_sentences
from equiclust.report.quantities import counted, is_number, listed, percent

__all__ = ["Finding", "make_findings"]

_MOST_SIZES = 12
_LIKENESS = (
    (0.995, "the clusters stay the same"),
    (0.9, "the clusters stay nearly the same"),
    (0.75, "the clusters stay much the same"),
    (0.5, "the clusters stay only roughly the same"),
    (-1.0, "the clusters become others"),
)
"""From which adjusted Rand index on which words fit."""


@dataclass(frozen=True)
class Finding:
    """A question's name, the answer's sentences, and its `state`: "good", "bad" or empty."""

    topic: str
    sentences: tuple[str, ...]
    state: str = ""


def make_findings(contents: Contents) -> tuple[Finding, ...]:
    """Clusters, confidence, invariance, perturbation and nuisances; the last two where measured."""
    found = [
        Finding("Clusters", tuple(_clusters(contents))),
        Finding("Confidence", tuple(_confidence(contents))),
        _invariance(contents),
        Finding("Small changes", tuple(_perturbation(contents))),
        _nuisances(contents),
    ]
    return tuple(finding for finding in found if finding.sentences)


def _clusters(contents: Contents) -> Iterator[str]:
    total = counted(len(contents.ids), "image")
    labels = contents.cluster_labels
    if contents.is_one_family:
        yield f"No clusters here: the {total} form one continuous family."
    elif not labels:
        yield f"None of the {total} could be put into a cluster with enough confidence."
    else:
        sizes = [f"{np.sum(contents.labels == label):,}" for label in labels]
        shown = listed(sizes) if len(sizes) <= _MOST_SIZES else _range(contents)
        yield f"{total} in {counted(len(labels), 'cluster')} of {shown}."
    yield unassigned_words(contents)


def _range(contents: Contents) -> str:
    counts = [int(np.sum(contents.labels == label)) for label in contents.cluster_labels]
    return f"{min(counts):,} to {max(counts):,} images"


def _confidence(contents: Contents) -> Iterator[str]:
    labelled = contents.confidence[contents.labels >= 0]
    known = labelled[np.isfinite(labelled)]
    if not len(known):
        return
    yield f"Images with a label have a mean confidence of {known.mean():.2f}."
    if not is_calibrated(contents):
        yield "That is one network's own word, checked by no other."
    asked = contents.section("confidence").get("reliability_asked")
    if is_number(asked):
        yield f"A reliability of {percent(asked)} was asked for."


def _invariance(contents: Contents) -> Finding:
    if contents.certificate is None:
        return Finding("Invariance", ("Not measured.",))
    passed = contents.certificate.passed
    verdict = f"The certificate {'passed' if passed else 'failed'}."
    sentences = (
        verdict,
        *invariance_sentences(contents.certificate, has_labels=bool(contents.cluster_labels)),
    )
    return Finding("Invariance", sentences, "good" if passed else "bad")


def _perturbation(contents: Contents) -> Iterator[str]:
    if len(contents.cluster_labels) < 2:
        return
    record = contents.section("perturbation")
    ari, changed, total = (record.get(key) for key in ("ari", "changed", "n"))
    if not is_number(ari):
        return
    words = next(words for least, words in _LIKENESS if ari >= least)
    what = record.get("what")
    when = f"images are {what}" if what else "images are changed a little"
    said = f"{words[0].upper()}{words[1:]} when {when}"
    if is_number(changed) and is_number(total):
        verb = "changes" if changed == 1 else "change"
        said = f"{int(changed):,} of {int(total):,} labels {verb} when {when}: {words}"
    rand = f"{ari:.2f}".replace("-", "\u2212")
    yield f"{said} (adjusted Rand index {rand}; 1 = the same, 0 = no better than chance)."


def _nuisances(contents: Contents) -> Finding:
    section = make_confounders(contents)
    return Finding("Nuisances", section.sentences, "bad" if section.is_suspect else "")
