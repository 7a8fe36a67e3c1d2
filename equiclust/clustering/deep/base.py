"""What every clusterer shares that trains the network it is given."""

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
from sklearn.base import ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.clustering.deep.encoding import as_samples, encode_all, n_distinct
from equiclust.clustering.deep.initialization import Batches
from equiclust.clustering.deep.networks import Config, config_of, described, from_description
from equiclust.clustering.latent_checks import check_enough_samples
from equiclust.evaluation.metrics import (
    adjusted_rand_index,
    clustering_accuracy,
    normalized_mutual_information,
)
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import ImageSet
from equiclust.io.estimators import SaveLoadMixin
from equiclust.nn.device import choose_device
from equiclust.validation import check_names, check_share

__all__ = ["DeepClusterer", "scored"]

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

_NETWORK = "network."


class DeepClusterer(
    ClusterMixin,  # type: ignore[misc]  # scikit-learn carries no annotations
    TransformerMixin,  # type: ignore[misc]
    SaveLoadMixin,
):
    """A network of its own, what is said of it, and the way to disk and back.

    A subclass gives `_assigned`, and tells of itself by `_own_arrays`, `_own_learned` and
    `_restore_own`.
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

    def _assigned(self, samples: Tensor) -> Array:
        """Membership `(n, n_clusters)` of samples."""
        raise NotImplementedError

    def _own_arrays(self) -> dict[str, npt.NDArray[Any]]:
        raise NotImplementedError

    def _own_learned(self) -> dict[str, Any]:
        raise NotImplementedError

    def _restore_own(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        raise NotImplementedError

    @property
    def _device(self) -> torch.device:
        return next(self.network_.parameters()).device

    def _checked_samples(self, X: ImageSet | npt.ArrayLike, y: npt.ArrayLike | None) -> Tensor:
        """What is learned from, if it can be."""
        samples = as_samples(X)
        if len(samples) < 2:
            raise InputError(f"deep clustering needs at least 2 samples, got {len(samples)}")
        check_enough_samples(self.n_clusters, n_distinct(samples), len(samples))
        if self.augmentation is not None and samples.ndim != 4:
            raise InputError(
                f"augmentation needs images (n, c, h, w), got shape {tuple(samples.shape)}"
            )
        if y is not None:
            scored(y, np.zeros(len(samples), dtype=np.int64))
        self.sample_shape_ = tuple(samples.shape[1:])
        return samples

    def _new_samples(self, X: ImageSet | npt.ArrayLike) -> Tensor:
        """Samples of the shape that was learned from."""
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
        kind = type(self.network).__name__
        if isinstance(self.network, nn.Module):
            if next(self.network.parameters(), None) is None:
                raise InputError(f"network must have parameters to train, got {kind}")
        elif self.network is not None and not isinstance(self.network, Config):
            raise InputError(
                f"network must be a torch Module or a config, got {kind}; of an "
                "EquivariantAutoencoder hand in network_"
            )

    def _check_augmentation(self) -> None:
        if self.augmentation is None:
            return
        if not isinstance(self.augmentation, Mapping):
            raise InputError(f"augmentation must be a mapping, got {self.augmentation!r}")
        known = (step.name for step in fields(Augmentation))
        check_names("augmentation", self.augmentation, known)
        for name, value in self.augmentation.items():
            check_share(f"augmentation {name}", value)

    def transform(self, X: ImageSet | npt.ArrayLike) -> FloatArray:
        """Latents of samples.

        Parameters
        ----------
        X : ImageSet or array-like (n, h, w), (n, c, h, w) or (n, d)

        Returns
        -------
        ndarray (n, d), float32
            In units of `scale_`.
        """
        latents = encode_all(self.network_, self._new_samples(X), self._device) / self.scale_
        return np.asarray(latents.numpy())

    def predict_proba(self, X: ImageSet | npt.ArrayLike) -> Array:
        """Membership of samples, old or new; each one's depends on itself alone.

        Parameters
        ----------
        X : ImageSet or array-like (n, h, w), (n, c, h, w) or (n, d)

        Returns
        -------
        ndarray (n, n_clusters)
            Rows sum to one.
        """
        return self._assigned(self._new_samples(X))

    def predict(self, X: ImageSet | npt.ArrayLike) -> Labels:
        """Labels of samples, old or new.

        Parameters
        ----------
        X : ImageSet or array-like (n, h, w), (n, c, h, w) or (n, d)

        Returns
        -------
        ndarray (n,), int
        """
        return np.asarray(self.predict_proba(X).argmax(axis=1))

    def _saved_parameters(self) -> dict[str, Any]:
        # The network goes by its description and its weights.
        return {**super()._saved_parameters(), "network": None}

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        state = self.network_.state_dict()
        network = {_NETWORK + name: value.cpu().numpy() for name, value in state.items()}
        return {**self._own_arrays(), **network}

    def _learned(self) -> dict[str, Any]:
        return {
            **self._own_learned(),
            "network": described(self.network_),
            "from_config": isinstance(self.network, Config),
            "sample_shape": list(self.sample_shape_),
            "notes": self.notes_,
        }

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, network: nn.Module | None = None) -> Self:
        """The estimator that `save` wrote; its predictions are equal to the last bit.

        Frames are not saved. `network` is the config it was made of, or the network as it was
        saved.

        Parameters
        ----------
        folder : path
        network : Module, optional
            One of the kind that was handed in, which is copied and given the weights that were
            saved. The networks of this package need none.

        Raises
        ------
        InputError
            When the folder holds no such estimator, or a damaged one, or a network is missing.
        """
        estimator: Self = super().load(folder)
        made = estimator._made or copy.deepcopy(network)
        if made is None:
            raise InputError(
                f"{os.fspath(folder)!r} was saved with a network that is not of this package: "
                "load it with network=, one of the same kind"
            )
        try:
            made.load_state_dict(estimator.__dict__.pop("_state"))
        except RuntimeError as error:
            raise InputError(
                f"{os.fspath(folder)!r} was saved with another network than {type(made).__name__}"
            ) from error
        estimator.network = config_of(made) if estimator.__dict__.pop("_from_config") else made
        place = choose_device(estimator.device, fall_back=True)
        estimator.network_ = copy.deepcopy(made).to(place).eval()
        del estimator._made
        return estimator

    def _restore(self, arrays: dict[str, npt.NDArray[Any]], learned: Mapping[str, Any]) -> None:
        own = {name: a for name, a in arrays.items() if not name.startswith(_NETWORK)}
        self._restore_own(own, learned)
        self.notes_ = list(learned["notes"])
        self.sample_shape_ = tuple(int(side) for side in learned["sample_shape"])
        self._from_config = bool(learned["from_config"])
        description = learned["network"]
        self._made = None if description is None else from_description(description)
        self._state = {
            name.removeprefix(_NETWORK): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(_NETWORK)
        }


def scored(y: npt.ArrayLike | None, labels: Labels) -> dict[str, float]:
    """Scores of labels where there are classes to compare them with."""
    if y is None:
        return {}
    return {
        "acc": clustering_accuracy(y, labels),
        "nmi": normalized_mutual_information(y, labels),
        "ari": adjusted_rand_index(y, labels),
    }
