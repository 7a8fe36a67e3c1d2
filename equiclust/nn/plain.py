"""What the plain autoencoders share: images to a vector, and back from the vector alone."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["BottleneckAutoencoder"]


class BottleneckAutoencoder(nn.Module):
    """An encoder to a vector and a decoder that has nothing but the vector.

    Parameters
    ----------
    encoder, decoder : Module
        Images `(n, c, size, size)` to latents `(n, embedding_dim)`, and back.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, images: Tensor) -> Tensor:
        """Latents `(n, embedding_dim)` of images `(n, c, size, size)`."""
        latents: Tensor = self.encoder(images)
        return latents

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and reconstructions."""
        latents = self.encode(images)
        return latents, self.decoder(latents)
