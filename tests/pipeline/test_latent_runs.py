"""Vectors that were made elsewhere are clustered without images, as they are beside images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from equiclust import ImageSet
from equiclust.exceptions import InputError, OutputError
from equiclust.io import write_table
from equiclust.pipeline import latent_prediction

N = 90
SETTINGS: dict[str, Any] = {"n_clusters": 3, "n_folds": 3, "reliability": 0.0}


def _table(seed: int = 0) -> Table:
    """Three clouds of vectors, with ids, places and a number that is no feature."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(N) % 3
    vectors = rng.normal(size=(N, 6)) * 0.3 + 4 * np.eye(6)[kinds]
    return Table(
        {
            "object_id": [f"object {k}" for k in range(N)],
            "ra": np.linspace(10, 12, N),
            "dec": np.linspace(-1, 1, N),
            "label": kinds,
            "embedding": vectors.astype(np.float32),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> equiclust.Run:
    folder = tmp_path_factory.mktemp("latents")
    write_table(_table(), folder / "vectors.fits")
    found = equiclust.run(latents=folder / "vectors.fits", output=folder / "sorted", **SETTINGS)
    # A run stands for itself: the file is not needed any more.
    (folder / "vectors.fits").unlink()
    return equiclust.open_run(found.path)


def test_labels_are_those_of_a_run_with_images_beside(run: equiclust.Run, tmp_path: Path) -> None:
    table = _table()
    pixels = np.random.default_rng(1).random((N, 32, 32))
    images = ImageSet.from_array(pixels, ids=table["object_id"].tolist())
    write_table(table, tmp_path / "vectors.fits")
    beside = equiclust.run(
        images, tmp_path / "beside", latents=tmp_path / "vectors.fits", size=32, **SETTINGS
    )
    np.testing.assert_array_equal(beside.labels, run.labels)
    np.testing.assert_allclose(beside.latents, run.latents, atol=1e-6)
    assert (beside.has_images, run.has_images) == (True, False)
    # The clouds were found, so that equal labels say something.
    assert len({(k, label) for k, label in zip(table["label"], run.labels, strict=True)}) == 3


def test_places_and_report_are_there_and_pictures_and_certificate_are_not(
    run: equiclust.Run,
) -> None:
    np.testing.assert_allclose(run.catalogue["ra"], _table()["ra"])
    assert run.catalogue["id"].tolist() == _table()["object_id"].tolist()
    assert run.is_invariant is None
    assert run.confounders.colnames == ["id"]
    page = (run.path / "report.html").read_text()
    assert "without their images" in page
    assert "Invariance not measured" in page
    with pytest.raises(InputError, match="cannot be measured"):
        run.check()


def test_new_vectors_are_labelled_as_they_would_be_within_the_run(
    run: equiclust.Run, tmp_path: Path
) -> None:
    write_table(_table(), tmp_path / "again.fits")
    again = run.predict(tmp_path / "again.fits", latents=True)
    np.testing.assert_array_equal(again["label"], run.labels)
    np.testing.assert_array_equal(again["latent"], run.latents)
    turned = _table()[::-1]
    np.save(tmp_path / "turned.npy", turned["embedding"])
    labels = run.predict(str(tmp_path / "turned.npy"))
    np.testing.assert_array_equal(labels["label"], run.labels[::-1])
    # Without names their numbers.
    assert labels["id"][:2].tolist() == ["00000", "00001"]


def test_a_stopped_prediction_goes_on_to_the_same_catalogue(
    run: equiclust.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(_table(), tmp_path / "again.fits")
    monkeypatch.setattr(latent_prediction, "_BLOCK", 32)
    done: list[int] = []

    def stop(stage: str, n: int, total: int | None, remark: str) -> None:
        if stage == "labelling" and n:
            done.append(n)
            if len(done) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.predict(tmp_path / "again.fits", output=tmp_path / "new.ecsv", on_progress=stop)
    found = run.predict(tmp_path / "again.fits", output=tmp_path / "new.ecsv", on_progress=stop)
    assert done == [32, 64, 90]
    np.testing.assert_array_equal(found["label"], run.labels)
    assert not list(tmp_path.glob("*.partial"))


def test_of_many_some_are_learned_from_and_all_are_labelled(tmp_path: Path) -> None:
    write_table(_table(), tmp_path / "vectors.fits")
    run = equiclust.run(
        latents=tmp_path / "vectors.fits", output=tmp_path / "sorted", max_samples=60, **SETTINGS
    )
    assert (len(run.catalogue), len(run.all_images)) == (60, N)
    assert run.all_images["id"].tolist() == _table()["object_id"].tolist()
    pairs = {*zip(_table()["label"].tolist(), run.all_images["label"].tolist(), strict=True)}
    assert len(pairs) == 3
    write_table(_table(1), tmp_path / "other.fits")
    (tmp_path / "sorted" / "all_images.fits").unlink()
    (tmp_path / "other.fits").replace(tmp_path / "vectors.fits")
    with pytest.raises(OutputError, match="have changed"):
        equiclust.run(
            latents=tmp_path / "vectors.fits",
            output=tmp_path / "sorted",
            max_samples=60,
            **SETTINGS,
        )


def test_a_few_labels_teach_kinds(run: equiclust.Run, tmp_path: Path) -> None:
    kinds = dict(zip(_table()["object_id"], np.array(["a", "b", "c"])[np.arange(N) % 3]))  # noqa: B905
    asked = run.suggest(6)["id"]
    taught = run.teach({str(name): str(kinds[name]) for name in asked}, output=tmp_path / "taught")
    assert [str(kinds[name]) for name in taught.catalogue["id"]] == taught.catalogue[
        "kind"
    ].tolist()
    np.save(tmp_path / "new.npy", _table()["embedding"][:3])
    assert taught.predict(tmp_path / "new.npy")["kind"].tolist() == ["a", "b", "c"]


def test_similar_vectors_are_those_of_brute_force(run: equiclust.Run, tmp_path: Path) -> None:
    found = run.similar(ids=["object 4"], n=5)
    distances = np.linalg.norm(run.latents - run.latents[4], axis=1)
    distances[4] = np.inf
    assert found["similar"].tolist() == [f"object {k}" for k in np.argsort(distances)[:5]]
    write_table(_table()[4:5], tmp_path / "one.fits")
    asked = run.similar(tmp_path / "one.fits", n=5)
    assert asked["similar"].tolist() == found["similar"].tolist()


def test_what_needs_images_is_refused_in_one_sentence(run: equiclust.Run, tmp_path: Path) -> None:
    write_table(_table(), tmp_path / "vectors.fits")
    given: dict[str, Any] = {"latents": tmp_path / "vectors.fits", "output": tmp_path / "new"}
    for message, more in (
        ("method must do without images, got 'dec'", {"method": "dec"}),
        ("remove needs the images", {"remove": "size"}),
        ("take the place of encoder, got encoder 'own'", {"encoder": "own"}),
        ("must be a file of vectors that ends in .npy", {"latents": "model.onnx"}),
        ("there is no such file", {"latents": tmp_path / "none.npy"}),
        ("n_clusters must be at most the number of different", {"n_clusters": 99}),
    ):
        with pytest.raises(InputError, match=message):
            equiclust.run(**{**given, **more})
    with pytest.raises(InputError, match="inputs must name images, or latents a file"):
        equiclust.run(output=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match=r"must be one file of vectors.*got ImageSet"):
        run.predict(ImageSet.from_array(np.zeros((1, 32, 32))))
    np.save(tmp_path / "short.npy", np.zeros((2, 5)))
    with pytest.raises(InputError, match="must have length 6, got 5"):
        run.predict(tmp_path / "short.npy")


def test_equal_vectors_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "same.npy", np.ones((20, 4)))
    with pytest.raises(InputError, match="at least 2 different"):
        equiclust.run(latents=tmp_path / "same.npy", output=tmp_path / "new", n_folds=2)
