"""What the sections show, before any template."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.report import write_report
from equiclust.report.contents import Contents, read_contents
from equiclust.report.formatting import compact
from equiclust.report.sections.clusters import OUTLIERS, TYPICAL, UNCERTAIN, make_clusters
from equiclust.report.sections.invariance import tabulate_certificate
from equiclust.report.sections.latent_map import make_latent_map
from equiclust.report.sections.n_clusters import make_n_clusters
from equiclust.report.sections.reconstruction import make_reconstruction
from equiclust.report.sections.records import make_provenance
from equiclust.report.sections.summary import Bottleneck, make_bottleneck, make_notes
from equiclust.report.sections.training import make_training
from tests.report.folders import METRICS, Page, make_certificate, make_run


def contents_of(path: Path, **options: Any) -> Contents:
    return read_contents(make_run(path / "run", **options))


def with_metrics(contents: Contents, **changes: Any) -> Contents:
    return dataclasses.replace(contents, metrics={**METRICS, **changes})


def test_gallery_shows_the_most_stable_first_and_no_image_twice(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 60 + [1] * 26 + [2] * 3 + [-1] * 2)
    gallery = make_clusters(contents)
    assert [cluster.count for cluster in gallery.clusters] == [60, 26, 3]
    groups = [*gallery.clusters, gallery.unassigned]
    assert sum(cluster.share for cluster in groups) == pytest.approx(1.0)
    for cluster, label in zip(groups, [0, 1, 2, -1], strict=True):
        members = np.flatnonzero(contents.labels == label)
        expected = members[np.argsort(-contents.stability[members])]
        names = [contents.ids[row] for row in expected]
        assert [tile.id for tile in cluster.typical] == names[:TYPICAL]
        rest = names[TYPICAL:][-UNCERTAIN:][::-1]
        assert [tile.id for tile in cluster.uncertain] == rest
        assert cluster.mean_score == pytest.approx(contents.stability[members].mean())
    by_score = [contents.ids[row] for row in np.argsort(-contents.outlier_score)]
    assert [tile.id for tile in gallery.outliers] == by_score[:OUTLIERS]


def test_gallery_chooses_among_images_with_a_picture(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 40 + [1] * 5, pictured=[3, 8])
    first, second = make_clusters(contents).clusters
    assert {tile.id for tile in first.typical} == {contents.ids[3], contents.ids[8]}
    assert [tile.picture for tile in second.typical] == [""] * 5
    assert not make_clusters(contents).all_pictured


def test_many_clusters_get_fewer_pictures_each(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=list(range(100)) * 10)
    gallery = make_clusters(contents)
    tiles = sum(len(c.typical) + len(c.uncertain) for c in gallery.clusters)
    assert 100 <= tiles <= 1200
    assert (gallery.unassigned.count, gallery.unassigned.typical) == (0, ())


def test_legend_counts_every_image_once_and_stays_short(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=list(range(100)) * 3 + [-1] * 4)
    legend = make_latent_map(contents).legend
    assert len(legend) == 32
    assert sum(entry.count for entry in legend) == 304
    assert legend[0].name == "don't know"
    assert legend[-1].name == "70 smaller clusters"


def test_reconstructions_run_from_best_to_worst(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 30)
    found = make_reconstruction(contents)
    errors = [triple.mse for _, triples in found.groups for triple in triples]
    previews = contents.previews
    expected = np.square(previews.images - previews.reconstructions).mean(axis=(1, 2, 3))
    assert errors == sorted(errors)
    assert len({triple.id for _, triples in found.groups for triple in triples}) == 12
    assert errors[0] == pytest.approx(expected.min())
    assert errors[-1] == pytest.approx(expected.max())


@pytest.mark.parametrize(
    "history",
    [
        [],
        [{"epoch": 0, "mse": 0.1}],
        [{"epoch": 0, "mse": None}, {"epoch": 1, "mse": 0.2, "seconds": 1}],
        [{"epoch": 0, "total": 0.0, "validation_mse": 1e-9}, {"epoch": 1, "total": -3.0}],
        [{"epoch": e, "total": 10.0**-e, "mine": e, "also $mine": 1} for e in range(40)],
        ["nonsense", {"total": "nonsense"}],
    ],
)
def test_training_curves_of_any_terms(tmp_path: Path, history: list[Any]) -> None:
    training = make_training(with_metrics(contents_of(tmp_path), history=history))
    numbers = {
        name
        for record in history
        if isinstance(record, dict)
        for name, value in record.items()
        if isinstance(value, int | float) and name not in ("epoch", "seconds")
    }
    assert {term.name for term in training.terms} == numbers
    assert bool(training.figure) == bool(numbers)


def test_choice_lists_every_score_and_its_proposal(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    choice = make_n_clusters(contents)
    assert [(score.proposal, bool(choice.figure)) for score in choice.scores] == [(2, True)]
    by_hand = {"n_clusters": 4, "chosen": "by hand", "candidates": []}
    choice = make_n_clusters(with_metrics(contents, clusters=by_hand))
    assert (choice.n_clusters, choice.figure, choice.scores) == (4, "", ())


@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize("passes", [True, False])
def test_invariance_says_what_the_certificate_says(passes: bool, baseline: bool) -> None:
    certificate = make_certificate(passes=passes, baseline=baseline)
    section = tabulate_certificate(certificate)
    assert section.passed is passes
    assert section.failures == certificate.failures
    words = " ".join(section.sentences)
    assert certificate.ours.d4.relative_to_norm is not None
    assert compact(certificate.ours.d4.relative_to_norm.max) in words
    assert ("non-equivariant network" in words) is baseline
    for _, rows in section.displacements:
        assert all((len(row.ours), len(row.baseline)) == (3, 3 * baseline) for row in rows)
    for _, rows in section.rates:
        assert all((len(row.ours), len(row.baseline)) == (1, baseline) for row in rows)


def test_constant_latents_have_no_figures_to_draw() -> None:
    certificate = make_certificate()
    blank = dataclasses.replace(
        certificate.ours.d4, relative_to_norm=None, relative_to_spread=None, flip_rate=None
    )
    ours = dataclasses.replace(
        certificate.ours,
        norm=0.0,
        spread=0.0,
        d4=blank,
        diagonal=blank,
        random=blank,
        there_and_back=None,
        equivariance_db=None,
        lie_derivative=None,
    )
    section = tabulate_certificate(dataclasses.replace(certificate, ours=ours))
    assert section.displacements[0][1][0].ours == ("–", "–", "–")


def test_bottleneck_and_notes(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    assert make_bottleneck(contents) == Bottleneck(image=256, map=128, latent=5)
    assert make_bottleneck(contents).is_narrow
    assert not Bottleneck(image=256, map=256, latent=5).is_narrow
    assert make_notes(contents) == ("Ninety-nine files were tiny.", "The perceptual term was off.")


def test_provenance_lists_everything_and_no_ones_folders(tmp_path: Path) -> None:
    record = {
        "command": "equiclust run /home/someone/sky/discs --output ~/a/b/c/run --n-folds 1/2",
        "inputs": ["/home/someone/sky/discs", "plain/a.fits"],
        "z": {"deep": [1, None]},
    }
    rows = dict(make_provenance(with_metrics(contents_of(tmp_path), provenance=record)))
    assert rows["command"] == "equiclust run …/sky/discs --output …/c/run --n-folds 1/2"
    assert rows["inputs"] == "…/sky/discs, plain/a.fits"
    assert rows["z"] == "deep = 1, not recorded"
    assert "someone" not in str(rows)


DESCRIBED = {
    "label": 1,
    "words": "a hole in the centre, larger",
    "differences": [
        {
            "quantity": "central_hole",
            "name": "hole in the centre",
            "median": 0.75,
            "rest": 0.125,
            "effect": 0.875,
            "p_value": 0.0004,
        }
    ],
    "typical": ["a"],
    "marginal": [],
}


def test_what_sets_a_cluster_apart_stands_beside_its_gallery(tmp_path: Path) -> None:
    damaged = [None, {"label": 0}, {**DESCRIBED, "label": "nonsense"}]
    run = make_run(tmp_path / "run", metrics={"cluster_descriptions": [*damaged, DESCRIBED]})
    page = Page(write_report(run))
    assert "Cluster 1 4 images" in page.text
    assert "A hole in the centre, larger." in page.text
    assert "hole in the centre 0.75 0.125 +0.88 0.0004" in page.text
    assert "Cliff's delta How much a quantity" in page.text
    assert [one.description is None for one in make_clusters(read_contents(run)).clusters] == [
        True,
        False,
        True,
    ]
