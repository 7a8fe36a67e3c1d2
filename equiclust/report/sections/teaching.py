"""Section "Accuracy": what a few labels taught, and how right it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.report.contents import Contents
from equiclust.report.formatting import counted, fixed, is_number, percent

__all__ = ["KindRow", "ReliabilityRow", "TeachingSection", "make_teaching"]

_SPACE = {"all": "all latents side by side"}


@dataclass(frozen=True)
class KindRow:
    """A kind in the table of labels.

    Parameters
    ----------
    name : str
    n_labels, n_images : int
        Labels that name it, and images that are of it.
    foretold : tuple of int
        Its labels by the kind that is foretold without them.
    """

    name: str
    n_labels: int
    n_images: int
    foretold: tuple[int, ...]


@dataclass(frozen=True)
class ReliabilityRow:
    """Labelled images whose kind is foretold with similar probability.

    Parameters
    ----------
    within, n, probability, right : str
        Formatted numbers.
    """

    within: str
    n: str
    probability: str
    right: str


@dataclass(frozen=True)
class TeachingSection:
    """What the report states on labels and accuracy.

    Parameters
    ----------
    sentences : tuple of str
    kinds : tuple of KindRow
    reliability : tuple of ReliabilityRow
    contradictions, doubtful : tuple of str
        A sentence for each image with several labels, and for each label that the others speak
        against.
    spaces : tuple of (str, str)
        Name of every space that was tried, and how badly it foretells the labels; that used first.
    novelty : str
        What is called none of these.
    n_labels, n_right : int
        Labels, and how many of them are foretold by the others.
    """

    sentences: tuple[str, ...]
    kinds: tuple[KindRow, ...]
    reliability: tuple[ReliabilityRow, ...]
    contradictions: tuple[str, ...]
    doubtful: tuple[str, ...]
    spaces: tuple[tuple[str, str], ...]
    novelty: str
    n_labels: int
    n_right: int


def make_teaching(contents: Contents) -> TeachingSection:
    """Format what was learned from labels; empty where there were none.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    TeachingSection
    """
    record = contents.section("teaching")
    cross = record.get("cross_fitted") or {}
    return TeachingSection(
        sentences=tuple(f"{sentence}." for sentence in record.get("sentences", [])),
        kinds=_kinds(contents.kinds, record, cross),
        reliability=tuple(_reliability(row) for row in cross.get("reliability", [])),
        contradictions=tuple(
            f"{name}: {' and '.join(own)}" for name, own in record.get("contradictions", {}).items()
        ),
        doubtful=tuple(
            f"{row['id']}: labelled {row['kind']}, rather {row['rather']} by the other labels"
            for row in record.get("doubtful", [])
        ),
        spaces=_spaces(record),
        novelty=_novelty(record),
        n_labels=int(record.get("n_labels", 0)),
        n_right=int(cross.get("right", 0)),
    )


def _kinds(
    names: tuple[str, ...], record: Mapping[str, Any], cross: Mapping[str, Any]
) -> tuple[KindRow, ...]:
    return tuple(
        KindRow(name, int(n_labels), int(n_images), tuple(row))
        for name, n_labels, n_images, row in zip(
            names,
            record.get("labels_per_kind", []),
            record.get("images_per_kind", []),
            cross.get("confusion", []),
            strict=False,
        )
    )


def _reliability(row: Mapping[str, Any]) -> ReliabilityRow:
    within = f"{percent(row['low'])} to {percent(row['high'])}"
    return ReliabilityRow(
        within, f"{row['n']:,}", percent(row["probability"]), percent(row["right"])
    )


def _spaces(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    losses, chosen = record.get("space_losses", {}), record.get("space")
    names = sorted(losses, key=lambda name: (name != chosen, losses[name]))
    return tuple((_SPACE.get(name, name), fixed(losses[name])) for name in names)


def _novelty(record: Mapping[str, Any]) -> str:
    rate = record.get("novelty_rate")
    if not is_number(rate):
        return "With so few labels no image is called none of these."
    found = counted(int(record.get("n_none_of_these", 0)), "image")
    return (
        f"{found}: farther from every labelled image than labelled images are from each other. Of "
        f"images of the labelled kinds at most {percent(rate)} should be."
    )
