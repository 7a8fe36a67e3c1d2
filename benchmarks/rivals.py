"""What others describe images by: each takes images `(n, 1, s, s)` in 0 to 1 to vectors `(n, d)`.

The descriptors of the work that this project comes from, and what the field has used since.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from torch import Tensor

from equiclust.autoencoder.objectives import find_weights

__all__ = ["DESCRIPTORS", "RotationInvariantMap"]

FloatArray = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

_RINGS, _ANGLES, _ORDERS = 24, 64, 9
_SCALES = (1.0, 1.6, 2.6, 4.2, 6.7)
_ANNULI = 4
_BLOB = 0.03
_PHOTOGRAPH = 128
_SOM_SIDE, _SOM_NEURONS, _SOM_TURNS, _SOM_EPOCHS = 32, 8, 24, 3


def polar_fourier(images: FloatArray) -> Array:
    """Magnitudes of the Fourier series over angle, ring by ring: rotations change phases only."""
    series = np.abs(np.fft.rfft(_polar(images), axis=2))[:, :, :_ORDERS] / _ANGLES
    return _unit((series * np.sqrt(_radii())[:, None]).reshape(len(images), -1))


def radial_profile(images: FloatArray) -> Array:
    """Mean and spread over angle, ring by ring; of deprojected images the elliptical profile."""
    rings = _polar(images)
    return _unit(np.concatenate([rings.mean(axis=2), rings.std(axis=2)], axis=1))


def blobs(images: FloatArray) -> Array:
    """Differences of Gaussians: their energy by annulus and scale, and how many peaks they have."""
    planes = images[:, 0].astype(float)
    smooth = [gaussian_filter(planes, (0, s, s)) for s in (*_SCALES, _SCALES[-1] * 1.6)]
    annulus = _annuli(planes.shape[1])
    found = []
    for fine, coarse in itertools.pairwise(smooth):
        edges = fine - coarse
        found += [np.abs(edges[:, annulus == k]).mean(axis=1) for k in range(_ANNULI)]
        peaks = (edges == maximum_filter(edges, (0, 5, 5))) & (edges > _BLOB)
        found.append(peaks.sum(axis=(1, 2)) / 10.0)
    return _standard(np.stack(found, axis=1))


def alexnet(images: FloatArray) -> Array:
    """Features of a network trained on photographs, averaged over the eight exact transforms."""
    from torchvision.models import alexnet as make_alexnet

    features = make_alexnet().features.eval()
    weights = find_weights("alexnet")
    features.load_state_dict({name: weights[f"features.{name}"] for name in features.state_dict()})
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406],
                                                          [0.229, 0.224, 0.225]))  # fmt: skip
    total: Tensor | float = 0.0
    with torch.no_grad():
        for rotated in _eight(torch.from_numpy(images)):
            large = functional.interpolate(rotated, size=_PHOTOGRAPH, mode="bilinear")
            shown = (large.expand(-1, 3, -1, -1) - mean) / std
            total = total + torch.cat([features(part).mean((2, 3)) for part in shown.split(64)])
    return _standard(np.asarray(total, dtype=float))


class RotationInvariantMap:
    """Self-organising map that compares every image in all its orientations.

    In the manner of PINK (Polsterer et al. 2015): each neuron is a picture, and an image is as far
    from it as the nearest of its rotations and mirrors, which is then what the neuron and its
    neighbours learn from.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, images: FloatArray) -> RotationInvariantMap:
        """Train on images `(n, 1, s, s)`."""
        generator = torch.Generator().manual_seed(self.seed)
        small = _small(images)
        first = torch.randperm(len(small), generator=generator)[: _SOM_NEURONS**2]
        self.neurons = small[first].flatten(1).clone()
        grid = torch.cartesian_prod(*2 * [torch.arange(float(_SOM_NEURONS))])
        steps, done = _SOM_EPOCHS * len(small), 0
        for _ in range(_SOM_EPOCHS):
            for place in torch.randperm(len(small), generator=generator):
                views = _rotated(small[place])
                far = torch.cdist(views, self.neurons)
                best = int(far.amin(dim=0).argmin())
                share = done / steps
                width, rate = 3.0 * (1.0 - share) + 0.5, 0.2 * (1.0 - share) + 0.01
                near = torch.exp(-0.5 * ((grid - grid[best]) ** 2).sum(1) / width**2)
                aligned = views[far.argmin(dim=0)]
                self.neurons += (rate * near)[:, None] * (aligned - self.neurons)
                done += 1
        return self

    def __call__(self, images: FloatArray) -> Array:
        """Distances `(n, 64)` of each image to every neuron."""
        rows = [torch.cdist(_rotated(one), self.neurons).amin(dim=0) for one in _small(images)]
        return torch.stack(rows).double().numpy()


DESCRIPTORS: dict[str, Callable[[FloatArray], Array]] = {
    "radial profile": radial_profile,
    "difference of Gaussians": blobs,
    "polar Fourier": polar_fourier,
    "AlexNet, eight transforms": alexnet,
}


def _radii() -> Array:
    return (np.arange(_RINGS) + 0.5) / _RINGS


def _polar(images: FloatArray) -> Array:
    """Images `(n, rings, angles)`, by linear interpolation."""
    side = images.shape[2]
    angles = np.arange(_ANGLES) * 2.0 * np.pi / _ANGLES
    at = [
        (_radii()[:, None] * curve(angles)) * side / 2 + (side - 1) / 2
        for curve in (np.sin, np.cos)
    ]
    return np.stack([map_coordinates(i[0], at, order=1, mode="nearest") for i in images])


def _annuli(side: int) -> npt.NDArray[np.int64]:
    offset = (np.arange(side) - (side - 1) / 2) / (side / 2)
    radius = np.hypot(offset[:, None], offset)
    return np.minimum((radius * _ANNULI).astype(np.int64), _ANNULI)


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _standard(vectors: Array) -> Array:
    return (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-12)


def _eight(images: Tensor) -> list[Tensor]:
    return [torch.rot90(part, k, (2, 3)) for part in (images, images.flip(3)) for k in range(4)]


def _small(images: FloatArray) -> Tensor:
    side = images.shape[2]
    return functional.avg_pool2d(torch.from_numpy(images), side // _SOM_SIDE)


def _rotated(image: Tensor) -> Tensor:
    """Every rotation and mirror `(2 turns, pixels)` of one image `(1, s, s)`."""
    angles = torch.arange(_SOM_TURNS) * (2.0 * math.pi / _SOM_TURNS)
    c, s, zero = angles.cos(), angles.sin(), torch.zeros(_SOM_TURNS)
    rows = [torch.stack([torch.stack([m * c, -s, zero], 1), torch.stack([m * s, c, zero], 1)], 1)
            for m in (1.0, -1.0)]  # fmt: skip
    matrices = torch.cat(rows)
    shape = (len(matrices), *image.shape)
    grid = functional.affine_grid(matrices, list(shape), align_corners=False)
    return functional.grid_sample(image.expand(shape), grid, align_corners=False).flatten(1)
