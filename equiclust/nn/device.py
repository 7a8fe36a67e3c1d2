"""Where to compute, and how exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from equiclust.exceptions import InputError
from equiclust.validation import shown

__all__ = ["DEVICES", "choose_device", "full_precision", "seeded", "torch_threads"]

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names that `choose_device` knows."""


def choose_device(name: str, *, fall_back: bool = False) -> torch.device:
    """Choose a torch device by name.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
        "auto" is the first of cuda, mps and cpu that is available.
    fall_back : bool, default False
        Whether a missing device is replaced by that of "auto", as for a network that was trained on
        another machine.

    Returns
    -------
    torch.device

    Raises
    ------
    InputError
        When the device is not available.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if isinstance(name, str) and there.get(name, False):
        return torch.device(name)
    if isinstance(name, str) and (name == "auto" or (fall_back and name in there)):
        return torch.device(next(device for device, present in there.items() if present))
    known = ", ".join(("auto", *(device for device, present in there.items() if present)))
    raise InputError(f"device must be one of {known} on this machine, got {shown(name)}")


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in full float32: TensorFloat-32 would spoil exact invariance in the fourth digit.

    Parameters
    ----------
    device : torch.device

    Yields
    ------
    None
    """
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@contextmanager
def torch_threads(count: int | None = None) -> Iterator[None]:
    """Set the number of torch's threads, and restore it at the end.

    Parameters
    ----------
    count : int, optional
        By default it stays as it is; what happens within may change it all the same, such as the
        first start of numba's threads, which takes as many as there are cores for OpenMP.

    Yields
    ------
    None
    """
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator of the CPU within the block, and restore it afterwards.

    Layers made, and dropout drawn on the CPU, within the block depend on the seed alone.

    Parameters
    ----------
    seed : int

    Yields
    ------
    None
    """
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would seed the accelerators for good.
        torch.default_generator.manual_seed(seed)
        yield
