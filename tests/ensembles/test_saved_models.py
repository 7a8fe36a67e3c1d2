"""A saved ensemble is one thing: its parts belong together; a save that fails changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ensembles import KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import EquiclustError, InputError

SMALL: dict[str, Any] = {
    "size": 32,
    "fields": (2, 4),
    "latent_dim": 4,
    "max_epochs": 1,
    "batch_size": 8,
    "perceptual": None,
    "pretrained": False,
    "preprocess": False,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((12, 1, 32, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def ensemble(images: np.ndarray) -> KFoldEnsemble:
    return KFoldEnsemble(
        EquivariantAutoencoder(**SMALL),
        n_folds=2,
        held_out_folds=1,
        n_clusters=2,
        method="kmeans",
        n_jobs=1,
        random_state=0,
    ).fit(images)


@pytest.fixture(scope="module")
def saved(ensemble: KFoldEnsemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    ensemble.save(folder)
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved, tmp_path / "model")
    return tmp_path / "model"


def as_version_0_1(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    edit("ensemble.json", lambda content: content.pop("manifest"))(folder)


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return damage


def exchange(folder: Path) -> None:
    for name in ("autoencoder.json", "autoencoder.safetensors"):
        one, other = folder / "member_00" / name, folder / "member_01" / name
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (exchange, "member_00/autoencoder.json"),
        (edit("ensemble.json", lambda one: one.update(scales=[0, 0])), "ensemble.json"),
        (lambda folder: (folder / "jury.safetensors").unlink(), "jury.safetensors"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
    ],
)
def test_parts_that_were_not_saved_together_are_refused(
    model: Path, damage: Callable[[Path], object], named: str
) -> None:
    damage(model)
    with pytest.raises(InputError, match=named):
        KFoldEnsemble.load(model)


def parameter(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["parameters"].update({name: value})


def learned(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["learned"].update({name: value})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ensemble.json", lambda one: one.update(scales=[0.0, 0.0])),
        ("ensemble.json", lambda one: one.update(scales=[float("nan"), 1.0])),
        ("ensemble.json", lambda one: one.update(scales=[[1.0], [1.0]])),
        ("jury.json", parameter("n_clusters", 10**12)),
        ("jury.json", learned("committees", [])),
        ("jury.json", learned("committees", [[10**30]])),
        ("jury.json", learned("committees", [[float("inf")]])),
        ("member_00/autoencoder.json", parameter("latent_dim", 10**9)),
        ("member_00/autoencoder.json", learned("in_channels", 10**12)),
        ("member_00/autoencoder.json", learned("history", 7)),
        ("member_01/clusterer.json", parameter("n_clusters", 10**9)),
    ],
)
def test_values_are_checked_also_where_version_0_1_wrote_no_manifest(
    model: Path, name: str, change: Callable[[dict[str, Any]], object]
) -> None:
    as_version_0_1(model)
    edit(name, change)(model)
    with pytest.raises(InputError):
        KFoldEnsemble.load(model)


def test_a_model_of_version_0_1_predicts_as_before(
    model: Path, ensemble: KFoldEnsemble, images: np.ndarray
) -> None:
    as_version_0_1(model)
    np.testing.assert_array_equal(KFoldEnsemble.load(model).predict(images), ensemble.labels_)


@pytest.mark.parametrize("diverged", ["weights", "history", "scales"])
def test_a_save_that_fails_leaves_the_older_model(
    model: Path, ensemble: KFoldEnsemble, images: np.ndarray, diverged: str
) -> None:
    broken = KFoldEnsemble.load(model)
    last = broken.members_[-1]
    if diverged == "weights":
        with torch.no_grad():
            next(last.network_.parameters()).fill_(float("nan"))
    elif diverged == "history":
        last.history_ = [{"total": float("nan")}]
    else:
        broken.scales_ = np.array([1.0, np.inf], np.float32)
    with pytest.raises(EquiclustError, match="not finite"):
        broken.save(model)
    np.testing.assert_array_equal(KFoldEnsemble.load(model).predict(images), ensemble.labels_)
    assert not list(model.glob(".partial-*"))
