"""Discs with known truth: protoplanetary discs in six classes, as an interferometer would see them.

Every class draws size, slope, edge, flux, inclination, beam and noise from the same distributions;
only the structure tells them apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from equiclust.argument_types import checks_types
from equiclust.images import Beam, Image, ImageSet
from equiclust.simulation.disc_classes import DISC_CLASSES
from equiclust.simulation.disc_drawing import check_disc, draw_disc, drawn_disc
from equiclust.simulation.disc_model import DiscParameters, beam_noise, disc_brightness, render
from equiclust.simulation.disc_structures import Structure
from equiclust.simulation.sampling import (
    RandomState,
    balanced_classes,
    check_classes,
    check_set,
    image_seeds,
    root_seed,
    truth_table,
)
from equiclust.validation import check_whole

if TYPE_CHECKING:
    from astropy.table import Table
    from astropy.wcs import WCS

__all__ = [
    "DISC_CLASSES",
    "DiscParameters",
    "disc_brightness",
    "draw_disc",
    "render",
    "simulate_discs",
    "simulate_views",
]

PIXEL_SCALE = 0.02 / 3600.0
"""Width of a pixel in degrees."""

DESCRIPTIONS = {
    "id": "name of the image",
    "kind": "class of disc",
    "kind_index": "place of the class among all that can be simulated",
    "inclination": "0 = face-on",
    "position_angle": "of the major axis, east of north",
    "spin": "by which the structure is turned within the disc, from the major axis",
    "mirror": "whether the disc turns clockwise, arms and wakes trailing",
    "outer_radius": "where the edge has dimmed the disc by a factor e",
    "flux": "total flux if seen face-on",
    "peak_snr": "noise-free peak over the rms of the noise",
    "noise_rms": "rms of the noise",
    "beam_ratio": "minor over major axis of the beam",
    "beam_angle": "position angle of the beam, east of north",
    "seed": "seed with which `draw_disc` gives this disc, its other arguments being the same",
    "structure": "parameters of the structure as JSON, lengths in outer radii, angles in radians",
}
_OF_VIEWS = {
    **DESCRIPTIONS,
    "seed": "seed with which `draw_disc` gives this disc but for the angles of its view",
    "system": "which disc it is, whatever its view",
}
UNITS = {
    **dict.fromkeys(("inclination", "position_angle", "spin", "beam_angle"), "deg"),
    "outer_radius": "pix",
    "flux": "Jy",
    "noise_rms": "Jy/beam",
}


@dataclass(frozen=True)
class _Telescope:
    """What is the same for every image of a set."""

    size: int
    snr: tuple[float, float]
    beam_fwhm: float


@checks_types
def simulate_discs(
    n: int,
    *,
    size: int = 128,
    classes: Sequence[str] = DISC_CLASSES,
    max_inclination: float = 60.0,
    outer_radius: tuple[float, float] = (0.35, 0.8),
    max_offset: float = 0.0,
    snr: tuple[float, float] = (15.0, 60.0),
    beam_fwhm: float = 0.05,
    random_state: RandomState = None,
) -> tuple[ImageSet, Table]:
    """Simulate images of discs of all classes equally often, with their true classes.

    Classes follow one another at random; the noise has the width of the beam.

    Parameters
    ----------
    n : int
        Number of images. The first images of a longer set are those of a shorter one.
    size : int, default 128
        Height and width in pixels of 0.02 arcsec.
    classes : sequence of str, default `DISC_CLASSES`
        Those of `DISC_CLASSES` to draw.
    max_inclination : float, default 60.0
        In degrees; the cosine of the inclination is uniform from here to face-on.
    outer_radius : tuple of two floats, default (0.35, 0.8)
        Range of the outer radius in units of half the frame.
    max_offset : float, default 0.0
        Largest shift of the star from the centre along x and y, in units of half the frame.
    snr : tuple of two floats, default (15.0, 60.0)
        Range of the noise-free peak over the rms of the noise, uniform in its logarithm.
    beam_fwhm : float, default 0.05
        Geometric mean of the beam's two widths at half maximum, in widths of the frame.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same bytes.

    Returns
    -------
    images : ImageSet
        One channel each, in Jy/beam, with WCS and beam.
    truth : astropy.table.Table
        One row for each image.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust import simulate_discs
    >>> images, truth = simulate_discs(12, size=32, random_state=0)
    >>> images.pixels.shape, images[0].unit
    ((12, 1, 32, 32), 'Jy/beam')

    Every class occurs as often as the others, and comes with its geometry:

    >>> sorted(set(truth["kind"].tolist()))
    ['cavity', 'crescent', 'kink', 'rings', 'smooth', 'spiral']
    >>> bool((truth["inclination"] <= 60.0).all())
    True
    """
    telescope = _Telescope(size, snr, beam_fwhm)
    ranges = (max_inclination, outer_radius, max_offset)
    observed = []
    for i, (disc, seed) in enumerate(_drawn(n, classes, ranges, telescope, random_state)):
        camera = np.random.default_rng([seed, 1])
        observed.append(_observe(f"disc_{i:05d}", disc, seed, telescope, camera))
    return _as_set(observed, DESCRIPTIONS)


@checks_types
def simulate_views(
    n: int,
    *,
    n_views: int = 2,
    size: int = 128,
    classes: Sequence[str] = DISC_CLASSES,
    max_inclination: float = 60.0,
    outer_radius: tuple[float, float] = (0.35, 0.8),
    max_offset: float = 0.0,
    snr: tuple[float, float] = (15.0, 60.0),
    beam_fwhm: float = 0.05,
    random_state: RandomState = None,
) -> tuple[ImageSet, Table]:
    """Simulate images of discs, each seen from several directions and by several beams.

    The structure, size and flux of every system stay. Its inclination, its position angle, the
    direction within the disc about which it is inclined, its handedness, the beam and the noise are
    drawn anew for every view.

    Parameters
    ----------
    n : int
        Number of systems.
    n_views : int, default 2
        Number of images of each.
    size : int, default 128
        Height and width in pixels of 0.02 arcsec.
    classes : sequence of str, default `DISC_CLASSES`
        Those of `DISC_CLASSES` to draw.
    max_inclination : float, default 60.0
        In degrees; the cosine of the inclination is uniform from here to face-on.
    outer_radius : tuple of two floats, default (0.35, 0.8)
        Range of the outer radius in units of half the frame.
    max_offset : float, default 0.0
        Largest shift of the star from the centre along x and y, in units of half the frame.
    snr : tuple of two floats, default (15.0, 60.0)
        Range of the noise-free peak over the rms of the noise, uniform in its logarithm.
    beam_fwhm : float, default 0.05
        Geometric mean of the beam's two widths at half maximum, in widths of the frame.
    random_state : int, Generator or RandomState, optional
        The same seed gives the same bytes.

    Returns
    -------
    images : ImageSet
        The `n_views` images of the first system, then those of the next.
    truth : astropy.table.Table
        One row for each image, with the `system` that it shows.

    Raises
    ------
    InputError
        When an argument cannot be used.

    Examples
    --------
    >>> from equiclust import simulate_views
    >>> images, truth = simulate_views(3, n_views=2, size=32, random_state=0)
    >>> images.ids[:3]
    ('disc_00000_view_0', 'disc_00000_view_1', 'disc_00001_view_0')
    >>> truth["system"][:3].tolist()
    ['disc_00000', 'disc_00000', 'disc_00001']
    """
    check_whole("n_views", n_views, largest=10**5)
    telescope = _Telescope(size, snr, beam_fwhm)
    ranges = (max_inclination, outer_radius, max_offset)
    observed = []
    for i, (disc, seed) in enumerate(_drawn(n, classes, ranges, telescope, random_state)):
        for view in range(n_views):
            camera = np.random.default_rng([seed, 2, view])
            seen = _seen_from_elsewhere(disc, max_inclination, camera)
            image, row = _observe(f"disc_{i:05d}_view_{view}", seen, seed, telescope, camera)
            observed.append((image, row | {"system": f"disc_{i:05d}"}))
    return _as_set(observed, _OF_VIEWS)


def _drawn(
    n: int,
    classes: Sequence[str],
    ranges: tuple[float, tuple[float, float], float],
    telescope: _Telescope,
    random_state: RandomState,
) -> list[tuple[DiscParameters, int]]:
    """Every disc of a set with its seed, after all that the set is asked for has been checked."""
    check_classes(classes, DISC_CLASSES)
    check_disc(*ranges, telescope.beam_fwhm)
    check_set(n, telescope.size, telescope.snr)
    root = root_seed(random_state)
    return [
        (drawn_disc(np.random.default_rng(seed), class_name, *ranges, telescope.beam_fwhm), seed)
        for class_name, seed in zip(
            balanced_classes(classes, n, root), image_seeds(n, root), strict=True
        )
    ]


def _seen_from_elsewhere(
    disc: DiscParameters, max_inclination: float, rng: np.random.Generator
) -> DiscParameters:
    cosine = rng.uniform(math.cos(math.radians(max_inclination)), 1.0)
    return replace(
        disc,
        inclination=math.degrees(math.acos(min(cosine, 1.0))),
        position_angle=rng.uniform(0.0, 180.0),
        spin=rng.uniform(0.0, 360.0),
        mirror=bool(rng.integers(2)),
    )


def _as_set(
    observed: list[tuple[Image, dict[str, Any]]], descriptions: dict[str, str]
) -> tuple[ImageSet, Table]:
    images = ImageSet(tuple(image for image, _ in observed))
    return images, truth_table([row for _, row in observed], descriptions, UNITS)


def _observe(
    name: str,
    parameters: DiscParameters,
    seed: int,
    telescope: _Telescope,
    rng: np.random.Generator,
) -> tuple[Image, dict[str, Any]]:
    size, fwhm = telescope.size, telescope.beam_fwhm
    ratio, angle = rng.uniform(0.75, 1.0), rng.uniform(0.0, 180.0)
    peak_snr = math.exp(rng.uniform(*np.log(telescope.snr)))
    wcs = _wcs(size, rng.uniform(64.0, 72.0), rng.uniform(22.0, 28.0))
    # From Jy per square of half a frame to Jy/beam.
    area = math.pi * (2.0 * fwhm) ** 2 / (4.0 * math.log(2.0))
    clean = area * render(parameters, size, beam_fwhm=fwhm, beam_ratio=ratio, beam_angle=angle)
    rms = float(clean.max()) / peak_snr
    noise = rms * beam_noise(rng, size, beam_fwhm=fwhm, beam_ratio=ratio, beam_angle=angle)
    width = fwhm * size * PIXEL_SCALE
    beam = Beam(width / math.sqrt(ratio), width * math.sqrt(ratio), angle)
    image = Image.from_values(clean + noise, name, wcs=wcs, unit="Jy/beam", beam=beam)
    row = {
        "id": name,
        "kind": parameters.class_name,
        "kind_index": DISC_CLASSES.index(parameters.class_name),
        "inclination": parameters.inclination,
        "position_angle": parameters.position_angle,
        "spin": parameters.spin,
        "mirror": parameters.mirror,
        "outer_radius": 0.5 * size * parameters.outer_radius,
        "flux": parameters.flux,
        "peak_snr": peak_snr,
        "noise_rms": rms,
        "beam_ratio": ratio,
        "beam_angle": angle,
        "seed": seed,
        "structure": json.dumps([_as_dict(part) for part in parameters.structure]),
    }
    return image, row


def _as_dict(part: Structure) -> dict[str, Any]:
    return {"type": type(part).__name__, **vars(part)}


def _wcs(size: int, ra: float, dec: float) -> WCS:
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [0.5 * (size + 1), 0.5 * (size + 1)]
    wcs.wcs.cdelt = [-PIXEL_SCALE, PIXEL_SCALE]
    wcs.wcs.radesys = "ICRS"
    return wcs
