"""The model of a run is read once, and refused where its parts do not fit each other."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ensembles import ConsensusClustering, KFoldEnsemble
from equiclust.exceptions import InputError
from equiclust.pipeline.model import Model


@pytest.fixture
def model(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished / "model", tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def digests(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What SHA-256 has been asked of since."""
    asked: list[object] = []
    for name in ("sha256", "file_digest"):

        def noting(what: object, *more: object, known: Callable[..., object]) -> object:
            asked.append(what)
            return known(what, *more)

        monkeypatch.setattr(hashlib, name, partial(noting, known=getattr(hashlib, name)))
    return asked


@pytest.mark.parametrize("kind", [Model, KFoldEnsemble, ConsensusClustering])
def test_every_file_is_hashed_once(model: Path, kind: type[Model], digests: list[object]) -> None:
    kind.load(model)
    assert 0 < len(digests) <= sum(path.is_file() for path in model.rglob("*"))


def test_a_model_that_is_loaded_and_saved_again_is_the_same(
    model: Path, tmp_path: Path, digests: list[object]
) -> None:
    loaded = Model.load(model)
    digests.clear()
    loaded.save(tmp_path / "again")
    old, new = (
        {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
        for one in (model, tmp_path / "again")
    )
    assert new == old
    # For what is beside the arrays of an estimator, the manifest, and the journal of the move.
    assert len(digests) <= 3 * len(old)


def _more(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def _link(folder: Path) -> None:
    (folder / "preprocessing.json").rename(folder.parent / "elsewhere.json")
    (folder / "preprocessing.json").symlink_to(folder.parent / "elsewhere.json")


@pytest.mark.parametrize(
    ("damage", "said"), [(_more, "notes.txt' does not belong"), (_link, "is a link out of")]
)
def test_parts_too_many_and_links_are_refused(
    model: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(model)
    with pytest.raises(InputError, match=said):
        Model.load(model)


@pytest.mark.parametrize(
    ("name", "value"), [("size", 10**9), ("channels", 10**9), ("percentiles", [99, 1])]
)
def test_preprocessing_that_does_not_fit_is_refused_also_without_a_manifest(
    model: Path, name: str, value: object
) -> None:
    (model / "manifest.json").unlink()
    for file, change in {
        "ensemble.json": lambda one: one.pop("manifest"),
        "preprocessing.json": lambda one: one.update({name: value}),
    }.items():
        content = json.loads((model / file).read_text())
        change(content)
        (model / file).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"preprocessing\.json"):
        Model.load(model)
