"""Figure on invariance: displacements of latents under rotations and reflections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from equiclust.evaluation.invariance import Certificate, FamilyError, Measurement, Summary
from equiclust.report.figures.palette import BASELINE_COLOUR, OURS_COLOUR
from equiclust.report.figures.style import panels, styled, svg_uri
from equiclust.report.formatting import compact
from equiclust.typing import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_invariance", "named_families", "save_invariance"]

_NAMES = ("equiclust", "non-equivariant network")
_DPI = 150

_SMALLEST_SHOWN = 1e-9
_LARGEST_SHOWN = 10.0
_LIMIT_OF_ANGLES = 0.01
_LIMIT_COLOUR = "#3A4753"


def named_families(
    measurement: Measurement, angles: tuple[float, ...]
) -> list[tuple[str, FamilyError]]:
    """Name the families of transforms that were measured.

    Parameters
    ----------
    measurement : Measurement
    angles : tuple of float
        Fixed angles of the certificate in degrees.

    Returns
    -------
    list of (str, FamilyError)
    """
    listed = ", ".join(f"{angle:g}°" for angle in angles[:4]) + (" …" if len(angles) > 4 else "")
    named = [
        ("quarter turns and reflections", measurement.d4),
        (f"rotated by {listed}", measurement.diagonal),
        ("rotated by random angles", measurement.random),
        ("rotated and rotated back", measurement.there_and_back),
    ]
    return [(name, family) for name, family in named if family is not None]


def draw_invariance(certificate: Certificate, *, baseline: str = _NAMES[1]) -> str:
    """Draw medians as points, with lines to the largest displacement.

    Parameters
    ----------
    certificate : Certificate
        Its baseline is drawn beside it, if there is one.
    baseline : str, default "non-equivariant network"
        What that is called.

    Returns
    -------
    str
        Data URI.
    """
    with styled():
        return svg_uri(_sheet(certificate, (_NAMES[0], baseline)))


def save_invariance(
    certificate: Certificate, path: PathLike, *, names: tuple[str, str] = _NAMES
) -> None:
    """Write the figure as a file.

    Parameters
    ----------
    certificate : Certificate
    path : path-like
        Its ending, such as .png or .pdf, decides the format.
    names : tuple of two str, default ("equiclust", "non-equivariant network")
        Of what is certified, and of the baseline.
    """
    without_date = {"CreationDate": None} if str(path).endswith(".pdf") else {}
    with styled():
        _sheet(certificate, names).savefig(path, dpi=_DPI, metadata=without_date)


def _sheet(certificate: Certificate, names: tuple[str, str]) -> Figure:
    sheet, (left, right) = panels(2, columns=2, width=11.9, height=3.0)
    _draw_panel(left, certificate, names, lambda family: family.relative_to_norm)
    _draw_panel(right, certificate, names, lambda family: family.relative_to_spread)
    left.set_title("Relative to the latent's length", loc="left")
    right.set_title("Relative to the spread between images", loc="left")
    right.tick_params(labelleft=False)
    tolerance = f"limit for quarter turns: {compact(certificate.tolerance, 1)}"
    _draw_limit(left, certificate.tolerance, tolerance, rows=(-0.5, 0.5))
    last = len(named_families(certificate.ours, certificate.angles)) - 0.5
    _draw_limit(right, _LIMIT_OF_ANGLES, "1 % of the spread", rows=(-0.5, last))
    handles, labels = left.get_legend_handles_labels()
    sheet.legend(handles, labels, loc="outside lower center", ncols=2)
    return sheet


def _draw_limit(axes: Any, value: float, text: str, *, rows: tuple[float, float]) -> None:
    axes.vlines(value, *rows, ls=":", color=_LIMIT_COLOUR, lw=1.4)
    axes.text(value, rows[0] - 0.08, text, ha="center", fontsize=8.0, color=_LIMIT_COLOUR)


def _draw_panel(
    axes: Any,
    certificate: Certificate,
    sides_named: tuple[str, str],
    chosen: Callable[[FamilyError], Summary | None],
) -> None:
    names = [name for name, _ in named_families(certificate.ours, certificate.angles)]
    sides = [(sides_named[0], certificate.ours, OURS_COLOUR, "o", -0.14)]
    if certificate.baseline is not None:
        sides.append((sides_named[1], certificate.baseline, BASELINE_COLOUR, "s", 0.14))
    for label, measurement, colour, marker, shift in sides:
        summaries = [
            chosen(family) for _, family in named_families(measurement, certificate.angles)
        ]
        found = [(row + shift, value) for row, value in enumerate(summaries) if value is not None]
        rows = [row for row, _ in found]
        middles = [_within(value.median) for _, value in found]
        tops = [_within(value.max) for _, value in found]
        axes.hlines(rows, middles, tops, color=colour, lw=2.0, alpha=0.55)
        axes.plot(tops, rows, "|", color=colour, ms=8.0)
        axes.plot(middles, rows, marker, color=colour, ms=6.0, label=f"{label}: median to largest")
    axes.set_xscale("log")
    axes.set_xlim(_SMALLEST_SHOWN / 2.0, _LARGEST_SHOWN * 2.0)
    axes.set_xlabel("displacement of the latent (no unit)")
    axes.set_yticks(range(len(names)), names)
    # Room above the first row for the name of the limit.
    axes.set_ylim(len(names) - 0.5, -0.95)


def _within(value: float) -> float:
    return min(max(value, _SMALLEST_SHOWN), _LARGEST_SHOWN)
