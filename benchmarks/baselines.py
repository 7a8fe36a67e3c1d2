"""What others would do: features to compare with, from images `(n, 1, s, s)` in 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torchvision
from safetensors.torch import load_file
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional

from equiclust.exceptions import InputError, WeightsNotFoundError

__all__ = ["PlainAutoencoder", "alexnet_features", "pca_features", "pixel_features"]

FloatArray = npt.NDArray[np.float32]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def pixel_features(images: npt.ArrayLike) -> FloatArray:
    """The pixels themselves, `(n, c h w)`."""
    pixels = _checked(images)
    return pixels.reshape(len(pixels), -1)


def pca_features(
    images: npt.ArrayLike, n_components: int = 50, *, random_state: int = 0
) -> FloatArray:
    """Principal components of the pixels, `(n, n_components)`, fitted to these images."""
    pixels = pixel_features(images)
    pca = PCA(n_components=min(n_components, *pixels.shape), random_state=random_state)
    return np.asarray(pca.fit_transform(pixels), dtype=np.float32)


def alexnet_features(
    images: npt.ArrayLike,
    weights_folder: str | Path,
    *,
    flatten: bool = False,
    batch_size: int = 32,
) -> FloatArray:
    """Last convolutional features of AlexNet (Krizhevsky et al. 2012) trained on ImageNet.

    Grey images are repeated to three channels, brought to 224 px bilinearly and normalised as
    ImageNet was.

    Parameters
    ----------
    images : array-like (n, 1 or 3, s, s), 0 to 1
    weights_folder : path
        Holds `alexnet_features.safetensors`, with torchvision's names.
    flatten : bool
        All 9,216 values of the 6 x 6 map in place of their 256 averages.
    batch_size : int

    Returns
    -------
    ndarray (n, 256) or (n, 9216), float32

    Raises
    ------
    WeightsNotFoundError
        When the file is not there.
    """
    trunk = _alexnet(Path(weights_folder) / "alexnet_features.safetensors")
    pool: nn.Module = nn.Identity() if flatten else nn.AdaptiveAvgPool2d(1)
    path = nn.Sequential(trunk, pool, nn.Flatten()).eval()
    batches = torch.split(torch.from_numpy(_checked(images)), batch_size)
    with torch.no_grad():
        return torch.cat([path(_as_imagenet(batch)) for batch in batches]).numpy()


def _alexnet(path: Path) -> nn.Module:
    if not path.is_file():
        raise WeightsNotFoundError(f"AlexNet's weights must be at {path}, and are not")
    # On the meta device nothing is drawn at random and nothing is allocated.
    with torch.device("meta"):
        trunk: nn.Module = torchvision.models.alexnet(weights=None).features
    weights = {key.removeprefix("features."): value for key, value in load_file(path).items()}
    trunk.load_state_dict(weights, assign=True)
    return trunk


def _as_imagenet(images: Tensor) -> Tensor:
    resized = functional.interpolate(
        images, size=(224, 224), mode="bilinear", align_corners=False, antialias=True
    )
    mean, deviation = torch.tensor([IMAGENET_MEAN, IMAGENET_DEVIATION])[:, :, None, None]
    normalised: Tensor = (resized.expand(-1, 3, -1, -1) - mean) / deviation
    return normalised


class PlainAutoencoder:
    """Plain convolutional autoencoder that learned from rotated and mirrored images.

    Every stage halves the image with a strided convolution, follows with a second one, and
    normalises by batches; one linear layer makes the bottleneck, and the decoder mirrors the
    encoder. Each image is shown at a new angle in each epoch, mirrored every other time, and is
    to be reconstructed as shown; AdamW under a one-cycle schedule.

    Parameters
    ----------
    channels : sequence of int
        Of each stage; the side of the images must be divisible by two as often.
    latent_dim : int
        Width of the bottleneck.
    batch_size : int
    learning_rate : float
        The highest of the schedule.
    n_views : int
        `transform` averages the bottleneck over this number of rotations, evenly over the circle; 1
        takes the image alone.
    """

    def __init__(
        self,
        channels: Sequence[int] = (16, 32, 64, 128),
        latent_dim: int = 64,
        *,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        n_views: int = 1,
    ) -> None:
        self.channels = channels
        self.latent_dim = latent_dim
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_views = n_views

    def fit(
        self, images: npt.ArrayLike, *, max_epochs: int = 60, random_state: int = 0
    ) -> PlainAutoencoder:
        """Train on images `(n, c, s, s)`; `losses_` then holds the mean loss of each epoch."""
        pixels = torch.from_numpy(_checked(images))
        generator = torch.Generator().manual_seed(random_state)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_state)
            self.encoder_, self.decoder_ = self._networks(pixels.shape[1], pixels.shape[2])
        self.losses_ = list(self._epochs(pixels, max_epochs, generator))
        self.encoder_.eval()
        self.decoder_.eval()
        return self

    def transform(self, images: npt.ArrayLike) -> FloatArray:
        """Bottleneck vectors `(n, latent_dim)`."""
        pixels = torch.from_numpy(_checked(images))
        with torch.no_grad():
            return torch.cat(
                [self._encode(batch) for batch in torch.split(pixels, self.batch_size)]
            ).numpy()

    def reconstruct(self, images: npt.ArrayLike) -> FloatArray:
        """Images `(n, c, s, s)` after the bottleneck, as they lie."""
        pixels = torch.from_numpy(_checked(images))
        with torch.no_grad():
            batches = [
                self.decoder_(self.encoder_(b)) for b in torch.split(pixels, self.batch_size)
            ]
        return torch.cat(batches).numpy()

    @property
    def n_parameters_(self) -> int:
        """Trained numbers in encoder and decoder."""
        networks = (self.encoder_, self.decoder_)
        return sum(p.numel() for network in networks for p in network.parameters())

    def _encode(self, images: Tensor) -> Tensor:
        angles = torch.arange(self.n_views) * (2.0 * math.pi / self.n_views)
        upright = torch.ones(len(images))
        # The image as it lies is not interpolated.
        views = [images, *(_rotated(images, a.expand(len(images)), upright) for a in angles[1:])]
        return torch.stack([self.encoder_(view) for view in views]).mean(dim=0)

    def _epochs(self, pixels: Tensor, n: int, generator: torch.Generator) -> Iterator[float]:
        """Mean loss of one epoch of training after the other."""
        weights = [*self.encoder_.parameters(), *self.decoder_.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=self.learning_rate)
        n_batches = max(1, len(pixels) // self.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=max(1, n * n_batches)
        )
        for _ in range(n):
            total = 0.0
            order = torch.randperm(len(pixels), generator=generator)
            for chosen in order.tensor_split(n_batches):
                views = _rotated_at_random(pixels[chosen], generator)
                loss = functional.mse_loss(self.decoder_(self.encoder_(views)), views)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                schedule.step()
                total += loss.item() * len(chosen)
            yield total / len(pixels)

    def _networks(self, channels: int, side: int) -> tuple[nn.Module, nn.Module]:
        halvings = 2 ** len(self.channels)
        if side % halvings:
            raise InputError(f"images must have a side divisible by {halvings}, got {side}")
        widths, rest = [channels, *self.channels], side // halvings
        flat = widths[-1] * rest**2
        down = [_down(a, b) for a, b in pairwise(widths)]
        up = [_up(b, a) for a, b in pairwise(widths[1:])][::-1]
        last = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(widths[1], channels, 3, padding=1)
        )
        encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, self.latent_dim))
        unflatten = nn.Unflatten(1, (widths[-1], rest, rest))
        decoder = nn.Sequential(nn.Linear(self.latent_dim, flat), unflatten, *up, last)
        return encoder, decoder


def _down(before: int, after: int) -> nn.Module:
    return nn.Sequential(_convolution(before, after, stride=2), _convolution(after, after))


def _up(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=2), _convolution(before, after), _convolution(after, after)
    )


def _convolution(before: int, after: int, *, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.GELU())


def _rotated_at_random(images: Tensor, generator: torch.Generator) -> Tensor:
    angles = 2.0 * math.pi * torch.rand(len(images), generator=generator)
    flips = torch.where(torch.rand(len(images), generator=generator) < 0.5, -1.0, 1.0)
    return _rotated(images, angles, flips)


def _rotated(images: Tensor, angles: Tensor, flips: Tensor) -> Tensor:
    """Each image rotated by its angle (radians), mirrored where its flip is -1; outside is 0."""
    cosine, sine, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = [flips * cosine, -flips * sine, zero, sine, cosine, zero]
    grid = functional.affine_grid(
        torch.stack(rows, dim=1).reshape(-1, 2, 3), list(images.shape), align_corners=False
    )
    return functional.grid_sample(images, grid, mode="bicubic", align_corners=False)


def _checked(images: npt.ArrayLike) -> FloatArray:
    pixels = np.array(images, dtype=np.float32)
    if pixels.ndim != 4 or pixels.shape[2] != pixels.shape[3] or 0 in pixels.shape:
        raise InputError(f"images must have shape (n, c, s, s), got shape {pixels.shape}")
    if not np.all(np.isfinite(pixels)):
        raise InputError("images must be finite, got NaN or infinity")
    return pixels
