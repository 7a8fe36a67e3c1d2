"""What training minimises: reconstruction, perception, and latents that are used to the full."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from equiclust.exceptions import InputError
from equiclust.nn.imagenet_weights import WEIGHTS_VARIABLE, find_weights
from equiclust.validation import check_choice, is_real, shown

__all__ = [
    "WEIGHTS_VARIABLE",
    "ObjectiveWeights",
    "PerceptualLoss",
    "PerceptualNetwork",
    "contrastive_loss",
    "find_weights",
    "masked_mse",
    "rotation_error",
    "vicreg_terms",
    "view_distance",
]

PerceptualNetwork = Literal["alexnet", "vgg16", "resnet18"]
_LPIPS_NAMES = {"alexnet": "alex", "vgg16": "vgg"}
_RESNET_STAGES = ("layer1", "layer2", "layer3", "layer4")
# Five poolings leave nothing of a smaller image.
_SMALLEST_SIDE = 64
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ObjectiveWeights:
    """Weights of the terms that training minimises; a term of weight zero is not computed.

    Parameters
    ----------
    mse : float, default 10
        Mean squared error of the reconstruction.
    perceptual : float, default 1
        Distance of deep features, `PerceptualLoss`.
    variance : float, default 25
        Variance of every dimension of the latent, `vicreg_terms`.
    covariance : float, default 15
        Correlation between dimensions of the latent, `vicreg_terms`.
    invariance : float, default 25
        Distance between the latents of two augmented views of one image, `view_distance`.
    rotation : float, default 60
        Change of the latent when a view is rotated by any angle, `rotation_error`.
    contrastive : float, default 0
        Entropy of identifying the second view of every image among those of all others,
        `contrastive_loss`. For retrieving the same object: it separates similar images, which is
        undesirable for clusters.

    Examples
    --------
    >>> import torch
    >>> from equiclust.autoencoder import ObjectiveWeights
    >>> weights = ObjectiveWeights(perceptual=0.0)
    >>> weights.total({"mse": torch.tensor(0.5), "rotation": torch.tensor(0.1)})
    tensor(11.)

    An autoencoder takes what differs from the defaults:

    >>> from equiclust import EquivariantAutoencoder
    >>> autoencoder = EquivariantAutoencoder(objective={"rotation": 30.0})
    """

    mse: float = 10.0
    perceptual: float = 1.0
    variance: float = 25.0
    covariance: float = 15.0
    invariance: float = 25.0
    rotation: float = 60.0
    contrastive: float = 0.0

    def __post_init__(self) -> None:
        for term in fields(self):
            value = getattr(self, term.name)
            if not is_real(value) or not value >= 0:
                raise InputError(f"weight of {term.name} must be zero or more, got {shown(value)}")
            if value == float("inf"):
                raise InputError(f"weight of {term.name} must be finite, got {shown(value)}")

    @property
    def pairs(self) -> bool:
        """Whether a second view of every image is needed."""
        return bool(self.invariance or self.contrastive)

    @property
    def reconstruction(self) -> bool:
        """Whether the images are reconstructed."""
        return bool(self.mse or self.perceptual)

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the terms that were computed.

        Parameters
        ----------
        terms : mapping of str to Tensor
            Scalars by the name of their weight.

        Returns
        -------
        Tensor ()
        """
        return torch.stack([getattr(self, name) * value for name, value in terms.items()]).sum()


def masked_mse(
    images: Tensor, reconstructions: Tensor, mask: Tensor, *, n_pixels: Tensor | None = None
) -> Tensor:
    """Mean squared difference over the pixels that are not masked.

    Parameters
    ----------
    images, reconstructions : Tensor (n, c, h, w)
    mask : Tensor (n, 1, h, w), bool
        `True` = ignore.
    n_pixels : Tensor (), int, optional
        Pixels that the mean is over when these images are a part of a batch: the sum over the parts
        is the mean over the batch. By default those of the images themselves.

    Returns
    -------
    Tensor ()
    """
    squared = (images - reconstructions).square().masked_fill(mask, 0.0)
    counted = (~mask).sum() if n_pixels is None else n_pixels
    return squared.sum() / (counted * images.shape[1]).clamp(min=1)


def vicreg_terms(latents: Tensor) -> dict[str, Tensor]:
    r"""Variance and covariance terms of VICReg (Bardes, Ponce & LeCun 2022).

    .. math::

        v = \frac1d \sum_j \max(0, 1 - \sqrt{\mathrm{Var}(z_j) + \epsilon}), \qquad
        c = \frac1d \sum_{i \ne j} \mathrm{Cov}(z)_{ij}^2

    Parameters
    ----------
    latents : Tensor (n, d)
        At least two rows.

    Returns
    -------
    dict of str to Tensor ()
        `variance` and `covariance`.
    """
    centred = latents - latents.mean(dim=0)
    covariance = centred.T @ centred / (len(latents) - 1)
    spread = (covariance.diagonal() + 1e-4).sqrt()
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    return {
        "variance": functional.relu(1.0 - spread).mean(),
        "covariance": off_diagonal.square().sum() / latents.shape[1],
    }


def view_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance of the latents of two views, the invariance term of VICReg.

    Parameters
    ----------
    first, second : Tensor (n, d)

    Returns
    -------
    Tensor ()
    """
    return functional.mse_loss(first, second)


def contrastive_loss(first: Tensor, second: Tensor, *, temperature: float = 0.1) -> Tensor:
    r"""Cross entropy of identifying the other view of every image among all views, in nats.

    The normalised temperature-scaled cross entropy of SimCLR (Chen et al. 2020): with the cosines
    :math:`s` between all `2n` latents,

    .. math::

        -\frac{1}{2n} \sum_i \log
        \frac{\exp(s_{i, p(i)} / \tau)}{\sum_{j \ne i} \exp(s_{ij} / \tau)},

    where `p(i)` is the other view of the image of view `i`.

    Parameters
    ----------
    first, second : Tensor (n, d)
        Latents of two views of the same images.
    temperature : float, default 0.1
        Scale :math:`\tau` of the cosines.

    Returns
    -------
    Tensor ()
    """
    n = len(first)
    unit = functional.normalize(torch.cat([first, second]), dim=1)
    cosines = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    other = torch.arange(2 * n, device=first.device).roll(n)
    return functional.cross_entropy(cosines, other)


def rotation_error(latents: Tensor, rotated: Tensor) -> Tensor:
    r"""Mean squared change of the latents, in units of the spread between images.

    .. math::

        \frac{\langle \lVert z(R x) - z(x) \rVert^2 \rangle}{\sum_j \mathrm{Var}(z_j)}

    Quarter turns are exact by construction. For all other angles the layers are exact only as far
    as their maps are sampled finely enough, which training ignores without this term.

    Parameters
    ----------
    latents, rotated : Tensor (n, d)
        Of the images and of the same images rotated; at least two rows.

    Returns
    -------
    Tensor ()
    """
    spread = latents.detach().var(dim=0, correction=0).sum()
    return (rotated - latents).square().sum(dim=1).mean() / (spread + 1e-4)


class PerceptualLoss(nn.Module):
    """Distance of two batches of images in the features of a network trained on photographs.

    With AlexNet and VGG16 this is LPIPS with its calibrated heads (Zhang et al. 2018); with
    ResNet-18 the mean squared difference of the features of its four stages, each of unit length
    (Johnson, Alahi & Fei-Fei 2016).

    Parameters
    ----------
    network : {"alexnet", "vgg16", "resnet18"}, default "alexnet"
    weights : path-like, optional
        File or folder with the trunk as safetensors; see `find_weights`.

    Raises
    ------
    InputError
        When the network is another one, or the weights cannot be read.
    WeightsNotFoundError
        When the trunk is neither on disk nor can be downloaded.

    Examples
    --------
    Here with random weights from a file; without `weights` those of ImageNet are looked for:

    >>> import torch
    >>> from equiclust.autoencoder import PerceptualLoss
    >>> from safetensors.torch import save_file
    >>> from torchvision.models import resnet18
    >>> save_file(resnet18().state_dict(), "resnet18.safetensors")
    >>> loss = PerceptualLoss("resnet18", weights="resnet18.safetensors")
    >>> images, mask = torch.rand(2, 1, 64, 64), torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    >>> loss(images, images, mask)
    tensor(0.)
    """

    def __init__(
        self, network: PerceptualNetwork = "alexnet", *, weights: str | Path | None = None
    ) -> None:
        super().__init__()
        check_choice("network", network, get_args(PerceptualNetwork))
        state = find_weights(network, weights)
        self.trunk = _ResNetDistance(state) if network == "resnet18" else _lpips(network, state)
        self.trunk.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> PerceptualLoss:
        """Stay in evaluation mode: the yardstick does not learn."""
        return super().train(False)

    def forward(self, images: Tensor, reconstructions: Tensor, mask: Tensor) -> Tensor:
        """Mean distance of reconstructions from images.

        Parameters
        ----------
        images, reconstructions : Tensor (n, c, h, w)
            In the range 0 to 1. Three channels are taken as colours, any other number one by one.
        mask : Tensor (n, 1, h, w), bool
            `True` = ignore: there both get the value of the image, so that they do not differ.

        Returns
        -------
        Tensor ()
        """
        seen = torch.where(mask, images, reconstructions)
        distance: Tensor = self.trunk(_as_photograph(images), _as_photograph(seen))
        return distance.mean()


def _as_photograph(images: Tensor) -> Tensor:
    """Three channels in -1 to 1, no side shorter than the trunk can see."""
    if images.shape[1] != 3:
        images = images.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
    shortest = min(images.shape[2:])
    if shortest < _SMALLEST_SIDE:
        images = functional.interpolate(
            images, scale_factor=_SMALLEST_SIDE / shortest, mode="bilinear", align_corners=False
        )
    return images * 2.0 - 1.0


def _lpips(network: str, state: Mapping[str, Tensor]) -> nn.Module:
    from lpips import LPIPS

    with warnings.catch_warnings():
        # lpips still builds its trunk through arguments that torchvision calls deprecated.
        warnings.filterwarnings("ignore", category=UserWarning)
        model: nn.Module = LPIPS(net=_LPIPS_NAMES[network], pnet_rand=True, verbose=False)
    trunk = model.get_submodule("net")
    renamed = {name: state["features." + name.split(".", 1)[1]] for name in trunk.state_dict()}
    trunk.load_state_dict(renamed)
    return model


class _ResNetDistance(nn.Module):
    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        from torchvision.models import resnet18

        self.net = resnet18()
        self.net.fc = nn.Identity()
        convolutional = {k: v for k, v in state.items() if not k.startswith("fc.")}
        self.net.load_state_dict(convolutional)
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)

    def features(self, images: Tensor) -> list[Tensor]:
        net = self.net
        x = (images / 2.0 + 0.5 - self.get_buffer("mean")) / self.get_buffer("std")
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        found = []
        for stage in _RESNET_STAGES:
            x = net.get_submodule(stage)(x)
            found.append(functional.normalize(x, dim=1))
        return found

    def forward(self, images: Tensor, reconstructions: Tensor) -> Tensor:
        pairs = zip(self.features(images), self.features(reconstructions), strict=True)
        return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).mean()
