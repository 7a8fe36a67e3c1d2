"""Group-equivariant convolutions in plain torch.

A *field* is one regular representation: `group.order` channels, channel `field * order + g`. When
the input image is turned by `a`, channel `h` of a field turns and moves to channel `a h`. With the
filters `psi` band-limited (`equiclust.nn.filters`), so that they can be turned before they are
sampled, this is the group convolution of Cohen and Welling (2016, arXiv:1602.07576), and spans the
same filters as escnn's `R2Conv` between the same representations.
"""

from __future__ import annotations

import math
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

__all__ = [
    "DepthwiseGroupConv2d",
    "ExpandedConv2d",
    "GroupConv2d",
    "LiftingConv2d",
    "PlainConvolution",
    "PointwiseGroupConv2d",
    "ProjectionConv2d",
]


class PlainConvolution(NamedTuple):
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

    def expanded(self) -> PlainConvolution:
        """Expand the filters, for export; the result stays differentiable.

        Returns
        -------
        PlainConvolution
            The same convolution without the group.
        """
        bias = self._expanded_bias()
        return PlainConvolution(self._filters(), bias, self.stride, self.padding, self.blocks)

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
        return F.conv2d(
            x,
            self._current_filters(),
            self._expanded_bias(),
            stride=self.stride,
            padding=self.padding,
            groups=self.blocks,
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


_RECTIFIED = 2.0**0.5


class LiftingConv2d(ExpandedConv2d):
    """Images to fields: `y_g = psi(g^-1 .) * x`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_channels : int
        Channels of the image; they do not change when it is turned.
    out_fields : int
        Fields of the output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, optional
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, optional
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    def __init__(
        self,
        group: Group,
        in_channels: int,
        out_fields: int,
        kernel_size: int,
        *,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        n_functions = _checked_functions(group, kernel_size)
        check_whole("in_channels", in_channels)
        check_whole("out_fields", out_fields)
        super().__init__(
            group,
            (in_channels, out_fields * group.order),
            kernel_size=kernel_size,
            stride=stride,
            weight_shape=(out_fields, in_channels, n_functions),
            gain=1.0,
            bias_repeats=group.order * bias,
        )

    def _expand(self) -> Tensor:
        out_fields, in_channels, _ = self.weight.shape
        filters = (self.weight.flatten(0, 1) @ self.basis).view(
            out_fields, in_channels, self.group.order, self.kernel_size, self.kernel_size
        )
        return filters.transpose(1, 2).flatten(0, 1)


class GroupConv2d(ExpandedConv2d):
    """Fields to fields: `y_g = sum_h psi_{g^-1 h}(g^-1 .) * x_h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields, out_fields : int
        Fields of input and output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, optional
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, optional
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    relative: Tensor

    def __init__(
        self,
        group: Group,
        in_fields: int,
        out_fields: int,
        kernel_size: int,
        *,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        n_functions = _checked_functions(group, kernel_size)
        check_whole("in_fields", in_fields)
        check_whole("out_fields", out_fields)
        super().__init__(
            group,
            (in_fields * group.order, out_fields * group.order),
            kernel_size=kernel_size,
            stride=stride,
            weight_shape=(out_fields, in_fields, group.order, n_functions),
            gain=_RECTIFIED,
            bias_repeats=group.order * bias,
        )

    def _build_tables(self) -> None:
        super()._build_tables()
        _register_relative(self)

    def _expand(self) -> Tensor:
        out_fields, in_fields, order, n_functions = self.weight.shape
        side = self.kernel_size
        # Weights of g^-1 h first, as (g; h, out, in; function): one matrix product per g, and
        # its result is copied only once, into the order that conv2d wants.
        weight = self.weight.permute(2, 0, 1, 3).index_select(0, self.relative)
        basis = self.basis.view(n_functions, order, side * side).transpose(0, 1)
        filters = weight.view(order, -1, n_functions) @ basis
        return (
            filters.view(order, order, out_fields, in_fields, side * side)
            .permute(2, 0, 3, 1, 4)
            .reshape(out_fields * order, in_fields * order, side, side)
        )


class PointwiseGroupConv2d(ExpandedConv2d):
    """Fields to fields at every pixel: `y_g = sum_h w_{g^-1 h} x_h`, the 1 x 1 `GroupConv2d`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields, out_fields : int
        Fields of input and output, `group.order` channels each.
    bias : bool, optional
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    relative: Tensor

    def __init__(self, group: Group, in_fields: int, out_fields: int, *, bias: bool = True) -> None:
        check_group(group)
        check_whole("in_fields", in_fields)
        check_whole("out_fields", out_fields)
        super().__init__(
            group,
            (in_fields * group.order, out_fields * group.order),
            kernel_size=1,
            stride=1,
            weight_shape=(out_fields, in_fields, group.order),
            gain=_RECTIFIED,
            bias_repeats=group.order * bias,
        )

    def _build_tables(self) -> None:
        _register_relative(self)

    def _expand(self) -> Tensor:
        out_fields, in_fields, order = self.weight.shape
        weight = self.weight.permute(2, 0, 1).index_select(0, self.relative)
        return (
            weight.view(order, order, out_fields, in_fields)
            .permute(2, 0, 3, 1)
            .reshape(out_fields * order, in_fields * order, 1, 1)
        )


class DepthwiseGroupConv2d(ExpandedConv2d):
    """Every channel by its own turned filter: `y_g = psi(g^-1 .) * x_g`, one `psi` per field.

    It is the `GroupConv2d` of one field to itself whose weights vanish but for `g = h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    fields : int
        Fields of input and output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, optional
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, optional
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    def __init__(
        self,
        group: Group,
        fields: int,
        kernel_size: int,
        *,
        stride: int = 1,
        bias: bool = False,
    ) -> None:
        n_functions = _checked_functions(group, kernel_size)
        check_whole("fields", fields)
        channels = fields * group.order
        super().__init__(
            group,
            (channels, channels),
            kernel_size=kernel_size,
            stride=stride,
            weight_shape=(fields, n_functions),
            gain=1.0,
            bias_repeats=group.order * bias,
            blocks=channels,
        )

    def _expand(self) -> Tensor:
        side = self.kernel_size
        return (self.weight @ self.basis).view(self.out_channels, 1, side, side)


class ProjectionConv2d(ExpandedConv2d):
    """Fields to images: `y = sum_h psi(h^-1 .) * x_h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields : int
        Fields of the input, `group.order` channels each.
    out_channels : int
        Channels of the image; they do not change when it is turned.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, optional
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, optional
        One number per channel.

    Raises
    ------
    InputError
        When a number is not a positive integer.
    """

    def __init__(
        self,
        group: Group,
        in_fields: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        n_functions = _checked_functions(group, kernel_size)
        check_whole("in_fields", in_fields)
        check_whole("out_channels", out_channels)
        # One filter meets all channels of a field, so what they share adds up: at least their
        # mean, whose power is 1 / pi of that of a rectified Gaussian field.
        shared = 1 + (group.order - 1) / math.pi
        super().__init__(
            group,
            (in_fields * group.order, out_channels),
            kernel_size=kernel_size,
            stride=stride,
            weight_shape=(out_channels, in_fields, n_functions),
            gain=_RECTIFIED / shared**0.5,
            bias_repeats=int(bias),
        )

    def _expand(self) -> Tensor:
        side = self.kernel_size
        filters = self.weight.flatten(0, 1) @ self.basis
        return filters.view(self.out_channels, self.in_channels, side, side)


def _checked_functions(group: Group, kernel_size: int) -> int:
    """Number of basis functions; refuses what is no group or no size."""
    return len(polar_basis(group, kernel_size)[0])


def _register_relative(layer: ExpandedConv2d) -> None:
    """Set the buffer `relative`, the flat index table `(order^2,)` of `g^-1 h`."""
    table = torch.tensor(layer.group.inverse_product, device=layer.weight.device).flatten()
    layer.register_buffer("relative", table, persistent=False)
