"""Training and encoding against the full escnn encoder and the machine, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.ceilings import measure_ceilings
from benchmarks.encoder_work import Work, fused_work, layer_work
from benchmarks.measuring import Times, compared, ratios
from benchmarks.tables import Table
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.escnn import import_escnn
from equiclust.nn.export import export_encoder
from equiclust.nn.fused import FusedEncoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.nn.resampling import BinomialBlur2d

__all__ = ["FullEncoder", "speed_table"]

_Row = dict[str, Any]

_FIELDS = (8, 16, 24)
_KERNEL = 5
_BLUR_TAPS = 4
_TRAINING_BATCH = 16
_ENCODING_BATCH = 64


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
    """Times of an image, how many times faster ours is, and how near it comes to the machine."""
    keep_freed_memory()
    rows = [row for size in sizes for row in (_training(size, repeats), *_encoding(size, repeats))]
    return Table("speed", "Encoder against the full escnn encoder (float32, one process)", rows)


def _training(size: int, repeats: int) -> _Row:
    torch.manual_seed(0)
    images = torch.rand(_TRAINING_BATCH, 1, size, size)
    full, ours = FullEncoder(), AutoencoderNetwork(NetworkConfig(size=size))
    rivals = {"escnn": _step(full, images), "ours": _step(ours.encode, images)}
    times = compared(rivals, repeats=repeats)
    return _row(size, "training step", times["escnn"], times["ours"], len(images), None)


def _encoding(size: int, repeats: int) -> Iterator[_Row]:
    torch.manual_seed(0)
    images = torch.rand(_ENCODING_BATCH, 1, size, size)
    full, network = FullEncoder().eval(), AutoencoderNetwork(NetworkConfig(size=size)).eval()
    single, averaged = (export_encoder(network, average=average) for average in (False, True))
    ours: dict[str, tuple[Callable[[Tensor], Tensor], Work | None]] = {
        "one view, in layers": (network.encode, None),
        "one view, exported to torch": (single, layer_work(single, size)),
        "one view, fused": (FusedEncoder(single), fused_work(single, size)),
        "sixteen rotations, exported to torch": (averaged, None),
        "sixteen rotations, as deployed": (FusedEncoder(averaged), fused_work(averaged, size)),
    }
    rivals = {"escnn": full, **{name: encode for name, (encode, _) in ours.items()}}
    with torch.inference_mode():
        times = compared(
            {name: partial(encode, images) for name, encode in rivals.items()}, repeats=repeats
        )
    for name, (_, work) in ours.items():
        yield _row(size, name, times["escnn"], times[name], len(images), work)


def _step(encode: Callable[[Tensor], Tensor], images: Tensor) -> Callable[[], None]:
    return lambda: encode(images).square().mean().backward()


def _row(size: int, what: str, theirs: Times, ours: Times, n: int, work: Work | None) -> _Row:
    faster = ratios(theirs, ours)
    row: _Row = {
        "size": size,
        "what": what,
        "escnn ms/image": 1e3 * theirs.median / n,
        "ours ms/image": 1e3 * ours.median / n,
        "times faster": faster.median,
        "least": faster.least,
        "most": faster.most,
    }
    return row | _rates(work, ours.median / n)


def _rates(work: Work | None, seconds: float) -> _Row:
    """What was reached, and the larger share of what the machine can do."""
    ceilings = measure_ceilings()
    limits = {"GFLOP/s": ceilings.convolution, "GB/s": ceilings.memory}
    if work is None:
        return dict.fromkeys(("MFLOP/image", *limits, "of the ceiling"), "")
    reached = {
        "GFLOP/s": work.operations / seconds / 1e9,
        "GB/s": work.bytes / seconds / 1e9,
    }
    share = max(reached[name] / limit for name, limit in limits.items())
    shown = {name: f"{reached[name]:.3g} of {limit:.3g}" for name, limit in limits.items()}
    return {"MFLOP/image": work.operations / 1e6, **shown, "of the ceiling": share}
