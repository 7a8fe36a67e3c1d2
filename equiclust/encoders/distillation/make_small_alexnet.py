"""Distil AlexNet: ``python -m equiclust.encoders.distillation.make_small_alexnet``.

The small network learns the features of AlexNet's fifth convolution at every position, on images
made by rules (Hinton et al. 2015, arXiv:1503.02531; of features, Romero et al. 2015,
arXiv:1412.6550). No photograph is needed, and none of AlexNet's weights is taken over.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from joblib import Parallel, delayed
from safetensors.torch import save_file
from torch import Tensor, nn

from equiclust.encoders.backbone import BACKBONES, make_backbone
from equiclust.encoders.distillation.procedural_images import SIDE, procedural_image
from equiclust.encoders.photographs import resize_images, standardize
from equiclust.io.atomic import atomic_path
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.small_alexnet import SmallAlexNet

__all__ = ["distil"]

Pixels = npt.NDArray[np.uint8]

_FILE = Path(sys.modules[SmallAlexNet.__module__].__file__ or "").parent / "weights"
_N_IMAGES, _SEED = 6000, 1_000_000
_N_STEPS, _BATCH, _WARM_UP, _LEARNING_RATE = 3100, 32, 200, 3e-3
# Sides of crops, of which every fourth is large, and how much of the image each shows.
_SIDES, _ZOOMS = (224, 160, 160, 160), (1.0, 1.0, 1.3, 1.6)
# Weights of the errors of mean and maximum over positions, which are what is used afterwards.
_MEAN, _MAXIMUM = 2.0, 0.1
_N_MEASURED, _LARGEST_GRADIENT = 8, 5.0


class _Learner(nn.Module):
    """The network with batch normalisation, which is merged into its weights afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.network = SmallAlexNet()
        *inner, _ = (one for one in self.network.children() if isinstance(one, nn.Conv2d))
        self.norms = [nn.BatchNorm2d(one.out_channels) for one in inner]
        for k, (convolution, norm) in enumerate(zip(inner, self.norms, strict=True)):
            self.add_module(f"norm{k}", norm)
            convolution.register_forward_hook(lambda _, __, out, norm=norm: norm(out))

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(images)
        return features

    def merged(self, centre: Tensor, width: Tensor) -> dict[str, Tensor]:
        """Weights of the network alone, whose features are no longer standardised."""
        state = {name: value.clone() for name, value in self.network.state_dict().items()}
        for k, norm in enumerate(self.norms, start=1):
            mean, variance = (cast(Tensor, one) for one in (norm.running_mean, norm.running_var))
            scale = norm.weight / torch.sqrt(variance + norm.eps)
            state[f"conv{k}.weight"] *= scale[:, None, None, None]
            state[f"conv{k}.bias"] = (state[f"conv{k}.bias"] - mean) * scale + norm.bias
        state["conv5.weight"] *= width[:, None, None, None]
        state["conv5.bias"] = state["conv5.bias"] * width + centre
        return {name: value.detach() for name, value in state.items()}


def distil(images: Pixels, *, n_steps: int = _N_STEPS) -> SmallAlexNet:
    """Train a small AlexNet to give AlexNet's features.

    Parameters
    ----------
    images : ndarray (n, 256, 256), uint8
    n_steps : int, default 3100
        Batches of 32 crops.

    Returns
    -------
    SmallAlexNet

    Raises
    ------
    WeightsNotFoundError
        When AlexNet's weights are not found.
    """
    torch.manual_seed(_SEED)
    rng = np.random.default_rng(_SEED)
    teacher = make_backbone("alexnet", "features.10", None)
    centre, width = _statistics(teacher, images, rng)
    learner = _Learner().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(learner.parameters(), weight_decay=1e-4)
    for step, crops in enumerate(_batches(images, rng, n_steps)):
        falling = 0.5 * (1 + math.cos(math.pi * step / n_steps))
        optimizer.param_groups[0]["lr"] = _LEARNING_RATE * min(1, step / _WARM_UP) * falling
        with torch.no_grad():
            wanted = (teacher(standardize(crops)) - centre) / width
        loss = _loss(learner(_standardized(crops)), wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learner.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step} of {n_steps}: loss {loss.item():.3f}", flush=True)
    learned = SmallAlexNet()
    learned.load_state_dict(learner.merged(centre.flatten(), width.flatten()))
    return learned.eval()


def _standardized(crops: Tensor) -> Tensor:
    backbone = BACKBONES["small_alexnet"]
    return (crops - backbone.mean[0]) / backbone.std[0]


def _loss(features: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared errors at positions, of the mean over them, and of the maximum."""
    axes = (2, 3)
    return (
        functional.mse_loss(features, wanted)
        + _MEAN * functional.mse_loss(features.mean(axes), wanted.mean(axes))
        + _MAXIMUM * functional.mse_loss(features.amax(axes), wanted.amax(axes))
    )


def _statistics(
    teacher: nn.Module, images: Pixels, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every feature `(256, 1, 1)` over positions of some crops."""
    with torch.no_grad():
        parts = [teacher(standardize(crops)) for crops in _batches(images, rng, _N_MEASURED)]
    features = torch.cat([part.transpose(0, 1).flatten(1) for part in parts], dim=1)
    return features.mean(1)[:, None, None], features.std(1)[:, None, None]


def _batches(images: Pixels, rng: np.random.Generator, n_batches: int) -> Iterator[Tensor]:
    """Batches of crops `(32, 1, side, side)` in 0 to 1, turned, mirrored and of any contrast."""
    for step in range(n_batches):
        side = _SIDES[step % len(_SIDES)]
        yield torch.cat([_crop(images, rng, side) for _ in range(_BATCH)])


def _crop(images: Pixels, rng: np.random.Generator, side: int) -> Tensor:
    image = images[rng.integers(len(images))]
    seen = min(round(side * rng.choice(_ZOOMS)), SIDE)
    y, x = rng.integers(0, SIDE + 1 - seen, 2)
    turned = np.rot90(image[y : y + seen, x : x + seen], int(rng.integers(4)))
    if rng.random() < 0.5:
        turned = turned[:, ::-1]
    crop = torch.from_numpy(np.ascontiguousarray(turned)).float()[None, None] / 255
    if rng.random() < 0.3:
        crop = crop * rng.uniform(0.4, 1) + rng.uniform(0, 0.3)
    return resize_images(crop, side, side).clamp(0, 1)


def main() -> int:
    """Make the images, learn from them, and write the weights."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--n-images", type=int, default=_N_IMAGES)
    parser.add_argument("--output", type=Path, default=_FILE, metavar="FOLDER")
    chosen = parser.parse_args()
    keep_freed_memory()
    logging.basicConfig(level=logging.WARNING)
    seeds = range(_SEED, _SEED + chosen.n_images)
    images = np.stack(Parallel(n_jobs=-1)(delayed(procedural_image)(seed) for seed in seeds))
    state = distil(images).state_dict()
    chosen.output.mkdir(parents=True, exist_ok=True)
    target = chosen.output / "small_alexnet.safetensors"
    with atomic_path(target) as draft:
        # Half precision is enough for weights, and half the size.
        save_file({name: value.half() for name, value in state.items()}, draft)
    print(f"-> {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
