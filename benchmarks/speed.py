"""Training and encoding against the full escnn encoder, in one run under one allocator setting."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.tables import Table
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.escnn import import_escnn
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.resampling import BinomialBlur2d

__all__ = ["speed_table"]

_FIELDS = (8, 16, 24)
_KERNEL = 5
_BLUR_TAPS = 4
_TRAINING_BATCH = 16
_ENCODING_BATCH = 32


class FullEncoder(nn.Module):
    """The encoder one would write with escnn: full convolutions, each followed by a halving.

    Three `R2Conv` of 8, 16 and 24 regular fields of D8 with 5 x 5 filters, batch norm, ReLU and a
    centred blur, then the mean over group and space.
    """

    def __init__(self) -> None:
        super().__init__()
        escnn = import_escnn()
        self.enn = escnn.nn
        space = escnn.gspaces.flipRot2dOnR2(N=8)
        self.image = self.enn.FieldType(space, [space.trivial_repr])
        stages: list[nn.Module] = []
        given = self.image
        for fields in _FIELDS:
            made = self.enn.FieldType(space, fields * [space.regular_repr])
            convolution = self.enn.R2Conv(given, made, _KERNEL, padding=_KERNEL // 2)
            stages.append(
                self.enn.SequentialModule(
                    convolution, self.enn.InnerBatchNorm(made), self.enn.ReLU(made)
                )
            )
            given = made
        self.types = [stage.out_type for stage in stages]
        self.stages = nn.ModuleList(stages)
        self.blur = BinomialBlur2d(_BLUR_TAPS)

    def forward(self, images: Tensor) -> Tensor:
        """Latents `(n, 24)` of images `(n, 1, s, s)`."""
        x = self.enn.GeometricTensor(images, self.image)
        for stage, fields in zip(self.stages, self.types, strict=True):
            x = self.enn.GeometricTensor(self.blur(stage(x).tensor), fields)
        n, _, height, width = x.tensor.shape
        return x.tensor.view(n, _FIELDS[-1], -1, height, width).mean(dim=(2, 3, 4))


def speed_table(*, sizes: tuple[int, ...] = (64, 128), repeats: int = 5) -> Table:
    """Medians of the time of an image, and how many times faster ours is."""
    keep_freed_memory()
    rows = []
    for size in sizes:
        torch.manual_seed(0)
        full, ours = FullEncoder(), AutoencoderNetwork(NetworkConfig(size=size))
        training = _race(_training_step(full, size), _training_step(ours.encode, size), repeats)
        rows.append(_row(size, "training step", training, _TRAINING_BATCH))
        full.eval()
        ours.eval()
        rivals = {
            "in layers": ours.encode,
            "exported": export_encoder(ours, average=False),
            "exported, averaged over 16 rotations": export_encoder(ours),
        }
        for name, rival in rivals.items():
            encoding = _race(_encoding(full, size), _encoding(rival, size), repeats)
            rows.append(_row(size, f"encoding, ours {name}", encoding, _ENCODING_BATCH))
    return Table("speed", "Encoder against the full escnn encoder (float32, one process)", rows)


def _row(size: int, what: str, times: tuple[float, float, list[float]], batch: int) -> Any:
    theirs, ours, ratios = times
    return {
        "size": size,
        "what": what,
        "escnn ms/image": 1e3 * theirs / batch,
        "ours ms/image": 1e3 * ours / batch,
        "times faster": median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def _training_step(encode: Callable[[Tensor], Tensor], size: int) -> Callable[[], None]:
    images = torch.rand(_TRAINING_BATCH, 1, size, size)

    def step() -> None:
        encode(images).square().mean().backward()

    return step


def _encoding(encode: Callable[[Tensor], Tensor], size: int) -> Callable[[], None]:
    images = torch.rand(_ENCODING_BATCH, 1, size, size)

    def run() -> None:
        with torch.no_grad():
            encode(images)

    return run


def _race(
    theirs: Callable[[], None], ours: Callable[[], None], repeats: int
) -> tuple[float, float, list[float]]:
    """Medians of both and the ratio of each pair, run in turn after a warm-up of each."""
    pairs = []
    for repeat in range(repeats + 1):
        pair = _time(theirs), _time(ours)
        if repeat:
            pairs.append(pair)
    ratios = [a / b for a, b in pairs]
    return median(a for a, _ in pairs), median(b for _, b in pairs), ratios


def _time(work: Callable[[], None]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
