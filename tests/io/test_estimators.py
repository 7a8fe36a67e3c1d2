"""Saved clusterers come back equal to the last bit, or not at all."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.exceptions import NotFittedError

from equiclust.clustering import LatentClusterer, SpectralClustering
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_arrays
from tests.clustering.shapes import noise

Clusterer = LatentClusterer | SpectralClustering


def _clusterer(kind: str, seed: int) -> Clusterer:
    if kind == "landmarks":
        return SpectralClustering(3, exact_limit=50, n_landmarks=20, random_state=seed)
    if kind == "exact":
        return SpectralClustering(3, random_state=seed)
    return LatentClusterer(3, method=kind, whiten=0.7, n_components=0.99, random_state=seed)


kinds = pytest.mark.parametrize(
    "kind", ["kmeans", "gmm", "spectral", "manifold", "exact", "landmarks"]
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    clusterer = LatentClusterer(3, random_state=0).fit(noise(60, 0))
    clusterer.save(tmp_path / "saved")
    return tmp_path / "saved"


@kinds
@pytest.mark.parametrize("n_samples", [5, 120])
def test_a_round_trip_changes_no_bit(
    kind: str, n_samples: int, random_state: int, tmp_path: Path
) -> None:
    old, new = noise(n_samples, random_state), 2 * noise(70, random_state + 10)
    clusterer = _clusterer(kind, random_state).fit(old)
    clusterer.save(tmp_path)
    loaded = type(clusterer).load(tmp_path)
    assert loaded.get_params() == clusterer.get_params()
    np.testing.assert_array_equal(loaded.labels_, clusterer.labels_)
    for points in (old, new, new[:1]):
        np.testing.assert_array_equal(loaded.predict(points), clusterer.predict(points))
        np.testing.assert_array_equal(loaded.predict_proba(points), clusterer.predict_proba(points))
    if isinstance(clusterer, LatentClusterer) and isinstance(loaded, LatentClusterer):
        np.testing.assert_array_equal(loaded.outlier_scores(new), clusterer.outlier_scores(new))


@kinds
def test_a_loaded_clusterer_can_be_saved_and_fitted(kind: str, tmp_path: Path) -> None:
    points = noise(60, 0)
    clusterer = _clusterer(kind, 0).fit(points)
    clusterer.save(tmp_path / "one")
    loaded = type(clusterer).load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    for name in ("clusterer.json", "clusterer.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    np.testing.assert_array_equal(loaded.fit(points).labels_, clusterer.labels_)


@pytest.mark.parametrize("shared", [np.eye(3), np.diag([1.0, 2.0, 3.0])])
def test_every_kind_of_covariance_survives(shared: np.ndarray, tmp_path: Path) -> None:
    kinds_seen = set()
    for seed, spread in enumerate(([1, 1, 1], [4, 1, 0.2])):
        rng = np.random.default_rng(seed)
        parts = [
            rng.normal(size=(80, 3)) * np.roll(spread, k * seed) @ shared + 9 * k for k in range(3)
        ]
        points = np.concatenate(parts)
        clusterer = LatentClusterer(
            3, method="gmm", whiten=0.0, n_components=None, random_state=0
        ).fit(points)
        kinds_seen.add(clusterer.model_.arrays()["covariance_type"][0])
        clusterer.save(tmp_path / str(seed))
        loaded = LatentClusterer.load(tmp_path / str(seed))
        np.testing.assert_array_equal(loaded.predict_proba(points), clusterer.predict_proba(points))
    assert len(kinds_seen) == 2


def test_other_files_are_left_alone(saved: Path) -> None:
    (saved / "notes.txt").write_text("mine")
    LatentClusterer(2, random_state=0).fit(noise(30, 1)).save(saved)
    assert (saved / "notes.txt").read_text() == "mine"
    assert LatentClusterer.load(saved).n_clusters == 2


def test_a_generator_is_saved_as_none(tmp_path: Path) -> None:
    generator = np.random.RandomState(3)
    LatentClusterer(2, random_state=generator).fit(noise(30, 1)).save(tmp_path)
    assert LatentClusterer.load(tmp_path).random_state is None


def test_numpy_numbers_come_back_as_numbers(tmp_path: Path) -> None:
    clusterer = LatentClusterer(np.int64(2), whiten=np.float64(0.5), random_state=np.int64(5))
    clusterer.fit(noise(30, 1)).save(tmp_path)
    parameters = LatentClusterer.load(tmp_path).get_params()
    assert (parameters["n_clusters"], parameters["whiten"]) == (2, 0.5)
    assert parameters["random_state"] == 5


def test_what_is_not_fitted_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        LatentClusterer().save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        LatentClusterer(2).fit(noise(30, 1)).save(tmp_path / "file")


def _remove_json(folder: Path) -> None:
    (folder / "clusterer.json").unlink()


def _remove_arrays(folder: Path) -> None:
    (folder / "clusterer.safetensors").unlink()


def _cut_json(folder: Path) -> None:
    text = (folder / "clusterer.json").read_text()
    (folder / "clusterer.json").write_text(text[: len(text) // 2])


def _cut_arrays(folder: Path) -> None:
    content = (folder / "clusterer.safetensors").read_bytes()
    (folder / "clusterer.safetensors").write_bytes(content[:-40])


def _flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "clusterer.safetensors").read_bytes())
    content[-3] ^= 1
    (folder / "clusterer.safetensors").write_bytes(content)


def _pickle_arrays(folder: Path) -> None:
    (folder / "clusterer.safetensors").write_bytes(pickle.dumps({"labels": [1, 2]}))
    _sign(folder)


def _sign(folder: Path, **changes: object) -> None:
    import hashlib

    content = json.loads((folder / "clusterer.json").read_text())
    content |= changes
    arrays = (folder / "clusterer.safetensors").read_bytes()
    content["sha256"] = hashlib.sha256(arrays).hexdigest()
    (folder / "clusterer.json").write_text(json.dumps(content))


def _with_array(name: str, array: np.ndarray | None) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        arrays = read_arrays(folder / "clusterer.safetensors")
        arrays.pop(name)
        if array is not None:
            arrays[name] = array
        # What is not finite could not be written by `write_arrays`.
        save_file(arrays, folder / "clusterer.safetensors")
        _sign(folder)

    return damage


def _with_parameters(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        content = json.loads((folder / "clusterer.json").read_text())
        _sign(folder, parameters=content["parameters"] | changes)

    return damage


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (_remove_json, r"clusterer\.json"),
        (_remove_arrays, r"clusterer\.safetensors"),
        (_cut_json, r"clusterer\.json' is not valid JSON"),
        (_cut_arrays, r"clusterer\.safetensors' is not the file"),
        (_flip_a_bit, r"clusterer\.safetensors' is not the file"),
        (_pickle_arrays, r"clusterer\.safetensors' as safetensors"),
        (lambda folder: _sign(folder, format=99), "format 1, got kind 'LatentClusterer' of .* 99"),
        (lambda folder: _sign(folder, kind="Other"), "must describe a LatentClusterer"),
        (lambda folder: _sign(folder, parameters=[1]), "must give no parameters but"),
        (_with_parameters(surprise=1), "must give no parameters but"),
        (
            _with_parameters(n_clusters=0),
            "damaged LatentClusterer: n_clusters must",
        ),
        (_with_parameters(method="os.system"), "damaged LatentClusterer: method must be one of"),
        (_with_parameters(method="gmm"), "damaged LatentClusterer"),
        (_with_parameters(method=["kmeans"]), "damaged LatentClusterer"),
        (
            _with_parameters(n_clusters=4),
            "LatentClusterer: centres and n_clusters do not fit",
        ),
        (
            _with_array("whitening.mean", None),
            "LatentClusterer: the array 'whitening.mean'",
        ),
        (_with_array("whitening.mean", np.zeros(2)), "whitening do not fit"),
        (_with_array("whitening.axes", np.zeros(3)), "'whitening.axes' must have 2 axes"),
        (_with_array("model.centres", np.full((3, 3), np.nan)), "centres' must hold finite"),
        (_with_array("model.centres", np.zeros((3, 9))), "do not fit"),
        (_with_array("model.centres", None), "'centres' is missing"),
        (_with_array("references", np.zeros((4, 9))), "references do not fit"),
        (_with_array("unit", np.zeros(0)), "'unit' must hold finite"),
    ],
)
def test_damage_is_named(saved: Path, damage: Callable[[Path], None], match: str) -> None:
    damage(saved)
    with pytest.raises(InputError, match=match):
        LatentClusterer.load(saved)


def test_another_kind_of_clusterer_is_refused(saved: Path) -> None:
    with pytest.raises(InputError, match="must describe a SpectralClustering"):
        SpectralClustering.load(saved)


def test_a_parameter_that_is_younger_than_the_file_has_its_default(tmp_path: Path) -> None:
    samples = noise(60, 0)
    clusterer = LatentClusterer(3, method="kmeans", random_state=0).fit(samples)
    clusterer.save(tmp_path)
    older = json.loads((tmp_path / "clusterer.json").read_text())["parameters"]
    del older["random_state"]
    _sign(tmp_path, parameters=older)
    back = LatentClusterer.load(tmp_path)
    assert back.random_state is None
    np.testing.assert_array_equal(back.predict(samples), clusterer.predict(samples))
