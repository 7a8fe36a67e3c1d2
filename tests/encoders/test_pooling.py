"""Poolings against NumPy: the class token is no position."""

from __future__ import annotations

import numpy as np
import torch

from equiclust.encoders.pooling import POOLINGS, pool_features, pooled_length

_RNG = np.random.default_rng(0)


def _pooled(features: np.ndarray, pooling: str) -> np.ndarray:
    return pool_features(torch.from_numpy(features), pooling).numpy()


def test_tokens_are_pooled_without_the_class_token() -> None:
    tokens = _RNG.normal(size=(2, 5, 3))
    mean, largest = tokens[:, 1:].mean(axis=1), tokens[:, 1:].max(axis=1)
    np.testing.assert_array_equal(_pooled(tokens, "token"), tokens[:, 0])
    np.testing.assert_allclose(_pooled(tokens, "mean"), mean)
    np.testing.assert_array_equal(_pooled(tokens, "max"), largest)
    np.testing.assert_allclose(_pooled(tokens, "mean+max"), np.concatenate([mean, largest], axis=1))


def test_maps_are_pooled_over_both_axes_and_vectors_kept() -> None:
    maps, vectors = _RNG.normal(size=(2, 3, 4, 5)), _RNG.normal(size=(2, 7))
    np.testing.assert_allclose(_pooled(maps, "mean"), maps.mean(axis=(2, 3)))
    np.testing.assert_array_equal(_pooled(maps, "max"), maps.max(axis=(2, 3)))
    for pooling in POOLINGS:
        np.testing.assert_array_equal(_pooled(vectors, pooling), vectors)
        assert pooled_length((1, 4, 6), pooling) == (12 if "+" in pooling else 6)
