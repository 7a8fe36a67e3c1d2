"""The band-limited filters every convolution is made of: rings times circular harmonics."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from equiclust.nn.groups import Group, check_group
from equiclust.typing import Float64Array, IntArray
from equiclust.validation import check_whole

__all__ = ["Ring", "noise_to_weights", "polar_basis", "rings"]


class Ring(NamedTuple):
    """Gaussian ring of a filter, and the harmonics that it carries.

    Attributes
    ----------
    radius, width : float
        In pixels.
    max_frequency : int
        Highest angular frequency.
    """

    radius: float
    width: float
    max_frequency: int


def rings(kernel_size: int) -> tuple[Ring, ...]:
    """Rings of a filter, chosen as `R2Conv` of escnn does by default.

    Radii are whole pixels from the centre outwards. A ring at the rim of an odd filter, which the
    square grid cuts, carries frequencies up to 2, inner ones as many as their pixels can tell
    apart. An even filter has no pixel in its centre, hence no ring of radius 0. For 2 x 2, where
    escnn's rule leaves nothing, the ring runs through the four pixels.

    Parameters
    ----------
    kernel_size : int
        Side of the filter in pixels, at least 1.

    Returns
    -------
    tuple of Ring
        From the centre outwards.

    Raises
    ------
    InputError
        When `kernel_size` is not a positive integer.
    """
    check_whole("kernel_size", kernel_size)
    if kernel_size == 2:
        return (Ring(0.5**0.5, 0.4, 1),)
    last = (kernel_size - 1) // 2
    centre = (Ring(0.0, 0.005, 0),) if kernel_size % 2 else ()
    return centre + tuple(
        Ring(float(r), 0.4 if r == last else 0.6, _max_frequency(r, kernel_size))
        for r in range(1, last + 1)
    )


def _max_frequency(radius: int, kernel_size: int) -> int:
    if radius == kernel_size // 2:
        return 2
    return 2 * radius - (radius + 1) % 2


def polar_basis(group: Group, kernel_size: int) -> Float64Array:
    """Basis of the filters, sampled once for every group element.

    With `(rho, phi)` the polar coordinates of `x` and ring `q` of radius `r_q`, width `s_q`, the
    basis functions are `exp(-(rho - r_q)^2 / 2 s_q^2)` times `cos(m phi)` or `sin(m phi)`
    (Weiler and Cesa 2019, arXiv:1911.08251). Function `j` sampled for element `g` is
    `b_j(g^-1 x)` at the pixel centres `x`, which lie symmetrically about the origin.

    Parameters
    ----------
    group : Group
        Its elements act on the filters.
    kernel_size : int
        Side of the filter in pixels.

    Returns
    -------
    ndarray (order, n_functions, kernel_size, kernel_size), float64
        Read-only; unit sum of squares for the identity. Rows run downwards, columns to the right.

    Raises
    ------
    InputError
        When `group` is no `Group` or `kernel_size` not a positive integer.
    """
    check_group(group)
    check_whole("kernel_size", kernel_size)
    return _polar_basis(group, kernel_size)


@lru_cache(maxsize=64)
def _polar_basis(group: Group, kernel_size: int) -> Float64Array:
    table = rings(kernel_size)
    offsets = np.arange(kernel_size) - (kernel_size - 1) / 2
    x, y = offsets[None, :], -offsets[:, None]
    # The inverse of an orthogonal matrix is its transpose. Written out, not by a matrix product,
    # whose fused rounding would depend on the order of the two terms.
    (a, b), (c, d) = np.moveaxis(group.matrices, 0, -1)[..., None, None]
    basis = _sample(a * x + c * y, b * x + d * y, table)
    basis /= np.sqrt((basis[:1] ** 2).sum(axis=(2, 3), keepdims=True))
    basis.setflags(write=False)
    return basis


def _sample(x: Float64Array, y: Float64Array, table: tuple[Ring, ...]) -> Float64Array:
    """Functions `(order, n_functions, h, w)` at the points `(order, h, w)`."""
    radius = np.sqrt(x * x + y * y)
    direction = np.divide(x + 1j * y, radius, out=np.zeros(x.shape, complex), where=radius > 0)
    functions = []
    for ring in table:
        profile = np.exp(-0.5 * ((radius - ring.radius) / ring.width) ** 2)
        functions.append(profile)
        for frequency in range(1, ring.max_frequency + 1):
            harmonic = profile * _power(direction, frequency)
            functions += [harmonic.real, harmonic.imag]
    return np.stack(functions, axis=1)


def _power(direction: npt.NDArray[np.complex128], frequency: int) -> npt.NDArray[np.complex128]:
    # Products keep the exact symmetry under quarter turns that powers by logarithm would lose.
    result = direction
    for _ in range(frequency - 1):
        result = result * direction
    return result


@lru_cache(maxsize=64)
def noise_to_weights(kernel_size: int) -> Float64Array:
    """Matrix that turns white noise on a filter's pixels into weights of a filter of unit gain.

    He et al. (2015, arXiv:1502.01852) draw free filters as white noise, which passes smooth and
    rough images alike. Drawing independent weights of a band-limited basis instead would amplify
    smooth images, more in every layer. So the free filter is drawn and projected on the basis,
    `P = pinv(B) B`, and scaled to leave the second moment of a typical input as it is, of
    autocorrelation `R`: `trace(P R) = 1`. The typical input is a rectified Gaussian field that
    such a filter made out of noise; rectifying takes an autocorrelation `c` to
    `(sqrt(1 - c^2) + c (pi - arccos c)) / pi` (Cho and Saul 2009).

    Parameters
    ----------
    kernel_size : int
        Side of the filter in pixels.

    Returns
    -------
    ndarray (kernel_size^2, n_functions), float64
        Read-only.
    """
    basis = polar_basis(Group("trivial"), kernel_size)[0].reshape(-1, kernel_size**2)
    inverse = np.linalg.pinv(basis)
    projection = inverse @ basis
    lags = _lags(kernel_size)
    total = np.bincount(lags.ravel(), weights=projection.ravel())
    correlation = np.clip(total[lags] / np.trace(projection), -1.0, 1.0)
    angle = np.arccos(correlation)
    rectified = (np.sin(angle) + correlation * (np.pi - angle)) / np.pi
    matrix: Float64Array = inverse / np.sqrt((projection * rectified).sum())
    matrix.setflags(write=False)
    return matrix


def _lags(kernel_size: int) -> IntArray:
    """Number of the displacement between every two pixels, `(kernel_size^2, kernel_size^2)`."""
    y, x = np.divmod(np.arange(kernel_size**2), kernel_size)
    width = 2 * kernel_size - 1
    down = y[None] - y[:, None] + kernel_size - 1
    right = x[None] - x[:, None] + kernel_size - 1
    lags: IntArray = down * width + right
    return lags
