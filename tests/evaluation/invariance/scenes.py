"""Analytic images that can be turned exactly, and embeddings whose invariance is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]


def grid(size: int) -> tuple[DoubleArray, DoubleArray]:
    """Coordinates x (columns) and y (rows) of pixels, in units of half the side, centred."""
    axis = (np.arange(size) - (size - 1) / 2) / (size / 2)
    return axis[None, :], axis[:, None]


class Blobs:
    """Sets of Gaussian blobs well inside the frame, rendered at any size and angle."""

    def __init__(self, n_images: int = 6, n_blobs: int = 4, *, random_state: int = 0) -> None:
        rng = np.random.default_rng(random_state)
        self.radius = rng.uniform(0.05, 0.35, (n_images, n_blobs))
        self.theta = rng.uniform(0.0, 2.0 * np.pi, (n_images, n_blobs))
        self.width = rng.uniform(0.08, 0.12, (n_images, n_blobs))
        self.height = rng.uniform(0.3, 1.0, (n_images, n_blobs))

    def render(self, size: int, angle: float = 0.0, mirror: bool = False) -> FloatArray:
        """Images `(n, 1, size, size)`, mirrored first and then turned from +x towards +y."""
        theta = (np.pi - self.theta if mirror else self.theta) + np.deg2rad(angle)
        x, y = grid(size)
        across = x - (self.radius * np.cos(theta))[..., None, None]
        upwards = y - (self.radius * np.sin(theta))[..., None, None]
        exponent = (across**2 + upwards**2) / (2.0 * self.width[..., None, None] ** 2)
        blobs = self.height[..., None, None] * np.exp(-exponent)
        return blobs.sum(axis=1, keepdims=True).astype(np.float32)


def radial_profile(images: FloatArray) -> FloatArray:
    """Mean brightness in soft annuli: invariant under all of O(2) up to sampling."""
    x, y = grid(images.shape[-1])
    radius = np.hypot(x, y)
    rings = np.stack([np.exp(-((radius - r) ** 2) / 0.02) for r in np.linspace(0.0, 0.8, 6)])
    rings /= rings.sum(axis=(1, 2), keepdims=True)
    return np.einsum("nchw,khw->nk", images.astype(np.float64), rings).astype(np.float32)


def sorted_pixels(images: FloatArray) -> FloatArray:
    """Sorted values: exactly invariant under anything that only swaps pixels."""
    return np.sort(images.reshape(len(images), -1), axis=1)


def raw_pixels(images: FloatArray) -> FloatArray:
    """Not invariant at all."""
    return images.reshape(len(images), -1)


def misaligned_pooling(images: FloatArray) -> FloatArray:
    """Largest of every second pixel from the first one on: the grid loses its centre."""
    sampled = images[:, :, ::2, ::2]
    return np.sort(sampled.reshape(len(images), -1), axis=1)


def dipole(images: FloatArray) -> DoubleArray:
    """Brightness weighted with x and with y: turns with the image like a vector."""
    x, y = grid(images.shape[-1])
    flux = images.astype(np.float64)
    return np.stack([(flux * x).sum(axis=(1, 2, 3)), (flux * y).sum(axis=(1, 2, 3))], axis=1)
