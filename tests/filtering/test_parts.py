"""Laws of the parts of the filter against NumPy: limits, averages, clusters, distances, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from data_adapters.frames import FrameSeries
from equiclust.filtering.averages import average_frames
from equiclust.filtering.calibration import calibrate
from equiclust.filtering.classifier import FrameClassifier, _regression
from equiclust.filtering.clusters import FrameClusters
from equiclust.filtering.core import COMPONENTS, Core
from equiclust.filtering.features import N_FEATURES, FrameFeatures, Measure
from equiclust.filtering.frame_filter import FrameFilter, Judgement
from equiclust.filtering.job import _job
from equiclust.filtering.kept_file import make_table
from equiclust.filtering.measuring import measure_series
from equiclust.io.catalogue import read_table
from tests.filtering.series import stack_of

RNG = np.random.default_rng(0)
PATTERN = np.where(RNG.random((32, 32)) < 0.02, 500, 20).astype(np.uint16)
MASKED = 65535


def features(blocks: Any, **shares: float) -> FrameFeatures:
    values = np.zeros((len(blocks), N_FEATURES), np.float32)
    values[:, :256] = blocks
    for name, share in shares.items():
        values[:, 256 + ("masked", "zero", "hot", "saturated").index(name)] = share
    return FrameFeatures(values)


def test_limits_are_those_of_the_brighter_frames_and_of_the_neighbours() -> None:
    frames = np.repeat(PATTERN[None], 40, axis=0)
    frames[::2] = 0
    found = calibrate(stack_of(frames))
    expected = 4.0 * maximum_filter(PATTERN.astype(float), 3) + 25.0
    np.testing.assert_allclose(found.limits, expected)


def test_a_pixel_is_saturated_from_the_least_count_that_any_file_names() -> None:
    frames = np.repeat(PATTERN[None], 3, axis=0)
    stacks = [stack_of(frames, saturation=value).stacks[0] for value in (900.0, 700.0, 800.0)]
    assert calibrate(FrameSeries(tuple(stacks))).saturation == 700
    assert calibrate(FrameSeries(tuple(stacks)), saturation=750).saturation == 750


def test_averages_leave_out_masked_pixels_and_frames_that_are_lost() -> None:
    frames = RNG.integers(1, 90, (200, 32, 32)).astype(np.uint16)
    frames[:, 3, 4] = np.where(np.arange(200) % 2, MASKED, 50)
    frames[:, 9, 9] = MASKED
    reason = np.zeros(200, np.int64)
    reason[[150, 151]], reason[[160, 161, 162]] = 7, 1
    judgement = Judgement(np.ones(200), (reason == 0).astype(np.int64), reason)
    found = average_frames(stack_of(frames, lost=(151,)), judgement, None)
    assert [one.name for one in found] == ["usable", "too little flux", "hot pixels"]
    assert [(one.n_averaged, one.n_frames) for one in found] == [(48, 195), (3, 3), (1, 2)]
    usable = np.flatnonzero(reason == 0)
    chosen = usable[np.linspace(0, len(usable) - 1, 48).astype(int)]
    seen = np.where(frames[chosen] == MASKED, np.nan, frames[chosen].astype(float))
    seen = np.ma.masked_invalid(seen).mean(axis=0).filled(np.nan)
    np.testing.assert_allclose(found[0].mean, seen)
    assert found[0].mean[3, 4] == 50
    assert np.isnan(found[0].mean[9, 9])


def test_the_brightest_cluster_is_neither_rare_nor_saturated() -> None:
    labels = np.repeat([0, 1, 2, 3], [500, 300, 195, 5])
    blocks = np.repeat([10.0, 40.0, 90.0, 900.0], [500, 300, 195, 5])[:, None]
    given = features(blocks)
    given.values[labels == 2, 256 + 3] = 0.2
    clusters = FrameClusters(given, labels)
    assert clusters.brightest() == 1
    np.testing.assert_allclose(clusters.flux, [10, 40, 90, 900])
    saturated = FrameClusters(features(blocks, saturated=0.2), labels)
    assert saturated.brightest() == 0


def test_a_frame_of_no_cluster_belongs_to_the_nearest() -> None:
    given = features(np.array([10.0] * 5 + [100.0] * 5 + [12.0, 80.0])[:, None])
    clusters = FrameClusters(given, np.array([0] * 5 + [1] * 5 + [-1, -1]))
    assert [clusters.nearest_to(frame) for frame in (0, 9, 10, 11)] == [0, 1, 0, 1]


@pytest.fixture(scope="module")
def core() -> Core:
    usual = np.linspace(20, 60, 256) * RNG.normal(1.0, 0.02, (200, 256))
    return Core.fit(features(usual), np.ones(200, bool), tolerance=0.15)


def raw(core: Core, given: FrameFeatures) -> dict[str, Any]:
    """Components, not yet in standard deviations."""
    found = core.components(given) * core.spread
    return dict(zip(COMPONENTS, found.T, strict=True))


def test_what_is_masked_in_one_frame_counts_as_masked_only(core: Core) -> None:
    blocks = np.repeat(core.usual[None], 2, axis=0)
    blocks[1, :128] = np.nan
    found = raw(core, features(blocks))
    for name in ("flux", "pattern", "place"):
        np.testing.assert_allclose(found[name], 0.0, atol=0.02)
    blocks[1, 128:] *= 0.5
    np.testing.assert_allclose(raw(core, features(blocks))["flux"][1], np.log(0.5), atol=0.02)


def test_pattern_is_all_blocks_and_place_the_four_that_differ_most(core: Core) -> None:
    blocks = np.repeat(core.usual[None], 3, axis=0)
    blocks[1] *= 2.0
    blocks[2, 30:34] *= 2.0
    found = raw(core, features(blocks))
    np.testing.assert_allclose(found["flux"] - found["flux"][0], [0, np.log(2), 0], atol=0.02)
    np.testing.assert_allclose(found["pattern"], [0, 0, 0.07], atol=0.02)
    assert found["place"][1] < 0.1
    np.testing.assert_allclose(found["place"][2], np.log(2) - core.centre[2], atol=0.02)


def test_a_class_of_more_frames_weighs_no_more() -> None:
    n = len(COMPONENTS) + 1
    x = np.abs(np.concatenate([RNG.normal(0, 1, (60, n)), RNG.normal(1.0, 1, (20, n))]))
    y = np.arange(80) < 60
    weights, bias = _regression(x, y)
    often = np.concatenate([np.flatnonzero(y), *[np.flatnonzero(~y)] * 5])
    again, other = _regression(x[often], y[often])
    np.testing.assert_allclose(again, weights, atol=1e-3)
    assert other == pytest.approx(bias, abs=1e-3)


def test_given_labels_come_before_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    given = features(np.linspace(20, 60, 256) * RNG.normal(1.0, 0.02, (200, 256)))
    given.values[[3, 4], :256] *= 0.1
    given.values[7] = np.nan
    taught: list[Any] = []
    fit = FrameClassifier.fit.__func__  # type: ignore[attr-defined]

    def watched(cls: Any, components: Any, usable: Any, *, random_state: int) -> Any:
        taught.append((np.abs(components).max(axis=1), usable))
        return fit(cls, components, usable, random_state=random_state)

    monkeypatch.setattr(FrameClassifier, "fit", classmethod(watched))
    measure = Measure(np.full((32, 32), 1e3, np.float32))
    FrameFilter().fit(given, measure, labels={0: True, 3: True, 5: False, 7: False})
    (distance, usable), *_ = taught
    far = distance > 50
    assert far.sum() == 2
    assert sorted(usable[far].tolist()) == [False, True]
    assert np.count_nonzero(~usable) == 2


def test_work_of_other_frames_or_another_measure_is_not_taken_up(tmp_path: Path) -> None:
    frames = np.repeat(PATTERN[None], 3, axis=0)
    path = tmp_path / "a"
    path.write_text("frames")
    series, measure = stack_of(frames, name=str(path)), calibrate(stack_of(frames))
    jobs = [_job(series, measure)]
    assert _job(series, replace(measure)) == jobs[0]
    jobs.append(_job(series, replace(measure, mask_value=3.0)))
    jobs.append(_job(series, replace(measure, saturation=3.0)))
    jobs.append(_job(series, replace(measure, limits=measure.limits + 1)))
    jobs.append(_job(stack_of(frames[:2], name=str(path)), measure))
    path.write_text("others")
    jobs.append(_job(series, measure))
    assert len({str(job) for job in jobs}) == len(jobs)


def test_lost_frames_are_nan_and_the_others_in_their_rows() -> None:
    frames = np.arange(1, 11, dtype=np.uint16)[:, None, None] * np.ones((32, 32), np.uint16)
    measure = Measure(np.full((32, 32), 1e3, np.float32))
    (found,) = measure_series(stack_of(frames, lost=(4,)), measure)
    np.testing.assert_allclose(found.features.flux, [1, 2, 3, 4, np.nan, 6, 7, 8, 9, 10])
    assert found.stop == 10
    assert "cannot read frames 0 to 9" in found.failure
    (later,) = measure_series(stack_of(frames, lost=(4,)), measure, start=6)
    np.testing.assert_allclose(later.features.flux, [7, 8, 9, 10])
    assert (later.stop, later.failure) == (10, "")


def test_pieces_of_one_file_are_counted_on_and_other_files_anew(tmp_path: Path) -> None:
    parts = [stack_of(np.zeros((n, 32, 32)), name=name).stacks[0] for n, name in
             ((2, "a"), (3, "a"), (2, "b"))]  # fmt: skip
    zeros = np.zeros(7, np.int64)
    judgement = Judgement(np.zeros(7), zeros, zeros)
    given = features(np.arange(7.0)[:, None])
    table = make_table(FrameSeries(tuple(parts)), given, judgement)
    assert table["file"].tolist() == ["a"] * 5 + ["b"] * 2
    assert table["index"].tolist() == [0, 1, 2, 3, 4, 0, 1]
    table.write(tmp_path / "table.ecsv")
    assert read_table(tmp_path / "table.ecsv")["flux"].tolist() == list(range(7))
