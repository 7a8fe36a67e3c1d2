"""The exported encoder on the CPU: every row of a map stays in the cache until it is halved."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.encoder import MAP_SIZE
from equiclust.nn.export import ExportedEncoder
from equiclust.nn.fused.kernels import PAD, encode_block, encode_stem, field_statistics
from equiclust.nn.fused.views import RotatedViews, ViewScratch
from equiclust.nn.fused.weights import BlockWeights, block_weights, stem_weights
from equiclust.nn.groups import Group
from equiclust.nn.pooling import InvariantPooling
from equiclust.nn.rotation import SplineRotation
from equiclust.typing import Float32Array, Float64Array

__all__ = ["FusedEncoder"]

# Of the largest maps that are worked on at once: about half of a core's own cache.
_CACHED_BYTES = 1 << 19


class _Scratch(NamedTuple):
    """What a thread writes over for every few images: maps behind each step, and statistics."""

    views: ViewScratch
    maps: list[Float32Array]
    statistics: Float64Array


class FusedEncoder:
    """Images `(n, c, size, size)` to the latents of an exported encoder, several times as fast.

    The same layers in another order: convolution, norm, GELU and blur are done row by row, so that
    no map leaves the cache at its full size, and matrices that commute with a mirror are applied
    to sums and differences of the elements of the group that it exchanges, which halves the
    products. As many threads as torch has take images in turn. Latents agree with those of the
    exported encoder up to rounding.

    Parameters
    ----------
    exported : ExportedEncoder
        In float32 on the CPU. The weights of its convolutions are copied.

    Raises
    ------
    InputError
        When the encoder is of another type or elsewhere.
    """

    def __init__(self, exported: ExportedEncoder) -> None:
        _check_float32(next(exported.parameters()), "exported")
        self._pooling = cast(InvariantPooling, exported.pooling)
        self._head = exported.head
        group = self._pooling.group
        stem, stages = (cast(nn.Sequential, part) for part in cast(nn.Sequential, exported.encoder))
        bodies = list(stages)[1::2]
        self._stem = stem_weights(cast(nn.Conv2d, stem[0]), group)
        self._blocks = [_block(body, group) for body in bodies]
        self._halves = len(self._stem.packed)
        self._elements = group.order // self._halves
        biases = [self._stem.bias, *(block.bias for block in self._blocks)]
        self._widths = [len(bias) * self._halves for bias in biases]
        self._statistics = (1 + self._pooling.spread) * self._pooling.fields
        rotations = [cast(SplineRotation, rotation) for rotation in exported.rotations]
        size = MAP_SIZE << (1 + len(self._blocks))
        # Behind every step, with zeros around all but the last.
        self._sides = [(size // 4 >> k) + 2 * PAD for k in range(len(self._blocks))] + [MAP_SIZE]
        self._shape = (cast(nn.Conv2d, stem[0]).in_channels, size, size)
        self._views = RotatedViews(size, [rotation.angle for rotation in rotations])

    def __call__(self, images: Tensor) -> Tensor:
        """Encode images.

        Parameters
        ----------
        images : Tensor (n, c, size, size), float32
            On the CPU.

        Returns
        -------
        Tensor (n, latent_dim)
            Latents.

        Raises
        ------
        InputError
            When the images have another type or shape, or lie elsewhere.
        """
        _check_float32(images, "images")
        if images.ndim != 4 or tuple(images.shape[1:]) != self._shape:
            raise InputError(
                f"images must have shape (n, {', '.join(map(str, self._shape))}), "
                f"got {tuple(images.shape)}"
            )
        statistics = torch.from_numpy(self._pooled(images.contiguous().numpy()))
        n, views = statistics.shape[:2]
        with torch.no_grad():
            pooled = self._pooling.gather(statistics.flatten(0, 1)).to(images.dtype)
            latents: Tensor = self._head(pooled).view(n, views, -1).mean(dim=1)
        return latents

    def _pooled(self, images: Float32Array) -> Float64Array:
        """Statistics over the group, `(n, views, statistics, MAP_SIZE, MAP_SIZE)`."""
        shape = (len(images), len(self._views), self._statistics, MAP_SIZE, MAP_SIZE)
        statistics = np.empty(shape)
        step = self._images_at_once()
        parts = iter([slice(first, first + step) for first in range(0, len(images), step)])

        def work(_: int) -> None:
            scratch = self._scratch(min(step, len(images)))
            for part in parts:
                self._fill(images[part], statistics[part], scratch)

        n_threads = torch.get_num_threads()
        with ThreadPoolExecutor(n_threads) as threads:
            # A list, so that what went wrong in a thread is raised here.
            list(threads.map(work, range(n_threads)))
        return statistics

    def _images_at_once(self) -> int:
        map_bytes = 4 * self._widths[0] * self._sides[0] ** 2
        return max(_CACHED_BYTES // map_bytes, 1)

    def _scratch(self, n: int) -> _Scratch:
        maps = [
            np.empty((n, side, side, width), np.float32)
            for side, width in zip(self._sides, self._widths, strict=True)
        ]
        statistics = np.empty((n, self._statistics, MAP_SIZE**2))
        return _Scratch(self._views.scratch(n, self._shape[0]), maps, statistics)

    def _fill(self, images: Float32Array, wanted: Float64Array, scratch: _Scratch) -> None:
        """Encode every view of a few images."""
        n = len(images)
        maps, made = [memory[:n] for memory in scratch.maps], scratch.statistics[:n]
        for index, view in enumerate(self._views(images, scratch.views)):
            encode_stem(view, *self._stem, maps[0])
            for block, (given, made_of_it) in zip(self._blocks, pairwise(maps), strict=True):
                encode_block(given, *block, made_of_it)
            field_statistics(maps[-1], self._halves, self._elements, self._pooling.spread, made)
            wanted[:, index] = made.reshape(wanted[:, index].shape)


def _check_float32(tensor: Tensor, name: str) -> None:
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        raise InputError(
            f"{name} must be float32 on the CPU, got {tensor.dtype} on {tensor.device.type}"
        )


def _block(body: nn.Module, group: Group) -> BlockWeights:
    residual = not isinstance(body, nn.Sequential)
    layers = cast(nn.Sequential, body.body if residual else body)
    depthwise, pointwise = (cast(nn.Conv2d, layer) for layer in list(layers)[:2])
    return block_weights(depthwise, pointwise, group, residual=residual)
