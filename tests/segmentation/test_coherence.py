"""Coherent memberships: what is alone gives way, what is left out has no say, turns are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_adapters.sky.sky_map import open_sky_map
from equiclust.segmentation import labelling
from equiclust.segmentation.coherence import coherent_memberships
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import segment_sky_map
from equiclust.simulation.cloud_files import write_cloud_map


def halves(noise: float = 0.0, seed: int = 0) -> np.ndarray:
    first = np.where(np.arange(20) < 10, 0.8, 0.2) + np.zeros((24, 1))
    first = np.clip(
        first + noise * np.random.default_rng(seed).normal(size=first.shape), 0.01, 0.99
    )
    return np.stack([first, 1.0 - first], axis=-1)


def test_a_tile_alone_gives_way_and_boundaries_stay() -> None:
    given = halves()
    given[12, 4] = given[12, 4, ::-1]
    found = coherent_memberships(given, sigma=2.0, strength=4.0)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(found.argmax(axis=-1), halves().argmax(axis=-1))
    np.testing.assert_array_equal(
        coherent_memberships(given, sigma=2.0, strength=0.0).argmax(axis=-1), given.argmax(axis=-1)
    )


def test_they_turn_with_the_map_and_leave_out_what_is_missing() -> None:
    given = halves(0.3)
    given[3:9, 5:8] = np.nan
    found = coherent_memberships(given, sigma=1.5, strength=4.0)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(given))
    again = coherent_memberships(np.rot90(given), sigma=1.5, strength=4.0)
    np.testing.assert_allclose(again, np.rot90(found), atol=1e-9)


def test_they_are_less_often_wrong_than_tiles_by_themselves() -> None:
    given, truth = halves(0.4), halves().argmax(axis=-1)
    found = coherent_memberships(given, sigma=2.0, strength=4.0)
    wrong = [np.mean(one.argmax(axis=-1) != truth) for one in (given, found)]
    assert wrong[1] < 0.25 * wrong[0]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_membership_is_how_sure_tiles_are_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cloud_map(tmp_path / "sky.fits", (160, 160), random_state=0)
    sky, options = open_sky_map(tmp_path / "sky.fits"), SegmentOptions(n_clusters=3)
    found = segment_sky_map(sky, options, _made(tmp_path / "coherent")).segment_map
    monkeypatch.setattr(labelling, "coherent_memberships", lambda memberships, **_: memberships)
    alone = segment_sky_map(sky, options, _made(tmp_path / "alone")).segment_map
    same = found.labels == alone.labels
    assert 0.5 < same.mean() < 1.0
    np.testing.assert_array_equal(found.membership[same], alone.membership[same])
    assert np.all(found.membership[~same] <= alone.membership[~same])
