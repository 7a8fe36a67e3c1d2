"""What tells the classes of discs apart: how the structure of each is drawn at random.

Lengths are in outer radii, and `beam` is the width of the telescope's beam in the same unit:
structures are drawn wide enough to show through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from equiclust.simulation.disc_structures import (
    Annulus,
    Cavity,
    Planet,
    Spiral,
    Structure,
    Vortex,
)

__all__ = ["DISC_CLASSES", "draw_structure"]


def draw_structure(
    class_name: str, rng: np.random.Generator, *, beam: float
) -> tuple[Structure, ...]:
    """Structure of one disc of a class, drawn at random.

    Parameters
    ----------
    class_name : str
        One of `DISC_CLASSES`.
    rng : numpy.random.Generator
    beam : float
        Full width at half maximum of the beam in outer radii; structures are wide enough to be
        resolved by it.

    Returns
    -------
    tuple of Structure
    """
    return _STRUCTURES[class_name](rng, beam)


def _smooth(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    return ()


def _rings(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    """One to four pairs of a gap and the ring outside it."""
    n = int(rng.integers(1, int(np.clip(0.5 / beam, 1, 4)) + 1))
    step = 0.65 / n
    pairs: list[Structure] = []
    for k in range(n):
        gap = 0.25 + step * (k + rng.uniform(0.2, 0.6))
        width = max(step * rng.uniform(0.13, 0.22), 0.35 * beam)
        pairs.append(Annulus(gap, width, -rng.uniform(0.6, 0.97)))
        pairs.append(Annulus(gap + 2.2 * width, width, rng.uniform(0.1, 0.8)))
    return tuple(pairs)


def _cavity(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    """A wide hole with a bright rim, sometimes around a faint inner disc."""
    radius = rng.uniform(max(0.35, 1.2 * beam), 0.7)
    width = rng.uniform(0.02, 0.06)
    inner = rng.uniform(0.1, 0.4) if rng.random() < 0.3 else 0.0
    rim = Annulus(radius + 2.0 * width, rng.uniform(0.06, 0.15), rng.uniform(0.2, 1.2))
    return (Cavity(radius, width, rng.uniform(0.0, 0.12), inner), rim)


def _spiral(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    """One to three arms, open enough for the beam to part them."""
    n_arms = int(rng.integers(1, 4))
    tightest = math.degrees(math.atan(n_arms * 1.8 * beam / (2.0 * math.pi * 0.6)))
    return (
        Spiral(
            n_arms=n_arms,
            pitch=rng.uniform(max(11.0, tightest), max(11.0, tightest) + 14.0),
            contrast=rng.uniform(1.2, 3.0),
            sharpness=rng.uniform(1.0, 3.0),
            start=rng.uniform(0.12, 0.25),
            azimuth=rng.uniform(0.0, 2.0 * math.pi),
            floor=rng.uniform(0.2, 0.6),
        ),
    )


def _crescent(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    """A vortex on the ring around a more or less empty hole."""
    radius = rng.uniform(max(0.5, 1.4 * beam), 0.8)
    width = max(rng.uniform(0.08, 0.14), 0.3 * beam)
    return (
        Cavity(radius - 1.5 * width, 0.05, rng.uniform(0.0, 0.35), 0.0),
        Annulus(radius, width, rng.uniform(0.0, 1.0)),
        Vortex(
            radius=radius,
            width=width,
            extent=math.radians(rng.uniform(25.0, 65.0)),
            contrast=rng.uniform(2.0, 6.0),
            azimuth=rng.uniform(0.0, 2.0 * math.pi),
        ),
    )


def _kink(rng: np.random.Generator, beam: float) -> tuple[Structure, ...]:
    """A planet with its spot and wake, in a shallow gap of its own."""
    return (
        Planet(
            radius=rng.uniform(0.45, 0.8),
            azimuth=rng.uniform(0.0, 2.0 * math.pi),
            gap_depth=rng.uniform(0.0, 0.6),
            gap_width=max(rng.uniform(0.06, 0.1), 0.35 * beam),
            spot=rng.uniform(2.0, 5.0),
            spot_width=max(rng.uniform(0.03, 0.06), 0.3 * beam),
            wake=rng.uniform(1.0, 2.2),
            wake_width=max(rng.uniform(0.03, 0.06), 0.25 * beam),
            aspect_ratio=rng.uniform(0.08, 0.16),
        ),
    )


_STRUCTURES: dict[str, Callable[[np.random.Generator, float], tuple[Structure, ...]]] = {
    "smooth": _smooth,
    "rings": _rings,
    "cavity": _cavity,
    "spiral": _spiral,
    "crescent": _crescent,
    "kink": _kink,
}

DISC_CLASSES = tuple(_STRUCTURES)
"""Names of the classes; their order is that of `kind_index`."""
