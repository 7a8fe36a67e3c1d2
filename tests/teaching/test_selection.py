"""The images to label stand for all, then for what is in doubt."""

from __future__ import annotations

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.teaching import suggest, teach
from tests.teaching.conftest import KINDS, Blobs, make_blobs


def test_few_suggestions_cover_all_kinds(blobs: Blobs) -> None:
    assert sorted(blobs.truth[suggest(blobs.latents, 4)]) == list(KINDS)


def test_suggestions_teach_more_than_labels_at_random() -> None:
    chosen, random = [], []
    for seed in range(5):
        blobs = make_blobs(seed, spread=0.75)
        drawn = np.random.default_rng(seed).permutation(len(blobs.truth))[:10]
        for rows, scores in ((suggest(blobs.latents, 10), chosen), (drawn, random)):
            labels = {int(row): str(blobs.truth[row]) for row in rows}
            found = teach(blobs.latents, labels).predict(blobs.latents)
            scores.append(np.mean(found == blobs.truth))
    assert np.mean(chosen) > np.mean(random) + 0.02


def test_a_further_round_asks_for_what_is_in_doubt() -> None:
    blobs = make_blobs(0, spread=0.75)
    labels = {int(row): str(blobs.truth[row]) for row in suggest(blobs.latents, 12)}
    further = suggest(blobs.latents, 12, labels=labels)
    assert not set(further.tolist()) & set(labels)
    probabilities = teach(blobs.latents, labels).predict_proba(blobs.latents).max(axis=1)
    asked = np.setdiff1d(np.arange(len(blobs.truth)), list(labels))
    assert probabilities[further].mean() < probabilities[asked].mean() - 0.05


def test_labels_of_one_kind_lead_away_from_it() -> None:
    blobs = make_blobs(1)
    labels = {int(row): "arc" for row in np.flatnonzero(blobs.truth == "arc")[:5]}
    further = suggest(blobs.latents, 9, labels=labels)
    assert set(blobs.truth[further]) >= set(KINDS) - {"arc"}


def test_no_image_is_suggested_twice_and_never_more_than_there_are() -> None:
    latents = make_blobs(2, n=20).latents
    assert sorted(suggest(latents, 50).tolist()) == list(range(20))
    assert len(suggest(np.repeat(latents[:3], 5, axis=0), 10)) == 3
    assert len(suggest(latents, 50, labels={0: "arc", 1: "bar"})) == 18


def test_of_many_images_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("equiclust.teaching.selection._MAX_IMAGES", 40)
    blobs = make_blobs(3)
    assert set(blobs.truth[suggest(blobs.latents, 8)]) == set(KINDS)


def test_the_same_seed_gives_the_same(blobs: Blobs) -> None:
    first, second = (suggest(blobs.latents, 7, random_state=5) for _ in range(2))
    assert first.tolist() == second.tolist()


def test_what_cannot_be_suggested_is_refused() -> None:
    latents = np.eye(4)
    with pytest.raises(InputError, match="n must be"):
        suggest(latents, 0)
    with pytest.raises(InputError, match="all 4 images are labelled"):
        suggest(latents, 2, labels=dict.fromkeys(range(4), "arc"))
    with pytest.raises(InputError, match="rows 0 to 3, got 7"):
        suggest(latents, 2, labels={7: "arc"})
