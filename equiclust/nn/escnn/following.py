"""Which part of a network comes after which, learned by following one example through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from equiclust.exceptions import InputError
from equiclust.nn.escnn.installation import import_escnn

__all__ = ["class_of", "follow", "is_known"]


_HOMES = ("escnn", "equiclust")


class _Seen(NamedTuple):
    """A tensor between two parts, kept so that its memory is not used again, and its version."""

    tensor: Tensor
    version: int


class _Call(NamedTuple):
    """One part at work."""

    name: str
    part: nn.Module
    given: _Seen
    made: _Seen


def follow(network: nn.Module, images: Tensor | None) -> list[tuple[str, nn.Module]]:
    """Parts of a network in the order in which a tensor passes through them.

    The parts are the modules of escnn, and the ordinary modules without any of escnn inside. The
    tensor that enters a part must be the very one that left the part before, flattened at most, so
    that nothing is left out.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode.
    images : Tensor (n, c, h, w)

    Returns
    -------
    list of (str, Module)
        Names without dots; a `torch.nn.Flatten` where the tensor is flattened.

    Raises
    ------
    InputError
        When there is no example, the network is in training mode, or anything else happens to the
        tensor between two parts.
    """
    kind = type(network).__name__
    if images is None:
        raise InputError(
            f"images must be an example (n, c, h, w), so that the forward of the {kind} can be "
            "followed, got None"
        )
    if network.training:
        raise InputError(f"the {kind} must be in evaluation mode: call its eval() first")
    # On a copy: a network that changes its input in place would change the caller's.
    start = images.clone()
    calls, result = _watched(network, start)
    if not calls:
        raise InputError(f"the {kind} has no part made of modules of escnn")
    parts: list[tuple[str, nn.Module]] = []
    last, before = _seen(start), "the images"
    for call in calls:
        parts += _joint(last, call.given, f"{before} and {call.name!r}", len(parts))
        parts.append((f"{len(parts)}_{call.name.replace('.', '_')}", call.part))
        last, before = call.made, repr(call.name)
    return parts + _joint(last, _seen(result), f"{before} and the output", len(parts))


def _joint(last: _Seen, given: _Seen, where: str, index: int) -> list[tuple[str, nn.Module]]:
    """What lies between two parts: nothing, or flattening."""
    old, new = last.tensor, given.tensor
    untouched = (
        old.untyped_storage().data_ptr() == new.untyped_storage().data_ptr()
        and last.version == given.version
        and old.numel() == new.numel()
        and torch.equal(old.flatten(), new.flatten())
    )
    if untouched and old.shape == new.shape:
        return []
    if untouched and new.shape == (len(old), old[0].numel()):
        return [(f"{index}_flatten", nn.Flatten())]
    raise InputError(
        f"the network does more to its features than its modules do, between {where}: only "
        "flattening can be followed"
    )


def _watched(network: nn.Module, images: Tensor) -> tuple[list[_Call], Tensor]:
    calls: list[_Call] = []
    given: dict[str, _Seen] = {}

    def before(name: str) -> Any:
        def hook(part: nn.Module, inputs: tuple[Any, ...]) -> None:
            if len(inputs) != 1:
                raise InputError(f"{name!r} must take one tensor, got {len(inputs)}")
            given[name] = _seen(inputs[0])

        return hook

    def after(name: str) -> Any:
        def hook(part: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            calls.append(_Call(name, part, given[name], _seen(output)))

        return hook

    handles = []
    try:
        for name, part in _parts(network):
            handles.append(part.register_forward_pre_hook(before(name)))
            handles.append(part.register_forward_hook(after(name)))
        typed = isinstance(network, import_escnn().nn.EquivariantModule)
        result = network(cast(Any, network).in_type(images) if typed else images)
    finally:
        for handle in handles:
            handle.remove()
    return calls, getattr(result, "tensor", result)


def class_of(module: nn.Module) -> type[nn.Module]:
    """Class of a module, without its parametrisation.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    type
    """
    kind = type(module)
    return kind.__bases__[0] if parametrize.is_parametrized(module) else kind


def is_known(module: nn.Module) -> bool:
    """Whether it is a module of escnn, or one of ours for escnn, and no one else's.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    bool
    """
    home = class_of(module).__module__.partition(".")[0]
    return isinstance(module, import_escnn().nn.EquivariantModule) and home in _HOMES


def _parts(network: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    equivariant = import_escnn().nn.EquivariantModule
    for name, child in network.named_children():
        inside = any(isinstance(part, equivariant) for part in child.modules() if part is not child)
        if is_known(child) or not inside:
            yield prefix + name, child
        else:
            yield from _parts(child, f"{prefix}{name}.")


def _seen(value: Any) -> _Seen:
    tensor = getattr(value, "tensor", value)
    return _Seen(tensor, tensor._version)
