"""`EquivariantAutoencoder`: the network with a face like scikit-learn's."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.checkpoints import find_checkpoint, recorded_seed, training_inputs
from equiclust.autoencoder.objectives import ObjectiveWeights, PerceptualLoss, PerceptualNetwork
from equiclust.autoencoder.pretrained import pretrained_weights, start_from, upgrade_start
from equiclust.autoencoder.training import (
    AutoencoderTraining,
    EpochRecord,
    ImageData,
    Precision,
    TrainingConfig,
    train,
)
from equiclust.exceptions import EquiclustWarning, InputError, WeightsNotFoundError
from equiclust.images import ImageSet, as_image_set
from equiclust.io.estimators import SaveLoadMixin
from equiclust.io.fit_record import array_digest, check_same_fit
from equiclust.nn.device import choose_device, full_precision, seeded
from equiclust.nn.export import export_encoder
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig
from equiclust.preprocessing import Preprocessor
from equiclust.validation import check_choice, check_names, check_positive, check_whole

__all__ = ["EquivariantAutoencoder"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]
_DEVICES = ("auto", "cpu", "cuda", "mps")
_ENCODING_BATCH = 64
# Below this share of their size, the differences between latents are rounding.
_COLLAPSED = 1e-5


class EquivariantAutoencoder(
    SaveLoadMixin,
    TransformerMixin,  # type: ignore[misc]  # scikit-learn carries no annotations
    BaseEstimator,  # type: ignore[misc]
):
    """Autoencoder whose latents do not change when an image is rotated or mirrored.

    An encoder that is equivariant under `group` gives a map that rotates with the image. A decoder
    reconstructs the image from the map, and pooling over the group and over angle makes the
    invariant latent of it (Cohen & Welling 2016; Weiler & Cesa 2019). Quarter turns and reflections
    are exact to rounding. For all other angles training reduces the change of the latent, and
    `transform` averages it over sixteen rotations; `equiclust.certify` measures what is left.

    Parameters
    ----------
    group : str, default "D8"
        "D8" (eight rotations and reflections), "C8", "D4", ..., or "trivial".
    latent_dim : int, default 32
        Length of the latent.
    size : int, default 64
        Side in pixels to which images are resized: 32 times a power of two.
    fields : sequence of int, default (4, 8, 12, 16)
        Width of the network from half the image's side downwards, in fields of `group.order`
        channels.
    map_fields : int, default 4
        Width of the 8 x 8 map between encoder and decoder, in fields.
    detail_fields : int, default 1
        Width of the 16 x 16 map between images and decoder, in fields.
    annuli : int, default 4
        Number of rings over which the latent is pooled; with 1 it does not depend on the radius. 0
        keeps all positions, and so the orientation: for the trivial group only.
    harmonics : int, default 0
        Orders of the Fourier series over angle in each ring whose lengths enter the latent: they
        measure how many arms there are, not only how much light.
    objective : mapping of str to float, optional
        Weights of the terms that differ from `ObjectiveWeights`, such as ``{"perceptual": 0}``.
    augmentation : mapping of str to float, optional
        Limits that differ from `Augmentation`, such as ``{"scale": 0}``.
    perceptual : {"alexnet", "vgg16", "resnet18"} or None, default "alexnet"
        Network of the perceptual term; None leaves the term out.
    perceptual_weights : str, optional
        Path of the weights of that network; see `find_weights`. Without weights there is a warning,
        and the term is left out.
    pretrained : bool, default True
        Whether the network starts from the weights that come with the package for networks of this
        group and size, where there are some (see `equiclust.autoencoder.pretrained`), or from
        random ones.
    preprocess : bool or mapping, default True
        Parameters that differ from `Preprocessor`; False if the images are preprocessed already, of
        the right size and in 0 to 1.
    max_epochs : int, default 30
        Passes over the images.
    batch_size : int, default 32
        Images in a batch.
    learning_rate : float, default 0.005
        Highest one of the schedule.
    validation_fraction : float, default 0.1
        Share of the images that are held out to measure the reconstruction.
    patience : int, optional
        Number of epochs without a better reconstruction of these after which the training ends
        early: over as many epochs again the learning rate falls to 0. The network then has the
        weights of the epoch that reconstructed them best. By default all `max_epochs` are trained
        and the last weights kept.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
    precision : {"32-true", "bf16-mixed", "16-mixed"}, default "32-true"
        Arithmetic in training.
    random_state : int or RandomState, optional
        Of the weights, the order of the images and their augmentation.

    Attributes
    ----------
    network_ : AutoencoderNetwork
    history_ : list of dict
        One record for each epoch.
    started_from_ : list of str
        Parts of the network that started from pretrained weights.
    notes_ : list of str
        What the user should know about the training.

    Examples
    --------
    >>> from equiclust import EquivariantAutoencoder
    >>> from equiclust.simulation.discs import simulate_discs
    >>> images, truth = simulate_discs(8, size=32, random_state=0)
    >>> autoencoder = EquivariantAutoencoder(size=32, max_epochs=1, perceptual=None, random_state=0)
    >>> autoencoder.fit_transform(images).shape
    (8, 32)
    """

    _file_stem = "autoencoder"

    def __init__(
        self,
        group: str = "D8",
        *,
        latent_dim: int = 32,
        size: int = 64,
        fields: Sequence[int] = (4, 8, 12, 16),
        map_fields: int = 4,
        detail_fields: int = 1,
        annuli: int = 4,
        harmonics: int = 0,
        objective: Mapping[str, float] | None = None,
        augmentation: Mapping[str, float] | None = None,
        perceptual: PerceptualNetwork | None = "alexnet",
        perceptual_weights: str | None = None,
        pretrained: bool = True,
        preprocess: bool | Mapping[str, Any] = True,
        max_epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 5e-3,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        device: str = "auto",
        precision: Precision = "32-true",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.group = group
        self.latent_dim = latent_dim
        self.size = size
        self.fields = fields
        self.map_fields = map_fields
        self.detail_fields = detail_fields
        self.annuli = annuli
        self.harmonics = harmonics
        self.objective = objective
        self.augmentation = augmentation
        self.perceptual = perceptual
        self.perceptual_weights = perceptual_weights
        self.pretrained = pretrained
        self.preprocess = preprocess
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(
        self,
        images: ImageSet | npt.ArrayLike,
        y: object = None,
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: ImageSet | npt.ArrayLike | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
            At least two images.
        y : object, optional
            Ignored.
        held_out : array-like (n,), bool, optional
            Images that are only measured; by default a random `validation_fraction` of them.
        positive_pairs : ImageSet or array-like, optional
            As many images: each should have the latent of its pair, as neighbouring patches of one
            texture do. By default an image is its own pair.
        checkpoints : path-like, optional
            Folder for a checkpoint after every epoch. A stopped fit goes on from there when
            it is called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None); only `device` and `on_epoch` may differ.
        on_epoch : callable, optional
            Called with the record of each epoch, for progress bars.

        Returns
        -------
        EquivariantAutoencoder
            Itself.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        OutputError
            When `checkpoints` holds checkpoints of another fit.
        """
        self.fit_transform(
            images,
            held_out=held_out,
            positive_pairs=positive_pairs,
            checkpoints=checkpoints,
            on_epoch=on_epoch,
        )
        return self

    def fit_transform(
        self,
        images: ImageSet | npt.ArrayLike,
        y: object = None,
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: ImageSet | npt.ArrayLike | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> FloatArray:
        """Train the network and encode the images once, which `fit` and `transform` do twice.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)
            At least two images.
        y : object, optional
            Ignored.
        held_out : array-like (n,), bool, optional
            Images that are only measured; by default a random `validation_fraction` of them.
        positive_pairs : ImageSet or array-like, optional
            As many images: each should have the latent of its pair, as neighbouring patches of one
            texture do. By default an image is its own pair.
        checkpoints : path-like, optional
            Folder for a checkpoint after every epoch. A stopped fit goes on from there when
            it is called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None); only `device` and `on_epoch` may differ.
        on_epoch : callable, optional
            Called with the record of each epoch, for progress bars.

        Returns
        -------
        ndarray (n, latent_dim), float32
            Equal to ``fit(images).transform(images)``.

        Raises
        ------
        InputError
            When a parameter or an image cannot be used.
        OutputError
            When `checkpoints` holds checkpoints of another fit.
        """
        self._check_parameters()
        pixels, mask = _numpy(self._prepare(images))
        paired = None if positive_pairs is None else _numpy(self._prepare(positive_pairs))
        return self.fit_prepared(
            pixels,
            mask[:, 0],
            held_out=held_out,
            positive_pairs=paired and (paired[0], paired[1][:, 0]),
            checkpoints=checkpoints,
            on_epoch=on_epoch,
        )

    def fit_prepared(
        self,
        pixels: FloatArray,
        mask: npt.NDArray[np.bool_],
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: tuple[FloatArray, npt.NDArray[np.bool_]] | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> FloatArray:
        """Train the network on images as `prepared` returns them, which are not copied.

        Parameters
        ----------
        pixels : ndarray (n, c, size, size), float32
            In 0 to 1, and 0 where masked; at least two images.
        mask : ndarray (n, size, size), bool
            `True` = ignore.
        held_out : array-like (n,), bool, optional
            Images that are only measured; by default a random `validation_fraction` of them.
        positive_pairs : tuple of two ndarrays, optional
            Pixels and mask of the positive pairs, of the same shapes.
        checkpoints : path-like, optional
            Folder for a checkpoint after every epoch. A stopped fit goes on from there when
            it is called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None); only `device` and `on_epoch` may differ.
        on_epoch : callable, optional
            Called with the record of each epoch, for progress bars.

        Returns
        -------
        ndarray (n, latent_dim), float32
            Latents of the images.

        Raises
        ------
        InputError
            When a parameter or an array cannot be used.
        OutputError
            When `checkpoints` holds checkpoints of another fit.
        """
        self._check_parameters()
        if len(pixels) < 2:
            raise InputError(f"training needs at least 2 images, got {len(pixels)}")
        if positive_pairs is not None and positive_pairs[0].shape != pixels.shape:
            raise InputError(
                "positive_pairs must be as many as the images and of as many channels, got shape "
                f"{positive_pairs[0].shape} for {pixels.shape}"
            )
        folder = None if checkpoints is None else Path(checkpoints)
        seed = self._seed(folder)
        self.notes_: list[str] = []
        shown = _tensors(pixels, mask)
        paired = None if positive_pairs is None else _tensors(*positive_pairs)
        apart = self._held_out(len(pixels), held_out, seed)
        if self.patience is not None and not apart.any():
            self._note("patience has no effect, since no images are held out.")
        network = self._new_network(pixels.shape[1], seed)
        self.started_from_ = self._start(network)
        module = AutoencoderTraining(
            network,
            self._config(seed),
            weights=ObjectiveWeights(**(self.objective or {})),
            augmentation=Augmentation(**(self.augmentation or {})),
            perceptual=self._perceptual_loss(),
        )
        if folder is not None:
            inputs = training_inputs(module) | {
                "images": array_digest(*_numpy(shown)),
                "held_out": array_digest(apart.numpy()),
                "positive_pairs": paired and array_digest(*_numpy(paired)),
            }
            check_same_fit(folder, inputs, started=find_checkpoint(folder) is not None)
        data = ImageData(
            *shown, apart, positive_pairs=paired, batch_size=self.batch_size, seed=seed
        )
        self.history_ = train(module, data, checkpoints=folder, on_epoch=on_epoch)
        self._adopt(network)
        latents = self._encode(shown[0])
        self._note_collapse(latents)
        return latents

    def transform(self, images: ImageSet | npt.ArrayLike) -> FloatArray:
        """Invariant latents of images.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)

        Returns
        -------
        ndarray (n, latent_dim), float32

        Raises
        ------
        InputError
            When an image cannot be used.
        """
        check_is_fitted(self)
        return self._encode(self._prepare(images)[0])

    def reconstruct(self, images: ImageSet | npt.ArrayLike) -> FloatArray:
        """Images as the decoder makes them from the equivariant map.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)

        Returns
        -------
        ndarray (n, c, size, size), float32
            To be compared with the preprocessed images, in 0 to 1.
        """
        check_is_fitted(self)
        made = self._in_batches(self.network_.reconstruct, self._prepare(images)[0])
        return made.clip(0.0, 1.0)

    def prepared(self, images: ImageSet | npt.ArrayLike) -> ImageSet:
        """Images as the network sees them.

        Parameters
        ----------
        images : ImageSet or array-like (n, h, w) or (n, c, h, w)

        Returns
        -------
        ImageSet
            Of `size`; what is masked the network sees as 0.

        Raises
        ------
        InputError
            When there is none, or their size or channels do not fit.
        """
        given = as_image_set(images)
        if not len(given):
            raise InputError("images must hold at least one image, got none")
        ready = given if self.preprocess is False else self.preprocessor.transform(given)
        channels, height, width = ready.pixels.shape[1:]
        if (height, width) != (self.size, self.size):
            raise InputError(
                f"images must be {self.size} x {self.size} when preprocess is False, "
                f"got {height} x {width}"
            )
        self._check_channels(channels)
        return ready

    def with_network(self, network: nn.Module, *, notes: Sequence[str] = ()) -> Self:
        """Copy of the fitted estimator with another network of the same shape.

        Parameters
        ----------
        network : torch.nn.Module
            Such as `DeepEmbeddedClustering.network_`, which was trained further.
        notes : sequence of str, default ()
            What the user should know about it, added to `notes_`.

        Returns
        -------
        EquivariantAutoencoder

        Raises
        ------
        InputError
            When the network has another shape.
        """
        check_is_fitted(self)
        if not isinstance(network, AutoencoderNetwork) or network.config != self.network_.config:
            raise InputError(
                "network must be an AutoencoderNetwork of the config of network_, got "
                f"{type(network).__name__}"
            )
        other = copy(self)
        other.notes_ = [*self.notes_, *notes]
        other._adopt(network)
        return other

    @property
    def preprocessor(self) -> Preprocessor:
        """What is done to the images first."""
        chosen = self.preprocess if isinstance(self.preprocess, Mapping) else {}
        return Preprocessor(size=self.size, **chosen)

    def _prepare(self, images: ImageSet | npt.ArrayLike) -> tuple[Tensor, Tensor]:
        """Pixels `(n, c, size, size)`, 0 where masked, and masks `(n, 1, size, size)`."""
        ready = self.prepared(images)
        # Stacked anew, since `ready.pixels` would stay in memory as long as the images do.
        pixels, mask = _tensors(np.stack([image.pixels for image in ready]), ready.mask)
        return pixels.masked_fill_(mask, 0.0), mask

    def _check_channels(self, channels: int) -> None:
        if not hasattr(self, "network_"):
            return
        known = self.network_.config.in_channels
        if channels != known:
            raise InputError(f"images must have {known} channels as in training, got {channels}")

    def _check_parameters(self) -> None:
        self._network_config(1)
        check_names("objective", self.objective or {}, _field_names(ObjectiveWeights))
        check_names("augmentation", self.augmentation or {}, _field_names(Augmentation))
        if isinstance(self.preprocess, Mapping):
            known = sorted(set(Preprocessor().get_params()) - {"size"})
            check_names("preprocess", self.preprocess, known)
        for name in ("max_epochs", "batch_size"):
            check_whole(name, getattr(self, name))
        if self.patience is not None:
            check_whole("patience", self.patience)
            if not ObjectiveWeights(**(self.objective or {})).reconstruction:
                raise InputError(
                    "patience must be None when objective has weight 0 on mse and perceptual, "
                    f"since nothing is reconstructed, got {self.patience!r}"
                )
        check_positive("learning_rate", self.learning_rate)
        if not 0 <= self.validation_fraction < 1:
            raise InputError(
                f"validation_fraction must be from 0 to below 1, got {self.validation_fraction!r}"
            )
        if not isinstance(self.pretrained, bool):
            raise InputError(f"pretrained must be True or False, got {self.pretrained!r}")
        check_choice("device", self.device, _DEVICES)

    def _network_config(self, channels: int) -> NetworkConfig:
        return NetworkConfig(
            group=self.group,
            in_channels=channels,
            size=self.size,
            fields=tuple(self.fields),
            map_fields=self.map_fields,
            detail_fields=self.detail_fields,
            annuli=self.annuli,
            harmonics=self.harmonics,
            latent_dim=self.latent_dim,
        )

    def _new_network(self, channels: int, seed: int) -> AutoencoderNetwork:
        with seeded(seed):
            return AutoencoderNetwork(self._network_config(channels))

    def _start(self, network: AutoencoderNetwork) -> list[str]:
        """Parts of the network that are given known weights."""
        if not self.pretrained:
            return []
        return list(start_from(network, pretrained_weights(network.config)))

    def _seed(self, checkpoints: Path | None) -> int:
        known = None if checkpoints is None else recorded_seed(checkpoints)
        if self.random_state is None and known is not None:
            return known
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _held_out(self, n: int, given: npt.ArrayLike | None, seed: int) -> Tensor:
        if given is None:
            return _drawn_apart(n, self.validation_fraction, seed)
        chosen = np.asarray(given)
        if chosen.shape != (n,) or chosen.dtype != bool or np.sum(~chosen) < 2:
            raise InputError(
                f"held_out must be {n} booleans of which at least 2 are False, got shape "
                f"{chosen.shape} and dtype {chosen.dtype}"
            )
        return torch.from_numpy(chosen.copy())

    def _config(self, seed: int) -> TrainingConfig:
        return TrainingConfig(
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            patience=self.patience,
            seed=seed,
            device=self.device,
            precision=self.precision,
        )

    def _perceptual_loss(self) -> PerceptualLoss | None:
        weights = ObjectiveWeights(**(self.objective or {}))
        if self.perceptual is None or not weights.perceptual:
            return None
        try:
            return PerceptualLoss(self.perceptual, weights=self.perceptual_weights)
        except WeightsNotFoundError as error:
            self._note(f"The perceptual term is off: {error}.")
            return None

    def _note(self, message: str) -> None:
        self.notes_.append(message)
        # From the caller of `fit`.
        warnings.warn(message, EquiclustWarning, stacklevel=6)

    def _note_collapse(self, latents: FloatArray) -> None:
        spread = np.linalg.norm(latents - latents.mean(axis=0), axis=1).mean()
        if spread <= _COLLAPSED * np.linalg.norm(latents, axis=1).mean():
            self._note(
                "The latents of all images are the same, so nothing can be sorted by them: give "
                "more weight to the objective's variance or train for longer."
            )

    def _adopt(self, network: AutoencoderNetwork) -> None:
        self.network_ = network.to(choose_device(self.device, fall_back=True)).eval()
        self._exported = export_encoder(self.network_)

    def _encode(self, pixels: Tensor) -> FloatArray:
        return self._in_batches(self._exported, pixels)

    def _in_batches(self, function: Callable[[Tensor], Tensor], pixels: Tensor) -> FloatArray:
        device = next(self.network_.parameters()).device
        with torch.inference_mode(), full_precision(device):
            batches = torch.split(pixels, _ENCODING_BATCH)
            done = [function(batch.to(device)).cpu() for batch in batches]
        result: FloatArray = torch.cat(done).numpy()
        return result

    @classmethod
    def _upgrade_parameters(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        return upgrade_start(parameters)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {name: value.cpu().numpy() for name, value in self.network_.state_dict().items()}

    def _learned(self) -> dict[str, Any]:
        return {
            "in_channels": self.network_.config.in_channels,
            "started_from": self.started_from_,
            "history": self.history_,
            "notes": self.notes_,
        }

    def _restore(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        network = self._new_network(int(learned["in_channels"]), seed=0)
        expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        found = {name: array.shape for name, array in arrays.items()}
        if expected != found:
            raise InputError("the weights do not fit the network that the parameters describe")
        network.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in arrays.items()})
        self.started_from_ = list(learned["started_from"])
        self.history_, self.notes_ = list(learned["history"]), list(learned["notes"])
        self._adopt(network)


def _tensors(pixels: FloatArray, mask: npt.NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
    """Pixels `(n, c, h, w)` and masks `(n, 1, h, w)` as tensors that share their memory."""
    return torch.from_numpy(pixels), torch.from_numpy(mask)[:, None]


def _numpy(tensors: tuple[Tensor, Tensor]) -> tuple[Any, Any]:
    return tensors[0].numpy(), tensors[1].numpy()


def _drawn_apart(n: int, fraction: float, seed: int) -> Tensor:
    """Which images validate, `(n,)` bool; at least two are always left for training."""
    count = min(round(fraction * n), n - 2)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:count]
    held_out = torch.zeros(n, dtype=torch.bool)
    held_out[chosen] = True
    return held_out


def _field_names(kind: type[ObjectiveWeights | Augmentation]) -> list[str]:
    return [field.name for field in dataclass_fields(kind)]
