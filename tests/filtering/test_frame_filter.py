"""The filter tells unusable frames from others at any share of them, by stated rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.filtering.classifier import FrameClassifier
from equiclust.filtering.clusters import find_clusters
from equiclust.filtering.core import CERTAIN, COMPONENTS, Core
from equiclust.filtering.features import FrameFeatures
from equiclust.filtering.frame_filter import REASONS, FrameFilter
from tests.filtering.conftest import Simulated

Make = Callable[..., Simulated]


@pytest.mark.parametrize("method", ["hdbscan", "dbscan", "kmeans"])
@pytest.mark.parametrize("bad_fraction", [0.01, 0.1, 0.5])
def test_frames_are_judged_rightly(simulated: Make, bad_fraction: float, method: str) -> None:
    one = simulated(500, bad_fraction)
    chosen = FrameFilter(method=method).fit(one.features, one.measure)
    found = chosen.predict(one.features)
    keep = found.label == 1
    assert np.mean(keep == one.usable) >= 0.99
    # What is decided is right, so that at 1 per cent too the unusable ones are found.
    decided = found.label >= 0
    assert np.array_equal(keep[decided], one.usable[decided])


def test_when_no_frame_is_unusable_it_says_so(simulated: Make) -> None:
    one = simulated(500, 0.0)
    chosen = FrameFilter().fit(one.features, one.measure)
    assert chosen.n_surely_bad_ == 0
    assert np.all(chosen.predict(one.features).label == 1)


def test_most_frames_may_be_unusable(simulated: Make) -> None:
    one = simulated(500, 0.8)
    found = FrameFilter().fit(one.features, one.measure).predict(one.features)
    assert np.mean((found.label == 1) == one.usable) >= 0.99


def test_the_order_of_the_frames_decides_nothing(simulated: Make) -> None:
    one = simulated(500, 0.5)
    back = FrameFilter().fit(one.features[::-1], one.measure).predict(one.features)
    found = FrameFilter().fit(one.features, one.measure).predict(one.features)
    assert np.mean(back.label == found.label) > 0.99


@pytest.mark.parametrize("n", [1, 2, 11])
@pytest.mark.parametrize("method", ["hdbscan", "dbscan", "kmeans"])
def test_a_handful_of_usable_frames_is_usable(simulated: Make, n: int, method: str) -> None:
    one = simulated(500, 0.0)
    few = one.features[:n]
    assert np.all(FrameFilter(method=method).fit(few, one.measure).predict(few).label == 1)


def test_a_reference_frame_and_labels_choose_the_cluster(simulated: Make) -> None:
    one = simulated(500, 0.5)
    empty = np.flatnonzero(one.features.flux == 0)
    chosen = FrameFilter().fit(one.features, one.measure, reference=int(empty[0]))
    found = chosen.predict(one.features)
    assert chosen.chosen_by_ == "the reference frame"
    assert np.all(found.label[empty] == 1)
    assert not np.any(found.label[one.usable] == 1)
    labels = dict.fromkeys(empty[:5].tolist(), True)
    labelled = FrameFilter().fit(one.features, one.measure, labels=labels)
    assert labelled.chosen_by_ == "the labels"
    np.testing.assert_array_equal(labelled.predict(one.features).label[empty], 1)


def test_runs_of_one_experiment_are_labelled_alike(simulated: Make) -> None:
    first, second = simulated(500, 0.5), simulated(500, 0.1)
    together = FrameFeatures(np.concatenate([first.features.values, second.features.values]))
    joint = FrameFilter().fit(together, first.measure).predict(together).label
    alone = FrameFilter().fit(first.features, first.measure)
    found = np.concatenate([alone.predict(one.features).label for one in (first, second)])
    decided = (joint >= 0) & (found >= 0)
    assert decided.mean() > 0.98
    np.testing.assert_array_equal(joint[decided], found[decided])


def test_a_saved_filter_judges_alike(simulated: Make, tmp_path: Path) -> None:
    one = simulated(500, 0.5)
    chosen = FrameFilter().fit(one.features, one.measure)
    chosen.save(tmp_path)
    again = FrameFilter.load(tmp_path)
    for first, second in zip(
        vars(chosen.predict(one.features)).values(),
        vars(again.predict(one.features)).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(again.measure_.limits, one.measure.limits)


def test_reasons_name_what_is_wrong(simulated: Make) -> None:
    one = simulated(500, 0.0)
    chosen = FrameFilter().fit(one.features, one.measure)
    values = np.repeat(one.features.values[:1], 4, axis=0)
    values[0, :256] *= 0.1
    values[1, :256] *= 50.0
    values[2, 256 + 2] = 0.2
    values[3] = np.nan
    found = chosen.predict(FrameFeatures(values))
    names = [REASONS[number] for number in found.reason]
    assert names == ["too little flux", "too much flux", "hot pixels", "unreadable or all masked"]
    assert np.all(found.label == 0)
    assert found.probability[3] == 0.0


def test_flux_alone_is_found_at_its_size(simulated: Make) -> None:
    one = simulated(500, 0.0)
    core = Core.fit(one.features, np.ones(500, bool), tolerance=0.15)
    values = one.features.values.copy()
    values[:, :256] *= np.exp(-0.5)
    shift = (core.components(one.features) - core.components(FrameFeatures(values)))[:, 0]
    # But for the counts without beam, of which there are some in a hundred.
    np.testing.assert_allclose(shift * core.spread[0], 0.5, rtol=0.02)


def components(n: int, distance: float) -> np.ndarray:
    found = np.abs(np.random.default_rng(n).normal(size=(n, len(COMPONENTS))))
    found[:, 0] += distance
    return found


def test_a_frame_that_lies_farther_off_is_never_more_probably_usable() -> None:
    given = np.concatenate([components(200, 0.0), components(60, 12.0)])
    usable = np.arange(260) < 200
    classifier = FrameClassifier.fit(given, usable, random_state=0)
    nearer = components(300, 4.0)
    farther = nearer * np.random.default_rng(0).uniform(1.0, 3.0, nearer.shape)
    assert np.all(classifier.probability(farther) <= classifier.probability(nearer))
    assert np.all(classifier.weights <= 0.0)


def test_wrong_pseudo_labels_are_dropped() -> None:
    given = np.concatenate([components(400, 0.0), components(100, 15.0)])
    truth = np.arange(500) < 400
    labels = truth.copy()
    labels[[5, 50, 410, 450]] ^= True
    classifier = FrameClassifier.fit(given, labels, random_state=0)
    assert classifier.n_dropped == 4
    assert np.array_equal(classifier.probability(given) > 0.5, truth)


def test_one_unusable_frame_among_many_is_no_less_unusable() -> None:
    given = np.concatenate([components(400, 0.0), components(1, 3 * CERTAIN)])
    found = FrameClassifier.fit(given, np.arange(401) < 400, random_state=0).probability(given)
    assert found[-1] < 0.1
    assert np.all(found[:-1] > 0.9)


def test_frames_that_differ_less_than_the_tolerance_are_one_cluster(simulated: Make) -> None:
    one = simulated(500, 0.0)
    values = one.features.values.copy()
    values[250:, :256] *= 1.1
    assert len(find_clusters(FrameFeatures(values), tolerance=0.15).sizes) == 1
    values[250:, :256] *= 2.0
    assert len(find_clusters(FrameFeatures(values), tolerance=0.15).sizes) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("method", "mean"), ("tolerance", 0.0), ("confidence", 0.3), ("random_state", -1)],
)
def test_illegal_parameters_are_named(simulated: Make, name: str, value: object) -> None:
    one = simulated(500, 0.0)
    with pytest.raises(InputError, match=name):
        FrameFilter(**{name: value}).fit(one.features, one.measure)


def test_frames_of_which_none_is_readable_are_refused(simulated: Make) -> None:
    one = simulated(500, 0.0)
    nothing = FrameFeatures(np.full_like(one.features.values, np.nan))
    with pytest.raises(InputError, match="no frame can be used"):
        FrameFilter().fit(nothing, one.measure)
    values = one.features.values.copy()
    values[3] = np.nan
    with pytest.raises(InputError, match="reference"):
        FrameFilter().fit(replace(one.features, values=values), one.measure, reference=3)
