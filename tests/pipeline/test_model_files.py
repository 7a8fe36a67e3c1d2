"""The model of a run is refused where its preprocessing does not fit its networks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from equiclust.exceptions import InputError
from equiclust.pipeline.model import Model


@pytest.fixture
def model(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished / "model", tmp_path / "model")
    return tmp_path / "model"


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
