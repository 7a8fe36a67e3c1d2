"""Models saved by version 0.1, when the class was called `Jury`, can be loaded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ensembles import ConsensusClustering

# Written by version 0.1: two members, 24 objects, and the labels and stability that it predicted.
_SAVED = Path(__file__).parent / "data" / "consensus_0_1.zip"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with zipfile.ZipFile(_SAVED) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def test_predictions_are_those_of_version_0_1(folder: Path) -> None:
    expected = np.load(folder / "expected.npz")
    result = ConsensusClustering.load(folder).predict_consensus(expected["X"])
    np.testing.assert_array_equal(result.labels, expected["labels"])
    np.testing.assert_allclose(result.stability, expected["confidence"], atol=1e-12)


def test_the_name_of_version_0_1_for_the_stability_works_and_warns(folder: Path) -> None:
    consensus = ConsensusClustering.load(folder)
    result = consensus.predict_consensus(np.load(folder / "expected.npz")["X"])
    for owner, name in ((consensus, "stability_"), (result, "stability")):
        former = name.replace("stability", "confidence")
        with pytest.warns(DeprecationWarning, match=f"{former} is now {name}"):
            assert getattr(owner, former) is getattr(owner, name)


def test_files_keep_the_layout_of_version_0_1(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    ConsensusClustering.load(folder).save(again)
    written = {str(path.relative_to(again)) for path in again.rglob("*") if path.is_file()}
    # Version 0.1 wrote no manifest, and does not mind one.
    assert written - {"manifest.json"} == {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and again not in path.parents and path.name != "expected.npz"
    }
    before, after = (json.loads((one / "jury.json").read_text()) for one in (folder, again))
    assert after == before
