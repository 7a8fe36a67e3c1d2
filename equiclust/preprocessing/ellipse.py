"""The ellipse as which an object appears: centre, axes and their errors.

A flat disc is a circle that is seen from the side. Its light has second moments, and these follow
the inclination exactly, whatever the structure; only an asymmetry of the structure itself is
mistaken for some inclination.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from equiclust.preprocessing.background import is_on_sky, light_above_border, noise
from equiclust.preprocessing.resize import positions
from equiclust.typing import Array, BoolArray, Float64Array

__all__ = ["Ellipses", "ellipticities", "measure_ellipses"]


# Share of the typical brightness at which light saturates: rings, arms and spots then weigh little
# more than the disc that they are on.
_SATURATION = 0.3
# Beyond this many radii there is no object any more, only rare noise with a long lever.
_REACH = 3.0
_ROUNDS = 10
# An object that lights this share of the border goes on beyond it: its moments are the frame's.
_MOST_BORDER = 0.2
# This share of an object may be masked, out to this many radii, before its moments are the mask's.
_MOST_MASKED, _EXTENT = 0.05, 2.5
# Below this share of the beam's, the width of an axis is not known.
_RESOLVED = 0.3
# Errors by structure, beam and noise, fitted to 1,200 simulated discs of all kinds.
_BY_STRUCTURE, _BY_BEAM, _BY_NOISE = 0.92, 0.34, 0.19


class Ellipses(NamedTuple):
    """Ellipses of `n` images of one shape.

    Attributes
    ----------
    centres : ndarray (n, 2), float64
        (y, x) in pixels from the centre of the image.
    moments : ndarray (n, 2, 2), float64
        Second moments of saturated light, without the beam where it is known, in square pixels.
    errors : ndarray (n,), float64
        Standard error of either component of the ellipticity `(a^2 - b^2) / (a^2 + b^2)`.
    measured : ndarray (n,), bool
        Whether there is an object on a sky that lies within the image and is not masked.
    resolved : ndarray (n,), bool
        Whether the major axis is wider than the beam alone would be.
    edge_on : ndarray (n,), bool
        Whether the minor axis is not wider than that.
    """

    centres: Float64Array
    moments: Float64Array
    errors: Float64Array
    measured: BoolArray
    resolved: BoolArray
    edge_on: BoolArray


def measure_ellipses(
    pixels: Array, mask: BoolArray, ring: BoolArray, *, beams: Float64Array | None = None
) -> Ellipses:
    r"""Second moments of every object, weighted by an ellipse that follows from them.

    What rises three standard deviations above the border is light. It saturates,
    :math:`s = f^2 / (f^2 + t^2)` with `t` three tenths of its mean brightness, and its moments

    .. math::

        C = \frac{\sum w\,s\,(x - c)(x - c)^T}{\sum w\,s}, \qquad
        w = \left(1 + \left(\frac{(x - c)^T C^{-1} (x - c)}{3^2}\right)^4\right)^{-1}

    are solved by iteration, in the manner of Bernstein & Jarvis (2002). Inclining the disc changes
    `C` as it changes the disc, to `A C A^T`, and convolution with a beam adds the beam's moments.
    The difference between the moments of saturated and of plain light measures how asymmetric the
    structure is, and so most of the error.

    Parameters
    ----------
    pixels : ndarray (n, c, h, w)
        The channels are summed.
    mask : ndarray (h, w), bool
        `True` = ignore.
    ring : ndarray (h, w), bool
        `True` on the border.
    beams : ndarray (n, 2, 2), optional
        Second moments of the beams in square pixels, 0 where a beam is not known. By default all
        are 0.

    Returns
    -------
    Ellipses
    """
    total = pixels.sum(axis=1, keepdims=True, dtype=float)
    light, typical = _scaled_light(total, mask, ring)
    noise_share = noise(total, ring) / np.where(typical > 0, typical, 1.0)
    saturated = light**2 / (light**2 + _SATURATION**2)
    beam = np.zeros((len(light), 2, 2)) if beams is None else beams
    centres, widened = _adaptive_moments(saturated)
    moments = _without(widened, beam)
    plain = _without(_adaptive_moments(light)[1], beam)
    whole = saturated[:, ring].mean(axis=1) < _MOST_BORDER
    whole &= _masked_share(mask, centres, widened) < _MOST_MASKED
    narrow, wide = np.linalg.eigvalsh(widened - beam).T
    least, most = _RESOLVED * np.linalg.eigvalsh(beam).T
    return Ellipses(
        centres=centres,
        moments=moments,
        errors=_errors(moments, plain, beam, noise_share),
        measured=(typical > 0) & whole & is_on_sky(total, mask, ring),
        resolved=wide >= most,
        edge_on=narrow < least,
    )


def _scaled_light(
    pixels: Float64Array, mask: BoolArray, ring: BoolArray
) -> tuple[Float64Array, Float64Array]:
    """Light in units of its own mean brightness, and that brightness `(n,)`; 0 if there is none.

    The mean is weighted by the light itself, so that it does not matter how much sky there is.
    """
    light = light_above_border(pixels, mask, ring)
    peak = light.max(axis=(1, 2), keepdims=True)
    # Squares of 1e38 are legal in double precision, and those of 1e-38 are not, but as shares.
    share = light / np.where(peak > 0, peak, 1.0)
    total = np.maximum(share.sum(axis=(1, 2)), np.finfo(float).tiny)
    typical: Float64Array = np.square(share).sum(axis=(1, 2)) / total
    typical = np.where(typical > 0, typical, 1.0)
    return share / typical[:, None, None], typical * peak[:, 0, 0]


def _errors(
    moments: Float64Array, plain: Float64Array, beam: Float64Array, noise_share: Float64Array
) -> Float64Array:
    lopsided = np.linalg.norm(ellipticities(moments) - ellipticities(plain), axis=1)
    width = np.trace(beam, axis1=1, axis2=2) / np.trace(moments, axis1=1, axis2=2)
    parts = (_BY_STRUCTURE * lopsided, _BY_BEAM * width, _BY_NOISE * noise_share)
    return np.asarray(np.sqrt(np.square(parts).sum(axis=0)))


def _masked_share(mask: BoolArray, centres: Float64Array, moments: Float64Array) -> Float64Array:
    """Share of each ellipse `(n,)` that is masked."""
    if not mask.any():
        return np.zeros(len(centres))
    y, x = positions(mask.shape[0])[:, None], positions(mask.shape[1])
    inverse = np.linalg.inv(moments)
    inside = _square_distance(inverse, *_from_centres(y, x, centres)) < _EXTENT**2
    hidden: Float64Array = (inside & mask).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1)
    return hidden


def _adaptive_moments(light: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Centres `(n, 2)` and moments `(n, 2, 2)` of images `(n, h, w)`."""
    height, width = light.shape[1:]
    y, x = positions(height)[:, None], positions(width)
    centres = np.zeros((len(light), 2))
    moments = np.broadcast_to(np.eye(2) * (max(height, width) / 3) ** 2, (len(light), 2, 2))
    for _ in range(_ROUNDS):
        dy, dx = _from_centres(y, x, centres)
        square = _square_distance(np.linalg.inv(moments), dy, dx)
        # To the power of four, by squares: pow takes ten times as long.
        weight = np.square(np.square(square / _REACH**2))
        weight = light / (1.0 + weight)
        weight /= np.maximum(weight.sum(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
        shift = np.stack([(weight * dy).sum(axis=(1, 2)), (weight * dx).sum(axis=(1, 2))], axis=1)
        centres = centres + shift
        dy, dx = _from_centres(y, x, centres)
        yy, xx, xy = ((weight * part).sum(axis=(1, 2)) for part in (dy * dy, dx * dx, dy * dx))
        # A single lit pixel is as wide as a pixel.
        pixel = np.eye(2) / 12.0
        moments = np.stack([np.stack([yy, xy], -1), np.stack([xy, xx], -1)], axis=-2) + pixel
    return centres, moments


def _from_centres(
    y: Float64Array, x: Float64Array, centres: Float64Array
) -> tuple[Float64Array, Float64Array]:
    return y - centres[:, 0, None, None], x - centres[:, 1, None, None]


def _square_distance(inverse: Array, dy: Float64Array, dx: Float64Array) -> Float64Array:
    """Squared distance from the centre in radii of the ellipse, `(n, h, w)`."""
    (yy, xy), (_, xx) = inverse.transpose(1, 2, 0)[..., None, None]
    return np.asarray(yy * dy**2 + 2.0 * xy * dy * dx + xx * dx**2)


def _without(moments: Float64Array, beam: Float64Array) -> Float64Array:
    """Moments before the beam widened them; what is narrower than the beam stays positive."""
    values, axes = np.linalg.eigh(moments - beam)
    floor = _RESOLVED**2 * np.linalg.eigvalsh(beam)[:, :1] + np.finfo(float).tiny
    return np.asarray(np.einsum("nij,nj,nkj->nik", axes, np.maximum(values, floor), axes))


def ellipticities(moments: Float64Array) -> Float64Array:
    """Both components of the ellipticity of second moments.

    Parameters
    ----------
    moments : ndarray (n, 2, 2), float64
        Along (y, x).

    Returns
    -------
    ndarray (n, 2), float64
        Along the first axis, and along the diagonal between both.
    """
    (yy, xy), (_, xx) = moments.transpose(1, 2, 0)
    return np.stack([(yy - xx) / (yy + xx), 2.0 * xy / (yy + xx)], axis=1)
