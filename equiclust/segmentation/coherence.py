"""Memberships of tiles made coherent: a tile is more likely of the kind of those around it."""

from __future__ import annotations

import numpy as np
from scipy import special

from equiclust.segmentation.latent_grid import smoothed_tiles
from equiclust.typing import Float64Array

__all__ = ["coherent_memberships"]

_ITERATIONS = 10
# Of memberships: no tile is so sure that those around it have no say.
_LEAST = 1e-3


def coherent_memberships(
    memberships: Float64Array, *, sigma: float, strength: float
) -> Float64Array:
    r"""Memberships in a Markov random field, by its mean field.

    From the memberships :math:`p_k` of the tiles by themselves, ten times

    .. math::

        q_k \propto p_k \exp(\beta \, G_\sigma * q_k),

    the Potts model whose tiles are coupled by a round Gaussian (Krähenbühl & Koltun 2011). A
    rotated map has the rotated memberships.

    Parameters
    ----------
    memberships : ndarray (n_rows, n_columns, k), float64
        NaN for tiles left out, which stay so and have no say.
    sigma : float
        Standard deviation of the Gaussian in tiles.
    strength : float
        :math:`\beta`, from 0, which changes nothing but those below 0.001.

    Returns
    -------
    ndarray (n_rows, n_columns, k), float64
        Rows add up to 1.
    """
    alone = np.log(memberships + _LEAST)
    found = memberships
    for _ in range(_ITERATIONS):
        near = smoothed_tiles(found, sigma)
        found = np.asarray(special.softmax(alone + strength * near, axis=-1))
    return found
