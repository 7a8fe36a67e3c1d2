"""The ensemble as an estimator: same answer side by side, after a stop, and from disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from ensembles import KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.simulation.shapes import simulate_shapes

SETTINGS = {"n_folds": 3, "held_out_folds": 1, "n_clusters": 2, "method": "kmeans"}


def tiny(**settings: object) -> EquivariantAutoencoder:
    chosen = {"size": 32, "max_epochs": 1, "perceptual": None, **settings}
    return EquivariantAutoencoder(**chosen)  # type: ignore[arg-type]


def ensemble(**settings: object) -> KFoldEnsemble:
    chosen = {**SETTINGS, "n_jobs": 1, "random_state": 0, **settings}
    return KFoldEnsemble(tiny(), **chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_shapes(24, size=32, classes=("ring", "bar"), random_state=0)[0]


@pytest.fixture(scope="module")
def fitted(images: ImageSet) -> KFoldEnsemble:
    return ensemble().fit(images)


def test_side_by_side_gives_the_same(images: ImageSet, fitted: KFoldEnsemble) -> None:
    other = ensemble(n_jobs=2).fit(images)
    np.testing.assert_allclose(other.latents_, fitted.latents_, atol=1e-4)
    assert np.array_equal(other.consensus_.best_labels_, fitted.consensus_.best_labels_)


def test_the_same_seed_gives_the_same(images: ImageSet, fitted: KFoldEnsemble) -> None:
    again = clone(fitted).fit(images)
    assert np.array_equal(again.latents_, fitted.latents_)
    assert np.array_equal(again.labels_, fitted.labels_)


def test_known_images_get_their_labels_again(images: ImageSet, fitted: KFoldEnsemble) -> None:
    assert np.array_equal(fitted.predict(images), fitted.labels_)
    vectors = fitted.transform(images)
    assert vectors.shape == (24, 3 * 32)
    assert np.array_equal(fitted.predict_transformed(vectors), fitted.labels_)


def test_turning_changes_nothing(images: ImageSet, fitted: KFoldEnsemble) -> None:
    rotated = np.rot90(images.pixels, axes=(2, 3)).copy()
    difference = fitted.transform(rotated) - fitted.transform(images.pixels)
    assert np.abs(difference).max() < 1e-5


def test_the_reconstruction_is_the_mean(images: ImageSet, fitted: KFoldEnsemble) -> None:
    alone = [member.reconstruct(images) for member in fitted.members_]
    np.testing.assert_allclose(fitted.reconstruct(images), np.mean(alone, axis=0), atol=1e-6)


def test_it_comes_back_from_disk(images: ImageSet, fitted: KFoldEnsemble, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    again = KFoldEnsemble.load(tmp_path)
    assert np.array_equal(again.transform(images), fitted.transform(images))
    assert np.array_equal(again.predict(images), fitted.labels_)
    with pytest.raises(InputError, match=r"ensemble\.json"):
        KFoldEnsemble.load(tmp_path / "member_00")


def test_recipes_take_turns(images: ImageSet) -> None:
    recipes = [tiny(), tiny(learning_rate=1e-3)]
    found = KFoldEnsemble(recipes, **SETTINGS, n_jobs=1, random_state=0).fit_members(images)
    assert [member.learning_rate for member in found.members_] == [5e-3, 1e-3, 5e-3]
    with pytest.raises(InputError, match="one latent_dim"):
        KFoldEnsemble([tiny(), tiny(latent_dim=8)], **SETTINGS).fit(images)


def test_a_stopped_fit_goes_on(images: ImageSet, fitted: KFoldEnsemble, tmp_path: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done == 2:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        ensemble().fit(images, checkpoints=tmp_path, on_progress=stop)
    assert (tmp_path / "member_00" / "finished").is_dir()
    assert not (tmp_path / "member_02").exists()
    again = ensemble().fit(images, checkpoints=tmp_path)
    assert np.array_equal(again.latents_, fitted.latents_)


_SCRIPT = """
import sys
from tests.ensembles.test_kfold import ensemble
from equiclust.simulation.shapes import simulate_shapes
images, _ = simulate_shapes(24, size=32, classes=("ring", "bar"), random_state=0)
ensemble().fit(images, checkpoints=sys.argv[1])
"""


def test_a_killed_fit_goes_on(images: ImageSet, fitted: KFoldEnsemble, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT, str(tmp_path)], cwd=root)
    while process.poll() is None and not (tmp_path / "member_01").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = ensemble().fit(images, checkpoints=tmp_path)
    assert np.array_equal(again.latents_, fitted.latents_)


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same(images: ImageSet, fitted: KFoldEnsemble) -> None:
    distributed = pytest.importorskip("distributed")
    from joblib import parallel_config

    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        found = ensemble(n_jobs=None).fit(images)
    np.testing.assert_allclose(found.latents_, fitted.latents_, atol=1e-4)
    assert np.array_equal(found.consensus_.best_labels_, fitted.consensus_.best_labels_)
