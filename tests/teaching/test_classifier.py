"""Kinds follow from few labels, whatever the units of the latents, and say how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.teaching import FewLabelClassifier, teach
from equiclust.teaching.classifier import _best_space
from tests.teaching.conftest import KINDS, Blobs, make_blobs


def test_a_few_labels_sort_the_others(blobs: Blobs) -> None:
    classifier = FewLabelClassifier().fit(blobs.latents, blobs.labels)
    assert np.mean(classifier.predict(blobs.latents) == blobs.truth) > 0.95
    probabilities = classifier.predict_proba(blobs.latents)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert classifier.classes_.tolist() == sorted(KINDS)


def test_labelled_images_keep_their_label_however_wrong() -> None:
    blobs = make_blobs(0)
    labels = blobs.labels
    row = blobs.labelled[0]
    labels[row] = next(kind for kind in KINDS if kind != blobs.truth[row])
    found = FewLabelClassifier().fit(blobs.latents, labels).predict_kinds(blobs.latents)
    assert found.kinds[row] == labels[row]
    assert np.flatnonzero(found.given >= 0).tolist() == sorted(blobs.labelled)


def test_old_images_seen_again_get_the_same(blobs: Blobs) -> None:
    classifier = FewLabelClassifier().fit(blobs.latents, blobs.labels)
    once = classifier.predict_kinds(blobs.latents)
    order = np.random.default_rng(0).permutation(len(blobs.latents))
    rounded = blobs.latents[order].astype(np.float32)
    again = classifier.predict_kinds(rounded)
    assert again.labels.tolist() == once.labels[order].tolist()
    assert again.given.tolist() == once.given[order].tolist()
    np.testing.assert_allclose(again.probabilities, once.probabilities[order], atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [lambda x: 1000 * x, lambda x: x - 7, lambda x: x[:, ::-1], lambda x: -x],
    ids=["scaled", "shifted", "reversed", "mirrored"],
)
def test_units_and_axes_do_not_matter(change: Callable[..., np.ndarray]) -> None:
    blobs = make_blobs(1)
    latents = change(blobs.latents)
    plain = FewLabelClassifier().fit(blobs.latents, blobs.labels).predict_proba(blobs.latents)
    changed = FewLabelClassifier().fit(latents, blobs.labels).predict_proba(latents)
    np.testing.assert_allclose(changed, plain, atol=2e-3)


def test_a_space_that_misleads_is_not_used_alone(random_state: int) -> None:
    blobs = make_blobs(random_state, n_labels=60, spread=0.5)
    rng = np.random.default_rng(random_state)
    # Firm clusters that have nothing to do with the kinds.
    other = np.eye(30)[rng.integers(0, 30, len(blobs.latents))] + 0.01
    latents = np.concatenate([blobs.latents, other], axis=1)
    classifier = FewLabelClassifier({"good": range(6), "other": range(6, 36)})
    classifier.fit(latents, blobs.labels)
    assert classifier.space_ in ("good", "all")
    assert classifier.space_losses_["good"] < classifier.space_losses_["other"]
    assert np.mean(classifier.predict(latents) == blobs.truth) > 0.9


def test_a_space_is_used_alone_where_it_is_clearly_better() -> None:
    rng = np.random.default_rng(0)
    losses = 0.5 + 0.1 * rng.normal(size=30)
    assert _best_space({"all": losses, "one": losses - 0.1, "other": losses + 1}) == "one"
    assert _best_space({"all": losses, "one": losses}) == "all"
    uncertain = losses - 0.01 + 0.5 * rng.normal(size=30)
    assert _best_space({"all": losses, "one": uncertain}) == "all"


def test_probabilities_are_as_often_right_as_they_say() -> None:
    said, right = [], []
    for seed in range(8):
        blobs = make_blobs(seed, n=300, n_labels=60, spread=0.7)
        found = FewLabelClassifier().fit(blobs.latents, blobs.labels).predict_kinds(blobs.latents)
        asked = found.given < 0
        best = np.array(KINDS)[found.probabilities[asked].argmax(axis=1)]
        said.append(found.probabilities[asked].max(axis=1))
        right.append(best == blobs.truth[asked])
    sure, hit = np.concatenate(said), np.concatenate(right)
    assert 0.6 < hit.mean() < 0.95
    assert abs(sure.mean() - hit.mean()) < 0.04
    assert abs(sure[sure > 0.9].mean() - hit[sure > 0.9].mean()) < 0.04


def test_a_kind_without_labels_is_none_of_these() -> None:
    found_out, wrongly = [], []
    for seed in range(8):
        blobs = make_blobs(seed, n=200, n_labels=60)
        unnamed = blobs.truth == "dot"
        labels = np.where(unnamed, "", blobs.labels)
        found = FewLabelClassifier().fit(blobs.latents, labels).predict_kinds(blobs.latents)
        found_out.append(np.mean(found.labels[unnamed] < 0))
        wrongly.append(np.mean(found.labels[(found.given < 0) & ~unnamed] < 0))
    assert np.mean(found_out) > 0.9
    assert np.mean(wrongly) <= 0.1


def test_fewer_labels_than_the_rate_can_be_told_from_call_nothing_none_of_these() -> None:
    blobs = make_blobs(0, n_labels=12)
    classifier = FewLabelClassifier().fit(blobs.latents, blobs.labels)
    assert classifier.threshold_ is None
    assert not np.any(classifier.predict_kinds(blobs.latents + 50).labels < 0)


def test_of_the_labelled_kinds_few_are_called_none_of_these() -> None:
    shares = []
    for seed in range(12):
        blobs = make_blobs(seed)
        found = FewLabelClassifier().fit(blobs.latents, blobs.labels).predict_kinds(blobs.latents)
        shares.append(np.mean(found.labels[found.given < 0] < 0))
    assert np.mean(shares) <= 0.05


def test_more_images_than_labels_spread_over(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = make_blobs(2, n=600)
    monkeypatch.setattr("equiclust.teaching.classifier._MAX_REFERENCES", 100)
    monkeypatch.setattr("equiclust.teaching.classifier._CHUNK", 64)
    classifier = FewLabelClassifier().fit(blobs.latents, blobs.labels)
    found = classifier.predict_kinds(blobs.latents)
    assert np.mean(np.array(found.kinds) == blobs.truth) > 0.95
    assert np.flatnonzero(found.given >= 0).tolist() == sorted(blobs.labelled)


@pytest.mark.parametrize("kinds", [("arc", "bar"), KINDS])
def test_what_was_saved_gives_the_same_to_the_last_bit(
    kinds: tuple[str, ...], tmp_path: Path
) -> None:
    blobs = make_blobs(3)
    spaces = {"one": [0, 2, 4], "two": [1, 3, 5]}
    labels = np.where(np.isin(blobs.labels, kinds), blobs.labels, "")
    classifier = FewLabelClassifier(spaces).fit(blobs.latents, labels)
    classifier.save(tmp_path)
    loaded = FewLabelClassifier.load(tmp_path)
    one, other = (each.predict_kinds(blobs.latents + 0.01) for each in (classifier, loaded))
    assert np.array_equal(one.probabilities, other.probabilities)
    assert np.array_equal(one.novelty, other.novelty)
    assert one.names == other.names == kinds
    assert loaded.space_losses_ == classifier.space_losses_
    content = read_json(tmp_path / "teaching.json")
    content["learned"]["kinds"].append("more")
    write_json(tmp_path / "teaching.json", content)
    with pytest.raises(InputError, match="damaged"):
        FewLabelClassifier.load(tmp_path)


def test_one_label_of_each_of_two_kinds_is_enough() -> None:
    blobs = make_blobs(4)
    found = teach(blobs.latents, {0: "arc", 1: "bar"}).predict_kinds(blobs.latents)
    two = np.isin(blobs.truth, ("arc", "bar"))
    assert np.mean(np.array(found.kinds)[two] == blobs.truth[two]) > 0.9


def test_images_that_are_all_the_same_are_no_trouble() -> None:
    found = teach(np.ones((5, 3)), {0: "arc", 1: "bar"}).predict_kinds(np.ones((5, 3)))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_a_copy_of_a_labelled_image_has_its_label() -> None:
    blobs = make_blobs(5)
    latents = np.concatenate([blobs.latents, blobs.latents[blobs.labelled]])
    labels = np.concatenate([blobs.labels, np.full(len(blobs.labelled), "")])
    found = FewLabelClassifier().fit(latents, labels).predict(latents)
    assert found[len(blobs.latents) :].tolist() == blobs.truth[blobs.labelled].tolist()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({}, "no image is labelled"),
        ({0: "arc"}, "all labels name the kind 'arc'"),
        ({0: "arc", 99: "bar"}, "rows 0 to 9, got 99"),
    ],
)
def test_labels_that_teach_nothing_are_refused(labels: dict[int, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        teach(np.eye(10), labels)


def test_latents_and_spaces_that_do_not_fit_are_refused() -> None:
    blobs = make_blobs(0)
    with pytest.raises(InputError, match="each of the 6 columns once"):
        FewLabelClassifier({"one": [0, 1]}).fit(blobs.latents, blobs.labels)
    with pytest.raises(InputError, match="y must be 160 texts"):
        FewLabelClassifier().fit(blobs.latents, np.zeros(160))
    with pytest.raises(InputError, match="novelty_rate"):
        FewLabelClassifier(novelty_rate=2.0).fit(blobs.latents, blobs.labels)
    with pytest.raises(InputError, match="6 columns, got 2"):
        FewLabelClassifier().fit(blobs.latents, blobs.labels).predict(np.zeros((3, 2)))
