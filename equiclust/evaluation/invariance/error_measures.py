"""Formulas of the certificate: pure functions of latents and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score

from equiclust.typing import Array, Float64Array

__all__ = [
    "EQUIVARIANCE_CEILING_DB",
    "Summary",
    "agreement",
    "displacements",
    "equivariance_db",
    "flip_rate",
    "lie_derivative",
    "rms_norm",
    "rms_spread",
    "summarise",
]


EQUIVARIANCE_CEILING_DB = -20.0 * math.log10(np.finfo(np.float32).eps)
"""138.5 dB, an error at the resolution of float32; nothing is reported as better than that."""


@dataclass(frozen=True)
class Summary:
    """Summary of the values of an error measure.

    Attributes
    ----------
    median, mean, p95, max : float
        `p95` is the 95th percentile.

    Examples
    --------
    >>> from equiclust import certify, simulate_discs
    >>> images, truth = simulate_discs(4, size=32, random_state=0)
    >>> certificate = certify(lambda pixels: pixels.mean(axis=(2, 3)), images, random_state=0)
    >>> errors = certificate.ours.random.relative_to_spread
    >>> errors.median <= errors.p95 <= errors.max
    True
    """

    median: float
    mean: float
    p95: float
    max: float


def summarise(values: Float64Array) -> Summary:
    """Summary of all entries of an array.

    Parameters
    ----------
    values : ndarray
        Of any shape.

    Returns
    -------
    Summary
    """
    return Summary(
        float(np.median(values)),
        float(np.mean(values)),
        float(np.percentile(values, 95.0)),
        float(np.max(values)),
    )


def rms_norm(latents: Float64Array) -> float:
    r"""Root mean square length of latents, :math:`\sqrt{\langle |z|^2 \rangle}`.

    Parameters
    ----------
    latents : ndarray (n, d), float64

    Returns
    -------
    float
    """
    return float(np.sqrt(np.mean(np.sum(latents**2, axis=-1))))


def rms_spread(latents: Float64Array) -> float:
    r"""Root mean square distance of latents to their mean.

    .. math:: \sqrt{\langle |z - \langle z \rangle|^2 \rangle}

    Parameters
    ----------
    latents : ndarray (n, d), float64

    Returns
    -------
    float
    """
    return rms_norm(latents - latents.mean(axis=0))


def displacements(moved: Float64Array, reference: Float64Array) -> Float64Array:
    """Euclidean distances of latents under transforms from those of the images as they are.

    Parameters
    ----------
    moved : ndarray (k, n, d), float64
        Latents of `n` images under `k` transforms.
    reference : ndarray (n, d), float64

    Returns
    -------
    ndarray (k, n), float64
    """
    return np.asarray(np.linalg.norm(moved - reference, axis=-1))


def equivariance_db(moved: Float64Array, reference: Float64Array) -> float | None:
    r"""Equivariance of invariant latents in decibels, after EQ-R of Karras et al. (2021).

    .. math:: 10 \log_{10} \frac{\langle R_k^2 \rangle_k}
              {\langle (f_k(T x_i) - f_k(x_i))^2 \rangle_{T, i, k}}

    EQ-R is the peak signal-to-noise ratio of a generator's output against the same output
    rotated. Here the output is a latent, on which a rotation :math:`T` acts trivially, so that
    nothing has to be rotated back and no frame has to be cut. Images have a known peak, latents
    have not, so :math:`R_k` is the range (maximum less minimum) of coordinate *k* over the
    images. Constant coordinates and a common scale do not change the figure.

    Parameters
    ----------
    moved : ndarray (k, n, d), float64
        Latents of `n` images under `k` rotations.
    reference : ndarray (n, d), float64

    Returns
    -------
    float or None
        In decibels, at most `EQUIVARIANCE_CEILING_DB`. `None` when all latents are equal.

    References
    ----------
    Karras et al. (2021), "Alias-Free Generative Adversarial Networks", NeurIPS 34, section 2.
    """
    peak = float(np.mean(np.ptp(reference, axis=0) ** 2))
    if peak == 0.0:
        return None
    noise = float(np.mean((moved - reference) ** 2)) / peak
    quietest = 10.0 ** (-EQUIVARIANCE_CEILING_DB / 10.0)
    return -10.0 * math.log10(max(noise, quietest))


def lie_derivative(forward: Float64Array, backward: Float64Array, *, step: float) -> Float64Array:
    r"""Length of the derivative of each latent with respect to the rotation angle, at angle 0.

    .. math:: |\mathcal{L} f(x)| \approx \frac{|f(R_h x) - f(R_{-h} x)|}{2 h}

    The Lie derivative of Gruver et al. (2022) along rotations, for an output on which rotations
    act trivially, by a symmetric difference. Their local equivariance error is the mean over
    images of its square over `d`.

    Parameters
    ----------
    forward, backward : ndarray (n, d), float64
        Latents of the images rotated by `step` and by `-step`.
    step : float
        Degrees.

    Returns
    -------
    ndarray (n,)
        In the unit of the latents per radian.

    References
    ----------
    Gruver, Finzi, Goldblum & Wilson (2022), "The Lie Derivative for Measuring Learned
    Equivariance", arXiv:2210.02984.
    """
    return np.asarray(np.linalg.norm(forward - backward, axis=-1) / (2.0 * np.deg2rad(step)))


def flip_rate(moved: Array, reference: Array) -> float:
    """Fraction of labels under transforms that differ from those of the images as they are.

    Parameters
    ----------
    moved : ndarray (k, n), int
    reference : ndarray (n,), int

    Returns
    -------
    float
        0 to 1.
    """
    return float(np.mean(moved != reference))


def agreement(moved: Array, reference: Array) -> float:
    """Adjusted Rand index of labels under transforms and of the images as they are.

    Parameters
    ----------
    moved : ndarray (k, n), int
    reference : ndarray (n,), int

    Returns
    -------
    float
        Mean over the `k` transforms; 1 for equal partitions.
    """
    return float(np.mean([adjusted_rand_score(reference, labels) for labels in moved]))
