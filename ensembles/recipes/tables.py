"""Tables of a recipe, checked when they are made.

Their defaults are those of the classes that they configure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ensembles.consensus_clustering import METHODS, ConsensusClustering
from ensembles.folds import three_tenths
from ensembles.kfold import KFoldEnsemble
from ensembles.label_voting import Method
from ensembles.refinement import DEEP_METHODS
from equiclust.argument_types import checks_types
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.encoders.pooling import POOLINGS
from equiclust.encoders.registry import encoder_names
from equiclust.evaluation.confounders.removal import REMOVABLE
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.nn.groups import Group
from equiclust.nn.network import NetworkConfig
from equiclust.preprocessing import Preprocessor
from equiclust.validation import check_choice, check_positive, check_whole

__all__ = ["AUTO", "OWN", "Clusters", "Ensemble", "Images", "Network", "Training"]

_PREPROCESSOR = Preprocessor()
_AUTOENCODER = EquivariantAutoencoder()
_ENSEMBLE = KFoldEnsemble()
_METHODS = ("auto", *METHODS, *DEEP_METHODS)
OWN = "own"
"""Name of the autoencoder that is trained on the images."""

AUTO = "auto"
"""Name of the encoders that a run has by default, see `Recipe.encoders`."""

# Of encoders that are not trained.
_FOREIGN = ("encoder", "layer", "pooling", "encoder_group")


@checks_types
@dataclass(frozen=True)
class Images:
    """How a recipe preprocesses images; see `Preprocessor` for every parameter.

    Parameters
    ----------
    size : int, default 128
        Side of the preprocessed images in pixels: 32 times a power of two where the encoder is
        "own" or "auto".
    background : str, default "border"
    stretch : str, default "linear"
    percentiles : (float, float), default (1.0, 99.9)
    center : str, default "none"
    canonical : str, default "scale"
    circular_mask : float or None, default None
    channels : "auto" or int, default "auto"
    equalize : {"none", "clahe"}, default "none"

    Raises
    ------
    InputError
        When a parameter has a value it cannot have.

    Examples
    --------
    >>> from ensembles.recipes import Images, Recipe
    >>> recipe = Recipe(images=Images(size=64, stretch="asinh"))
    >>> recipe.settings["stretch"]
    'asinh'
    """

    size: int = _PREPROCESSOR.size
    background: str = _PREPROCESSOR.background
    stretch: str = _PREPROCESSOR.stretch
    percentiles: tuple[float, float] = (_PREPROCESSOR.percentiles[0], _PREPROCESSOR.percentiles[1])
    center: str = _PREPROCESSOR.center
    canonical: str = _PREPROCESSOR.canonical
    circular_mask: float | None = _PREPROCESSOR.circular_mask
    channels: int | Literal["auto"] = "auto"
    equalize: str = _PREPROCESSOR.equalize

    def __post_init__(self) -> None:
        Preprocessor(**vars(self)).fit(ImageSet())


@checks_types
@dataclass(frozen=True)
class Network:
    """Encoder of a recipe, and the shape of the network that is trained.

    See `EquivariantAutoencoder` for the parameters of that one, and `equiclust.encoders` for those
    of all others.

    Parameters
    ----------
    encoder : str, default "auto"
        "own", the autoencoder that is trained; a network that is trained already, such as
        "small_alexnet", "disc_views" or "alexnet"; an ONNX file; a table of vectors made
        elsewhere; or several of them with commas between, which take turns in the ensemble, each
        with the same weight.
        "auto" is "own,small_alexnet" where that can be, see `Recipe.encoders`.
    layer : str, default "auto"
        Layer of a network trained on photographs, such as "features.10".
    pooling : {"auto", "mean", "max", "mean+max", "token"}, default "auto"
        Of the features of an encoder that is not trained.
    encoder_group : str, default "D8"
        Group over which the features of such an encoder are averaged, or "none".
    group : str, default "D8"
    latent_dim : int, default 32
    fields : tuple of int, default (4, 8, 12, 16)
    map_fields : int, default 4
    detail_fields : int, default 1
    annuli : int, default 4
    harmonics : int, default 0

    Raises
    ------
    InputError
        When a parameter has a value it cannot have.

    Examples
    --------
    >>> from ensembles.recipes import Network, Recipe
    >>> recipe = Recipe(network=Network(encoder="own", latent_dim=16))
    >>> recipe.settings["latent_dim"]
    16
    """

    encoder: str = AUTO
    layer: str = "auto"
    pooling: str = "auto"
    encoder_group: str = "D8"
    group: str = _AUTOENCODER.group
    latent_dim: int = _AUTOENCODER.latent_dim
    fields: tuple[int, ...] = tuple(_AUTOENCODER.fields)
    map_fields: int = _AUTOENCODER.map_fields
    detail_fields: int = _AUTOENCODER.detail_fields
    annuli: int = _AUTOENCODER.annuli
    harmonics: int = _AUTOENCODER.harmonics

    def __post_init__(self) -> None:
        NetworkConfig(**self.shape)
        check_choice("pooling", self.pooling, ("auto", *POOLINGS))
        if self.encoder_group != "none":
            Group(self.encoder_group)
        named = (AUTO, OWN, *encoder_names())
        known = all(name in named or Path(name).suffix for name in self.encoders)
        if not known or (AUTO in self.encoders and len(self.encoders) > 1):
            raise InputError(
                f"encoder must be one of {', '.join(named)} or a file, or several with "
                f"commas between, got {self.encoder!r}"
            )

    @property
    def encoders(self) -> tuple[str, ...]:
        """Names of the encoders."""
        return tuple(name.strip() for name in self.encoder.split(","))

    @property
    def trains(self) -> bool:
        """Whether one of the encoders is the autoencoder that is trained."""
        return OWN in self.encoders or AUTO in self.encoders

    @property
    def shape(self) -> dict[str, Any]:
        """Parameters of the network that is trained."""
        return {key: value for key, value in vars(self).items() if key not in _FOREIGN}


@checks_types
@dataclass(frozen=True)
class Training:
    """How a recipe trains every network; see `EquivariantAutoencoder` for every parameter.

    Parameters
    ----------
    max_epochs : "auto" or int, default "auto"
        Passes over the images; "auto" chooses by their number and size.
    batch_size : int, default 32
        At least 2.
    learning_rate : float, default 0.005
        Largest learning rate of the schedule.
    pretrained : bool, default True
        Whether the networks start from the weights that come with the package, where there are
        some for their group and size, or from random ones. Older recipes say
        ``start = "shipped"`` or ``start = "none"`` instead.

    Raises
    ------
    InputError
        When a parameter has a value it cannot have.

    Examples
    --------
    >>> from ensembles.recipes import Recipe, Training
    >>> recipe = Recipe(training=Training(max_epochs=20, pretrained=False))
    >>> recipe.settings["max_epochs"]
    20
    """

    max_epochs: int | Literal["auto"] = "auto"
    batch_size: int = _AUTOENCODER.batch_size
    learning_rate: float = _AUTOENCODER.learning_rate
    pretrained: bool = _AUTOENCODER.pretrained

    def __post_init__(self) -> None:
        if self.max_epochs != "auto":
            check_whole("max_epochs", self.max_epochs)
        # The objective includes the variance between the images of a batch.
        check_whole("batch_size", self.batch_size, 2)
        check_positive("learning_rate", self.learning_rate)


@checks_types
@dataclass(frozen=True)
class Ensemble:
    """Networks of a recipe, and the reliability of their labels; see `KFoldEnsemble`.

    Parameters
    ----------
    n_folds : int, default 10
        Number of folds that the images are split into, and of networks.
    held_out_folds : int or "auto", default "auto"
        Number of folds that each network is not trained on, at most all but one; "auto" is three
        tenths of them.
    consensus : {"vote", "coassociation"}, default "vote"
        How one label is made of many.
    reliability : float, default 0.9
        Mean stability to keep, 0 to 1: the least stable labels become -1. With 0 every image gets a
        label.

    Raises
    ------
    InputError
        When a parameter has a value it cannot have.

    Examples
    --------
    >>> from ensembles.recipes import Ensemble, Recipe
    >>> recipe = Recipe(ensemble=Ensemble(n_folds=4, reliability=0.0))
    >>> recipe.settings["n_folds"]
    4
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
        """Number of folds that a network is not trained on, fewer than `n_folds`."""
        if self.held_out_folds == "auto":
            return three_tenths(self.n_folds)
        return min(self.held_out_folds, self.n_folds - 1)


@checks_types
@dataclass(frozen=True)
class Clusters:
    """How a recipe clusters the latents; see `KFoldEnsemble`.

    Parameters
    ----------
    n_clusters : "auto" or int, default "auto"
        "auto" chooses the number by the latents.
    method : str, default "manifold"
    n_init : int, default 10
        Starts of k-means.
    remove : str, default "none"
        Confounders that are taken out of the latents before these are clustered: "size",
        "brightness", "signal_to_noise", "edge", "elongation", or several with commas between;
        "auto" are those that the clusters follow otherwise, and none where a deep method has moved
        the latents towards clusters.

    Raises
    ------
    InputError
        When a parameter has a value it cannot have.

    Examples
    --------
    >>> from ensembles.recipes import Clusters, Recipe
    >>> recipe = Recipe(clusters=Clusters(n_clusters=6, remove="brightness,size"))
    >>> recipe.settings["n_clusters"]
    6
    """

    n_clusters: int | Literal["auto"] = _ENSEMBLE.n_clusters
    method: str = _ENSEMBLE.method
    n_init: int = _ENSEMBLE.n_init
    remove: str = "none"

    def __post_init__(self) -> None:
        check_choice("method", self.method, _METHODS)
        n_clusters = 1 if self.n_clusters == "auto" else self.n_clusters
        make_clusterer("gmm", n_clusters, n_init=self.n_init)
        if self.remove in ("none", "auto"):
            return
        names = self.removed
        if not set(names) <= set(REMOVABLE) or len(set(names)) < len(names):
            raise InputError(
                f"remove must be none, auto or one of {', '.join(REMOVABLE)}, or several of these "
                f"with commas between, got {self.remove!r}"
            )
        if self.method in DEEP_METHODS:
            raise InputError(
                f"remove must be none or auto with method {self.method!r}, which moves the latents "
                f"towards clusters, got {self.remove!r}"
            )

    @property
    def removed(self) -> tuple[str, ...]:
        """Names of the confounders that are removed, where they are named."""
        if self.remove in ("none", "auto"):
            return ()
        return tuple(name.strip() for name in self.remove.split(","))

    @property
    def clustering(self) -> dict[str, Any]:
        """Parameters of `KFoldEnsemble`."""
        return {key: value for key, value in vars(self).items() if key != "remove"}
