"""`EquivariantAutoencoder`: the network with a face like scikit-learn's."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from equiclust.autoencoder._trained import TrainedAutoencoder, numpy_arrays, tensors
from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.checkpoints import (
    find_checkpoint,
    recorded_seed,
    set_aside_if_damaged,
)
from equiclust.autoencoder.objectives import ObjectiveWeights, PerceptualLoss
from equiclust.autoencoder.pretrained import pretrained_weights, start_from
from equiclust.autoencoder.training_config import EpochRecord
from equiclust.exceptions import EquiclustWarning, WeightsNotFoundError
from equiclust.image_estimator import TakesImages
from equiclust.images_like import ImagesLike
from equiclust.io.fit_record import array_digest, check_same_fit
from equiclust.nn.network import AutoencoderNetwork
from equiclust.typing import BoolArray, Float32Array
from equiclust.validation import check_random_state

if TYPE_CHECKING:
    from equiclust.autoencoder.training import AutoencoderTraining

__all__ = ["EquivariantAutoencoder"]

logger = logging.getLogger(__name__)

# Below this share of their size, the differences between latents are rounding.
_COLLAPSED = 1e-5


class EquivariantAutoencoder(
    TakesImages,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # as the next
    TransformerMixin,  # type: ignore[misc]  # scikit-learn carries no annotations
    TrainedAutoencoder,
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
    devices : int, default 1
        Number of devices over which every batch of the training is divided; on the CPU, of
        processes, which share its cores. The network is that of one device apart from rounding. As
        new processes are started, a script calls `fit` below ``if __name__ == "__main__":``.
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

    def fit(
        self,
        images: ImagesLike,
        y: object = None,
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: ImagesLike | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        partners: ImagesLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            At least two images.
        y : object, optional
            Ignored.
        held_out : array-like (n,), bool, optional
            Images that are only measured; by default a random `validation_fraction` of them.
        positive_pairs : ImageSet, array-like, or another of `ImagesLike`, optional
            As many images: each should have the latent of its pair, as neighbouring patches of one
            texture do. By default an image is its own pair.
        checkpoints : path-like, optional
            Folder for a checkpoint after every epoch. A stopped fit goes on from there when
            it is called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None); only `device`, `devices` and `on_epoch` may differ.
        on_epoch : callable, optional
            Called with the record of each epoch, for progress bars.
        partners : ImageSet, array-like, or another of `ImagesLike`, optional
            Former name of `positive_pairs`.

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
        if partners is not None:
            warnings.warn("partners is now called positive_pairs", DeprecationWarning, stacklevel=2)
            positive_pairs = partners
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
        images: ImagesLike,
        y: object = None,
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: ImagesLike | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
    ) -> Float32Array:
        """Train the network and encode the images once, which `fit` and `transform` do twice.

        Parameters
        ----------
        images : ImageSet, array-like (n, h, w) or (n, c, h, w), or another of `ImagesLike`
            At least two images.
        y : object, optional
            Ignored.
        held_out : array-like (n,), bool, optional
            Images that are only measured; by default a random `validation_fraction` of them.
        positive_pairs : ImageSet, array-like, or another of `ImagesLike`, optional
            As many images: each should have the latent of its pair, as neighbouring patches of one
            texture do. By default an image is its own pair.
        checkpoints : path-like, optional
            Folder for a checkpoint after every epoch. A stopped fit goes on from there when
            it is called again with the same images, parameters and seed (with the seed it had, if
            `random_state` is None); only `device`, `devices` and `on_epoch` may differ.
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
        pixels, mask = numpy_arrays(self._prepare(images))
        paired = None if positive_pairs is None else numpy_arrays(self._prepare(positive_pairs))
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
        pixels: Float32Array,
        mask: BoolArray,
        *,
        held_out: npt.ArrayLike | None = None,
        positive_pairs: tuple[Float32Array, BoolArray] | None = None,
        checkpoints: str | Path | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        stop_request: Path | None = None,
    ) -> Float32Array:
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
            `random_state` is None); only `device`, `devices` and `on_epoch` may differ.
        on_epoch : callable, optional
            Called with the record of each epoch, for progress bars.
        stop_request : path, optional
            File that ends the training with a `StoppedError` when it appears.

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
        # Lightning takes seconds to import, which what is trained already need not wait for.
        from equiclust.autoencoder.training import AutoencoderTraining
        from equiclust.autoencoder.training_data import ImageData
        from equiclust.autoencoder.training_processes import train

        self._check_parameters()
        self._check_prepared(pixels, positive_pairs)
        folder = None if checkpoints is None else Path(checkpoints)
        seed = self._seed(folder)
        self.notes_ = []
        shown = tensors(pixels, mask)
        paired = None if positive_pairs is None else tensors(*positive_pairs)
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
            images = {
                "images": array_digest(*numpy_arrays(shown)),
                "held_out": array_digest(apart.numpy()),
                "positive_pairs": paired and array_digest(*numpy_arrays(paired)),
            }
            self._check_checkpoints(folder, module, images)
        data = ImageData.split(
            *shown, apart, positive_pairs=paired, batch_size=self.batch_size, seed=seed
        )
        self.history_ = train(
            module, data, checkpoints=folder, on_epoch=on_epoch, stop_request=stop_request
        )
        self._adopt(network)
        latents = self._encode(shown[0])
        self._note_collapse(latents)
        return latents

    def _check_checkpoints(
        self, folder: Path, module: AutoencoderTraining, images: Mapping[str, str | None]
    ) -> None:
        """Refuse checkpoints of another fit, and set a damaged one aside."""
        from equiclust.autoencoder.training_inputs import training_inputs

        inputs = {**training_inputs(module), **images}
        check_same_fit(folder, inputs, started=find_checkpoint(folder) is not None)
        if damage := set_aside_if_damaged(folder, module.state_dict()):
            self._note(damage)

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

    def _note_collapse(self, latents: Float32Array) -> None:
        if not np.isfinite(latents).all():
            self._note(
                "The latents are not finite, since the training has diverged: lower learning_rate."
            )
            return
        spread = np.linalg.norm(latents - latents.mean(axis=0), axis=1).mean()
        if spread <= _COLLAPSED * np.linalg.norm(latents, axis=1).mean():
            self._note(
                "The latents of all images are the same, so nothing can be sorted by them: give "
                "more weight to the objective's variance or train for longer."
            )
