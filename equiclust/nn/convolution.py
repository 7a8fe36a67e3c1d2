"""Group-equivariant convolutions in plain torch.

A *field* is one regular representation: `group.order` channels, channel `field * order + g`. When
the input image is rotated by `a`, channel `h` of a field rotates and moves to channel `a h`. With
the filters `psi` band-limited (`equiclust.nn.filters`), so that they can be rotated before they are
sampled, this is the group convolution of Cohen and Welling (2016, arXiv:1602.07576), and spans the
same filters as escnn's `R2Conv` between the same representations.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equiclust.nn.depthwise import depthwise_convolution
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.filters import polar_basis
from equiclust.nn.groups import Group, check_group
from equiclust.nn.strided import lifted
from equiclust.validation import check_whole

__all__ = [
    "DepthwiseGroupConv2d",
    "GroupConv2d",
    "LiftingConv2d",
    "PointwiseGroupConv2d",
    "ProjectionConv2d",
]


_RECTIFIED = 2.0**0.5


class LiftingConv2d(ExpandedConv2d):
    """Convolution from images to fields: `y_g = psi(g^-1 .) * x`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_channels : int
        Channels of the image; they do not change when it is rotated.
    out_fields : int
        Fields of the output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, default 1
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, default True
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, LiftingConv2d
    >>> lift = LiftingConv2d(Group("D4"), in_channels=1, out_fields=2, kernel_size=5)
    >>> images = torch.rand(3, 1, 32, 32)
    >>> lift(images).shape
    torch.Size([3, 16, 32, 32])

    When the images turn, so does the mean over the eight channels of each field:

    >>> straight, turned = (
    ...     lift(x).unflatten(1, (2, 8)).mean(2) for x in (images, images.rot90(1, (2, 3)))
    ... )
    >>> torch.allclose(turned, straight.rot90(1, (2, 3)), atol=1e-5)
    True
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

    def _convolved(self, x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        step, rim = self.stride, self.padding
        fits = all((side + 2 * rim) % step == 0 for side in x.shape[2:])
        if step == 1 or self.kernel_size % step or not fits or x.device.type != "cpu":
            return super()._convolved(x, filters, bias)
        return lifted(x, filters, bias, stride=step, padding=rim)


class GroupConv2d(ExpandedConv2d):
    """Convolution from fields to fields: `y_g = sum_h psi_{g^-1 h}(g^-1 .) * x_h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields, out_fields : int
        Fields of input and output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, default 1
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, default True
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, GroupConv2d
    >>> convolution = GroupConv2d(Group("D8"), in_fields=2, out_fields=4, kernel_size=3)
    >>> convolution(torch.rand(1, 2 * 16, 20, 20)).shape
    torch.Size([1, 64, 20, 20])
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
    """Mix of fields at every pixel: `y_g = sum_h w_{g^-1 h} x_h`, the 1 x 1 `GroupConv2d`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields, out_fields : int
        Fields of input and output, `group.order` channels each.
    bias : bool, default True
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, PointwiseGroupConv2d
    >>> mix = PointwiseGroupConv2d(Group("C4"), in_fields=3, out_fields=5)
    >>> mix(torch.rand(1, 3 * 4, 20, 20)).shape
    torch.Size([1, 20, 20, 20])
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
    """Convolution of each channel by its own rotated filter: `y_g = psi(g^-1 .) * x_g`.

    There is one `psi` per field. It is the `GroupConv2d` of one field to itself whose weights
    vanish but for `g = h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    fields : int
        Fields of input and output, `group.order` channels each.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, default 1
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, default False
        One number per field.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import DepthwiseGroupConv2d, Group
    >>> halve = DepthwiseGroupConv2d(Group("C4"), fields=3, kernel_size=4, stride=2)
    >>> halve(torch.rand(1, 3 * 4, 20, 20)).shape
    torch.Size([1, 12, 10, 10])
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

    def _convolved(self, x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        if self.stride > 1 or self.kernel_size % 2 == 0:
            return super()._convolved(x, filters, bias)
        return depthwise_convolution(x, filters, bias)


class ProjectionConv2d(ExpandedConv2d):
    """Convolution from fields to images: `y = sum_h psi(h^-1 .) * x_h`.

    Parameters
    ----------
    group : Group
        Group of the fields.
    in_fields : int
        Fields of the input, `group.order` channels each.
    out_channels : int
        Channels of the image; they do not change when it is rotated.
    kernel_size : int
        Side of the filter in pixels.
    stride : int, default 1
        With stride 2 the input must have even sides for even kernels, odd sides for odd ones.
    bias : bool, default True
        One number per channel.

    Raises
    ------
    InputError
        When a number is not a positive integer.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import Group, LiftingConv2d, ProjectionConv2d
    >>> group = Group("D8")
    >>> lift, project = LiftingConv2d(group, 1, 2, 3), ProjectionConv2d(group, 2, 1, 3)
    >>> layers = torch.nn.Sequential(lift, project)
    >>> images = torch.rand(3, 1, 32, 32)
    >>> turned = layers(images.rot90(1, (2, 3)))
    >>> torch.allclose(turned, layers(images).rot90(1, (2, 3)), atol=1e-5)
    True
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
