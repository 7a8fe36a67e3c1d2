"""The certificate in figures, in a table and in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from equiclust.invariance import Certificate, FamilyError, Measurement, Summary
from equiclust.report.drawing import panels, styled, svg_uri
from equiclust.report.palette import BASELINE_COLOUR, OURS_COLOUR

__all__ = ["InvarianceRow", "InvarianceSection", "make_invariance"]

_NOT_APPLICABLE = "–"
_SMALLEST_SHOWN = 1e-9
_ASKED_OF_ANGLES = 0.01
_CONTENT_FROM = 0.01


@dataclass(frozen=True)
class InvarianceRow:
    """A line of the table: a quantity, ours, and the baseline's."""

    quantity: str
    ours: str
    baseline: str


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
    tables : tuple of (str, tuple of InvarianceRow)
        Lines by what they measure.
    has_baseline : bool
    """

    passed: bool
    failures: tuple[str, ...]
    sentences: tuple[str, ...]
    figure: str
    tables: tuple[tuple[str, tuple[InvarianceRow, ...]], ...]
    has_baseline: bool


def make_invariance(certificate: Certificate) -> InvarianceSection:
    """Everything the report says of a certificate."""
    return InvarianceSection(
        passed=certificate.passed,
        failures=certificate.failures,
        sentences=tuple(_sentences(certificate)),
        figure=_drawn(certificate),
        tables=tuple(_tables(certificate)),
        has_baseline=certificate.baseline is not None,
    )


def _families(measurement: Measurement, angles: tuple[float, ...]) -> list[tuple[str, FamilyError]]:
    asked = ", ".join(f"{angle:g}°" for angle in angles[:4]) + (" …" if len(angles) > 4 else "")
    named = [
        ("quarter turns and mirrors", measurement.d4),
        (f"turned by {asked}", measurement.diagonal),
        ("turned by random angles", measurement.random),
        ("turned and turned back", measurement.there_and_back),
    ]
    return [(name, family) for name, family in named if family is not None]


def _sentences(certificate: Certificate) -> list[str]:
    ours, rival = certificate.ours, certificate.baseline
    found = []
    if ours.d4.relative_to_norm is not None:
        found.append(
            "Quarter turns and mirrors, which only swap pixels, move a latent by at most "
            f"{ours.d4.relative_to_norm.max:.1e} of its length; up to {certificate.tolerance:.0e} "
            "passes as rounding."
        )
    if ours.random.relative_to_spread is not None:
        size = ours.random.relative_to_spread.median
        found.append(
            f"Turning by random angles moves it by {_share(size)} of the spread between images "
            f"(median){_beside(rival)}."
        )
    if ours.random.flip_rate is not None:
        found.append(
            f"{_share(ours.random.flip_rate)} of the labels change when images are turned by "
            f"random angles{_flips_beside(rival)}."
        )
    if ours.norm > 0 and ours.spread < _CONTENT_FROM * ours.norm and not ours.collapsed:
        found.append(
            f"Latents differ between images by only {_share(ours.spread / ours.norm)} of their "
            "length: there may be little in them to cluster."
        )
    return found


def _beside(rival: Measurement | None) -> str:
    if rival is None or rival.random.relative_to_spread is None:
        return ""
    return f"; the plain CNN's by {_share(rival.random.relative_to_spread.median)}"


def _flips_beside(rival: Measurement | None) -> str:
    if rival is None or rival.random.flip_rate is None:
        return ""
    return f"; with the plain CNN {_share(rival.random.flip_rate)}"


def _share(value: float) -> str:
    """Percent, with as many digits as say something."""
    if value == 0.0:
        return "0 %"
    return f"{value * 100.0:.2g} %" if 1e-5 <= value < 0.995 else f"{value * 100.0:.3g} %"


def _tables(certificate: Certificate) -> Iterator[tuple[str, tuple[InvarianceRow, ...]]]:
    rival = certificate.baseline
    theirs = {} if rival is None else _cells(rival, certificate.angles)
    for title, cells in _cells(certificate.ours, certificate.angles).items():
        beside = theirs.get(title, {})
        yield (
            title,
            tuple(
                InvarianceRow(quantity, text, beside.get(quantity, _NOT_APPLICABLE))
                for quantity, text in cells.items()
            ),
        )


def _cells(measurement: Measurement, angles: tuple[float, ...]) -> dict[str, dict[str, str]]:
    """Texts by table and by line."""
    families = _families(measurement, angles)
    tables = {
        title: {name: said(chosen(family)) for name, family in families}
        for title, chosen, said in _OF_FAMILIES
    }
    ratio = measurement.spread / measurement.norm if measurement.norm else None
    tables["The embedding as a whole"] = {
        "equivariance over random angles, dB (more is better)": _or_dash(
            measurement.equivariance_db, ".1f"
        ),
        "Lie derivative, spreads per radian (median / 95 % / largest)": _triple(
            measurement.lie_derivative
        ),
        "spread between images over length of latents": _or_dash(ratio, ".2g"),
        "numbers in a latent": str(measurement.latent_dim),
    }
    return tables


def _or_dash(value: float | None, style: str) -> str:
    return _NOT_APPLICABLE if value is None else format(value, style)


def _triple(summary: Summary | None) -> str:
    if summary is None:
        return _NOT_APPLICABLE
    return f"{summary.median:.1e} / {summary.p95:.1e} / {summary.max:.1e}"


def _percent_triple(summary: Summary | None) -> str:
    if summary is None:
        return _NOT_APPLICABLE
    return " / ".join(_share(value) for value in (summary.median, summary.p95, summary.max))


def _percent(value: float | None) -> str:
    return _NOT_APPLICABLE if value is None else _share(value)


_OF_FAMILIES: tuple[tuple[str, Callable[[FamilyError], Any], Callable[[Any], str]], ...] = (
    (
        "Displacement of the latent, over its length (median / 95 % / largest)",
        lambda family: family.relative_to_norm,
        _triple,
    ),
    (
        "Displacement over the spread between images (median / 95 % / largest)",
        lambda family: family.relative_to_spread,
        _percent_triple,
    ),
    ("Labels that change", lambda family: family.flip_rate, _percent),
    (
        "Agreement of labels before and after (adjusted Rand index)",
        lambda family: family.ari,
        lambda value: _or_dash(value, ".4f"),
    ),
)


def _drawn(certificate: Certificate) -> str:
    with styled():
        sheet, (left, right) = panels(2, columns=2, width=11.2, height=2.9)
        _draw_panel(left, certificate, lambda family: family.relative_to_norm)
        _draw_panel(right, certificate, lambda family: family.relative_to_spread)
        left.set_title("Relative to the latent's length", loc="left")
        right.set_title("Relative to the spread between images", loc="left")
        tolerance = certificate.tolerance
        left.axvline(
            tolerance, ls=":", color="#3A4753", label=f"limit for quarter turns: {tolerance:.0e}"
        )
        right.axvline(_ASKED_OF_ANGLES, ls=":", color="#3A4753", label="1 % of the spread")
        right.tick_params(labelleft=False)
        handles, labels = left.get_legend_handles_labels()
        extra = right.get_legend_handles_labels()
        handles.append(extra[0][-1])
        labels.append(extra[1][-1])
        sheet.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8.0)
        return svg_uri(sheet)


def _draw_panel(
    axes: Any, certificate: Certificate, chosen: Callable[[FamilyError], Summary | None]
) -> None:
    """A point at the median and a line to the largest; what is 0 lies on the left edge."""
    names = [name for name, _ in _families(certificate.ours, certificate.angles)]
    sides = [("equiclust", certificate.ours, OURS_COLOUR, "o", -0.14)]
    if certificate.baseline is not None:
        sides.append(("plain CNN", certificate.baseline, BASELINE_COLOUR, "s", 0.14))
    for label, measurement, colour, marker, shift in sides:
        rows, middles, tops = [], [], []
        for row, (_, family) in enumerate(_families(measurement, certificate.angles)):
            summary = chosen(family)
            if summary is not None:
                rows.append(row + shift)
                middles.append(max(summary.median, _SMALLEST_SHOWN))
                tops.append(max(summary.max, _SMALLEST_SHOWN))
        axes.hlines(rows, middles, tops, color=colour, lw=2.0, alpha=0.55)
        axes.plot(tops, rows, "|", color=colour, ms=8.0)
        axes.plot(middles, rows, marker, color=colour, ms=6.0, label=f"{label}: median to largest")
    axes.set_xscale("log")
    axes.set(xlim=(_SMALLEST_SHOWN / 2.0, 10.0), xlabel="displacement of the latent (no unit)")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
