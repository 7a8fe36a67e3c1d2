"""Section "Invariance": the certificate in sentences, a figure and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from equiclust.evaluation.invariance import Certificate, Measurement, Summary
from equiclust.report.contents import TRAINED, Contents
from equiclust.report.figures.invariance import draw_invariance, named_families
from equiclust.report.formatting import NOT_APPLICABLE, compact, fixed, percent

__all__ = [
    "InvarianceRow",
    "InvarianceSection",
    "describe_certificate",
    "make_invariance",
    "tabulate_certificate",
]

_SMALL_SPREAD = 0.01


@dataclass(frozen=True)
class InvarianceRow:
    """One row of a table.

    Parameters
    ----------
    quantity : str
    ours, baseline : tuple of str
        Formatted numbers; those of the baseline are empty without one.
    """

    quantity: str
    ours: tuple[str, ...]
    baseline: tuple[str, ...]


@dataclass(frozen=True)
class InvarianceSection:
    """What the report states on invariance.

    Parameters
    ----------
    passed : bool
    failures : tuple of str
        Reasons why the certificate failed.
    sentences : tuple of str
        The findings.
    figure : str
        Data URI.
    displacements : tuple of (str, tuple of InvarianceRow)
        Groups of rows of three numbers: median, 95th percentile and largest.
    rates : tuple of (str, tuple of InvarianceRow)
        Groups of rows of one number.
    has_baseline : bool
    n_images : int
        Images that were measured.
    shape : tuple of int
        Of each image, `(c, h, w)`.
    is_interpolated : bool
        Whether images were rotated by splines.
    """

    passed: bool
    failures: tuple[str, ...]
    sentences: tuple[str, ...]
    figure: str
    displacements: tuple[tuple[str, tuple[InvarianceRow, ...]], ...]
    rates: tuple[tuple[str, tuple[InvarianceRow, ...]], ...]
    has_baseline: bool
    n_images: int
    shape: tuple[int, ...]
    is_interpolated: bool


Cells = dict[str, dict[str, tuple[str, ...]]]


def make_invariance(contents: Contents) -> InvarianceSection | None:
    """Describe, draw and tabulate the certificate of a run.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    InvarianceSection or None
        `None` when invariance was not measured.
    """
    if contents.certificate is None:
        return None
    return tabulate_certificate(
        contents.certificate,
        has_labels=bool(contents.cluster_labels),
        baseline=contents.words.baseline,
    )


def tabulate_certificate(
    certificate: Certificate, *, has_labels: bool = True, baseline: str = TRAINED.baseline
) -> InvarianceSection:
    """Describe, draw and tabulate a certificate.

    Parameters
    ----------
    certificate : Certificate
    has_labels : bool, default True
        Whether any image has a label, which a rotation may change.
    baseline : str, default "non-equivariant network"
        What the baseline is called.

    Returns
    -------
    InvarianceSection
    """
    return InvarianceSection(
        passed=certificate.passed,
        failures=certificate.failures,
        sentences=describe_certificate(certificate, has_labels=has_labels, baseline=baseline),
        figure=draw_invariance(certificate, baseline=baseline),
        displacements=_beside(_displacements, certificate),
        rates=_beside(_rates, certificate),
        has_baseline=certificate.baseline is not None,
        n_images=certificate.n_images,
        shape=certificate.shape,
        is_interpolated=certificate.interpolated,
    )


def describe_certificate(
    certificate: Certificate, *, has_labels: bool = True, baseline: str = TRAINED.baseline
) -> tuple[str, ...]:
    """State the findings of a certificate.

    Parameters
    ----------
    certificate : Certificate
    has_labels : bool, default True
        Whether any image has a label, which a rotation may change.
    baseline : str, default "non-equivariant network"
        What the baseline is called.

    Returns
    -------
    tuple of str
        Sentences.
    """
    return tuple(_sentences(certificate, has_labels, baseline))


def _sentences(certificate: Certificate, has_labels: bool, name: str) -> Iterator[str]:
    ours, baseline = certificate.ours, certificate.baseline
    exact = ours.d4.relative_to_norm
    if exact is not None:
        yield (
            "Quarter turns and reflections, which only permute pixels, change a latent by at most "
            f"{compact(exact.max)} of its length; up to {compact(certificate.tolerance, 1)} "
            "counts as rounding."
        )
    rotated = ours.random.relative_to_spread
    if rotated is not None:
        theirs = baseline.random.relative_to_spread if baseline else None
        beside = f", those of the {name} by {percent(theirs.median)}" if theirs else ""
        yield (
            f"Rotations by random angles change latents by {percent(rotated.median)} of the spread "
            f"between images (median){beside}."
        )
    if not has_labels:
        yield "Whether they change labels is unknown: no image has one."
    elif ours.random.flip_rate is not None:
        flips = baseline.random.flip_rate if baseline else None
        beside = f" ({percent(flips)} with the {name})" if flips is not None else ""
        yield f"They change {percent(ours.random.flip_rate)} of the labels{beside}."
    if not ours.collapsed and ours.spread < _SMALL_SPREAD * ours.norm:
        yield (
            f"However, latents differ between images by only {percent(ours.spread / ours.norm)} of "
            "their length: they may hold little to cluster."
        )


def _beside(
    cells_of: Callable[[Measurement, tuple[float, ...]], Cells], certificate: Certificate
) -> tuple[tuple[str, tuple[InvarianceRow, ...]], ...]:
    """Cells of both measurements by row; a dash where the baseline has no such row."""
    baseline, angles = certificate.baseline, certificate.angles
    theirs = None if baseline is None else cells_of(baseline, angles)

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
    found = named_families(measurement, angles)
    return {
        "Displacement of the latent, over its length": {
            name: _three(family.relative_to_norm) for name, family in found
        },
        "Displacement of the latent, over the spread between images": {
            name: _three(family.relative_to_spread) for name, family in found
        },
        "Lie derivative, in spreads between images per radian": {
            "at the start of a rotation": _three(measurement.lie_derivative)
        },
    }


def _rates(measurement: Measurement, angles: tuple[float, ...]) -> Cells:
    found = named_families(measurement, angles)
    decibels = measurement.equivariance_db
    ratio = measurement.spread / measurement.norm if measurement.norm else None
    return {
        "Labels that change (flip rate)": {
            name: (percent(family.flip_rate),) for name, family in found
        },
        "Agreement of labels before and after (adjusted Rand index)": {
            name: (fixed(family.ari, 3),) for name, family in found
        },
        "The latents as a whole": {
            "equivariance over random angles, in decibels": (fixed(decibels, 1),),
            "spread between images over length": (compact(ratio),),
            "dimensions of a latent": (str(measurement.latent_dim),),
        },
    }


def _three(summary: Summary | None) -> tuple[str, str, str]:
    if summary is None:
        return (NOT_APPLICABLE,) * 3
    return compact(summary.median), compact(summary.p95), compact(summary.max)
