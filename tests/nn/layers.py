"""Every layer once, with an input it accepts: what the laws are checked on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equiclust.nn.blocks import FieldBatchNorm2d
from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.groups import GridElement, Group, move_fields, move_pixels
from equiclust.nn.pooling import group_mean, group_std
from equiclust.nn.resampling import BinomialBlur2d, CenteredUpsample2d, SoftDiscMask

GROUPS = ("D8", "C8", "D4", "C4", "D2", "D1", "D16", "trivial")
EVEN, ODD = (10, 12), (11, 9)


@dataclass(frozen=True)
class Case:
    """A layer, the fields it takes and gives (0 = an image), and the size of the input."""

    name: str
    build: Callable[[Group], nn.Module]
    fields: tuple[int, int] = (2, 3)
    size: tuple[int, int] = EVEN

    def __str__(self) -> str:
        return self.name

    def input(self, group: Group, dtype: torch.dtype, *, batch: int = 2) -> Tensor:
        channels = self.fields[0] * group.order or 2
        return torch.randn(batch, channels, *self.size, dtype=dtype)

    def moved(self, x: Tensor, group: Group, element: GridElement, *, output: bool) -> Tensor:
        if self.fields[output]:
            return move_fields(x, group, element)
        return move_pixels(x, element)


class Pooling(nn.Module):
    """A pooling function as a module."""

    def __init__(self, function: Callable[[Tensor, Group], Tensor], group: Group) -> None:
        super().__init__()
        self.function, self.group = function, group

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.group)


CONVOLUTIONS = [
    *(Case(f"lifting{k}", lambda g, k=k: LiftingConv2d(g, 2, 3, k), (0, 3)) for k in (1, 3, 4, 7)),
    Case("lifting6 stride2", lambda g: LiftingConv2d(g, 2, 3, 6, stride=2), (0, 3)),
    Case("lifting2 stride2", lambda g: LiftingConv2d(g, 2, 3, 2, stride=2), (0, 3)),
    Case("lifting5 stride2", lambda g: LiftingConv2d(g, 2, 3, 5, stride=2), (0, 3), ODD),
    *(Case(f"group{k}", lambda g, k=k: GroupConv2d(g, 2, 3, k)) for k in (1, 3, 5)),
    Case("group4 stride2", lambda g: GroupConv2d(g, 2, 3, 4, stride=2)),
    Case("group3 stride2", lambda g: GroupConv2d(g, 2, 3, 3, stride=2, bias=False), size=ODD),
    Case("depthwise7", lambda g: DepthwiseGroupConv2d(g, 2, 7, bias=True), (2, 2)),
    Case("depthwise8 stride2", lambda g: DepthwiseGroupConv2d(g, 2, 8, stride=2), (2, 2)),
    Case("depthwise5 stride2", lambda g: DepthwiseGroupConv2d(g, 2, 5, stride=2), (2, 2), ODD),
    Case("pointwise", lambda g: PointwiseGroupConv2d(g, 2, 3)),
    Case("projection5", lambda g: ProjectionConv2d(g, 2, 3, 5), (2, 0)),
    Case("projection3", lambda g: ProjectionConv2d(g, 2, 1, 3), (2, 0), ODD),
]
NORMALISATION = Case("norm", lambda g: FieldBatchNorm2d(g, 2), (2, 2))
OTHERS = [
    Case("blur4", lambda g: BinomialBlur2d(4), (2, 2)),
    Case("blur6", lambda g: BinomialBlur2d(6), (2, 2)),
    Case("blur5", lambda g: BinomialBlur2d(5), (2, 2), ODD),
    Case("nearest", lambda g: CenteredUpsample2d("nearest"), (2, 2)),
    Case("bilinear", lambda g: CenteredUpsample2d("bilinear"), (2, 2), ODD),
    Case("mask", lambda g: SoftDiscMask(), (2, 2)),
    Case("mean", lambda g: Pooling(group_mean, g), (2, 0)),
    Case("std", lambda g: Pooling(group_std, g), (2, 0)),
]
ALL = [*CONVOLUTIONS, NORMALISATION, *OTHERS]


def build(case: Case, group: Group, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The layer with nothing at its neutral value."""
    layer = case.build(group).to(dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        if isinstance(layer, FieldBatchNorm2d):
            layer.norm.running_mean.normal_()
            layer.norm.running_var.uniform_(0.5, 2.0)
    return layer


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Largest difference in units of the largest value."""
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))
