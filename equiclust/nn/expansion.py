"""Filters expanded from weights and a basis, as ordinary convolutions, and kept between calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equiclust.nn.filters import noise_to_weights, polar_basis
from equiclust.nn.groups import Group, check_channels, check_group
from equiclust.nn.resampling import centred_padding, check_centred
from equiclust.validation import check_whole

__all__ = ["ConvolutionArguments", "ExpandedConv2d"]


class ConvolutionArguments(NamedTuple):
    """Arguments of `torch.nn.functional.conv2d` for the same convolution without the group.

    Attributes
    ----------
    weight : Tensor (out_channels, in_channels / groups, kernel_size, kernel_size)
    bias : Tensor (out_channels,) or None
    stride : int
        Step between samples in pixels.
    padding : int
        Pixels added on every side.
    groups : int
        Number of blocks of channels that are convolved separately.
    """

    weight: Tensor
    bias: Tensor | None
    stride: int
    padding: int
    groups: int


class _Remembered(NamedTuple):
    """Expanded filters with the state of the weights they came from."""

    filters: Tensor
    weight: nn.Parameter
    # An alias keeps the storage alive, so no other tensor can come to lie at its address.
    storage: Tensor
    version: int

    def fits(self, weight: Tensor) -> bool:
        return (
            weight is self.weight
            and weight.data_ptr() == self.storage.data_ptr()
            and weight._version == self.version
        )


class ExpandedConv2d(nn.Module, ABC):
    """Base of all convolutions here: `y = conv2d(x, filters(weight), bias per field)`.

    In evaluation mode with gradients off the filters are expanded once and kept in a plain
    attribute: not in the state dict, not copied, not pickled. They are expanded anew when the
    weights are changed in place, loaded, moved or swapped for others. Only an edit through
    `weight.data[...]`, which torch itself does not record, goes unnoticed until `train()` or
    `to()` is called.

    Parameters
    ----------
    group : Group
        Group of the fields.
    channels : tuple of int
        Channels of the input and of the output.
    kernel_size, stride : int
        Side of the filter and step between samples, in pixels.
    weight_shape : tuple of int
        Shape of the weights, the basis functions last.
    gain : float
        Factor on the initial standard deviation of a layer that keeps the second moment.
    bias_repeats : int
        Channels that share one bias; 0 for no bias.
    blocks : int, default 1
        The `groups` of `torch.nn.functional.conv2d`.
    """

    basis: Tensor

    def __init__(
        self,
        group: Group,
        channels: tuple[int, int],
        *,
        kernel_size: int,
        stride: int,
        weight_shape: tuple[int, ...],
        gain: float,
        bias_repeats: int,
        blocks: int = 1,
    ) -> None:
        super().__init__()
        check_group(group)
        check_whole("stride", stride)
        self.group = group
        self.in_channels, self.out_channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = centred_padding(kernel_size)
        self.blocks = blocks
        self._gain = gain
        self._bias_repeats = bias_repeats
        self._remembered: _Remembered | None = None
        self.weight = nn.Parameter(torch.empty(weight_shape))
        self.bias: nn.Parameter | None = None
        if bias_repeats:
            self.bias = nn.Parameter(torch.empty(self.out_channels // bias_repeats))
        self.register_buffer("basis", None, persistent=False)
        self._build_tables()
        self.reset_parameters()

    @abstractmethod
    def _expand(self) -> Tensor:
        """Filters `(out, in / blocks, kernel_size, kernel_size)`, differentiable."""

    def reset_parameters(self) -> None:
        """Draw weights that keep the second moment of the input, and set the biases to zero."""
        fan_in = self.in_channels // self.blocks
        factor = torch.tensor(noise_to_weights(self.kernel_size)).to(self.weight)
        with torch.no_grad():
            rows = self.weight.numel() // factor.shape[1]
            noise = self.weight.new_empty(rows, len(factor)).normal_()
            weight = noise @ factor * (self._gain / fan_in**0.5)
            self.weight.copy_(weight.view_as(self.weight))
            if self.bias is not None:
                self.bias.zero_()

    def expanded(self) -> ConvolutionArguments:
        """Expand the filters, for export; the result stays differentiable.

        Returns
        -------
        ConvolutionArguments
            The same convolution without the group.
        """
        bias = self._expanded_bias()
        return ConvolutionArguments(self._filters(), bias, self.stride, self.padding, self.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve feature maps; sizes on which the grid would not stay centred are refused.

        Parameters
        ----------
        x : Tensor (n, in_channels, h, w)

        Returns
        -------
        Tensor (n, out_channels, h_out, w_out)

        Raises
        ------
        InputError
            When the channels do not fit, or height or width is not legal for kernel and stride.
        """
        check_channels(x, self.in_channels)
        check_centred(*x.shape[2:], kernel_size=self.kernel_size, stride=self.stride)
        return self._convolved(x, self._current_filters(), self._expanded_bias())

    def _convolved(self, x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(
            x, filters, bias, stride=self.stride, padding=self.padding, groups=self.blocks
        )

    def extra_repr(self) -> str:
        """Group, channels, kernel and stride."""
        return (
            f"{self.group.name}, {self.in_channels}, {self.out_channels}, "
            f"kernel_size={self.kernel_size}, stride={self.stride}, bias={self.bias is not None}"
        )

    def train(self, mode: bool = True) -> ExpandedConv2d:
        """Set the mode and forget the expanded filters."""
        self._remembered = None
        super().train(mode)
        return self

    def _build_tables(self) -> None:
        """Sample the basis `(n_functions, order * kernel_size^2)` at the weights' precision."""
        basis = torch.tensor(polar_basis(self.group, self.kernel_size)).transpose(0, 1).flatten(1)
        self.basis = basis.to(self.weight).contiguous()

    def _expanded_bias(self) -> Tensor | None:
        if self.bias is None or self._bias_repeats == 1:
            return self.bias
        return self.bias.unsqueeze(1).expand(-1, self._bias_repeats).flatten()

    def _filters(self) -> Tensor:
        # Under autocast the filters would be rounded before they are summed up.
        device = self.weight.device.type
        known = torch.amp.is_autocast_available(device)
        with torch.autocast(device if known else "cpu", enabled=False):
            return self._expand()

    def _current_filters(self) -> Tensor:
        if self.training or torch.is_grad_enabled() or not _can_be_watched(self.weight):
            return self._filters()
        if self._remembered is None or not self._remembered.fits(self.weight):
            self._remembered = _Remembered(
                self._filters(), self.weight, self.weight.detach(), self.weight._version
            )
        return self._remembered.filters

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> ExpandedConv2d:
        self._remembered = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        # A float32 basis cast to float64 would keep float32 precision, and after `to_empty()`
        # the tables would be empty.
        self._build_tables()
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_remembered": None}


def _can_be_watched(weight: Tensor) -> bool:
    """Whether a change of these weights would be noticed.

    A compiler sees no addresses; weights put in place by `torch.func` and its transforms are no
    parameters; and inference tensors count no versions.
    """
    if torch.compiler.is_compiling():
        return False
    return type(weight) is nn.Parameter and not weight.is_inference()
