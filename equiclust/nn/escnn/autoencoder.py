"""The autoencoder made of modules of escnn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.network import NetworkConfig

__all__ = ["EscnnAutoencoder"]


class EscnnAutoencoder(nn.Module):
    """`AutoencoderNetwork` made of modules of escnn; called in the same way, with tensors.

    Parameters
    ----------
    config : NetworkConfig
    encoder : escnn.nn.SequentialModule
        Images to regular fields.
    narrow : escnn.nn.R2Conv
        Fields of the encoder to those that the decoder sees.
    detail : Any
    decoder : Any
    pooling : Any
    head : torch.nn.Module
        Invariant numbers to the latent.
    """

    def __init__(
        self,
        config: NetworkConfig,
        *,
        encoder: Any,
        narrow: Any,
        detail: Any,
        decoder: Any,
        pooling: Any,
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.narrow = encoder, narrow
        self.detail, self.decoder = detail, decoder
        self.pooling, self.head = pooling, head

    def encode(self, images: Tensor) -> Tensor:
        """Encode images to invariant latents.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, latent_dim)
        """
        return self._latents(self.encoder(self._wrapped(images)))

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images from their equivariant map and their detail.

        Parameters
        ----------
        images : Tensor (n, c, size, size)

        Returns
        -------
        Tensor (n, c, size, size)
        """
        return self.forward(images)[1]

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
        wrapped = self._wrapped(images)
        encoded = self.encoder(wrapped)
        code = self.detail(wrapped)
        made = self.decoder(self.narrow(encoded), code).tensor + self.detail.decode(code).tensor
        return self._latents(encoded), made

    def _latents(self, encoded: Any) -> Tensor:
        latents: Tensor = self.head(torch.flatten(self.pooling(encoded).tensor, 1))
        return latents

    def _wrapped(self, images: Tensor) -> Any:
        return import_escnn().nn.GeometricTensor(images, self.encoder.in_type)
