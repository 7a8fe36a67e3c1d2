"""What can be certified: a function, an encoder, or a module of torch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

from equiclust.evaluation.invariance.experiment import Embed
from equiclust.exceptions import InputTypeError
from equiclust.typing import Array, Float32Array
from equiclust.validation import shown

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Transforms", "as_embed"]


class Transforms(Protocol):
    """An encoder: an object whose `transform` turns images into vectors."""

    def transform(self, images: Any) -> npt.ArrayLike:
        """Encode images.

        Parameters
        ----------
        images : array-like (n, c, h, w)

        Returns
        -------
        array-like (n, d)
        """


def as_embed(embedding: Embed | Transforms | nn.Module, *, name: str) -> Embed:
    """The function that an embedding is.

    Parameters
    ----------
    embedding : callable, encoder or torch.nn.Module
        Of an encoder it is `transform`. A module is called without gradients and in evaluation
        mode, on the device of its weights.
    name : str
        What the error calls it.

    Returns
    -------
    callable
        From images `(n, c, h, w)`, float32, to latents `(n, d)`.

    Raises
    ------
    InputTypeError
        When it is none of these.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(embedding, torch.nn.Module):
        return _of_module(embedding)
    transform = getattr(embedding, "transform", None)
    if callable(transform) and not isinstance(embedding, type):
        found: Embed = transform
        return found
    if callable(embedding):
        return embedding
    raise InputTypeError(
        f"{name} must be a function, an encoder or a torch.nn.Module, got {shown(embedding)}"
    )


def _of_module(module: nn.Module) -> Embed:
    from equiclust.nn.module_features import module_features

    def embed(images: Float32Array) -> Array:
        features: Array = module_features(module, images).numpy()
        return features

    return embed
