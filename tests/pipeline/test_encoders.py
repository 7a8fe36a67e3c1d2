"""Runs with an encoder from outside, from images to a report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import equiclust
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import read_json
from equiclust.pipeline.results import Run
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_discs
from tests.encoders.onnx_files import write_onnx

onnxruntime = pytest.importorskip("onnxruntime")

_SETTINGS = {
    "n_folds": 2,
    "n_clusters": 2,
    "size": 40,
    "method": "kmeans",
    "latent_dim": 3,
    "encoder_group": "D4",
}


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_discs(16, size=40, random_state=0)[0]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(tmp_path_factory.mktemp("onnx") / "network.onnx")


@pytest.fixture(scope="module")
def run(images: ImageSet, network: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = tmp_path_factory.mktemp("run") / "sorted"
    return equiclust.run(images, output, encoder=str(network), **_SETTINGS)  # type: ignore[arg-type]


def test_features_are_those_of_onnxruntime_itself(
    run: Run, images: ImageSet, network: Path
) -> None:
    pixels = Preprocessor(size=40).transform(images).pixels
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    turned = [np.rot90(p, k, (2, 3)) for p in (pixels, pixels[..., ::-1]) for k in range(4)]
    maps = [session.run(None, {"images": np.ascontiguousarray(one)})[0] for one in turned]
    features = np.mean([one.mean(axis=(2, 3), dtype=float) for one in maps], axis=0)
    for member in run.model.ensemble.members_:
        theirs = (features - member.mean_) @ member.components_.T
        np.testing.assert_allclose(member.transform(pixels), theirs, atol=1e-3)


def test_the_run_is_certified_predicts_and_is_read_again(
    run: Run, images: ImageSet, network: Path
) -> None:
    assert run.is_invariant
    assert run.metrics["encoders"][0]["parameters"]["encoder"]["kind"] == "OnnxEncoder"
    assert "reconstruction" not in run.folder.report_html.read_text().lower().split("<nav")[0]
    turned = ImageSet(
        tuple(one.with_pixels(np.rot90(one.pixels, axes=(1, 2)), one.mask.T) for one in images)
    )
    predicted = equiclust.open_run(run.path).predict(turned)
    np.testing.assert_array_equal(predicted["label"], run.labels)
    again = equiclust.run(images, run.path, encoder=str(network), **_SETTINGS)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.labels, run.labels)


def test_report_and_log_say_that_nothing_was_trained(run: Run, network: Path) -> None:
    page = run.folder.report_html.read_text()
    said = re.sub(r"<script.*?</script>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert network.name in said
    said = said.replace(network.name, "")
    for wrong in ("network", "Training", "Reconstruct", "reconstruct", "MSE", "was trained on"):
        assert wrong not in said, said[said.index(wrong) - 200 :][:300]
    assert "Nothing was trained here" in said
    assert run.metrics["encoders"][0]["parameters"]["encoder"]["digest"][7:23] in said
    log = run.folder.run_log.read_text()
    assert "encoding" in log
    assert "training" not in log
    assert "reconstruction" not in log
    assert "without averaging" in run.metrics["check"]["sentence"]


def test_nothing_is_removed_unless_asked_for(run: Run, images: ImageSet) -> None:
    assert "removal" not in run.metrics
    assert "removal of confounders" not in run.folder.report_html.read_text()
    assert "remove" not in run.folder.read_config()
    assert read_json(run.folder.model / "ensemble.json")["format"] == 1
    assert not list(run.folder.model.rglob("removal*"))
    assert list(run.confounders["id"]) == list(images.ids)


def test_another_file_in_its_place_is_refused(run: Run, network: Path) -> None:
    kept = network.read_bytes()
    try:
        write_onnx(network, operator="ConvInteger")
        with pytest.raises(InputError, match=r"network\.onnx|are others than those"):
            equiclust.open_run(run.path).model  # noqa: B018
    finally:
        network.write_bytes(kept)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "alexnot"}, "encoder must be one of"),
        ({"encoder": "own,"}, "several with commas between"),
        ({"encoder": "missing.onnx"}, "missing.onnx"),
        ({"encoder": "alexnet", "layer": "nowhere"}, "layer must name a node of alexnet"),
        ({"encoder": "alexnet", "encoder_group": "D3"}, "D3"),
        ({"encoder": "own", "size": 40}, "size"),
    ],
)
def test_what_is_none_is_refused_before_anything_is_read(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        equiclust.run(tmp_path, tmp_path / "sorted", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "sorted").exists()


def test_vectors_made_elsewhere_are_sorted(images: ImageSet, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(images), 6)).astype(np.float32)
    vectors[::2, 0] += 20.0
    np.savez(tmp_path / "vectors.npz", ids=np.array(images.ids), latents=vectors)
    settings = {**_SETTINGS, "reliability": 0.0}
    table = str(tmp_path / "vectors.npz")
    run = equiclust.run(images, tmp_path / "sorted", encoder=table, **settings)  # type: ignore[arg-type]
    assert len(set(run.labels[::2])) == len(set(run.labels[1::2])) == 1
    assert run.labels[0] != run.labels[1]
    assert run.is_invariant is None
    assert "not measured" in run.metrics["check"]["sentence"]
    with pytest.raises(InputError, match="has no row for 1 of 1 images"):
        run.predict(ImageSet((replace(images[0], id="unknown"),)))
