"""Confounders are removed between latents and clusters, in a run and in everything after it."""

from __future__ import annotations

import json
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from ensembles import KFoldEnsemble
from ensembles.recipes import Clusters, Recipe
from equiclust.cli.messages import describe_run
from equiclust.encoders import ModuleEncoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.confounders import measure_confounders, remove_confounders
from equiclust.evaluation.metrics import adjusted_rand_index
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json
from equiclust.io.manifest import write_manifest
from equiclust.pipeline.removal import fit_clusters
from equiclust.pipeline.results import Run
from equiclust.simulation.discs import simulate_discs
from tests.encoders.networks import small_module
from tests.encoders.onnx_files import write_onnx

pytest.importorskip("onnxruntime")

_SETTINGS: dict[str, Any] = {
    "n_folds": 2,
    "n_clusters": 2,
    "size": 32,
    "method": "kmeans",
    "latent_dim": 3,
    "reliability": 0.5,
}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_discs(40, size=32, max_inclination=60.0, random_state=0)[0]


@pytest.fixture(scope="module")
def run(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = tmp_path_factory.mktemp("run") / "sorted"
    network = str(write_onnx(output.parent / "network.onnx"))
    return equiclust.run(images, output, encoder=network, remove="elongation,size", **_SETTINGS)


def _turned(images: ImageSet) -> ImageSet:
    return ImageSet(
        tuple(one.with_pixels(np.rot90(one.pixels, axes=(1, 2)), one.mask.T) for one in images)
    )


def test_the_run_says_what_was_removed(run: Run) -> None:
    record = run.metrics["removal"]
    assert record["removed"] == ["elongation", "size"]
    assert 0 < record["explained_variance_ratio"] < 1
    assert np.sum(record["counts"]) == len(run.labels)
    columns = dict(zip(record["labels"], np.sum(record["counts"], axis=0), strict=True))
    assert columns == {label: np.sum(run.labels == label) for label in np.unique(run.labels)}
    assert {row["name"] for row in record["without"]["nuisances"]} >= {"elongation", "size"}
    said = describe_run(run)
    assert "What elongation and size explained was taken out of the latents" in said.text
    assert record["sentence"] in said.text
    page = " ".join(run.folder.report_html.read_text().split())
    assert record["sentence"] in page
    assert "the clusters are of what the removal of confounders left of them" in page
    assert said.record["removed"] == record["removed"]
    assert "--remove elongation,size" in run.metrics["provenance"]["command"]
    assert run.folder.read_config()["remove"] == "elongation,size"


def test_latents_stay_as_they_are_and_measures_are_kept(run: Run, images: ImageSet) -> None:
    ensemble = run.model.ensemble
    processed = run.model.preprocessor.transform(images)
    np.testing.assert_allclose(run.latents, ensemble.transform(processed), atol=1e-6)
    known = measure_confounders(images, processed)
    for name in known.colnames:
        np.testing.assert_array_equal(run.confounders[name], known[name])


def test_new_images_are_treated_alike(run: Run, images: ImageSet) -> None:
    predicted = equiclust.open_run(run.path).predict(_turned(images))
    np.testing.assert_array_equal(predicted["label"], run.labels)
    np.testing.assert_array_equal(run.model.label_originals(images), run.labels)
    np.testing.assert_array_equal(run.predict(images[7:9])["label"], run.labels[7:9])
    assert run.is_invariant


def test_similar_images_are_similar_in_what_is_left(run: Run, images: ImageSet) -> None:
    scale = np.sqrt(2) * run.model.ensemble.scales_
    parts = np.split(run.latents, 2, axis=1)
    left = np.concatenate(
        [
            remove_confounders(one * s, run.confounders, names=["elongation", "size"]) / s
            for one, s in zip(parts, scale, strict=True)
        ],
        axis=1,
    )
    distances = np.linalg.norm(left - left[5], axis=1)
    found = run.similar(_turned(images)[5:6], n=3)
    np.testing.assert_allclose(found["distance"], np.sort(distances)[1:4], rtol=1e-3)
    assert list(found["similar"]) == [images.ids[i] for i in np.argsort(distances)[1:4]]


def test_a_model_is_the_same_when_read_again_and_damage_is_named(
    run: Run, images: ImageSet, tmp_path: Path
) -> None:
    ensemble, processed = run.model.ensemble, run.model.preprocessor.transform(images)
    ensemble.save(tmp_path)
    read = KFoldEnsemble.load(tmp_path)
    known = run.confounders
    one, other = (e.predict_consensus(processed, known) for e in (ensemble, read))
    np.testing.assert_array_equal(one.stability, other.stability)
    with pytest.raises(InputError, match="confounders must be given"):
        read.predict(processed)
    # Version 0.1, which would not remove anything, refuses it.
    assert read_json(tmp_path / "ensemble.json")["format"] == 2
    (tmp_path / "member_01" / "removal.json").unlink()
    write_manifest(tmp_path)
    with pytest.raises(InputError, match=r"removal\.json"):
        KFoldEnsemble.load(tmp_path)


@pytest.fixture(scope="module")
def members(images: ImageSet) -> KFoldEnsemble:
    member = WhitenedEncoder(ModuleEncoder(small_module()), latent_dim=4)
    return KFoldEnsemble(
        member, n_folds=2, n_clusters=2, method="kmeans", reliability=0.0, random_state=0
    ).fit_members(images)


def _planted(
    members: KFoldEnsemble, random_state: int
) -> tuple[KFoldEnsemble, Table, np.ndarray[Any, Any]]:
    """An ensemble whose latents follow the size more than two kinds."""
    rng, ensemble = np.random.default_rng(random_state), copy(members)
    n = ensemble.latents_.shape[1]
    kinds, big = rng.integers(2, size=n), rng.integers(2, size=n)
    latents = 0.1 * rng.normal(size=(2, n, 4))
    latents[:, :, 0] += kinds
    latents[:, :, 1:] += big[:, None]
    ensemble._keep_latents(latents.astype(np.float32))
    measures = Table(
        {"id": [str(i) for i in range(n)], "size": 0.1 + 0.1 * big + 0.01 * rng.random(n)}
    )
    return ensemble, measures, kinds


@pytest.mark.parametrize("remove", ["auto", "size"])
def test_kinds_are_found_behind_the_size(
    members: KFoldEnsemble, remove: str, random_state: int
) -> None:
    ensemble, measures, kinds = _planted(members, random_state)
    record = fit_clusters(ensemble, measures, Clusters(remove=remove), random_state=0)
    json.dumps(record, allow_nan=False)
    assert record["removed"] == ["size"]
    assert record["without"]["nuisances"][0]["eta_squared"] > 0.9
    assert adjusted_rand_index(kinds, ensemble.labels_) == 1.0
    assert record["adjusted_rand_index"] < 0.5
    assert 0.5 < record["explained_variance_ratio"] < 0.9
    assert ("otherwise" in record["sentence"]) == (remove == "auto")


def test_auto_leaves_alone_what_follows_no_confounder(members: KFoldEnsemble) -> None:
    ensemble, measures, _ = _planted(members, 0)
    measures["size"] = np.random.default_rng(0).random(len(measures))
    assert fit_clusters(ensemble, measures, Clusters(remove="auto"), random_state=0) == {}
    assert not ensemble.removals_


def test_removal_and_deep_clustering_exclude_each_other(members: KFoldEnsemble) -> None:
    with pytest.raises(InputError, match="remove must be none or auto with method 'dec'"):
        Clusters(method="dec", remove="size")
    ensemble, measures, _ = _planted(members, 0)
    ensemble.set_params(method="dec")
    with pytest.raises(InputError, match="names must be empty with method 'dec'"):
        ensemble.remove_confounders(measures, ["size"])
    assert ensemble.remove_confounders(measures, []).removals_.names == ()


@pytest.mark.parametrize("remove", ["orientation", "colour", "", "size,size", "size,none", "Size"])
def test_what_cannot_be_removed_is_refused(remove: str) -> None:
    with pytest.raises(InputError, match="remove must be none, auto or one of elongation, bright"):
        Recipe().with_(remove=remove)


def test_damaged_measures_of_a_run_are_named(run: Run) -> None:
    path = run.folder.confounders_ecsv
    kept = path.read_text()
    try:
        path.write_text("\n".join(kept.splitlines()[:-1]))
        with pytest.raises(InputError, match=r"confounders\.ecsv' in their order; restore both"):
            equiclust.open_run(run.path).confounders  # noqa: B018
    finally:
        path.write_text(kept)
