"""Runs that learn from some of their images and label all."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import equiclust
from data_adapters import read, write_fits
from ensembles.recipes import Recipe
from equiclust.cli import main
from equiclust.exceptions import InputError, OutputError
from equiclust.images import ImageSet
from equiclust.io.catalogue import make_latents, read_table, write_table
from equiclust.io.table_parts import MemoryParts, TableParts
from equiclust.pipeline import block_prediction
from equiclust.pipeline.results import Run
from equiclust.pipeline.settings import RunSettings
from equiclust.simulation.discs import simulate_discs
from tests.cli.conftest import N_DISCS, run_arguments, without_weights

# Of weights that are missing, and of an image that is of no use.
pytestmark = pytest.mark.filterwarnings("ignore::equiclust.exceptions.EquiclustWarning")

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
    assert f"{_N} of {N_DISCS} images" in run.metrics["notes"][0]
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


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 images in one file, three blocks of labels, and one that is constant: of no use."""
    images, _ = simulate_discs(149, size=24, random_state=3)
    path = tmp_path_factory.mktemp("stack") / "s.npy"
    np.save(
        path, np.concatenate([images.pixels[:70, 0], np.ones((1, 24, 24)), images.pixels[70:, 0]])
    )
    return path


def sort(inputs: Path, output: Path, **options: Any) -> Run:
    """A run that takes seconds, of which twelve images are drawn."""
    small: dict[str, Any] = {"n_clusters": 2, "n_folds": 1, "size": 32, "latent_dim": 8}
    small |= {"method": "kmeans", "max_epochs": 1, "pretrained": False, "reliability": 0.0}
    return equiclust.run(str(inputs), output, **{**small, "max_samples": 12, **options})


@pytest.fixture(scope="module")
def unbroken(stack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    with pytest.MonkeyPatch.context() as patch, without_weights(tmp_path_factory.mktemp("none")):
        patch.setattr(block_prediction, "BATCHES", 1)
        sort(stack, folder)
    return folder


def _labels(folder: Path) -> list[list[object]]:
    table = read_table(folder / "all_images.fits")
    return [table[name].tolist() for name in table.colnames]


def _raising(error: BaseException, after: int, method: Any) -> Any:
    """The method, which fails at the call after so many."""
    calls = []

    def failing(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) > after:
            raise error
        return method(*arguments)

    return failing


_KILLED, _TOO_MUCH = KeyboardInterrupt(), InputError("max_memory is 1 MB, allow more")


@pytest.mark.parametrize(
    ("where", "error", "after"),
    [
        ("append", _KILLED, 0),
        ("append", _KILLED, 1),
        ("append", _TOO_MUCH, 0),
        ("remove", _KILLED, 0),
    ],
)
def test_a_run_that_was_stopped_while_it_labels_goes_on(
    where: str,
    error: BaseException,
    after: int,
    stack: Path,
    unbroken: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_prediction, "BATCHES", 1)
    with monkeypatch.context() as patch:
        method = getattr(TableParts, where)
        patch.setattr(TableParts, where, _raising(error, after, method))
        with pytest.raises(type(error)):
            sort(stack, tmp_path / "run")
    if where == "append":
        with pytest.raises(InputError, match="not finished"):
            equiclust.open_run(tmp_path / "run")
    learned = (tmp_path / "run" / "catalogue.ecsv").stat().st_mtime_ns
    # More memory is no other run.
    sort(stack, tmp_path / "run", max_memory="20GB")
    assert (tmp_path / "run" / "catalogue.ecsv").stat().st_mtime_ns == learned
    assert _labels(tmp_path / "run") == _labels(unbroken)


def test_the_draw_is_kept_on_another_machine(
    stack: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_prediction, "BATCHES", 1)
    with monkeypatch.context() as patch:
        patch.setattr("equiclust.pipeline.fitting.fit_and_write", _raising(_KILLED, 0, None))
        with pytest.raises(KeyboardInterrupt):
            sort(stack, tmp_path / "run")
    # Of so little memory fewer images would be drawn.
    monkeypatch.setattr("equiclust.pipeline.settings.total_memory", lambda: 20_000)
    sort(stack, tmp_path / "run")
    assert _labels(tmp_path / "run") == _labels(unbroken)


def test_images_that_changed_are_refused(
    discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(discs, tmp_path / "discs")
    with monkeypatch.context() as patch:
        patch.setattr(TableParts, "append", _raising(_KILLED, 0, None))
        with pytest.raises(KeyboardInterrupt):
            sort(copy, tmp_path / "run", max_samples=_N)
    next(copy.glob("*.fits")).unlink()
    with pytest.raises(OutputError, match="its images have changed since some were drawn"):
        sort(copy, tmp_path / "run", max_samples=_N)


def test_labels_of_all_that_are_gone_are_missed(unbroken: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(unbroken, tmp_path / "run")
    run = equiclust.open_run(copy)
    (copy / "all_images.fits").unlink()
    with pytest.raises(InputError, match=r"all_images\.fits' is missing"):
        _ = run.all_images
    with pytest.raises(InputError, match="not finished"):
        equiclust.open_run(copy)


def test_names_are_those_of_a_run_of_all(discs: Path, tmp_path: Path) -> None:
    """An image that is of no use has a name all the same, which others then have not."""
    for folder in ("a", "b", "c"):
        shutil.copytree(discs, tmp_path / "discs" / folder)
    constant = next((tmp_path / "discs" / "a").glob("*.fits"))
    write_fits(ImageSet.from_array(np.ones((1, 40, 40)), ids=[constant.stem]), tmp_path / "one")
    shutil.move(tmp_path / "one" / constant.name, constant)
    whole = sort(tmp_path / "discs", tmp_path / "whole", max_samples=1000)
    part = sort(tmp_path / "discs", tmp_path / "part")
    assert part.all_images["id"].tolist() == whole.catalogue["id"].tolist()
    assert set(part.catalogue["id"]) < set(whole.catalogue["id"])
    assert len(part.rejected) == len(whole.rejected) == 1


def test_vectors_of_a_table_are_labelled_once(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_prediction, "BATCHES", 1)
    ids = read(str(stack)).images.ids
    vectors = np.random.default_rng(0).normal(size=(len(ids), 8)).astype(np.float32)
    write_table(make_latents(ids, vectors), tmp_path / "vectors.fits")
    how = {"encoder": str(tmp_path / "vectors.fits"), "latent_dim": 4}
    with monkeypatch.context() as patch:
        patch.setattr(MemoryParts, "append", _raising(_KILLED, 1, MemoryParts.append))
        with pytest.raises(KeyboardInterrupt):
            sort(stack, tmp_path / "run", **how)
    found = sort(stack, tmp_path / "run", **how)
    assert len(found.all_images) == 149


def test_kinds_of_all_are_predicted(sampled: Path, discs: Path, tmp_path: Path) -> None:
    run = equiclust.open_run(sampled)
    kinds = {name: str(label) for name, label in zip(run.catalogue["id"], run.labels, strict=True)}
    taught = run.teach(kinds, output=tmp_path / "taught")
    assert "all_images" not in taught.metrics
    with pytest.raises(InputError, match="`predict` labels all"):
        _ = taught.all_images
    assert any("`equiclust predict`" in note for note in taught.metrics["notes"])
    assert len(taught.predict(str(discs))["kind"]) == N_DISCS


def test_unreadable_files_are_told_once(discs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(discs, tmp_path / "discs")
    (copy / "cut.fits").write_bytes(b"SIMPLE  = T")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = sort(copy, tmp_path / "run", max_samples=_N)
    told = [str(one.message) for one in caught if "rejected" in str(one.message)]
    assert len(told) == 1
    assert told[0].startswith(f"1 of {N_DISCS + 1} inputs rejected")
    assert len(run.rejected) == 1
    assert run.metrics["all_images"]["n_images"] == N_DISCS


def test_another_number_is_another_run(sampled: Path, discs: Path) -> None:
    assert main(run_arguments(discs, sampled, "--max-samples", "9")) == 2


def test_memory_is_shared_out(tmp_path: Path) -> None:
    settings = RunSettings("x.fits", tmp_path, Recipe().with_(seed=3), max_memory="4GB")
    assert settings.draw == (20_000, 10**9, 3)
    assert settings.config == replace(settings, max_memory="auto").config


@pytest.mark.parametrize("n", [1, 0, 2.5, "many"])
def test_too_few_to_learn_from(n: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="max_samples"):
        equiclust.run("*.fits", tmp_path / "run", max_samples=n)  # type: ignore[arg-type]
