"""Layers to escnn modules and back, with the same weights and the same output.

Both sides write a filter as a sum over a basis, each over its own. For one pair of fields the
two bases span the same space, so the weights of one side follow from the filters of the other by
least squares, without remainder.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.blocks import FieldBatchNorm2d
from equiclust.nn.convolution import (
    DepthwiseGroupConv2d,
    GroupConv2d,
    LiftingConv2d,
    PointwiseGroupConv2d,
    ProjectionConv2d,
)
from equiclust.nn.expansion import ExpandedConv2d
from equiclust.nn.filters import rings
from equiclust.nn.groups import Group
from equiclust.nn.resampling import centred_padding

__all__ = ["from_escnn", "import_escnn", "to_escnn"]

_UNUSED = "lie_learn.representations.SO3.wigner_d"


@cache
def import_escnn() -> ModuleType:
    """Import escnn with `gspaces` and `nn`.

    Three of its dependencies stand in the way and none serves images in the plane: `py3nj`, which
    it only tries, needs a Fortran compiler; `lie_learn`, for rotations in space, needs numpy 1, so
    an empty module stands in for it where it does not import; and scikit-learn's randomised SVD
    refuses the `np.matrix` it is given, so escnn's own exact way is chosen.

    Returns
    -------
    module
        `escnn`.

    Raises
    ------
    ImportError
        When escnn is not installed, with the command that installs it.
    """
    _stand_in_for_lie_learn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            escnn = import_module("escnn")
        except ModuleNotFoundError as error:
            raise ImportError(
                f"{error.name} is not installed; the comparison with escnn needs "
                "`pip install joblib` and `pip install --no-deps escnn`"
            ) from error
        import_module("escnn.gspaces")
        import_module("escnn.nn")
        # Set before the first layer is built, for escnn remembers what it has computed.
        import_module("escnn.group._numerical").randomized_svd = None  # type: ignore[attr-defined]
    return escnn


def _stand_in_for_lie_learn() -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(_UNUSED)
    except (ImportError, AttributeError, ValueError):
        parts = _UNUSED.split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            sys.modules[name] = ModuleType(name)
        sys.modules[_UNUSED].wigner_D_matrix = None  # type: ignore[attr-defined]


_TOLERANCE = 1e-5


def to_escnn(layer: ExpandedConv2d | FieldBatchNorm2d) -> nn.Module:
    """The escnn module that computes the same.

    Parameters
    ----------
    layer : ExpandedConv2d or FieldBatchNorm2d
        Lifting, group, depthwise, pointwise or projecting convolution, or normalisation.

    Returns
    -------
    torch.nn.Module
        An `escnn.nn.R2Conv` or `InnerBatchNorm` in float32 on the CPU, in the mode of the layer.
        A depthwise layer becomes an `R2Conv` with one block per field.

    Raises
    ------
    InputError
        When the layer is of another kind.
    ImportError
        When escnn is not installed.
    """
    import_escnn()
    with torch.no_grad():
        if isinstance(layer, FieldBatchNorm2d):
            module = _norm_to_escnn(layer)
        elif isinstance(layer, ExpandedConv2d):
            module = _convolution_to_escnn(layer)
        else:
            raise InputError(f"no escnn module corresponds to a {type(layer).__name__}")
    return module.train(layer.training)


def from_escnn(module: nn.Module) -> ExpandedConv2d | FieldBatchNorm2d:
    """The layer that computes the same as an escnn module.

    Parameters
    ----------
    module : escnn.nn.R2Conv or escnn.nn.InnerBatchNorm
        Between trivial and regular fields of a finite group, with escnn's default filters and the
        padding that keeps the grid centred, `(kernel_size - 1) // 2`.

    Returns
    -------
    ExpandedConv2d or FieldBatchNorm2d
        In float32 on the CPU, in the mode of the module.

    Raises
    ------
    InputError
        When the module has no counterpart, with the reason.
    ImportError
        When escnn is not installed.
    """
    escnn = import_escnn()
    with torch.no_grad():
        if isinstance(module, escnn.nn.InnerBatchNorm):
            layer: ExpandedConv2d | FieldBatchNorm2d = _norm_from_escnn(module)
        elif isinstance(module, escnn.nn.R2Conv):
            layer = _convolution_from_escnn(module)
        else:
            raise InputError(f"no layer corresponds to a {type(module).__name__} of escnn")
    return layer.train(module.training)


def _convolution_to_escnn(layer: ExpandedConv2d) -> nn.Module:
    escnn = import_escnn()
    in_type, out_type = _field_types(layer)
    module = escnn.nn.R2Conv(
        in_type,
        out_type,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        groups=len(in_type) if isinstance(layer, DepthwiseGroupConv2d) else 1,
        bias=layer.bias is not None,
        initialize=False,
        **_basis_options(layer.kernel_size),
    )
    ((_, basis),) = module.basisexpansion.named_buffers()
    # The points run along x first, which is the order of the pixels in our filters.
    weights = _coefficients(_blocks(layer), basis.flatten(1))
    module.weights.copy_(weights.flatten())
    bias = layer.expanded().bias
    if bias is not None:
        # The columns are orthonormal: the transpose inverts the expansion.
        module.bias.copy_(module.bias_expansion.T @ bias.to(module.bias))
    return cast(nn.Module, module)


def _convolution_from_escnn(module: Any) -> ExpandedConv2d:
    _check_geometry(module)
    layer = _counterpart(module)
    filters, bias = module.expand_parameters()
    rows, columns = len(module.out_type), len(module.in_type) // module.groups
    weights = _coefficients(_split(filters, rows, columns), _basis(layer))
    layer.weight.copy_(weights.view_as(layer.weight))
    if layer.bias is not None:
        layer.bias.copy_(bias.view(len(layer.bias), -1)[:, 0])
    return layer


def _norm_to_escnn(layer: FieldBatchNorm2d) -> nn.Module:
    escnn = import_escnn()
    norm = layer.norm
    module = escnn.nn.InnerBatchNorm(
        _field_type(layer.group, layer.fields, regular=True), eps=norm.eps, momentum=norm.momentum
    )
    _part_of(module).load_state_dict(norm.state_dict())
    return cast(nn.Module, module)


def _norm_from_escnn(module: Any) -> FieldBatchNorm2d:
    if not (module.affine and module.track_running_stats and _is_regular(module.in_type)):
        raise InputError(
            "an InnerBatchNorm must act on regular fields, be affine and track statistics, "
            f"got {module.in_type}, affine={module.affine}, "
            f"track_running_stats={module.track_running_stats}"
        )
    group = _group_of(module.in_type.gspace)
    layer = FieldBatchNorm2d(group, len(module.in_type), eps=module.eps, momentum=module.momentum)
    layer.norm.load_state_dict(_part_of(module).state_dict())
    return layer


def _part_of(module: Any) -> nn.Module:
    """The one batch normalisation that an `InnerBatchNorm` on fields of one kind holds."""
    (part,) = module.children()
    return cast(nn.Module, part)


def _check_geometry(module: Any) -> None:
    wanted = {
        "padding": centred_padding(module.kernel_size),
        "dilation": 1,
        "padding_mode": "zeros",
    }
    for name, value in wanted.items():
        if getattr(module, name) != value:
            raise InputError(
                f"{name} of the R2Conv must be {value!r} for kernel size {module.kernel_size}, "
                f"got {getattr(module, name)!r}"
            )


def _counterpart(module: Any) -> ExpandedConv2d:
    """Our layer of the same shape, with weights yet to be set."""
    group = _group_of(module.in_type.gspace)
    fields = len(module.in_type), len(module.out_type)
    regular = _is_regular(module.in_type), _is_regular(module.out_type)
    side, stride, bias = module.kernel_size, module.stride, module.bias is not None
    if regular == (True, True) and module.groups == fields[0] == fields[1] > 1:
        return DepthwiseGroupConv2d(group, fields[0], side, stride=stride, bias=bias)
    if module.groups == 1 and regular == (True, True) and side == stride == 1:
        return PointwiseGroupConv2d(group, *fields, bias=bias)
    kinds: dict[tuple[bool, bool], Any] = {
        (True, True): GroupConv2d,
        (False, True): LiftingConv2d,
        (True, False): ProjectionConv2d,
    }
    if module.groups == 1 and regular in kinds:
        return cast(ExpandedConv2d, kinds[regular](group, *fields, side, stride=stride, bias=bias))
    raise InputError(
        f"no layer corresponds to an R2Conv from {module.in_type} to {module.out_type} "
        f"in {module.groups} groups"
    )


def _blocks(layer: ExpandedConv2d) -> Tensor:
    """Filters by pair of fields, `(out_fields, in_fields, out * in * kernel_size^2)`."""
    filters = layer.expanded().weight
    order = layer.group.order
    rows = 1 if isinstance(layer, ProjectionConv2d) else order
    columns = 1 if isinstance(layer, LiftingConv2d) else order
    if isinstance(layer, DepthwiseGroupConv2d):
        # As a full filter: zero from a channel to any other.
        by_pixel = filters.view(-1, order, layer.kernel_size**2).transpose(1, 2)
        return torch.diag_embed(by_pixel).permute(0, 2, 3, 1).flatten(1).unsqueeze(1)
    return _split(filters, len(filters) // rows, filters.shape[1] // columns)


def _split(filters: Tensor, rows: int, columns: int) -> Tensor:
    """From `(out, in, k, k)` to `(rows, columns, out / rows * in / columns * k^2)`."""
    out, in_, height, width = filters.shape
    return (
        filters.reshape(rows, out // rows, columns, in_ // columns, height * width)
        .transpose(1, 2)
        .flatten(2)
    )


def _basis(layer: ExpandedConv2d) -> Tensor:
    """Filters of one pair of fields for every unit weight, `(n_weights, out * in * k^2)`."""
    if isinstance(layer, DepthwiseGroupConv2d):
        n_weights = layer.weight[0].numel()
        unit: ExpandedConv2d = DepthwiseGroupConv2d(layer.group, n_weights, layer.kernel_size)
    elif isinstance(layer, PointwiseGroupConv2d):
        n_weights = layer.weight[0, 0].numel()
        unit = PointwiseGroupConv2d(layer.group, 1, n_weights)
    else:
        n_weights = layer.weight[0, 0].numel()
        kind = cast(type[GroupConv2d], type(layer))
        unit = kind(layer.group, 1, n_weights, layer.kernel_size)
    unit.weight.copy_(torch.eye(n_weights).view_as(unit.weight))
    return _blocks(unit)[:, 0]


def _coefficients(blocks: Tensor, basis: Tensor) -> Tensor:
    """Weights `(rows, columns, n_weights)` of blocks `(rows, columns, p)` over `(n_weights, p)`."""
    targets, columns = blocks.double().flatten(0, 1).T, basis.double().T
    weights: Tensor = torch.linalg.lstsq(columns, targets).solution
    residual = torch.linalg.norm(columns @ weights - targets)
    if residual > _TOLERANCE * torch.linalg.norm(targets):
        raise InputError(
            "the filters must lie in the span of the default basis, "
            f"got a relative remainder of {float(residual / torch.linalg.norm(targets)):.1e}"
        )
    return weights.T.reshape(*blocks.shape[:2], -1).to(blocks.dtype)


def _basis_options(kernel_size: int) -> dict[str, Any]:
    """What escnn must be told where its defaults leave no filter."""
    if kernel_size != 2:
        return {}
    (ring,) = rings(kernel_size)
    return {"rings": [ring.radius], "sigma": [ring.width], "frequencies_cutoff": 2.0}


def _field_types(layer: ExpandedConv2d) -> tuple[Any, Any]:
    order = layer.group.order
    lifts, projects = isinstance(layer, LiftingConv2d), isinstance(layer, ProjectionConv2d)
    n_in = layer.in_channels // (1 if lifts else order)
    n_out = layer.out_channels // (1 if projects else order)
    return (
        _field_type(layer.group, n_in, regular=not lifts),
        _field_type(layer.group, n_out, regular=not projects),
    )


def _field_type(group: Group, n: int, *, regular: bool) -> Any:
    escnn = import_escnn()
    build = escnn.gspaces.flipRot2dOnR2 if group.mirrored else escnn.gspaces.rot2dOnR2
    space = build(group.n_rotations)
    return escnn.nn.FieldType(space, [space.regular_repr if regular else space.trivial_repr] * n)


def _is_regular(field_type: Any) -> bool:
    """Whether all fields are regular; `False` when all are trivial, an error otherwise."""
    space = field_type.gspace
    kinds = set(field_type.representations)
    if kinds == {space.regular_repr}:
        return True
    if kinds == {space.trivial_repr}:
        return False
    raise InputError(f"fields must be all regular or all trivial, got {field_type}")


def _group_of(space: Any) -> Group:
    n_rotations = space.rotations_order
    if n_rotations < 1:
        raise InputError(f"the group must be finite, got {space}")
    group = Group(f"{'D' if space.flips_order else 'C'}{n_rotations}")
    actions = [space.basespace_action(element) for element in space.fibergroup.elements]
    if not np.allclose(actions, group.matrices):
        raise InputError(f"the mirror of the group must send x to -x, got {space}")
    return group
