"""What the machine can do at most: convolutions, matrix products and memory."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch.nn import functional as F

from benchmarks.measuring import measured

__all__ = ["Ceilings", "measure_ceilings"]

_CHANNELS = 128
_SIDE = 64
_BATCH = 8
_KERNEL = 3
_MATRIX = 2048
_BYTES = 1 << 29
_GIGA = 1e9


class Ceilings(NamedTuple):
    """Rates that no program on this machine exceeds by much, with the threads that torch has.

    Attributes
    ----------
    convolution : float
        Of 128 channels to 128, 3 x 3, channels last, float32, in GFLOP/s.
    matrix_product : float
        Of two matrices of 2048 x 2048, float32, in GFLOP/s.
    memory : float
        Of copying an array that no cache holds, read and written bytes together, in GB/s.
    """

    convolution: float
    matrix_product: float
    memory: float


@cache
def measure_ceilings() -> Ceilings:
    """Measure the machine, once a process.

    Returns
    -------
    Ceilings
    """
    return Ceilings(_convolution_rate(), _matrix_rate(), _memory_rate())


@torch.no_grad()
def _convolution_rate() -> float:
    layout = torch.channels_last
    images = torch.rand(_BATCH, _CHANNELS, _SIDE, _SIDE).contiguous(memory_format=layout)
    filters = torch.rand(_CHANNELS, _CHANNELS, _KERNEL, _KERNEL).contiguous(memory_format=layout)
    operations = 2 * _BATCH * (_CHANNELS * _SIDE * _KERNEL) ** 2
    times = measured(lambda: F.conv2d(images, filters, padding=_KERNEL // 2))
    return operations / times.median / _GIGA


@torch.no_grad()
def _matrix_rate() -> float:
    left, right = torch.rand(2, _MATRIX, _MATRIX)
    return 2 * _MATRIX**3 / measured(lambda: left @ right).median / _GIGA


def _memory_rate() -> float:
    source = torch.ones(_BYTES, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * _BYTES / measured(lambda: target.copy_(source)).median / _GIGA
