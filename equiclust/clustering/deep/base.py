"""Base class of the clusterers that train a network."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.clustering.deep.encoding import (
    Config,
    as_samples,
    count_distinct,
    describe_network,
    encode_all,
    network_config,
    network_from_description,
)
from equiclust.clustering.deep.training_loop import Batches
from equiclust.clustering.latent_checks import check_enough_samples
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.image_estimator import TakesArrays
from equiclust.images_like import ImagesLike
from equiclust.io.estimators import SaveLoadMixin
from equiclust.nn.device import DEVICES, choose_device
from equiclust.typing import Array, Float32Array, Float64Array, IntArray, PathLike
from equiclust.validation import check_choice, check_mapping, check_random_state, check_share

__all__ = ["DeepClusterer", "label_scores"]

_NETWORK = "network."


class DeepClusterer(
    TakesArrays,
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]  # as the next
    ClusterMixin,  # type: ignore[misc]  # scikit-learn carries no annotations
    TransformerMixin,  # type: ignore[misc]
    SaveLoadMixin,
):
    """Checks, predictions and files of a clusterer that trains a copy of a network.

    A subclass defines `_memberships`, and `_own_arrays`, `_own_learned` and `_restore_own` for what
    it saves beside the network.
    """

    network: nn.Module | Config | None
    augmentation: Mapping[str, float] | None
    n_clusters: int
    batch_size: int
    device: str
    network_: nn.Module
    notes_: list[str]
    sample_shape_: tuple[int, ...]
    scale_: float = 1.0

    def _memberships(self, samples: Tensor) -> Float64Array:
        """Membership `(n, n_clusters)` of samples."""
        raise NotImplementedError

    def _own_arrays(self) -> dict[str, Array]:
        raise NotImplementedError

    def _own_learned(self) -> dict[str, Any]:
        raise NotImplementedError

    def _restore_own(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        raise NotImplementedError

    @property
    def _n_features_out(self) -> int:
        raise NotImplementedError

    @property
    def _device(self) -> torch.device:
        return next(self.network_.parameters()).device

    def _checked_samples(self, X: ImagesLike, y: npt.ArrayLike | None) -> Tensor:
        """Samples to fit, or an error that says why they cannot be used."""
        samples = as_samples(X)
        if len(samples) < 2:
            raise InputError(f"deep clustering needs at least 2 samples, got {len(samples)}")
        check_enough_samples(self.n_clusters, count_distinct(samples), len(samples))
        if self.augmentation is not None and samples.ndim != 4:
            raise InputError(
                f"augmentation needs images (n, c, h, w), got shape {tuple(samples.shape)}"
            )
        if y is not None:
            label_scores(y, np.zeros(len(samples), dtype=np.int64))
        self.sample_shape_ = tuple(samples.shape[1:])
        return samples

    def _new_samples(self, X: ImagesLike) -> Tensor:
        """Samples to predict, of the shape of those in fit."""
        check_is_fitted(self)
        samples = as_samples(X)
        if tuple(samples.shape[1:]) != self.sample_shape_:
            raise InputError(
                f"X must have samples of shape {self.sample_shape_} as in fit, got "
                f"{tuple(samples.shape[1:])}"
            )
        return samples

    def _batches(
        self, samples: Tensor, seed: int, augmentation: Mapping[str, float] | None
    ) -> Batches:
        views = None if augmentation is None else Augmentation(**augmentation)
        size = min(self.batch_size, len(samples))
        return Batches(samples, size, seed, self._device, views)

    def _note(self, message: str) -> None:
        self.notes_.append(message)
        warnings.warn(message, EquiclustWarning, stacklevel=5)

    def _check_network(self) -> None:
        name = type(self.network).__name__
        if isinstance(self.network, nn.Module):
            if next(self.network.parameters(), None) is None:
                raise InputError(f"network must have parameters to train, got {name}")
        elif self.network is not None and not isinstance(self.network, Config):
            raise InputError(
                f"network must be a torch Module or a config, got {name}; pass the network_ of an "
                "EquivariantAutoencoder"
            )

    def _check_machine(self) -> None:
        check_choice("device", self.device, DEVICES)
        check_random_state(self.random_state)

    def _check_augmentation(self) -> None:
        if self.augmentation is None:
            return
        known = (step.name for step in fields(Augmentation))
        check_mapping("augmentation", self.augmentation, known)
        for name, value in self.augmentation.items():
            check_share(f"augmentation {name}", value)

    def transform(self, X: ImagesLike) -> Float32Array:
        """Latents of samples.

        Parameters
        ----------
        X : ImageSet, array-like (n, h, w), (n, c, h, w) or (n, d), or another of `ImagesLike`
            Samples of the shape of those in `fit`.

        Returns
        -------
        ndarray (n, d), float32
            In units of `scale_`.
        """
        samples = self._new_samples(X)
        latents = encode_all(self.network_, samples, self._device) / self.scale_
        return np.asarray(latents.numpy())

    def predict_proba(self, X: ImagesLike) -> Float64Array:
        """Membership of samples, each of which does not depend on the others.

        Parameters
        ----------
        X : ImageSet, array-like (n, h, w), (n, c, h, w) or (n, d), or another of `ImagesLike`
            Samples of the shape of those in `fit`.

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one.
        """
        return self._memberships(self._new_samples(X))

    def predict(self, X: ImagesLike) -> IntArray:
        """Labels of samples.

        Parameters
        ----------
        X : ImageSet, array-like (n, h, w), (n, c, h, w) or (n, d), or another of `ImagesLike`
            Samples of the shape of those in `fit`.

        Returns
        -------
        ndarray (n,), int
            From 0 to `n_clusters - 1`.
        """
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def _saved_parameters(self) -> dict[str, Any]:
        # The network is saved as a description and weights.
        return {**super()._saved_parameters(), "network": None}

    def _arrays(self) -> dict[str, Array]:
        state = self.network_.state_dict()
        network = {_NETWORK + name: value.cpu().numpy() for name, value in state.items()}
        return {**self._own_arrays(), **network}

    def _learned(self) -> dict[str, Any]:
        return {
            **self._own_learned(),
            "network": describe_network(self.network_),
            "from_config": isinstance(self.network, Config),
            "sample_shape": list(self.sample_shape_),
            "notes": self.notes_,
        }

    @classmethod
    def load(cls, folder: PathLike, *, network: nn.Module | None = None) -> Self:
        """The estimator that `save` wrote; its predictions are equal to the last bit.

        Frames are not saved. The parameter `network` becomes the config that was given, or the
        network as it was saved.

        Parameters
        ----------
        folder : path
            Where `save` wrote it.
        network : Module, optional
            A network of the class that was given, for one that is not of this package. It is
            copied, and the copy gets the weights that were saved.

        Returns
        -------
        DeepClusterer
            Of the class that was saved.

        Raises
        ------
        InputError
            When the folder holds no such estimator, or a damaged one, or a network is missing.
        """
        estimator: Self = super().load(folder)
        loaded = estimator._described_network or copy.deepcopy(network)
        if loaded is None:
            raise InputError(
                f"{os.fspath(folder)!r} was saved with a network that is not of this package: "
                "load it with network=, one of the same class"
            )
        try:
            loaded.load_state_dict(estimator.__dict__.pop("_state"))
        except RuntimeError as error:
            raise InputError(
                f"{os.fspath(folder)!r} was saved with another network than {type(loaded).__name__}"
            ) from error
        from_config = estimator.__dict__.pop("_from_config")
        estimator.network = network_config(loaded) if from_config else loaded
        device = choose_device(estimator.device, fall_back=True)
        estimator.network_ = copy.deepcopy(loaded).to(device).eval()
        del estimator._described_network
        return estimator

    def _restore(self, arrays: dict[str, Array], learned: Mapping[str, Any]) -> None:
        own = {name: a for name, a in arrays.items() if not name.startswith(_NETWORK)}
        self._restore_own(own, learned)
        self.notes_ = list(learned["notes"])
        self.sample_shape_ = tuple(int(side) for side in learned["sample_shape"])
        self._from_config = bool(learned["from_config"])
        description = learned["network"]
        self._described_network = (
            None if description is None else network_from_description(description)
        )
        self._state = {
            name.removeprefix(_NETWORK): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(_NETWORK)
        }


def label_scores(y: npt.ArrayLike | None, labels: IntArray) -> dict[str, float]:
    """Scores of labels by true classes.

    Parameters
    ----------
    y : array-like (n,), int, or None
        Classes.
    labels : ndarray (n,), int
        Clusters.

    Returns
    -------
    dict of str to float
        `acc`, `nmi` and `ari`; empty without classes.

    Raises
    ------
    InputError
        When `y` is not one whole number for each label.
    """
    if y is None:
        return {}
    return {
        "acc": clustering_accuracy(y, labels),
        "nmi": normalized_mutual_information(y, labels),
        "ari": adjusted_rand_index(y, labels),
    }
