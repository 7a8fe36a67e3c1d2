"""The certificate in words and in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from equiclust.evaluation.invariance import Certificate, Measurement, Summary
from equiclust.report.invariance_figure import draw_invariance, families
from equiclust.report.quantities import NOT_APPLICABLE, compact, percent

__all__ = ["InvarianceRow", "InvarianceSection", "invariance_sentences", "make_invariance"]

_LITTLE_SPREAD = 0.01


@dataclass(frozen=True)
class InvarianceRow:
    """A line of a table: a quantity, ours, and the baseline's (empty without one)."""

    quantity: str
    ours: tuple[str, ...]
    baseline: tuple[str, ...]


@dataclass(frozen=True)
class InvarianceSection:
    """What the certificate says.

    Attributes
    ----------
    passed : bool
    failures : tuple of str
        Why it did not pass.
    sentences : tuple of str
        The findings in words.
    figure : str
        Data URI.
    displacements : tuple of (str, tuple of InvarianceRow)
        Groups of lines of three numbers: median, 95th percentile and largest.
    rates : tuple of (str, tuple of InvarianceRow)
        Groups of lines of one number.
    has_baseline : bool
    """

    passed: bool
    failures: tuple[str, ...]
    sentences: tuple[str, ...]
    figure: str
    displacements: tuple[tuple[str, tuple[InvarianceRow, ...]], ...]
    rates: tuple[tuple[str, tuple[InvarianceRow, ...]], ...]
    has_baseline: bool


Cells = dict[str, dict[str, tuple[str, ...]]]


def make_invariance(certificate: Certificate, *, has_labels: bool = True) -> InvarianceSection:
    """Everything the report says of a certificate, and of labels where any image has one."""
    return InvarianceSection(
        passed=certificate.passed,
        failures=certificate.failures,
        sentences=invariance_sentences(certificate, has_labels=has_labels),
        figure=draw_invariance(certificate),
        displacements=_beside(_displacements, certificate),
        rates=_beside(_rates, certificate),
        has_baseline=certificate.baseline is not None,
    )


def invariance_sentences(certificate: Certificate, *, has_labels: bool = True) -> tuple[str, ...]:
    """The findings in words; labels that no image has cannot change."""
    return tuple(_sentences(certificate, has_labels))


def _sentences(certificate: Certificate, has_labels: bool) -> Iterator[str]:
    ours, rival = certificate.ours, certificate.baseline
    exact = ours.d4.relative_to_norm
    if exact is not None:
        yield (
            "Quarter turns and mirrors, which only swap pixels, move a latent by at most "
            f"{compact(exact.max)} of its length; up to {compact(certificate.tolerance, 1)} "
            "passes as rounding."
        )
    rotated = ours.random.relative_to_spread
    if rotated is not None:
        theirs = rival.random.relative_to_spread if rival else None
        beside = f", those of the plain CNN by {percent(theirs.median)}" if theirs else ""
        yield (
            f"Turns by random angles move latents by {percent(rotated.median)} of the spread "
            f"between images (median){beside}."
        )
    if not has_labels:
        yield "Whether they change labels cannot be said: no image has one."
    elif ours.random.flip_rate is not None:
        flips = rival.random.flip_rate if rival else None
        beside = f" ({percent(flips)} with the plain CNN)" if flips is not None else ""
        yield f"They change {percent(ours.random.flip_rate)} of the labels{beside}."
    if not ours.collapsed and ours.spread < _LITTLE_SPREAD * ours.norm:
        yield (
            f"But latents differ between images by only {percent(ours.spread / ours.norm)} of "
            "their length: there may be little in them to cluster."
        )


def _beside(
    cells_of: Callable[[Measurement, tuple[float, ...]], Cells], certificate: Certificate
) -> tuple[tuple[str, tuple[InvarianceRow, ...]], ...]:
    """Cells of both measurements, line by line; a dash where the baseline has no such line."""
    rival, angles = certificate.baseline, certificate.angles
    theirs = None if rival is None else cells_of(rival, angles)

    def row(title: str, quantity: str, cells: tuple[str, ...]) -> InvarianceRow:
        if theirs is None:
            return InvarianceRow(quantity, cells, ())
        dashes = (NOT_APPLICABLE,) * len(cells)
        return InvarianceRow(quantity, cells, theirs[title].get(quantity, dashes))

    return tuple(
        (title, tuple(row(title, quantity, cells) for quantity, cells in lines.items()))
        for title, lines in cells_of(certificate.ours, angles).items()
    )


def _displacements(measurement: Measurement, angles: tuple[float, ...]) -> Cells:
    found = families(measurement, angles)
    return {
        "Displacement of the latent, over its length": {
            name: _three(family.relative_to_norm) for name, family in found
        },
        "Displacement of the latent, over the spread between images": {
            name: _three(family.relative_to_spread) for name, family in found
        },
        "Lie derivative, in spreads between images per radian": {
            "as the image begins to turn": _three(measurement.lie_derivative)
        },
    }


def _rates(measurement: Measurement, angles: tuple[float, ...]) -> Cells:
    found = families(measurement, angles)
    decibels = measurement.equivariance_db
    ratio = measurement.spread / measurement.norm if measurement.norm else None
    return {
        "Labels that change (flip rate)": {
            name: (percent(family.flip_rate),) for name, family in found
        },
        "Agreement of labels before and after (adjusted Rand index)": {
            name: (_fixed(family.ari, ".3f"),) for name, family in found
        },
        "The latents as a whole": {
            "equivariance over random angles, in decibels": (_fixed(decibels, ".1f"),),
            "spread between images over length": (compact(ratio),),
            "numbers in a latent": (str(measurement.latent_dim),),
        },
    }


def _fixed(value: float | None, style: str) -> str:
    return NOT_APPLICABLE if value is None else format(value, style)


def _three(summary: Summary | None) -> tuple[str, str, str]:
    if summary is None:
        return (NOT_APPLICABLE,) * 3
    return compact(summary.median), compact(summary.p95), compact(summary.max)
