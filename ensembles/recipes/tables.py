"""The tables of a recipe that belong to no other part; a table that exists is valid.

Where a part of the product declares a default, the table takes it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ensembles.consensus_clustering import METHODS, ConsensusClustering
from ensembles.folds import three_tenths
from ensembles.kfold import KFoldEnsemble
from ensembles.label_voting import Method
from ensembles.refinement import DEEP_METHODS
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.images import ImageSet
from equiclust.nn.encoder import n_halvings
from equiclust.nn.network import NetworkConfig
from equiclust.preprocessing import Preprocessor
from equiclust.validation import check_choice, check_positive, check_whole

__all__ = ["Clusters", "Ensemble", "Images", "Network", "Training"]

_PREPROCESSOR = Preprocessor()
_AUTOENCODER = EquivariantAutoencoder()
_ENSEMBLE = KFoldEnsemble()
_METHODS = ("auto", *METHODS, *DEEP_METHODS)


@dataclass(frozen=True)
class Images:
    """Preprocessing of the images; `Preprocessor` describes every parameter.

    Parameters
    ----------
    size : int, default that of `Preprocessor`
        Side to which images are resized: 32 times a power of two, in pixels.
    background, stretch, center, canonical : str, default that of `Preprocessor`
    percentiles : tuple of two floats, default that of `Preprocessor`
    circular_mask : float, optional
    channels : "auto" or int, default "auto"

    Raises
    ------
    InputError
        When a parameter has an illegal value.
    """

    size: int = _PREPROCESSOR.size
    background: str = _PREPROCESSOR.background
    stretch: str = _PREPROCESSOR.stretch
    percentiles: tuple[float, float] = (_PREPROCESSOR.percentiles[0], _PREPROCESSOR.percentiles[1])
    center: str = _PREPROCESSOR.center
    canonical: str = _PREPROCESSOR.canonical
    circular_mask: float | None = _PREPROCESSOR.circular_mask
    channels: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        Preprocessor(**vars(self)).fit(ImageSet())
        n_halvings(self.size)


@dataclass(frozen=True)
class Network:
    """Shape of the network; `EquivariantAutoencoder` describes every parameter.

    Parameters
    ----------
    group : str, default that of `EquivariantAutoencoder`
    latent_dim : int, default that of `EquivariantAutoencoder`
    fields : tuple of int, default that of `EquivariantAutoencoder`
    map_fields, detail_fields, annuli, harmonics : int, default that of `EquivariantAutoencoder`

    Raises
    ------
    InputError
        When a parameter has an illegal value.
    """

    group: str = _AUTOENCODER.group
    latent_dim: int = _AUTOENCODER.latent_dim
    fields: tuple[int, ...] = tuple(_AUTOENCODER.fields)
    map_fields: int = _AUTOENCODER.map_fields
    detail_fields: int = _AUTOENCODER.detail_fields
    annuli: int = _AUTOENCODER.annuli
    harmonics: int = _AUTOENCODER.harmonics

    def __post_init__(self) -> None:
        NetworkConfig(**vars(self))


@dataclass(frozen=True)
class Training:
    """Training of every network.

    Parameters
    ----------
    max_epochs : "auto" or int, default "auto"
        Passes over the images; "auto" chooses by their number and size.
    batch_size : int, default that of `EquivariantAutoencoder`
        Images in a batch, at least 2.
    learning_rate : float, default that of `EquivariantAutoencoder`
        Highest one of the schedule.
    pretrained : bool, default True
        Whether the networks start from the weights that come with the package, where there are
        some for their group and size, or from random ones. Older recipes say
        ``start = "shipped"`` or ``start = "none"`` instead.

    Raises
    ------
    InputError
        When a parameter has an illegal value.
    """

    max_epochs: int | Literal["auto"] = "auto"
    batch_size: int = _AUTOENCODER.batch_size
    learning_rate: float = _AUTOENCODER.learning_rate
    pretrained: bool = _AUTOENCODER.pretrained

    def __post_init__(self) -> None:
        if self.max_epochs != "auto":
            check_whole("max_epochs", self.max_epochs)
        # The spread between the images of a batch is part of what is learned.
        check_whole("batch_size", self.batch_size, 2)
        check_positive("learning_rate", self.learning_rate)


@dataclass(frozen=True)
class Ensemble:
    """Number of networks, and the reliability that their labels should have.

    Parameters
    ----------
    n_folds : int, default that of `KFoldEnsemble`
        Number of parts into which the images are split, and of networks that are trained.
    held_out_folds : int or "auto", default that of `KFoldEnsemble`
        Parts on which each network is not trained, at most all but one; "auto" is three tenths.
    consensus : {"vote", "coassociation"}, default that of `KFoldEnsemble`
        Method that combines the clusterings of all networks.
    reliability : float, default that of `KFoldEnsemble`
        Wanted share of right labels, 0 to 1: the least certain images get none. With 0 every image
        gets one.

    Raises
    ------
    InputError
        When a parameter has an illegal value.
    """

    n_folds: int = _ENSEMBLE.n_folds
    held_out_folds: int | Literal["auto"] = _ENSEMBLE.held_out_folds
    consensus: Method = _ENSEMBLE.consensus
    reliability: float = _ENSEMBLE.reliability

    def __post_init__(self) -> None:
        check_whole("n_folds", self.n_folds)
        if self.held_out_folds != "auto":
            check_whole("held_out_folds", self.held_out_folds)
        ConsensusClustering(
            consensus=self.consensus, reliability=self.reliability
        )._check_parameters()

    @property
    def n_held_out(self) -> int:
        """Parts that a network does not train on: at least one is left for it."""
        if self.held_out_folds == "auto":
            return three_tenths(self.n_folds)
        return min(self.held_out_folds, self.n_folds - 1)


@dataclass(frozen=True)
class Clusters:
    """Clustering of the latents.

    Parameters
    ----------
    n_clusters : "auto" or int, default that of `KFoldEnsemble`
        Number of clusters; "auto" chooses it by the latents.
    method : str, default that of `KFoldEnsemble`
        As in `KFoldEnsemble`.

    Raises
    ------
    InputError
        When a parameter has an illegal value.
    """

    n_clusters: int | Literal["auto"] = _ENSEMBLE.n_clusters
    method: str = _ENSEMBLE.method

    def __post_init__(self) -> None:
        check_choice("method", self.method, _METHODS)
        make_clusterer("gmm", 1 if self.n_clusters == "auto" else self.n_clusters)
