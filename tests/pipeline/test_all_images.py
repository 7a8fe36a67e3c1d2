"""Runs that learn from some of their images and label all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import equiclust
from equiclust.cli import main
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from equiclust.pipeline import all_images
from equiclust.pipeline.settings import draw_of
from tests.cli.conftest import N_DISCS, run_arguments, without_weights

_N = 8


@pytest.fixture(scope="module")
def sampled(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sampled") / "run"
    with without_weights(tmp_path_factory.mktemp("weights")):
        assert main(run_arguments(discs, folder, "--max-samples", str(_N))) == 0
    return folder


def test_all_are_labelled_and_some_learned_from(sampled: Path, discs: Path) -> None:
    run = equiclust.open_run(sampled)
    assert len(run.catalogue) == len(run.latents) == _N
    assert run.all_images["id"].tolist() == sorted(one.stem for one in discs.glob("*.fits"))
    found = dict(zip(run.all_images["id"], run.all_images["label"], strict=True))
    assert [found[name] for name in run.catalogue["id"]] == run.labels.tolist()
    record = run.metrics["all_images"]
    assert record["n_images"] == N_DISCS
    assert record["sizes"] == np.bincount(run.all_images["label"], minlength=2).tolist()
    assert f"from {N_DISCS}" in run.metrics["notes"][0]
    page = run.folder.report_html.read_text()
    assert f"{_N} images of {N_DISCS}, drawn at random," in page
    assert f"the labels of all {N_DISCS} images; by cluster 0: {record['sizes'][0]}" in page


def test_labels_are_those_of_predict(sampled: Path, discs: Path, tmp_path: Path) -> None:
    run = equiclust.open_run(sampled)
    found = run.predict(str(discs))
    for name in ("id", "label", "stability", "outlier_score"):
        assert found[name].tolist() == run.all_images[name].tolist()


def test_images_that_fit_are_all_learned_from(finished: Path) -> None:
    run = equiclust.open_run(finished)
    assert not run.folder.all_images_fits.exists()
    assert run.all_images is run.catalogue


def test_stopped_run_labels_the_rest(
    sampled: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = run_arguments(discs, tmp_path / "run", "--max-samples", str(_N))
    with monkeypatch.context() as patch:
        patch.setattr(all_images, "label_stream", _killed)
        assert main(arguments) != 0
    with pytest.raises(InputError, match="not finished"):
        equiclust.open_run(tmp_path / "run")
    learned = (tmp_path / "run" / "catalogue.ecsv").stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr("equiclust.pipeline.fitting.fit_and_write", _killed)
        assert main(arguments) == 0
    assert (tmp_path / "run" / "catalogue.ecsv").stat().st_mtime_ns == learned
    assert _labels(tmp_path / "run") == _labels(sampled)
    assert not list((tmp_path / "run").glob("*.partial"))


def _killed(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def _labels(folder: Path) -> list[list[object]]:
    table = read_table(folder / "all_images.fits")
    return [table[name].tolist() for name in table.colnames]


def test_images_that_changed_are_refused(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(discs, tmp_path / "discs")
    arguments = ("--max-samples", str(_N))
    with monkeypatch.context() as patch:
        patch.setattr(all_images, "label_stream", _killed)
        assert main(run_arguments(copy, tmp_path / "run", *arguments)) != 0
    next(copy.glob("*.fits")).unlink()
    with pytest.raises(OutputError, match="inputs changed"):
        _again(copy, tmp_path / "run")


def _again(images: Path, output: Path) -> None:
    equiclust.run(
        str(images),
        output,
        n_clusters=2,
        n_folds=1,
        size=32,
        latent_dim=8,
        method="kmeans",
        max_epochs=3,
        pretrained=False,
        reliability=0.0,
        max_samples=_N,
    )


def test_kinds_of_all_are_predicted(sampled: Path, discs: Path, tmp_path: Path) -> None:
    run = equiclust.open_run(sampled)
    kinds = {name: str(label) for name, label in zip(run.catalogue["id"], run.labels, strict=True)}
    taught = run.teach(kinds, output=tmp_path / "taught")
    assert "all_images" not in taught.metrics
    assert taught.all_images is taught.catalogue
    assert any("`equiclust predict`" in note for note in taught.metrics["notes"])
    assert len(taught.predict(str(discs))["kind"]) == N_DISCS


def test_unreadable_files_are_listed_once(discs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(discs, tmp_path / "discs")
    (copy / "cut.fits").write_bytes(b"SIMPLE  = T")
    assert main(run_arguments(copy, tmp_path / "run", "--max-samples", str(_N))) == 0
    assert len(read_table(tmp_path / "run" / "rejected.ecsv")) == 1
    assert read_json(tmp_path / "run" / "metrics.json")["all_images"]["n_images"] == N_DISCS


def test_another_number_is_another_run(sampled: Path, discs: Path) -> None:
    assert main(run_arguments(discs, sampled, "--max-samples", "9")) == 2


def test_memory_is_shared_out() -> None:
    assert draw_of({"seed": 3, "max_memory": "4GB"}) == (20_000, 10**9, 3)
    assert draw_of({"seed": 0, "max_samples": 5})[0] == 5


@pytest.mark.parametrize("n", [1, 0, 2.5, "many"])
def test_too_few_to_learn_from(n: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_samples"):
        equiclust.run("*.fits", tmp_path / "run", max_samples=n)  # type: ignore[arg-type]
