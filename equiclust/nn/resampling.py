"""Down- and upsampling, and the mask for corners, all centred on the image."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equiclust.exceptions import InputError
from equiclust.validation import check_whole

__all__ = [
    "BinomialBlur2d",
    "CenteredUpsample2d",
    "SoftDiscMask",
    "centred_padding",
    "check_centred",
    "output_size",
]


def centred_padding(kernel_size: int) -> int:
    """Padding that keeps the size for odd kernels and the half for even kernels with stride 2.

    Parameters
    ----------
    kernel_size : int
        Side of the filter in pixels.

    Returns
    -------
    int
        Pixels on every side.
    """
    return (kernel_size - 1) // 2


def output_size(size: int, *, kernel_size: int, stride: int) -> int:
    """Side of the output of a filter with centred padding.

    Parameters
    ----------
    size : int
        Side of the input in pixels.
    kernel_size : int
        Side of the filter in pixels.
    stride : int
        Step between samples in pixels.

    Returns
    -------
    int
        Side in pixels.
    """
    return (size + 2 * centred_padding(kernel_size) - kernel_size) // stride + 1


def check_centred(height: int, width: int, *, kernel_size: int, stride: int) -> None:
    """Check that the sampling grid is centred on feature maps of this size.

    A quarter turn of the input rotates the output exactly only if the first and the last sample lie
    equally far from the rim, that is, if `size + 2 padding - kernel_size` is a multiple of the
    stride. With stride 2, even kernels need even sizes and odd kernels odd ones.

    Parameters
    ----------
    height, width : int
        Of the feature maps in pixels.
    kernel_size : int
        Side of the filter in pixels.
    stride : int
        Step between samples in pixels.

    Raises
    ------
    InputError
        When it is not; names the size and the nearest legal ones.
    """
    for name, size in (("height", height), ("width", width)):
        smallest = kernel_size - 2 * centred_padding(kernel_size)
        excess = (size - smallest) % stride
        if size < smallest or excess:
            legal = [n for n in (size - excess, size - excess + stride) if n >= smallest]
            raise InputError(
                f"{name} must be {smallest} plus a multiple of {stride} for a kernel of "
                f"{kernel_size} with stride {stride} to keep the grid centred, got {size} in "
                f"{height} x {width}; nearest legal: {', '.join(map(str, legal or [smallest]))}"
            )


class BinomialBlur2d(nn.Module):
    """Blur with binomial weights and keep every second pixel.

    The antialiasing of Zhang (2019, arXiv:1904.11486), with a number of taps that keeps the grid
    centred: even for even sizes, odd for odd ones. Outside the image is zero.

    Parameters
    ----------
    taps : int, default 4
        Length of the filter, at least 2; 4 and 6 are usual, 2 is plain averaging.
    stride : int, default 2
        Step between samples, in pixels.

    Raises
    ------
    InputError
        When a number is not a positive integer, or there is but one tap.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import BinomialBlur2d
    >>> halve = BinomialBlur2d(taps=4)
    >>> x = torch.rand(1, 3, 32, 32)
    >>> halve(x).shape
    torch.Size([1, 3, 16, 16])
    >>> torch.allclose(halve(x.rot90(1, (2, 3))), halve(x).rot90(1, (2, 3)))
    True
    """

    kernel: Tensor

    def __init__(self, taps: int = 4, *, stride: int = 2) -> None:
        super().__init__()
        check_whole("taps", taps, 2)
        check_whole("stride", stride)
        self.taps = taps
        self.stride = stride
        self.padding = centred_padding(taps)
        self.register_buffer("kernel", _binomial(taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Blur and sample feature maps.

        Parameters
        ----------
        x : Tensor (n, c, h, w)

        Returns
        -------
        Tensor (n, c, h_out, w_out)

        Raises
        ------
        InputError
            When height or width would not keep the grid centred.
        """
        check_centred(*x.shape[2:], kernel_size=self.taps, stride=self.stride)
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=channels)

    def extra_repr(self) -> str:
        """Taps and stride."""
        return f"taps={self.taps}, stride={self.stride}"

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> BinomialBlur2d:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        # `to_empty()` would leave the kernel empty.
        self.kernel = _binomial(self.taps).to(self.kernel)
        return self


class CenteredUpsample2d(nn.Module):
    """Make the image twice as large, keeping its centre.

    Parameters
    ----------
    mode : {"nearest", "bilinear"}, default "bilinear"
        How to fill in; bilinear aligns the rims, not the corner pixels' centres.

    Raises
    ------
    InputError
        When `mode` is none of these.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import CenteredUpsample2d
    >>> double = CenteredUpsample2d("nearest")
    >>> double(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))[0, 0]
    tensor([[1., 1., 2., 2.],
            [1., 1., 2., 2.],
            [3., 3., 4., 4.],
            [3., 3., 4., 4.]])
    """

    def __init__(self, mode: str = "bilinear") -> None:
        super().__init__()
        if mode not in ("nearest", "bilinear"):
            raise InputError(f"mode must be 'nearest' or 'bilinear', got {mode!r}")
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge feature maps twofold.

        Parameters
        ----------
        x : Tensor (n, c, h, w)

        Returns
        -------
        Tensor (n, c, 2 h, 2 w)
        """
        align = False if self.mode == "bilinear" else None
        return F.interpolate(x, scale_factor=2, mode=self.mode, align_corners=align)

    def extra_repr(self) -> str:
        """The mode."""
        return self.mode


class SoftDiscMask(nn.Module):
    """Fade out what lies outside the inscribed disc, where turning moves pixels out of sight.

    Every pixel is multiplied by `1 / (1 + exp((rho - radius) / width))`, `rho` being its distance
    from the centre in units of half the shorter side.

    Parameters
    ----------
    radius : float, default 0.9
        Where the mask is one half.
    width : float, default 0.03
        How softly it falls.

    Raises
    ------
    InputError
        When either is not positive.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import SoftDiscMask
    >>> masked = SoftDiscMask()(torch.ones(1, 1, 64, 64))
    >>> round(masked[0, 0, 32, 32].item(), 3), round(masked[0, 0, 0, 0].item(), 3)
    (1.0, 0.0)
    """

    def __init__(self, radius: float = 0.9, *, width: float = 0.03) -> None:
        super().__init__()
        for name, value in (("radius", radius), ("width", width)):
            if not value > 0:
                raise InputError(f"{name} must be positive, got {value!r}")
        self.radius = radius
        self.width = width

    def mask(self, height: int, width: int) -> Tensor:
        """Values of the mask.

        Parameters
        ----------
        height, width : int
            In pixels.

        Returns
        -------
        Tensor (height, width), float64
            On the CPU, 0 to 1.
        """
        half = min(height, width) / 2
        y, x = (
            (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) / half
            for side in (height, width)
        )
        rho = torch.sqrt(y[:, None] ** 2 + x[None, :] ** 2)
        return torch.sigmoid((self.radius - rho) / self.width)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply feature maps by the mask.

        Parameters
        ----------
        x : Tensor (n, c, h, w)

        Returns
        -------
        Tensor (n, c, h, w)
        """
        return x * self.mask(*x.shape[2:]).to(x)

    def extra_repr(self) -> str:
        """Radius and width."""
        return f"radius={self.radius}, width={self.width}"


def _binomial(taps: int) -> Tensor:
    """Separable binomial weights `(1, 1, taps, taps)` of sum one."""
    row = torch.tensor([float(comb(taps - 1, i)) for i in range(taps)])
    row = row / row.sum()
    return (row[:, None] * row[None, :])[None, None]
