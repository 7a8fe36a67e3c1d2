"""Structures of protoplanetary discs: rings, cavities, spirals, vortices and planets.

Each is a factor on the face-on brightness of a smooth disc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from equiclust.typing import Float64Array

__all__ = ["Annulus", "Cavity", "Planet", "Spiral", "Structure", "Vortex"]


class Structure(Protocol):
    """Structure that makes a disc of a class from a smooth disc."""

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """


@dataclass(frozen=True)
class Annulus:
    """Bright ring (contrast > 0) or gap (-1 < contrast < 0): `1 + c exp(-(r - r0)^2 / 2 w^2)`.

    Parameters
    ----------
    radius, width : float
        Radius `r0` and standard deviation `w`, in outer radii.
    contrast : float
        `c`, relative to the smooth disc.
    """

    radius: float
    width: float
    contrast: float

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """
        return 1.0 + self.contrast * _bell((r - self.radius) / self.width)


@dataclass(frozen=True)
class Cavity:
    """Hole with a soft edge: `f + (1 - f) / (1 + exp((r0 - r) / w))`, around an inner disc.

    Parameters
    ----------
    radius, width : float
        Radius `r0` of the edge and its width `w`, in outer radii.
    floor : float
        Brightness `f` within, relative to the smooth disc.
    inner_disc : float
        Central brightness of an inner disc a fifth as wide, relative to the smooth disc.
    """

    radius: float
    width: float
    floor: float
    inner_disc: float

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """
        edge = 0.5 + 0.5 * np.tanh(0.5 * (r - self.radius) / self.width)
        inner = self.inner_disc * _bell(r / (0.2 * self.radius))
        return self.floor + (1.0 - self.floor) * edge + inner


@dataclass(frozen=True)
class Spiral:
    """Logarithmic arms `1 + c exp(k (cos m(phi - phi0 + ln r / tan p) - 1))` beyond `start`.

    Parameters
    ----------
    n_arms : int
        Number of arms `m`.
    pitch : float
        Pitch angle `p` in degrees.
    contrast : float
        `c`, relative to the smooth disc.
    sharpness : float
        `k`; larger for narrower arms.
    start : float
        Radius about which the arms begin, in outer radii.
    azimuth : float
        `phi0` in radians.
    floor : float
        Brightness that is missing between the arms, relative to the smooth disc.
    """

    n_arms: int
    pitch: float
    contrast: float
    sharpness: float
    start: float
    azimuth: float
    floor: float

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """
        winding = np.log(np.maximum(r, 1e-6)) / math.tan(math.radians(self.pitch))
        phase = self.n_arms * (phi - self.azimuth + winding)
        arms = np.exp(self.sharpness * (np.cos(phase) - 1.0))
        onset = -np.expm1(-((r / self.start) ** 4))
        return 1.0 + onset * (self.contrast * arms - self.floor)


@dataclass(frozen=True)
class Vortex:
    """Crescent on a ring: `1 + c exp(-(r - r0)^2 / 2 w^2) exp((cos(phi - phi0) - 1) / s^2)`.

    Parameters
    ----------
    radius, width : float
        Radius `r0` and standard deviation `w` of the ring, in outer radii.
    extent : float
        Extent `s` of the crescent in azimuth, in radians.
    contrast : float
        `c`, relative to the smooth disc.
    azimuth : float
        `phi0` in radians.
    """

    radius: float
    width: float
    extent: float
    contrast: float
    azimuth: float

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """
        along = np.exp((np.cos(phi - self.azimuth) - 1.0) / self.extent**2)
        return 1.0 + self.contrast * along * _bell((r - self.radius) / self.width)


@dataclass(frozen=True)
class Planet:
    """Planet in its gap, with a warm spot around it and the wake it launches both ways.

    The crest of the wake lies at `phi0 - sign(x - 1) (4/5 x^(5/4) + 4 x^(-1/4) - 24/5) / h`, where
    `x = r / r0`: Rafikov (2002, ApJ 569, 997) for Keplerian rotation and a sound speed falling as
    the fourth root of the radius. It fades with the distance from the planet.

    Parameters
    ----------
    radius : float
        Radius `r0` of the orbit, in outer radii.
    azimuth : float
        `phi0` of the planet in radians.
    gap_depth : float
        Depth of the gap, relative to the smooth disc.
    gap_width : float
        Standard deviation of the gap, in outer radii.
    spot : float
        Brightness of the warm spot, relative to the smooth disc.
    spot_width : float
        Its standard deviation, in outer radii.
    wake : float
        Brightness of the wake, relative to the smooth disc.
    wake_width : float
        Its standard deviation, in outer radii.
    aspect_ratio : float
        `h`, height over radius of the disc.
    """

    radius: float
    azimuth: float
    gap_depth: float
    gap_width: float
    spot: float
    spot_width: float
    wake: float
    wake_width: float
    aspect_ratio: float

    def factor(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        """Brightness relative to the smooth disc.

        Parameters
        ----------
        r : ndarray, float64
            Radius in outer radii.
        phi : ndarray, float64
            Azimuth in radians.

        Returns
        -------
        ndarray, float64
            Of the shape of `r` and `phi`.
        """
        gap = self.gap_depth * _bell((r - self.radius) / self.gap_width)
        away = r**2 + self.radius**2 - 2 * r * self.radius * np.cos(phi - self.azimuth)
        spot = self.spot * np.exp(-0.5 * away / self.spot_width**2)
        return 1.0 - gap + spot + self.wake * self._wake(r, phi)

    def _wake(self, r: Float64Array, phi: Float64Array) -> Float64Array:
        x = np.maximum(r / self.radius, 1e-3)
        root = x**0.25
        lag = np.sign(x - 1.0) * (0.8 * x * root + 4.0 / root - 4.8) / self.aspect_ratio
        # Distance across the crest: along the circle, shortened where the wake is tightly wound.
        wound = (x * root - 1.0 / root) / self.aspect_ratio
        chord = 2.0 * r * np.sin(0.5 * (phi - self.azimuth + lag))
        crest = np.exp(-0.5 * (chord / self.wake_width) ** 2 / (1.0 + wound**2))
        return crest * np.exp(-2.0 * np.abs(np.log(x)))


def _bell(t: Float64Array) -> Float64Array:
    return np.exp(-0.5 * t**2)
