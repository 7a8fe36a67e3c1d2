"""The autoencoder: equivariant maps, read by a decoder and by an invariant pooling."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.nn.convolution import PointwiseGroupConv2d
from equiclust.nn.decoder import Decoder, DetailCode
from equiclust.nn.encoder import MAP_SIZE, Encoder, n_halvings
from equiclust.nn.groups import Group
from equiclust.nn.pooling import InvariantPooling
from equiclust.validation import check_whole

__all__ = ["AutoencoderNetwork", "NetworkConfig"]

# Of sizes and widths: what is larger fits into no memory.
_LARGEST = 65536


@checks_types
@dataclass(frozen=True)
class NetworkConfig:
    """Architecture of an equivariant autoencoder.

    Parameters
    ----------
    group : str, default "D8"
        "D8", "C8", "D4", ..., or "trivial" for a plain convolutional autoencoder.
    in_channels : int, default 1
        Channels of the images.
    size : int, default 64
        Side of the images, 32 times a power of two.
    fields : tuple of int, default (4, 8, 12, 16)
        Fields at each size from half the image's side downwards; the last one is repeated.
    map_fields : int, default 4
        Fields of the 8 x 8 map that the decoder sees.
    detail_fields : int, default 1
        Fields of the 16 x 16 `DetailCode` that it sees besides.
    annuli : int, default 4
        Rings over which the latent is gathered; 0 keeps the place, with the trivial group only.
    latent_dim : int, default 32
        Length of the invariant latent.
    harmonics : int, default 0
        Orders of the Fourier series over angle that the latent is gathered from besides, see
        `InvariantPooling`.

    Examples
    --------
    >>> from equiclust.nn import NetworkConfig
    >>> config = NetworkConfig(group="D4", size=32, latent_dim=8)
    >>> config.image_numbers, config.map_numbers
    (1024, 4096)
    """

    group: str = "D8"
    in_channels: int = 1
    size: int = 64
    fields: tuple[int, ...] = (4, 8, 12, 16)
    map_fields: int = 4
    detail_fields: int = 1
    annuli: int = 4
    latent_dim: int = 32
    harmonics: int = 0

    def __post_init__(self) -> None:
        check_whole("size", self.size, largest=_LARGEST)
        n_halvings(self.size)
        for name in ("in_channels", "map_fields", "detail_fields", "latent_dim"):
            check_whole(name, getattr(self, name), largest=_LARGEST)
        check_whole("harmonics", self.harmonics, 0, largest=_LARGEST)
        # Places are no invariant of any group but the trivial one.
        if Group(self.group).order > 1 or self.annuli != 0:
            check_whole("annuli", self.annuli, largest=_LARGEST)
        if not self.fields:
            raise InputError("fields must name at least one width, got none")
        for width in self.fields:
            check_whole("fields", width, largest=_LARGEST)

    @property
    def map_numbers(self) -> int:
        """Numbers in the equivariant maps of one image."""
        fields = self.map_fields + 4 * self.detail_fields
        return fields * Group(self.group).order * MAP_SIZE**2

    @property
    def image_numbers(self) -> int:
        """Numbers in one image."""
        return self.in_channels * self.size**2


class AutoencoderNetwork(nn.Module):
    """Equivariant autoencoder whose latent is invariant: encoder, pooling and decoder.

    Parameters
    ----------
    config : NetworkConfig

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import AutoencoderNetwork, NetworkConfig
    >>> network = AutoencoderNetwork(NetworkConfig(size=32, latent_dim=8)).eval()
    >>> images = torch.rand(3, 1, 32, 32)
    >>> latents, reconstructions = network(images)
    >>> latents.shape, reconstructions.shape
    (torch.Size([3, 8]), torch.Size([3, 1, 32, 32]))
    >>> torch.allclose(network.encode(images.rot90(1, (2, 3))), latents, atol=1e-4)
    True
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        group = Group(config.group)
        self.encoder = Encoder(group, config.in_channels, config.size, config.fields)
        self.narrow = PointwiseGroupConv2d(group, self.encoder.out_fields, config.map_fields)
        self.detail = DetailCode(group, config.in_channels, config.detail_fields, config.size)
        self.decoder = Decoder(
            group,
            config.map_fields,
            config.detail_fields,
            config.in_channels,
            config.size,
            config.fields,
        )
        self.pooling = InvariantPooling(
            group,
            self.encoder.out_fields,
            MAP_SIZE,
            annuli=config.annuli,
            harmonics=config.harmonics,
        )
        self.head = InvariantHead(self.pooling.out_features, config.latent_dim)

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to invariant latents.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, latent_dim)
        """
        latents: Tensor = self.head(self.pooling(self.encoder(images)))
        return latents

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images from their equivariant map and their detail.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, c, size, size)
        """
        return self.decode(self.encoder(images), images)

    def decode(self, encoded: Tensor, images: Tensor) -> Tensor:
        """Reconstruct images from the map of the encoder and the detail of the images.

        Parameters
        ----------
        encoded : Tensor
            From the encoder.
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, c, size, size)
        """
        code = self.detail.encode(images)
        made: Tensor = self.decoder(self.narrow(encoded), code) + self.detail.decode(code)
        return made

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and reconstruct images.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        latents : Tensor (n, latent_dim)
        reconstructions : Tensor (n, c, size, size)
        """
        encoded = self.encoder(images)
        return self.head(self.pooling(encoded)), self.decode(encoded, images)


class InvariantHead(nn.Module):
    """Pooled statistics `(n, d)` to the latent `(n, latent_dim)`; what goes in is invariant.

    Parameters
    ----------
    in_features, latent_dim : int
    """

    def __init__(self, in_features: int, latent_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_features)
        self.hidden = nn.Linear(in_features, in_features)
        self.hidden_norm = nn.BatchNorm1d(in_features)
        self.activation = nn.GELU()
        self.last = nn.Linear(in_features, latent_dim)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map pooled statistics to latents."""
        hidden = self.activation(self.hidden_norm(self.hidden(self.norm(pooled))))
        latents: Tensor = self.last(hidden)
        return latents
