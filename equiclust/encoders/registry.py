"""Encoders by name, as commands and recipes spell them."""

from __future__ import annotations

from inspect import signature
from typing import Any

from equiclust.argument_types import checks_types
from equiclust.encoders.backbone import BACKBONES
from equiclust.encoders.group_averaged import GroupAveraged
from equiclust.encoders.latent_files import LATENT_ENDINGS, is_latent_file
from equiclust.encoders.latent_table import LatentTable
from equiclust.encoders.onnx_encoder import OnnxEncoder
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.torchvision_encoder import TorchvisionEncoder
from equiclust.exceptions import InputError
from equiclust.typing import PathLike
from equiclust.validation import check_names

__all__ = ["encoder_names", "get_encoder", "named_encoder"]

_UNGROUPED, _CHOSEN = "none", "auto"
# Parameters for which the name stands.
_FIRST = ("network", "path")


def encoder_names() -> tuple[str, ...]:
    """Names of networks that `get_encoder` knows, in the order of their age.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from equiclust.encoders import encoder_names
    >>> "alexnet" in encoder_names()
    True
    """
    return tuple(BACKBONES)


@checks_types
def get_encoder(name: PathLike, *, group: str = _UNGROUPED, **parameters: Any) -> Encoder:
    """Make an encoder by its name.

    Parameters
    ----------
    name : str
        Name of a network, such as "alexnet" (see `encoder_names`), or path of an ONNX file (see
        `OnnxEncoder`) or of a table of vectors (see `LatentTable`).
    group : str, default "none"
        Group over which the vectors are averaged, such as "D4"; see `GroupAveraged`.
    **parameters : object
        Of the encoder, such as ``layer``, ``pooling`` and ``weights`` of a `TorchvisionEncoder`,
        and ``statistic`` of the average. The ``layer`` of an ONNX file is one of its outputs.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        When there is no such encoder, or a parameter cannot be used.

    Examples
    --------
    >>> from equiclust import get_encoder, simulate_discs
    >>> images, truth = simulate_discs(2, size=32, random_state=0)
    >>> encoder = get_encoder("small_alexnet", group="D4")
    >>> encoder.group, encoder.transform(images).shape
    ('D4', (2, 512))
    """
    averaging = {key: parameters.pop(key) for key in ("statistic",) if key in parameters}
    if averaging and group == _UNGROUPED:
        raise InputError("statistic is one over a group, got no group: give group='D4'")
    encoder = _single(str(name), parameters)
    if group != _UNGROUPED:
        encoder = GroupAveraged(encoder, group, **averaging)
    encoder.fit()
    made: Encoder = encoder
    return made


def named_encoder(
    name: str,
    *,
    layer: str = _CHOSEN,
    pooling: str = _CHOSEN,
    group: str = "D4",
    device: str = _CHOSEN,
) -> Encoder:
    """Make an encoder from the flags that the commands share.

    Parameters
    ----------
    name : str
        As of `get_encoder`.
    layer, pooling : str, default "auto"
        Of the encoder; "auto" is its own default.
    group : str, default "D4"
        Group over which the vectors are averaged, or "none"; those of a table never are.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Where a network computes; an ONNX file is run by the processor.

    Returns
    -------
    Encoder

    Raises
    ------
    InputError
        When there is no such encoder, or a parameter cannot be used.
    """
    given = {"layer": layer, "pooling": pooling}
    parameters = {key: value for key, value in given.items() if value != _CHOSEN}
    if name in BACKBONES:
        parameters["device"] = device
    return get_encoder(name, group=_UNGROUPED if is_latent_file(name) else group, **parameters)


def _single(name: str, parameters: dict[str, Any]) -> Any:
    kind: Any = _kind(name)
    if kind is OnnxEncoder and "layer" in parameters:
        parameters["output"] = parameters.pop("layer")
    known = [one for one in signature(kind).parameters if one not in _FIRST]
    check_names(f"encoder {name}", parameters, known)
    return kind(name, **parameters)


def _kind(name: str) -> type:
    """Class of an encoder, by the name of its network or file."""
    if name in BACKBONES:
        return TorchvisionEncoder
    if name.lower().endswith(".onnx"):
        return OnnxEncoder
    if is_latent_file(name):
        return LatentTable
    raise InputError(
        f"encoder must be one of {', '.join(encoder_names())}, an .onnx file, or vectors in a file "
        f"ending in {', '.join(LATENT_ENDINGS)}, got {name!r}"
    )
