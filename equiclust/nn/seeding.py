"""Random weights from a seed, with torch's own generator left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Layers made, and dropout drawn on the processor, within follow the seed alone."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the accelerators for good.
        torch.default_generator.manual_seed(seed)
        yield
