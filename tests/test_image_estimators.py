"""Estimators of images keep scikit-learn's contract, as far as it does not speak of tables."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks as checks
from sklearn.utils import get_tags

from ensembles import ConsensusClustering, KFoldEnsemble
from equiclust.autoencoder import EquivariantAutoencoder
from equiclust.clustering.deep import DeepEmbeddedClustering, SelfLabelling
from equiclust.exceptions import InputError
from equiclust.nn import ConvolutionalAutoencoder, ConvolutionalConfig
from equiclust.preprocessing import Preprocessor
from equiclust.simulation import simulate_shapes
from equiclust.typing import Array

IMAGES = simulate_shapes(8, size=32, random_state=0)[0].pixels
LATENTS = np.random.default_rng(0).normal(size=(2, 30, 3)) + 9.0 * (np.arange(30) % 2)[:, None]
SMALL = EquivariantAutoencoder(
    "C4",
    latent_dim=2,
    size=32,
    fields=(1, 1, 1, 1),
    map_fields=1,
    annuli=1,
    perceptual=None,
    pretrained=False,
    preprocess=False,
    max_epochs=1,
    random_state=0,
)
CONFIG = ConvolutionalConfig(in_channels=1, size=32, embedding_dim=2, filters=(2, 2, 2))


def seeded_network() -> ConvolutionalAutoencoder:
    """By chance so small a network gives all images the same latents."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ConvolutionalAutoencoder(CONFIG)


# Estimator, and what it is fitted to.
CASES: dict[str, tuple[BaseEstimator, Array]] = {
    "Preprocessor": (Preprocessor(size=16), IMAGES),
    "EquivariantAutoencoder": (SMALL, IMAGES),
    "KFoldEnsemble": (
        KFoldEnsemble(SMALL, n_clusters=2, method="kmeans", n_folds=2, n_jobs=1, random_state=0),
        IMAGES,
    ),
    "DeepEmbeddedClustering": (
        DeepEmbeddedClustering(
            2, network=CONFIG, pretrain_epochs=1, max_iter=2, batch_size=8, random_state=0
        ),
        IMAGES,
    ),
    "SelfLabelling": (
        SelfLabelling(2, network=seeded_network(), max_iter=1, batch_size=8, random_state=0),
        IMAGES,
    ),
    "ConsensusClustering": (ConsensusClustering(2, method="kmeans", random_state=0), LATENTS),
}
METHODS = ("transform", "predict", "predict_proba", "reconstruct")
# Those of scikit-learn's common checks that feed no table.
WITHOUT_TABLES = (
    checks.check_estimator_cloneable,
    checks.check_estimator_repr,
    checks.check_estimator_tags_renamed,
    checks.check_valid_tag_types,
    checks.check_mixin_order,
    checks.check_no_attributes_set_in_init,
    checks.check_do_not_raise_errors_in_init_or_set_params,
    checks.check_parameters_default_constructible,
    checks.check_get_params_invariance,
    checks.check_set_params,
)
every_estimator = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.filterwarnings("ignore::equiclust.exceptions.EquiclustWarning")


@cache
def fitted(name: str) -> Any:
    """The estimator, fitted once for all tests, which must not change it."""
    estimator, X = CASES[name]
    return clone(estimator).fit(X)


def outputs(estimator: Any, X: Array) -> dict[str, Array]:
    """What every method that takes samples gives."""
    found = {name: getattr(estimator, name)(X) for name in METHODS if hasattr(estimator, name)}
    return {name: getattr(value, "pixels", value) for name, value in found.items()}


@every_estimator
@pytest.mark.parametrize("check", WITHOUT_TABLES, ids=lambda check: check.__name__)
def test_common_checks_without_tables(
    name: str, check: Callable[[str, BaseEstimator], None]
) -> None:
    check(name, clone(CASES[name][0]))


@every_estimator
def test_tags_say_that_it_takes_arrays_and_no_tables(name: str) -> None:
    tags = get_tags(CASES[name][0]).input_tags
    assert (tags.two_d_array, tags.three_d_array, tags.sparse) == (False, True, False)
    with pytest.raises(InputError):
        clone(CASES[name][0]).fit_transform(np.zeros((8, 3))) if name == "Preprocessor" else clone(
            CASES[name][0]
        ).fit(np.zeros((8, 3)))


@every_estimator
def test_tags_say_whether_nan_is_taken(name: str) -> None:
    estimator, X = CASES[name]
    spoilt = X.copy()
    spoilt[0, 0, 0] = np.nan
    if get_tags(estimator).input_tags.allow_nan:
        assert np.isfinite(outputs(fitted(name), spoilt)["transform"]).all()
    else:
        with pytest.raises(InputError, match="finite"):
            clone(estimator).fit(spoilt)


@every_estimator
def test_fit_learns_names_with_an_underscore_and_changes_no_parameter(name: str) -> None:
    estimator, X = CASES[name]
    before, frozen = estimator.get_params(deep=False), X.copy()
    frozen.setflags(write=False)
    fresh = clone(estimator)
    given = fresh.get_params(deep=False)
    assert fresh.fit(frozen, y=None) is fresh
    assert np.array_equal(frozen, X)
    assert all(fresh.get_params(deep=False)[key] is value for key, value in given.items())
    assert repr(estimator.get_params(deep=False)) == repr(before)
    learned = set(vars(fresh)) - set(before)
    assert {key for key in learned if not key.startswith("_")} == {
        key for key in learned if key.endswith("_") and not key.startswith("_")
    }
    # The same seed gives the same estimator.
    for key, value in outputs(fitted(name), X).items():
        assert np.array_equal(outputs(fresh, X)[key], value), key


@every_estimator
def test_what_is_not_fitted_says_so(name: str) -> None:
    estimator, X = clone(CASES[name][0]), CASES[name][1]
    if not get_tags(estimator).requires_fit:
        assert outputs(estimator, X)
        return
    for method in METHODS:
        if hasattr(estimator, method):
            with pytest.raises(NotFittedError):
                getattr(estimator, method)(X)
    with pytest.raises(NotFittedError):
        clone(fitted(name)).predict(X) if hasattr(estimator, "predict") else clone(
            fitted(name)
        ).transform(X)


@every_estimator
def test_a_pickle_gives_the_same(name: str) -> None:
    again = pickle.loads(pickle.dumps(fitted(name)))
    X = CASES[name][1]
    for key, value in outputs(again, X).items():
        assert np.array_equal(value, outputs(fitted(name), X)[key]), key


@every_estimator
def test_samples_do_not_depend_on_each_other(name: str) -> None:
    X = CASES[name][1]
    axis = 1 if name == "ConsensusClustering" else 0
    turned = np.flip(X, axis=axis)
    part = np.take(X, [1, 4], axis=axis)
    for key, value in outputs(fitted(name), X).items():
        assert np.allclose(outputs(fitted(name), turned)[key][::-1], value, atol=1e-5), key
        assert np.allclose(outputs(fitted(name), part)[key], value[[1, 4]], atol=1e-5), key


@every_estimator
def test_every_feature_has_a_name(name: str) -> None:
    estimator = fitted(name)
    if not hasattr(estimator, "get_feature_names_out"):
        return
    names = estimator.get_feature_names_out()
    assert len(names) == estimator.transform(CASES[name][1]).shape[1]
    assert names[0] == f"{name.lower()}0"


def test_they_work_in_a_pipeline() -> None:
    images = simulate_shapes(8, size=24, random_state=0)[0]
    pipeline = make_pipeline(Preprocessor(size=32), clone(SMALL)).fit(images)
    ready = Preprocessor(size=32).fit_transform(images)
    assert np.array_equal(pipeline.transform(images), clone(SMALL).fit_transform(ready))
