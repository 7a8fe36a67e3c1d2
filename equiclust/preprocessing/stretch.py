"""Stretches: curves from pixel values between the limits to brightness, by astropy."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["STRETCHES", "stretch_named"]

STRETCHES = ("linear", "sqrt", "asinh", "log")
"""Names of the curves from the limits of brightness to [0, 1]."""

# Where the asinh and log curves become logarithmic, as fractions of the full range.
SOFTENING = 0.1
LOG_FLOOR = 1e-3


@cache
def stretch_named(name: str) -> Any:
    """Monotone curve of [0, 1] onto itself.

    Parameters
    ----------
    name : {"linear", "sqrt", "asinh", "log"}
        "asinh" is linear up to a tenth of the range, "log" up to a thousandth.

    Returns
    -------
    astropy.visualization.BaseStretch
        Called with an array and ``clip=False`` it gives the stretched array; its `inverse` undoes
        that.
    """
    # Slow to import, since it brings matplotlib along.
    from astropy.visualization import AsinhStretch, LinearStretch, LogStretch, SqrtStretch

    return {
        "linear": LinearStretch(),
        "sqrt": SqrtStretch(),
        "asinh": AsinhStretch(SOFTENING),
        "log": LogStretch(1.0 / LOG_FLOOR),
    }[name]
