"""Training to the same error of held-out images, against autoencoders of escnn's modules."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.escnn_autoencoder import FullAutoencoder
from benchmarks.measuring import compared, ratios
from benchmarks.tables import Table
from data_adapters import read
from equiclust.autoencoder.augmentation import Augmentation
from equiclust.nn import to_escnn
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.preprocessing import Preprocessor

__all__ = ["equal_loss_table", "exxa_pixels"]

_SIZE, _HELD_OUT, _BATCH, _WARM_UP = 128, 11, 11, 20
_RATES = (1e-3, 3e-3, 1e-2)

Reconstruct = Callable[[Tensor], Tensor]


def exxa_pixels() -> tuple[Tensor, Tensor]:
    """EXXA discs at 128 px to train with, and those that are held out."""
    folder = Path(os.environ["EQUICLUST_DATA"]) / "exxa_discs"
    images = Preprocessor(size=_SIZE).fit_transform(read(folder).images)
    pixels = torch.from_numpy(images.pixels)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    return pixels[order[_HELD_OUT:]], pixels[order[:_HELD_OUT]]


def equal_loss_table(*, steps: int = 240, target: float | None = None) -> Table:
    """Steps and seconds until the error of held-out discs is as small as the rival's least.

    Both start from random weights, see the same turned batches and minimise the mean squared error
    by Adam at a constant rate after a warm-up; each by the best of three rates.

    Parameters
    ----------
    steps : int, default 240
        Of either.
    target : float, optional
        Mean squared error to reach; default the larger of the two least ones.
    """
    keep_freed_memory()
    shown, held_out = exxa_pixels()
    curves = {
        name: _best_curve(make, shown, held_out, steps)
        for name, make in {"ours": _ours, "escnn": _full}.items()
    }
    if target is None:
        target = max(min(errors) for _, errors in curves.values())
    needed = {name: _steps_to(target, errors) for name, (_, errors) in curves.items()}
    times = compared(_steps(shown))
    rows = []
    for name, title in _TITLES.items():
        curve = "escnn" if name == "escnn" else "ours"
        ratio = ratios(times[name], times["ours"])
        share = needed[curve] / needed["ours"]
        rows.append(
            {
                "network": title,
                "rate": str(curves[curve][0]),
                "least MSE": min(curves[curve][1]),
                "steps to the target": needed[curve],
                "ms a step": 1e3 * times[name].median,
                "seconds to the target": times[name].median * needed[curve],
                "a step, times ours": ratio.median,
                "least": ratio.least,
                "most": ratio.most,
                "to the target, times ours": ratio.median * share,
            }
        )
    title = f"Training on EXXA discs at {_SIZE} px to a held-out MSE of {target:.2e}"
    return Table("equal_loss", title, rows)


_TITLES = {
    "ours": "ours",
    "copy": "ours, written in escnn's modules (the same steps)",
    "escnn": "full convolutions of escnn, as in its documentation",
}


def _ours() -> tuple[nn.Module, Reconstruct]:
    network = AutoencoderNetwork(NetworkConfig(size=_SIZE))
    return network, network.reconstruct


def _full() -> tuple[nn.Module, Reconstruct]:
    network = FullAutoencoder(NetworkConfig(size=_SIZE))
    return network, network


def _best_curve(
    make: Callable[[], tuple[nn.Module, Reconstruct]],
    shown: Tensor,
    held_out: Tensor,
    steps: int,
) -> tuple[float, Sequence[float]]:
    """The rate with the least error, and the error after every step that ends an epoch."""
    curves = {}
    for rate in _RATES:
        torch.manual_seed(0)
        network, reconstruct = make()
        curves[rate] = _curve(network, reconstruct, shown, held_out, steps, rate)
        print(f"{type(network).__name__}, rate {rate:g}: {min(curves[rate]):.2e}", flush=True)
    best = min(curves, key=lambda rate: min(curves[rate]))
    return best, curves[best]


def _curve(
    network: nn.Module,
    reconstruct: Reconstruct,
    shown: Tensor,
    held_out: Tensor,
    steps: int,
    rate: float,
) -> list[float]:
    """Error of the held-out images after every epoch, in evaluation mode."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    warm = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / _WARM_UP, total_iters=_WARM_UP)
    generator = torch.Generator().manual_seed(0)
    turn = Augmentation(scale=0, shear=0, smoothing=0, contrast=0, gain=0, noise=0)
    unmasked = torch.zeros(_BATCH, 1, _SIZE, _SIZE, dtype=torch.bool)
    per_epoch = len(shown) // _BATCH
    errors = []
    for _ in range(steps // per_epoch):
        network.train()
        for batch in torch.randperm(len(shown), generator=generator).split(_BATCH)[:per_epoch]:
            images, _ = turn(shown[batch], unmasked, generator)
            optimizer.zero_grad()
            (reconstruct(images) - images).square().mean().backward()
            optimizer.step()
            warm.step()
        errors.append(_error(network, reconstruct, held_out))
    return errors


@torch.no_grad()
def _error(network: nn.Module, reconstruct: Reconstruct, held_out: Tensor) -> float:
    network.eval()
    return float((reconstruct(held_out) - held_out).square().mean())


def _steps_to(target: float, errors: Sequence[float]) -> float:
    """Steps to the first epoch at whose end the error is small enough; NaN if it never is."""
    reached = np.flatnonzero(np.asarray(errors) <= target)
    per_epoch = (55 - _HELD_OUT) // _BATCH
    return float(per_epoch * (reached[0] + 1)) if len(reached) else math.nan


def _steps(shown: Tensor) -> dict[str, Callable[[], Any]]:
    """One step of training of each, on the same batch."""
    torch.manual_seed(0)
    ours = AutoencoderNetwork(NetworkConfig(size=_SIZE))
    copied = to_escnn(ours)
    full = FullAutoencoder(ours.config)
    images = shown[:_BATCH]

    def stepping(reconstruct: Any) -> Callable[[], None]:
        return lambda: (reconstruct(images) - images).square().mean().backward()

    return {
        "ours": stepping(ours.reconstruct),
        "copy": stepping(copied.reconstruct),
        "escnn": stepping(full),
    }
