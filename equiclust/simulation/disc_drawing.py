"""Parameters of discs, drawn at random: of one distribution for all classes but the structure."""

from __future__ import annotations

import math

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.simulation.disc_classes import DISC_CLASSES, draw_structure
from equiclust.simulation.disc_model import DiscParameters
from equiclust.simulation.sampling import RandomState, check_classes, root_seed

__all__ = ["check_disc", "draw_disc", "drawn_disc"]


@checks_types
def draw_disc(
    class_name: str,
    *,
    max_inclination: float = 60.0,
    outer_radius: tuple[float, float] = (0.35, 0.8),
    max_offset: float = 0.0,
    beam_fwhm: float = 0.05,
    random_state: RandomState = None,
) -> DiscParameters:
    """Draw the parameters of one disc at random.

    Parameters
    ----------
    class_name : str
        One of `DISC_CLASSES`.
    max_inclination : float, default 60.0
        In degrees; the cosine of the inclination is uniform from here to face-on.
    outer_radius : tuple of two floats, default (0.35, 0.8)
        Range of the outer radius in units of half the frame.
    max_offset : float, default 0.0
        Largest shift of the star from the centre along x and y, in units of half the frame.
    beam_fwhm : float, default 0.05
        Beam in widths of the frame: structures are drawn wide enough to show through it.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same disc.

    Returns
    -------
    DiscParameters

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust.simulation import draw_disc, render
    >>> disc = draw_disc("rings", max_inclination=0.0, random_state=0)
    >>> disc.class_name, disc.inclination
    ('rings', 0.0)
    >>> render(disc, 64).shape
    (64, 64)
    """
    check_classes([class_name], DISC_CLASSES)
    check_disc(max_inclination, outer_radius, max_offset, beam_fwhm)
    rng = np.random.default_rng(root_seed(random_state))
    return drawn_disc(rng, class_name, max_inclination, outer_radius, max_offset, beam_fwhm)


def drawn_disc(
    rng: np.random.Generator,
    class_name: str,
    max_inclination: float,
    outer_radius: tuple[float, float],
    max_offset: float,
    beam_fwhm: float,
) -> DiscParameters:
    """Draw what all classes have in common, the same for each, then the structure.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    class_name : str
        As the others, those of `draw_disc`.
    max_inclination : float
        In degrees.
    outer_radius : tuple of two floats
        Range in units of half the frame.
    max_offset : float
        In units of half the frame.
    beam_fwhm : float
        In widths of the frame.

    Returns
    -------
    DiscParameters
    """
    cosine = rng.uniform(math.cos(math.radians(max_inclination)), 1.0)
    position_angle = rng.uniform(0.0, 180.0)
    radius = rng.uniform(*outer_radius)
    mirror = bool(rng.integers(2))
    x, y = rng.uniform(-max_offset, max_offset, size=2)
    slope, edge = rng.uniform(0.2, 0.8), rng.uniform(4.0, 9.0)
    flux = 0.1 * 10.0 ** rng.normal(0.0, 0.3)
    return DiscParameters(
        class_name=class_name,
        outer_radius=radius,
        slope=slope,
        edge=edge,
        flux=flux,
        inclination=math.degrees(math.acos(min(cosine, 1.0))),
        position_angle=position_angle,
        mirror=mirror,
        centre=(float(x), float(y)),
        structure=draw_structure(class_name, rng, beam=2.0 * beam_fwhm / radius),
    )


def check_disc(
    max_inclination: float, outer_radius: tuple[float, float], max_offset: float, beam_fwhm: float
) -> None:
    """Refuse ranges that no disc can be drawn from.

    Parameters
    ----------
    max_inclination, outer_radius, max_offset, beam_fwhm : object
        As in `draw_disc`.

    Raises
    ------
    InputError
        When one of them cannot be used.
    """
    if not 0.0 <= max_inclination <= 85.0:
        raise InputError(f"max_inclination must lie between 0 and 85, got {max_inclination}")
    if not 0.0 < outer_radius[0] <= outer_radius[1] <= 2.0:
        raise InputError(f"outer_radius must be a range between 0 and 2, got {outer_radius}")
    if not 0.0 <= max_offset <= 1.0:
        raise InputError(f"max_offset must lie between 0 and 1, got {max_offset}")
    if not 0.0 < beam_fwhm <= 0.25:
        raise InputError(f"beam_fwhm must be above 0 and at most 0.25, got {beam_fwhm}")
