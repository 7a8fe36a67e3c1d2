"""Stability, findings and unassigned images: sentences that follow from the numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.report import write_report
from equiclust.report.contents import Contents, read_contents
from equiclust.report.figures.stability import agreement_of_trained
from equiclust.report.formatting import percent
from equiclust.report.sections.clusters import describe_unassigned, make_clusters
from equiclust.report.sections.findings import make_findings
from equiclust.report.sections.stability import make_stability
from tests.report.ensemble_folder import CONFOUNDERS, PERTURBATION, make_ensemble_run
from tests.report.folders import Page, make_run


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return read_contents(make_ensemble_run(tmp_path_factory.mktemp("ensemble") / "run"))


def with_metrics(contents: Contents, **changes: Any) -> Contents:
    return dataclasses.replace(contents, metrics={**contents.metrics, **changes})


def with_labels(contents: Contents, *labels: int) -> Contents:
    n = len(labels)
    known = contents.with_latent < n
    return dataclasses.replace(
        contents,
        ids=contents.ids[:n],
        labels=np.array(labels, np.int64),
        stability=contents.stability[:n],
        outlier_score=contents.outlier_score[:n],
        with_latent=contents.with_latent[known],
        latents=contents.latents[known],
    )


def finding(contents: Contents, topic: str) -> str:
    return " ".join(s for f in make_findings(contents) if f.topic == topic for s in f.sentences)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((0, 0, 1), "Every image has a label."),
        ((0, 0, 0, -1), "1 image of 4 (25\u202f%) has the label"),
        ((-1, 0, 0, -1), "2 images of 4 (50\u202f%) have the label"),
        ((-1, -1), "Every image has the label “don't know”"),
    ],
)
def test_unassigned_in_words(contents: Contents, labels: tuple[int, ...], text: str) -> None:
    assert text in describe_unassigned(with_labels(contents, *labels))


def test_requested_and_reached_are_stated(contents: Contents) -> None:
    record = {"reliability_asked": 0.9, "coverage": 0.96, "reliability": 0.93}
    words = " ".join(make_stability(with_metrics(contents, stability=record)).coverage_sentences)
    assert "The requested reliability was 90\u202f%." in words
    assert "cover 96\u202f% of the images, with a reliability of 93\u202f%" in words
    assert "less than was requested" not in words
    record["reliability"] = 0.85
    words = " ".join(make_stability(with_metrics(contents, stability=record)).coverage_sentences)
    assert "less than was requested" in words


@pytest.mark.parametrize(
    ("unseen", "text"), [(0.95, "do not depend"), (0.8, "recognise single images")]
)
def test_agreement_of_those_who_saw_and_those_who_did_not(
    contents: Contents, unseen: float, text: str
) -> None:
    record = {"agreement": 0.7 * 0.96 + 0.3 * unseen, "agreement_held_out": unseen}
    section = make_stability(with_metrics(contents, stability=record))
    words = " ".join(section.agreement_sentences)
    assert f"in {percent(0.96)} of all cases" in words
    assert percent(unseen) in words
    assert text in words
    bare = make_stability(with_metrics(contents, stability=record, ensemble=None))
    assert f"in {percent(record['agreement'])} of all cases" in bare.agreement_sentences[0]


def test_agreement_of_those_who_trained_is_counted_from_their_labels(contents: Contents) -> None:
    n = len(contents.ids)
    held_out = (np.arange(n) % 10 - np.arange(10)[:, None]) % 10 < 3
    agrees = contents.fold_labels == contents.labels
    agrees |= contents.labels < 0
    every = agrees.mean(axis=0)
    unseen = np.array([agrees[held_out[:, i], i].mean() for i in range(n)])
    seen = np.array([agrees[~held_out[:, i], i].mean() for i in range(n)])
    assert np.allclose(agreement_of_trained(contents, every, unseen), seen)
    assert unseen.mean() < seen.mean()


def test_not_even_the_best_may_be_good_enough(contents: Contents) -> None:
    record = {"reliability_asked": 0.9, "curve": [{"coverage": 0.1, "reliability": 0.8}]}
    words = " ".join(make_stability(with_metrics(contents, stability=record)).coverage_sentences)
    assert "Not even the most stable images reach it." in words
    record["reliability_asked"] = 0.8
    words = " ".join(make_stability(with_metrics(contents, stability=record)).coverage_sentences)
    assert "Not even" not in words


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {"curve": "nonsense", "coverage": None},
        {"curve": ["nonsense", {"coverage": 1.0}, {"coverage": None, "reliability": 0.5}]},
        {"curve": [{"coverage": 1.0, "reliability": 1.0}], "reliability_asked": 1.0},
    ],
)
def test_stability_of_any_record(contents: Contents, record: Any) -> None:
    section = make_stability(with_metrics(contents, stability=record))
    assert section.figure.startswith("data:image/svg+xml")
    assert section.agreement_sentences == ()
    unknown = np.full(55, np.nan)
    blank = dataclasses.replace(contents, stability=unknown, agreement_held_out=unknown)
    drawn = make_stability(with_metrics(blank, stability=record))
    assert bool(drawn.figure) is drawn.has_curve


def test_one_network_is_not_called_calibrated(tmp_path: Path, contents: Contents) -> None:
    assert make_stability(contents).is_calibrated
    alone = read_contents(make_run(tmp_path / "run"))
    assert not make_stability(alone).is_calibrated
    assert "a single network" in finding(alone, "Stability")


def test_findings_count_the_clusters(contents: Contents) -> None:
    assert "5 images in 2 clusters of 3 and 1." in finding(
        with_labels(contents, 0, 2, -1, 0, 0), "Clusters"
    )
    many = with_labels(contents, *range(20), 3)
    assert "21 images in 20 clusters of 1 to 2 images." in finding(many, "Clusters")
    assert "None of the 2 images" in finding(with_labels(contents, -1, -1), "Clusters")


@pytest.mark.parametrize(
    ("ari", "words"),
    [
        (1.0, "stay the same"),
        (0.95, "nearly the same"),
        (0.8, "much the same"),
        (0.6, "only roughly"),
        (-0.2, "he clusters change"),
    ],
)
def test_perturbation_in_words(contents: Contents, ari: float, words: str) -> None:
    changed = with_metrics(contents, perturbation={**PERTURBATION, "ari": ari})
    assert words in finding(changed, "Small changes")
    assert "1 of 55 labels changes when images are turned" in finding(changed, "Small changes")
    bare = with_metrics(contents, perturbation={"ari": ari})
    assert words in finding(bare, "Small changes")


def test_findings_hold_what_was_measured_and_nothing_else(contents: Contents) -> None:
    for entry in CONFOUNDERS:
        assert entry["sentence"] in finding(contents, "Confounders")
    topics = {found.topic for found in make_findings(with_metrics(contents))}
    assert topics == {"Clusters", "Stability", "Invariance", "Small changes", "Confounders"}
    bare = dataclasses.replace(contents, metrics={})
    assert {found.topic for found in make_findings(bare)} == topics - {
        "Small changes",
        "Confounders",
    }


def test_where_there_are_no_two_clusters_nothing_can_be_a_confounder(contents: Contents) -> None:
    found = with_labels(contents, 0, 0, -1)
    assert finding(found, "Small changes") == ""
    assert "no two clusters" in finding(found, "Confounders")


def test_confounders_found_come_first_and_are_marked(contents: Contents) -> None:
    (found,) = (found for found in make_findings(contents) if found.topic == "Confounders")
    assert found.state == "bad"
    assert found.sentences[0].startswith("Brightness")


def test_the_unassigned_show_what_the_networks_propose(contents: Contents) -> None:
    proposals = np.array([[0, 2, 1], [2, 2, 1], [2, 2, 1], [1, 2, 0], [2, 2, 0]])
    undecided = dataclasses.replace(with_labels(contents, -1, -1, 1), fold_labels=proposals)
    captions = {tile.id: tile.caption for tile in make_clusters(undecided).unassigned.typical}
    first, second = contents.stability[:2]
    assert captions[contents.ids[0]] == f"{first:.2f} · 2 or 0 or 1"
    assert captions[contents.ids[1]] == f"{second:.2f} · 2"
    assert "·" not in make_clusters(undecided).clusters[0].typical[0].caption


def test_no_clusters_is_an_answer_only_where_it_was_looked_for(contents: Contents) -> None:
    clusters = contents.metrics["clusters"]
    found = with_metrics(contents, clusters={**clusters, "n_clusters": 1, "chosen": "auto"})
    assert found.is_one_family
    assert "There are no clusters" in finding(found, "Clusters")
    assert make_clusters(found).clusters[0].name == "one family"
    asked = with_metrics(contents, clusters={**clusters, "n_clusters": 1, "chosen": "by hand"})
    assert not asked.is_one_family


def test_page_of_an_ensemble(tmp_path: Path) -> None:
    page = Page(write_report(make_ensemble_run(tmp_path / "run")))
    for text in (
        "don't know (4)",
        "4 images of 55 (7.3 %) have the label “don't know”",
        "10 networks labelled every image.",
        "10 networks, 6 epochs each;",
        "fold 9",
        "mean member",
        "Networks that trained on an image",
        "The 10 networks describe the shape of an image by 40 numbers (4 by each network)",
        "Brightness explains 21 % of the labels",
        "pretrained weights: encoder, head.",
    ):
        assert text in page.text
    assert page.count("article") == 4
    assert page.text.index("Don't know 4 images") > page.text.index("Outliers The images")


def test_page_without_clusters(tmp_path: Path) -> None:
    run = make_ensemble_run(tmp_path / "run", n=14, n_clusters=1, n_unassigned=0)
    page = Page(write_report(run))
    assert "14 images that form one continuous family without clusters" in page.text
    assert "There are no clusters: the images form one continuous family." in page.text
    assert "nothing to compare" in page.text
    assert page.count("article") == 1
