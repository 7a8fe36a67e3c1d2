"""What the plain autoencoders share: images to a vector, and back from the vector alone."""

from __future__ import annotations

from torch import Tensor, nn

from equiclust.exceptions import InputError

__all__ = ["BottleneckAutoencoder"]


class BottleneckAutoencoder(nn.Module):
    """An encoder to a vector and a decoder that has nothing but the vector.

    Parameters
    ----------
    encoder, decoder : Module
        Images `(n, c, size, size)` to latents `(n, embedding_dim)`, and back.
    image_shape : tuple of int
        `(c, size, size)`.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, image_shape: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, images: Tensor) -> Tensor:
        """Latents `(n, embedding_dim)` of images `(n, c, size, size)`.

        Raises
        ------
        InputError
            When the images have another shape.
        """
        self._check(images)
        latents: Tensor = self.encoder(images)
        return latents

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4 or tuple(images.shape[1:]) != self.image_shape:
            raise InputError(
                f"images must have shape (n, {', '.join(map(str, self.image_shape))}), got "
                f"{tuple(images.shape)}"
            )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and reconstructions."""
        latents = self.encode(images)
        return latents, self.decoder(latents)
