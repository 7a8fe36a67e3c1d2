"""Images a second on the device at hand, in training and as deployed, beside a plain ResNet-18.

``python -m benchmarks accelerator`` takes the GPU where there is one, and some minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18

from benchmarks.measuring import measured
from benchmarks.tables import Table
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.device import choose_device
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

__all__ = ["accelerator_table"]

SIZES = (64, 128, 256)
# Images of 64 px in a batch, and so many fewer of larger ones.
_BATCH, _BATCH_OF_PROCESSOR = 4096, 32
_REPEATS = 5
_MATRIX, _BYTES = 8192, 1 << 30
_MATRIX_OF_PROCESSOR, _BYTES_OF_PROCESSOR = 1024, 1 << 28

Work = Callable[[Tensor], None]


class _Peak(NamedTuple):
    """The most that the device does: operations of matrix products, and bytes copied, a second."""

    operations: float
    bytes: float


def accelerator_table(*, device: str = "auto", sizes: tuple[int, ...] = SIZES) -> Table:
    """One row for each size, arithmetic and kind of work.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
    sizes : tuple of int, default (64, 128, 256)
        Sides of the images in pixels.
    """
    keep_freed_memory()
    place = torch.device(choose_device(device))
    # Few processors compute in bfloat16 faster than in float32.
    kinds = [torch.float32] if place.type == "cpu" else [torch.float32, torch.bfloat16]
    peaks = {kind: _peak(place, kind) for kind in kinds}
    rows = []
    for size in sizes:
        for name, work in _works(size, place).items():
            for kind in kinds:
                rows.append(_row(name, work, size, place, kind, peaks[kind]))
                print(rows[-1], flush=True)
    told = ", ".join(
        f"{str(kind).removeprefix('torch.')} {one.operations / 1e9:,.0f} GFLOP/s"
        for kind, one in peaks.items()
    )
    bandwidth = peaks[kinds[0]].bytes / 1e9
    title = (
        f"Images a second on {_name(place)}; matrix products {told}; memory {bandwidth:.0f} GB/s"
    )
    return Table("accelerator", title, rows)


def _name(place: torch.device) -> str:
    return torch.cuda.get_device_name(place) if place.type == "cuda" else place.type


def _row(
    name: str, work: Work, size: int, place: torch.device, kind: torch.dtype, peak: _Peak
) -> dict[str, Any]:
    most = _BATCH_OF_PROCESSOR if place.type == "cpu" else _BATCH
    batch = max(most * 64 * 64 // size**2, 2)
    images = torch.rand(batch, 1, size, size, device=place)

    def run() -> None:
        with torch.autocast(place.type, dtype=kind, enabled=kind != torch.float32):
            work(images)
        _wait(place)

    seconds = measured(run, repeats=_REPEATS).median
    with FlopCounterMode(display=False) as counter:
        run()
    return {
        "size": size,
        "what": name,
        "arithmetic": str(kind).removeprefix("torch."),
        "images in a batch": batch,
        "images/s": batch / seconds,
        "GFLOP an image": counter.get_total_flops() / batch / 1e9,
        "share of matrix products": counter.get_total_flops() / seconds / peak.operations,
    }


def _works(size: int, place: torch.device) -> dict[str, Work]:
    torch.manual_seed(0)
    network = AutoencoderNetwork(NetworkConfig(size=size)).to(place)
    rival = resnet18().to(place)

    def of_rival(images: Tensor) -> Tensor:
        found: Tensor = rival(images.expand(-1, 3, -1, -1))
        return found

    return {
        "training step, whole autoencoder": _step(network.reconstruct, network),
        "training step, ResNet-18": _step(of_rival, rival),
        "encoding, one view": _encoding(export_encoder(network, average=False).to(place)),
        "encoding, as deployed": _encoding(export_encoder(network).to(place)),
        "encoding, ResNet-18": _encoding(of_rival),
    }


def _step(predict: Callable[[Tensor], Tensor], network: nn.Module) -> Work:
    optimizer = torch.optim.AdamW(network.parameters())

    def step(images: Tensor) -> None:
        network.train()
        optimizer.zero_grad()
        predict(images).float().square().mean().backward()
        optimizer.step()

    return step


def _encoding(encode: Callable[[Tensor], Tensor]) -> Work:
    def encode_all(images: Tensor) -> None:
        with torch.no_grad():
            encode(images)

    return encode_all


def _peak(place: torch.device, kind: torch.dtype) -> _Peak:
    small = place.type == "cpu"
    side = _MATRIX_OF_PROCESSOR if small else _MATRIX
    matrix = torch.rand(side, side, device=place, dtype=kind)
    source = torch.empty(
        _BYTES_OF_PROCESSOR if small else _BYTES, dtype=torch.uint8, device=place
    ).fill_(1)
    target = torch.empty_like(source)

    def product() -> None:
        torch.mm(matrix, matrix)
        _wait(place)

    def copy() -> None:
        target.copy_(source)
        _wait(place)

    return _Peak(
        2 * side**3 / measured(product, repeats=_REPEATS).median,
        2 * source.numel() / measured(copy, repeats=_REPEATS).median,
    )


def _wait(place: torch.device) -> None:
    if place.type == "cuda":
        torch.cuda.synchronize()
