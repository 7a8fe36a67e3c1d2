"""What the sections say, before any template."""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from equiclust.report.cluster_choice import make_choice
from equiclust.report.contents import Contents, read_contents
from equiclust.report.drawing import prefers_log
from equiclust.report.gallery import OUTLIERS, TYPICAL, UNCERTAIN, make_gallery
from equiclust.report.invariance_section import make_invariance
from equiclust.report.latent_map import latent_map
from equiclust.report.palette import COLOURS, UNKNOWN, mark_of
from equiclust.report.pictures import picture, residual_picture
from equiclust.report.provenance import make_provenance, shown_path, shown_text
from equiclust.report.quantities import compact, percent
from equiclust.report.reconstructions import make_reconstructions
from equiclust.report.summary import Bottleneck, bottleneck, notes
from equiclust.report.training_curves import make_training
from tests.report.folders import METRICS, make_certificate, make_run


def contents_of(path: Path, **options: Any) -> Contents:
    return read_contents(make_run(path / "run", **options))


def with_metrics(contents: Contents, **changes: Any) -> Contents:
    return dataclasses.replace(contents, metrics={**METRICS, **changes})


def pixels_of(uri: str) -> np.ndarray[Any, Any]:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_gallery_shows_the_most_confident_first_and_no_image_twice(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 60 + [1] * 26 + [2] * 3 + [-1] * 2)
    gallery = make_gallery(contents)
    assert [cluster.count for cluster in gallery.clusters] == [60, 26, 3]
    groups = [*gallery.clusters, gallery.unassigned]
    assert sum(cluster.share for cluster in groups) == pytest.approx(1.0)
    for cluster, label in zip(groups, [0, 1, 2, -1], strict=True):
        members = np.flatnonzero(contents.labels == label)
        expected = members[np.argsort(-contents.confidence[members])]
        names = [contents.ids[row] for row in expected]
        assert [tile.id for tile in cluster.typical] == names[:TYPICAL]
        rest = names[TYPICAL:][-UNCERTAIN:][::-1]
        assert [tile.id for tile in cluster.uncertain] == rest
        assert cluster.mean_confidence == pytest.approx(contents.confidence[members].mean())
    by_score = [contents.ids[row] for row in np.argsort(-contents.outlier_score)]
    assert [tile.id for tile in gallery.outliers] == by_score[:OUTLIERS]


def test_gallery_chooses_among_images_with_a_picture(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 40 + [1] * 5, pictured=[3, 8])
    first, second = make_gallery(contents).clusters
    assert {tile.id for tile in first.typical} == {contents.ids[3], contents.ids[8]}
    assert [tile.picture for tile in second.typical] == [""] * 5
    assert not make_gallery(contents).all_pictured


def test_many_clusters_get_fewer_pictures_each(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=list(range(100)) * 10)
    gallery = make_gallery(contents)
    tiles = sum(len(c.typical) + len(c.uncertain) for c in gallery.clusters)
    assert 100 <= tiles <= 1200
    assert (gallery.unassigned.count, gallery.unassigned.typical) == (0, ())


def test_legend_counts_every_image_once_and_stays_short(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=list(range(100)) * 3 + [-1] * 4)
    legend = latent_map(contents).legend
    assert len(legend) == 32
    assert sum(entry.count for entry in legend) == 304
    assert legend[0].name == "don't know"
    assert legend[-1].name == "70 smaller clusters"


def test_marks_of_the_first_sixty_clusters_differ_and_unknown_is_grey() -> None:
    marks = {mark_of(label) for label in range(60)}
    assert len(marks) == 60
    assert len({mark.colour for mark in marks}) == len(COLOURS) <= 12
    assert mark_of(-1) == UNKNOWN
    assert UNKNOWN.colour not in COLOURS


# Machado, Oliveira & Fernandes (2009), IEEE TVCG 15, 1291: complete dichromacy, linear sRGB.
EYES = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])


def as_cielab(colour: str, eyes: str) -> np.ndarray[Any, Any]:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.asarray(EYES[eyes]) @ linear, 0.0, 1.0)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


@pytest.mark.parametrize("eyes", EYES)
def test_colours_can_be_told_apart_by_all_eyes(eyes: str) -> None:
    seen = [as_cielab(colour, eyes) for colour in (*COLOURS, UNKNOWN.colour)]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) > 20.0


def test_first_row_of_pixels_is_at_the_bottom() -> None:
    pixels = np.zeros((1, 4, 6), np.float32)
    pixels[0, 0, 5] = 1.0
    drawn = pixels_of(picture(pixels, side=32)).sum(axis=2)
    assert drawn.shape == (4, 6)
    assert np.argwhere(drawn > 300).tolist() == [[3, 5]]


def test_pictures_shrink_by_averaging_and_keep_their_shape() -> None:
    pixels = np.random.default_rng(0).random((3, 40, 80), dtype=np.float32)
    drawn = pixels_of(picture(pixels, side=20))
    expected = pixels[:, ::-1].reshape(3, 10, 4, 20, 4).mean(axis=(2, 4)).transpose(1, 2, 0)
    assert drawn.shape == (10, 20, 3)
    assert np.abs(drawn / 255.0 - expected).max() < 0.003


def test_residual_of_zero_is_nearly_white_and_signs_have_their_colours() -> None:
    residual = np.array([[[0.0, 0.2, -0.2]]], np.float32)
    none, more, less = pixels_of(residual_picture(residual, side=8, limit=0.1))[0].astype(int)
    assert none.min() > 240
    assert more[0] > more[2]
    assert less[2] > less[0]


def test_reconstructions_run_from_best_to_worst(tmp_path: Path) -> None:
    contents = contents_of(tmp_path, labels=[0] * 30)
    found = make_reconstructions(contents)
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


def test_axes_are_logarithmic_only_where_that_is_possible_and_helps() -> None:
    assert prefers_log([1e-3, 1.0])
    assert not prefers_log([0.0, 1.0])
    assert not prefers_log([-1e-3, 1.0])
    assert not prefers_log([1.0, 2.0])
    assert not prefers_log([])


def test_choice_lists_every_score_and_its_vote(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    choice = make_choice(contents)
    assert [(score.vote, bool(choice.figure)) for score in choice.scores] == [(2, True)]
    by_hand = {"n_clusters": 4, "chosen": "by hand", "candidates": []}
    choice = make_choice(with_metrics(contents, clusters=by_hand))
    assert (choice.n_clusters, choice.figure, choice.scores) == (4, "", ())


@pytest.mark.parametrize("baseline", [True, False])
@pytest.mark.parametrize("passes", [True, False])
def test_invariance_says_what_the_certificate_says(passes: bool, baseline: bool) -> None:
    certificate = make_certificate(passes=passes, baseline=baseline)
    section = make_invariance(certificate)
    assert section.passed is passes
    assert section.failures == certificate.failures
    words = " ".join(section.sentences)
    assert certificate.ours.d4.relative_to_norm is not None
    assert compact(certificate.ours.d4.relative_to_norm.max) in words
    assert ("plain CNN" in words) is baseline
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
    section = make_invariance(dataclasses.replace(certificate, ours=ours))
    assert section.displacements[0][1][0].ours == ("–", "–", "–")


def test_bottleneck_and_notes(tmp_path: Path) -> None:
    contents = contents_of(tmp_path)
    assert bottleneck(contents) == Bottleneck(image=256, map=128, latent=5)
    assert bottleneck(contents).is_narrow
    assert not Bottleneck(image=256, map=256, latent=5).is_narrow
    assert notes(contents) == ("Ninety-nine files were tiny.", "The perceptual term was off.")


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


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/a/b.fits", "…/a/b.fits"),
        ("C:\\Users\\me\\a\\b.fits", "…/a/b.fits"),
        ("a/b/c/d.fits", "a/b/c/d.fits"),
        ("/home/some one/a/b c.fits", "…/a/b c.fits"),
        ("/b.fits", "/b.fits"),
    ],
)
def test_paths_are_shown_by_their_last_parts(path: str, shown: str) -> None:
    assert shown_path(path) == shown


def test_paths_within_text_are_shown_by_their_last_parts() -> None:
    text = "/home/me/sky/a.fits: neither FITS and/or a table, nor '/home/me/b c'"
    assert shown_text(text) == "…/sky/a.fits: neither FITS and/or a table, nor '…/me/b c'"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.04123, "0.041"), (1.0, "1.0"), (123.0, "1.2e2"), (6e-8, "6.0e-8"), (None, "–")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert compact(value) == text


def test_percentages() -> None:
    assert percent(0.5).replace("\u202f", " ") == "50 %"
    assert percent(1.0).replace("\u202f", " ") == "100 %"
    assert percent(0.0) == "0\u202f%"
    assert percent(None) == "–"
