"""Where to compute, and how exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["choose_device", "full_precision"]


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is the first of cuda, mps and cpu that is there."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in real float32: TensorFloat-32 would spoil exact invariance in the fourth digit."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
