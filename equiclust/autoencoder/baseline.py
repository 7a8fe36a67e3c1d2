"""The same autoencoder without equivariance, to compare with."""

from __future__ import annotations

from sklearn.base import clone

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.nn.groups import Group

__all__ = ["non_equivariant_baseline"]


def non_equivariant_baseline(autoencoder: EquivariantAutoencoder) -> EquivariantAutoencoder:
    """Autoencoder of the same shape and cost without equivariance, not fitted yet.

    Parameters
    ----------
    autoencoder : EquivariantAutoencoder
        Its widths are multiplied by the order of its group, so that there are as many channels.

    Returns
    -------
    EquivariantAutoencoder
        With the trivial group.
    """
    order = Group(autoencoder.group).order
    baseline: EquivariantAutoencoder = clone(autoencoder)
    baseline.set_params(
        group="trivial",
        fields=tuple(order * width for width in autoencoder.fields),
        map_fields=order * autoencoder.map_fields,
        detail_fields=order * autoencoder.detail_fields,
    )
    return baseline
