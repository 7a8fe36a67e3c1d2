"""The inputs that decide the members of an ensemble, by which a stopped fit is recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensembles.member_estimators import MemberEstimator
from ensembles.training_images import TrainingImages
from equiclust.encoders.records import encoder_record
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.images import ImageSet
from equiclust.io.fit_record import array_digest, image_set_digest, recorded_fit
from equiclust.typing import PathLike
from equiclust.validation import check_random_state

__all__ = ["ensemble_inputs", "estimator_inputs", "seed_of_fit"]

# They decide where a member is trained, or come from the ensemble's own seed.
_NOT_INPUTS = ("device", "devices", "random_state")
_SEED = "the seed drawn from random_state"


def ensemble_inputs(
    estimators: Sequence[MemberEstimator],
    given: ImageSet,
    images: Sequence[TrainingImages],
    positive_pairs: Sequence[TrainingImages] | None,
    *,
    n_folds: int,
    held_out_folds: int,
    seed: int,
) -> dict[str, Any]:
    """Everything that decides the members of an ensemble, for `check_same_fit`.

    Parameters
    ----------
    estimators : sequence of EquivariantAutoencoder or WhitenedEncoder
        Those that the members are copies of.
    given : ImageSet
        Images of the ensemble.
    images : sequence of TrainingImages
        The same, prepared for each autoencoder.
    positive_pairs : sequence of TrainingImages or None
    n_folds, held_out_folds : int
    seed : int
        Seed from which all other seeds are drawn.

    Returns
    -------
    dict of str to object
        Parameters, and digests of arrays.
    """
    parameters = [estimator_inputs(one) for one in estimators]
    return {
        "estimator": parameters[0] if len(parameters) == 1 else parameters,
        "n_folds": n_folds,
        "held_out_folds": held_out_folds,
        _SEED: seed,
        "images": _digest(images) if images else image_set_digest(given),
        "positive_pairs": positive_pairs and _digest(positive_pairs),
    }


def _digest(images: Sequence[TrainingImages]) -> str:
    return array_digest(np.array([one.digest for one in images]))


def seed_of_fit(
    random_state: int | np.random.RandomState | None, checkpoints: PathLike | None
) -> int:
    """Seed from which all other seeds of a fit are drawn.

    Parameters
    ----------
    random_state : int, RandomState or None
        With None the seed is that of the fit that `checkpoints` holds, if it holds one.
    checkpoints : path or None

    Returns
    -------
    int
    """
    if random_state is None and checkpoints is not None:
        known = recorded_fit(checkpoints).get(_SEED)
        if isinstance(known, int):
            return known
    return int(check_random_state(random_state).randint(2**31 - 1))


def estimator_inputs(estimator: MemberEstimator) -> dict[str, Any]:
    """Parameters of an estimator that decide what it learns, without those of random numbers.

    Parameters
    ----------
    estimator : EquivariantAutoencoder or WhitenedEncoder

    Returns
    -------
    dict of str to object
        As JSON can hold them.
    """
    parameters = estimator.get_params(deep=False)
    if isinstance(estimator, WhitenedEncoder):
        parameters["encoder"] = encoder_record(estimator.used_encoder)
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in parameters.items()
        if name not in _NOT_INPUTS
    }
