"""Networks of escnn as networks that run without it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.escnn.autoencoder import EscnnAutoencoder
from equiclust.nn.escnn.following import follow, is_known
from equiclust.nn.escnn.installation import import_escnn
from equiclust.nn.escnn.reading_layers import fill_from
from equiclust.nn.escnn.reading_modules import called, difference, read_module
from equiclust.nn.network import AutoencoderNetwork
from equiclust.validation import shown

__all__ = ["from_escnn"]

_TOLERANCE = 1e-5


def from_escnn(module: nn.Module, *, images: Tensor | None = None) -> nn.Module:
    """Convert a network of escnn to one that computes the same without escnn.

    An autoencoder of `to_escnn` becomes an `AutoencoderNetwork` again, with the very same weights.
    In a network of anyone else, an `R2Conv` between trivial and regular fields with escnn's default
    filters, stride 1 and the padding `(kernel_size - 1) // 2`, and an `InnerBatchNorm` on regular
    fields, become our layers, which can be trained further. Any other convolution or normalisation
    is written out channel by channel and stays as it is (`Fixed`), whatever its fields, padding,
    stride, dilation, groups or filters. A sequence becomes a `torch.nn.Sequential` with the same
    names. Of further modules are known: pointwise nonlinearities, maximum and average pooling,
    antialiased or adaptive, `GroupPooling`, masks, dropout, upsampling, and whatever implements
    escnn's `export()`.

    Parameters
    ----------
    module : torch.nn.Module
        A module of escnn, a `torch.nn.Sequential` of them and of ordinary layers, or a network with
        a `forward` of its own, which takes a tensor and passes it from one part to the next. The
        latter must be in evaluation mode.
    images : Tensor (n, c, h, w), optional
        An example for a network with a `forward` of its own, which is followed once to learn
        which part comes after which. If given, the output for them is compared with escnn's, in
        evaluation mode.

    Returns
    -------
    torch.nn.Module
        From tensors to tensors. In the precision, on the device and in the mode of the module.

    Raises
    ------
    InputError
        When a part cannot be converted; it is named with its place in the network.
    ImportError
        When escnn is not installed.

    Examples
    --------
    >>> import torch
    >>> from equiclust.nn import from_escnn
    >>> from equiclust.nn.escnn import import_escnn
    >>> escnn = import_escnn()
    >>> from escnn import gspaces, nn as enn
    >>> space = gspaces.rot2dOnR2(N=4)
    >>> image = enn.FieldType(space, [space.trivial_repr])
    >>> fields = enn.FieldType(space, 2 * [space.regular_repr])
    >>> theirs = enn.SequentialModule(enn.R2Conv(image, fields, 5, padding=2), enn.ReLU(fields))
    >>> network = from_escnn(theirs)
    >>> images = torch.rand(2, 1, 16, 16)
    >>> torch.allclose(network(images), theirs(image(images)).tensor, atol=1e-5)
    True
    """
    if not isinstance(module, nn.Module):
        raise InputError(f"module must be a torch.nn.Module, got {shown(module)}")
    if images is not None and not isinstance(images, Tensor):
        raise InputError(f"images must be a torch.Tensor, got {shown(images)}")
    import_escnn()
    with torch.no_grad():
        if isinstance(module, EscnnAutoencoder):
            network: nn.Module = _read_autoencoder(module)
        elif type(module) is nn.Sequential or is_known(module):
            network = _read(module, "", alone=True)
        else:
            network = _read_followed(follow(module, images)).eval()
        if images is not None and not module.training:
            _compare(module, network, images)
    return network


def _compare(module: nn.Module, network: nn.Module, images: Tensor) -> None:
    """Refuse a network whose output is not that of the module."""
    wanted, found = _output(module, images), network(images)
    pairs = zip(wanted, found, strict=True) if isinstance(wanted, tuple) else [(wanted, found)]
    error = max(difference(theirs, ours) for theirs, ours in pairs)
    if not error <= _TOLERANCE:
        raise InputError(
            f"the {type(module).__name__} cannot be converted: its output differs by {error:.1e} "
            "from that of its parts one after the other"
        )


def _output(module: nn.Module, images: Tensor) -> Any:
    """What a module makes of a tensor, whether it wants its type or not."""
    if isinstance(module, nn.Sequential):
        for part in module:
            images = _output(part, images)
        return images
    typed = isinstance(module, import_escnn().nn.EquivariantModule)
    made = module(cast(Any, module).in_type(images) if typed else images)
    return getattr(made, "tensor", made)


def _read_autoencoder(module: Any) -> AutoencoderNetwork:
    weight = next(module.head.parameters())
    network = fill_from(AutoencoderNetwork(module.config).to(weight.device, weight.dtype), module)
    network.decoder.level.copy_(module.decoder.last.bias[:, None, None])
    network.head.load_state_dict(module.head.state_dict())
    return network.train(module.training)


def _read_followed(parts: list[tuple[str, nn.Module]]) -> nn.Sequential:
    """A sequence of parts, of which one may occur more than once."""
    read = {id(part): _read(part, name) for name, part in reversed(parts)}
    return nn.Sequential(OrderedDict((name, read[id(part)]) for name, part in parts))


def _read(module: nn.Module, place: str, *, alone: bool = False) -> nn.Module:
    """The counterpart of a module that takes and gives one tensor, in the mode of the module."""
    escnn_nn = import_escnn().nn
    if type(module) in (escnn_nn.SequentialModule, nn.Sequential):
        prefix = f"{place}." if place else ""
        read = nn.Sequential(
            OrderedDict((name, _read(child, prefix + name)) for name, child in _children(module))
        )
        read.training = module.training
        return read
    if isinstance(module, escnn_nn.EquivariantModule):
        return read_module(module, place, alone=alone)
    if any(isinstance(part, escnn_nn.EquivariantModule) for part in module.modules()):
        raise InputError(
            f"{called(module, place)} cannot be converted: it has modules of escnn and a forward "
            "of its own; give its parts in their order instead"
        )
    return deepcopy(module)


def _children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """All parts of a sequence, one that occurs twice as well."""
    yield from ((name, child) for name, child in module._modules.items() if child is not None)
