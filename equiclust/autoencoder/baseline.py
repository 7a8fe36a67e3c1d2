"""Autoencoders without equivariance, to compare with."""

from __future__ import annotations

from importlib.resources import as_file, files

from safetensors.torch import load_file
from sklearn.base import clone

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.pretrained import start_from
from equiclust.nn.groups import Group

__all__ = [
    "non_equivariant_baseline",
    "plain_autoencoder",
    "plain_weights_name",
    "pretrained_plain_autoencoder",
]

# The root of the order of D8: the filters of its layers have as many weights.
_WIDENED = 4


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

    Examples
    --------
    >>> from equiclust import EquivariantAutoencoder
    >>> from equiclust.autoencoder import non_equivariant_baseline
    >>> plain = non_equivariant_baseline(EquivariantAutoencoder(group="D4", fields=(4, 8)))
    >>> plain.group, plain.fields
    ('trivial', (32, 64))
    """
    return _without_group(autoencoder, Group(autoencoder.group).order)


def plain_autoencoder(size: int) -> EquivariantAutoencoder:
    """Autoencoder without equivariance that has at least as many weights as the default one.

    Its layers have four times as many fields of the trivial group as the default has of D8, so that
    their filters have as many weights, and a quarter of its channels. So it costs less.

    Parameters
    ----------
    size : int
        Side of the images in pixels; they are preprocessed already.

    Returns
    -------
    EquivariantAutoencoder
        With the trivial group, not fitted yet.
    """
    default = EquivariantAutoencoder(
        size=size, preprocess=False, pretrained=False, perceptual=None, validation_fraction=0.0
    )
    return _without_group(default, _WIDENED)


def _without_group(autoencoder: EquivariantAutoencoder, factor: int) -> EquivariantAutoencoder:
    plain: EquivariantAutoencoder = clone(autoencoder)
    plain.set_params(
        group="trivial",
        fields=tuple(factor * width for width in autoencoder.fields),
        map_fields=factor * autoencoder.map_fields,
        detail_fields=factor * autoencoder.detail_fields,
    )
    return plain


def plain_weights_name(size: int) -> str:
    """Name of the file with the weights of `plain_autoencoder` for images of one size.

    Parameters
    ----------
    size : int
        Side of the images in pixels.

    Returns
    -------
    str
    """
    return f"plain_{size}.safetensors"


def pretrained_plain_autoencoder(size: int, channels: int = 1) -> EquivariantAutoencoder | None:
    """`plain_autoencoder` with the weights that come with the package.

    They were trained on simulated discs, shapes and clouds by
    ``python -m equiclust.autoencoder.make_pretrained``, which makes them again.

    Parameters
    ----------
    size : int
        Side of the images in pixels.
    channels : int, default 1
        Channels of the images, which are all looked at alike.

    Returns
    -------
    EquivariantAutoencoder or None
        Fitted; None where no weights for this size come with the package.
    """
    resource = files("equiclust.autoencoder") / "weights" / plain_weights_name(size)
    if not resource.is_file():
        return None
    plain = plain_autoencoder(size)
    network = plain._new_network(channels, seed=0)
    with as_file(resource) as path:
        plain.started_from_ = list(start_from(network, load_file(path)))
    plain.history_, plain.notes_ = [], []
    plain._adopt(network)
    return plain
