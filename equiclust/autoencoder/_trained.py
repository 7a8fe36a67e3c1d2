"""What a trained autoencoder does: prepare, encode and reconstruct images, and be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from equiclust.autoencoder._parameters import AutoencoderParameters
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.images_like import ImagesLike, as_image_set
from equiclust.nn.device import choose_device, full_precision
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork
from equiclust.typing import Array, BoolArray, Float32Array

__all__: list[str] = []

_DECODING_BATCH = 64
_ENCODING_BATCH = 256


class TrainedAutoencoder(AutoencoderParameters):
    """Everything of `EquivariantAutoencoder` but its training."""

    network_: AutoencoderNetwork
    started_from_: list[str]
    history_: list[dict[str, float]]
    notes_: list[str]

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    def transform(self, images: ImagesLike) -> Float32Array:
        """Invariant latents of images.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When an image cannot be used.
        """
        check_is_fitted(self)
        return self._encode(self._prepare(images)[0])

    def reconstruct(self, images: ImagesLike) -> Float32Array:
        """Images as the decoder makes them from the equivariant map.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ndarray (n, c, size, size), float32
            To be compared with the preprocessed images, in 0 to 1.
        """
        check_is_fitted(self)
        pixels = self._prepare(images)[0]
        made = self._in_batches(self.network_.reconstruct, pixels, _DECODING_BATCH)
        return made.clip(0.0, 1.0)

    def prepared(self, images: ImagesLike) -> ImageSet:
        """Images as the network sees them.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`

        Returns
        -------
        ImageSet
            Of `size`; what is masked the network sees as 0.

        Raises
        ------
        InputError
            When there is none, or their size or channels do not fit.
        """
        given = as_image_set(images)
        if not len(given):
            raise InputError("images must hold at least one image, got none")
        ready = given if self.preprocess is False else self.preprocessor.transform(given)
        channels, height, width = ready.pixels.shape[1:]
        if (height, width) != (self.size, self.size):
            raise InputError(
                f"images must be {self.size} x {self.size} when preprocess is False, "
                f"got {height} x {width}"
            )
        self._check_channels(channels)
        return ready

    def with_network(self, network: nn.Module, *, notes: Sequence[str] = ()) -> Self:
        """Copy of the fitted estimator with another network of the same shape.

        Parameters
        ----------
        network : torch.nn.Module
            Such as `DeepEmbeddedClustering.network_`, which was trained further.
        notes : sequence of str, default ()
            What the user should know about it, added to `notes_`.

        Returns
        -------
        EquivariantAutoencoder

        Raises
        ------
        InputError
            When the network has another shape.
        """
        check_is_fitted(self)
        if not isinstance(network, AutoencoderNetwork) or network.config != self.network_.config:
            raise InputError(
                "network must be an AutoencoderNetwork of the config of network_, got "
                f"{type(network).__name__}"
            )
        other = copy(self)
        other.notes_ = [*self.notes_, *notes]
        other._adopt(network)
        return other

    def _prepare(self, images: ImagesLike) -> tuple[Tensor, Tensor]:
        """Pixels `(n, c, size, size)`, 0 where masked, and masks `(n, 1, size, size)`."""
        if self._is_ready(images):
            copied = np.array(images)
            self._check_channels(copied.shape[1])
            return tensors(copied, np.zeros((len(copied), self.size, self.size), dtype=bool))
        ready = self.prepared(images)
        # Stacked anew, since `ready.pixels` would stay in memory as long as the images do.
        pixels, mask = tensors(np.stack([image.pixels for image in ready]), ready.mask)
        return pixels.masked_fill_(mask, 0.0), mask

    def _is_ready(self, images: ImagesLike) -> bool:
        """Whether it is an array as the network sees it, so that no `Image` of each is needed."""
        # Of its kinds some have masks.
        if self.preprocess is not False or type(images) is not np.ndarray:
            return False
        size = images.ndim == 4 and len(images) > 0 and images.shape[2:] == (self.size, self.size)
        return size and images.dtype == np.float32 and bool(np.isfinite(images).all())

    def _check_channels(self, channels: int) -> None:
        if not hasattr(self, "network_"):
            return
        known = self.network_.config.in_channels
        if channels != known:
            raise InputError(f"images must have {known} channels as in training, got {channels}")

    def _adopt(self, network: AutoencoderNetwork) -> None:
        self.network_ = network.to(choose_device(self.device, fall_back=True)).eval()
        self._encoder: Callable[[Tensor], Tensor] | None = None

    def _encode(self, pixels: Tensor) -> Float32Array:
        if self._encoder is None:
            self._encoder = self._deployed()
        return self._in_batches(self._encoder, pixels, _ENCODING_BATCH)

    def _deployed(self) -> Callable[[Tensor], Tensor]:
        exported = export_encoder(self.network_)
        if next(exported.parameters()).device.type != "cpu":
            return exported
        # Compiled loops, which take half a second to load: only who encodes waits for them.
        from equiclust.nn.fused import FusedEncoder

        return FusedEncoder(exported)

    def _in_batches(
        self, function: Callable[[Tensor], Tensor], pixels: Tensor, batch: int
    ) -> Float32Array:
        device = next(self.network_.parameters()).device

        def computed(images: Tensor) -> Tensor:
            return function(images.to(device)).cpu()

        with torch.inference_mode(), full_precision(device):
            done = list(_smaller_where_needed(computed, pixels, batch))
        result: Float32Array = torch.cat(done).numpy()
        return result

    def _arrays(self) -> dict[str, Array]:
        return {name: value.cpu().numpy() for name, value in self.network_.state_dict().items()}

    def _learned(self) -> dict[str, Any]:
        return {
            "in_channels": self.network_.config.in_channels,
            "started_from": self.started_from_,
            "history": self.history_,
            "notes": self.notes_,
        }

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        network = self._new_network(int(learned["in_channels"]), seed=0)
        expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        found = {name: array.shape for name, array in arrays.items()}
        if expected != found:
            raise InputError("the weights do not fit the network that the parameters describe")
        network.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in arrays.items()})
        self.started_from_ = list(learned["started_from"])
        self.history_, self.notes_ = list(learned["history"]), list(learned["notes"])
        self._adopt(network)


def _smaller_where_needed(
    function: Callable[[Tensor], Tensor], pixels: Tensor, batch: int
) -> Iterator[Tensor]:
    """Results of batches, which are halved when the memory of the device does not suffice."""
    start = 0
    while start < len(pixels):
        part = pixels[start : start + batch]
        try:
            made = function(part)
        except torch.OutOfMemoryError as error:
            if batch == 1:
                raise InputError(
                    f"device has no memory for one image of {tuple(part.shape[1:])}; end other "
                    "programs that use it, or set device to 'cpu'"
                ) from error
            batch //= 2
            continue
        start += len(part)
        yield made


def tensors(pixels: Float32Array, mask: BoolArray) -> tuple[Tensor, Tensor]:
    """Pixels `(n, c, h, w)` and masks `(n, 1, h, w)` as tensors that share their memory."""
    return torch.from_numpy(pixels), torch.from_numpy(mask)[:, None]


def numpy_arrays(tensors: tuple[Tensor, Tensor]) -> tuple[Any, Any]:
    return tensors[0].numpy(), tensors[1].numpy()
