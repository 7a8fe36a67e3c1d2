"""The interval holds as often as it says, and knows its limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from equiclust.exceptions import InputError
from equiclust.teaching import FewLabelClassifier, estimate_accuracy
from tests.teaching.conftest import KINDS, make_blobs


def test_the_interval_holds_in_nine_of_ten_repetitions() -> None:
    held = []
    for seed in range(30):
        blobs = make_blobs(seed, n_labels=30, spread=0.6 + 0.02 * (seed % 20))
        found = FewLabelClassifier().fit(blobs.latents, blobs.labels).predict_kinds(blobs.latents)
        asked = found.given < 0
        sure, best = (
            found.probabilities[asked].max(axis=1),
            found.probabilities[asked].argmax(axis=1),
        )
        accuracy = np.mean(np.array(KINDS)[best] == blobs.truth[asked])
        estimate = estimate_accuracy(sure, 30)
        held.append(estimate.low <= accuracy <= estimate.high)
    assert np.mean(held) >= 0.9


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    estimate = estimate_accuracy(np.full(10_000, 0.9), 100)
    expected = binomtest(63, 70).proportion_ci(method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=2e-4)
    assert estimate.value == pytest.approx(0.9)
    assert (estimate.n_labels, estimate.n_images) == (100, 10_000)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_doubt_leaves_an_open_side(share: float) -> None:
    estimate = estimate_accuracy(np.full(50, share), 30)
    assert estimate.low <= share <= estimate.high
    assert 0 < estimate.high - estimate.low < 0.2


def test_more_labels_make_it_narrower() -> None:
    few, many = (estimate_accuracy(np.full(500, 0.8), n) for n in (10, 100))
    assert few.low < many.low < 0.8 < many.high < few.high


@pytest.mark.parametrize("probabilities", [[], [1.2], [np.nan], ["a"]])
def test_what_is_no_probability_is_refused(probabilities: npt.ArrayLike) -> None:
    with pytest.raises(InputError):
        estimate_accuracy(probabilities, 10)
