"""What is said of unseen images is said by those that have not seen them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from ensembles.kfold import KFoldEnsemble
from ensembles.reconstruction import evaluate_reconstruction
from equiclust.evaluation.metrics import reconstruction_scores
from equiclust.images import ImageSet


class _Grey:
    """Stands for a member that makes every image of one value."""

    def __init__(self, value: float) -> None:
        self.value = value

    def reconstruct(self, images: ImageSet) -> Any:
        return np.full_like(images.pixels, self.value)


def _ensemble(*values: float) -> KFoldEnsemble:
    return cast(KFoldEnsemble, SimpleNamespace(members_=[_Grey(value) for value in values]))


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return ImageSet.from_array(np.random.default_rng(0).random((4, 1, 32, 32), dtype=np.float32))


def _mse(pixels: np.ndarray, values: list[float]) -> float:
    return float(np.mean((pixels - np.array(values)[:, None, None, None]) ** 2))


def test_each_image_is_scored_by_those_that_did_not_train_on_it(images: ImageSet) -> None:
    held_out = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]], dtype=bool)
    evaluated = evaluate_reconstruction(_ensemble(0.2, 0.4, 0.9), images, held_out)
    np.testing.assert_allclose(evaluated.pixels, 0.5, atol=1e-6)
    assert evaluated.scores["mse"] == pytest.approx(_mse(images.pixels, [0.5] * 4), rel=1e-4)
    # The mean of 0.2 and 0.4, and of 0.4 and 0.9; nobody may speak of the last image.
    expected = _mse(images.pixels[:3], [0.2, 0.3, 0.65])
    assert evaluated.held_out["mse"] == pytest.approx(expected, rel=1e-4)
    pairs = zip((0.2, 0.4, 0.9), held_out, strict=True)
    alone = [_mse(images.pixels[hidden], [value] * int(hidden.sum())) for value, hidden in pairs]
    assert [scores["mse"] for scores in evaluated.members] == pytest.approx(alone, rel=1e-4)
    assert evaluated.member_mean["mse"] == pytest.approx(np.mean(alone), rel=1e-4)


def test_where_nothing_was_held_out_there_are_no_scores(images: ImageSet) -> None:
    evaluated = evaluate_reconstruction(_ensemble(0.5), images, np.zeros((1, 4), dtype=bool))
    assert evaluated.members == [{}]
    assert evaluated.held_out == {}
    assert evaluated.member_mean == {}
    whole = reconstruction_scores(images.pixels, evaluated.pixels, images.mask)
    assert evaluated.scores == whole
