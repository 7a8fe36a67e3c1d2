"""A training that is stopped on request goes on later, with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensembles import KFoldEnsemble
from equiclust.exceptions import StoppedError
from equiclust.images import ImageSet
from equiclust.io.training_record import read_training
from equiclust.simulation.shapes import simulate_shapes
from tests.ensembles.test_kfold import tiny

EPOCHS = 4


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return simulate_shapes(16, size=32, classes=("ring", "bar"), random_state=0)[0]


def _ensemble(n_jobs: int) -> KFoldEnsemble:
    return KFoldEnsemble(
        tiny(max_epochs=EPOCHS), n_folds=2, n_clusters=2, n_jobs=n_jobs, random_state=0
    )


@pytest.fixture(scope="module")
def undisturbed(images: ImageSet) -> KFoldEnsemble:
    return _ensemble(1).fit_members(images)


def test_the_epoch_is_completed_and_a_resume_gives_the_same(
    tmp_path: Path, images: ImageSet, undisturbed: KFoldEnsemble
) -> None:
    stop, checkpoints = tmp_path / "stop", tmp_path / "checkpoints"

    def ask(done: int, *_: object) -> None:
        if done == 2:
            stop.touch()

    with pytest.raises(StoppedError):
        _ensemble(1).fit_members(
            images, checkpoints=checkpoints, on_progress=ask, stop_request=stop
        )
    assert [len(one.epochs) for one in read_training(tmp_path).members] == [2]
    stop.unlink()
    again: list[int] = []
    resumed = _ensemble(1).fit_members(
        images,
        checkpoints=checkpoints,
        on_progress=lambda done, *_: again.append(done),
        stop_request=stop,
    )
    assert again == [3, 4, 5, 6, 7, 8]
    np.testing.assert_array_equal(resumed.latents_, undisturbed.latents_)


def test_processes_are_stopped_too(
    tmp_path: Path, images: ImageSet, undisturbed: KFoldEnsemble
) -> None:
    stop, checkpoints = tmp_path / "stop", tmp_path / "checkpoints"
    stop.touch()
    with pytest.raises(StoppedError):
        _ensemble(2).fit_members(images, checkpoints=checkpoints, stop_request=stop)
    assert all(not one.epochs for one in read_training(tmp_path).members)
    assert stop.exists(), "another training may still have to see it"
    stop.unlink()
    resumed = _ensemble(2).fit_members(images, checkpoints=checkpoints, stop_request=stop)
    np.testing.assert_allclose(resumed.latents_, undisturbed.latents_, atol=1e-4)
    assert all(len(one.epochs) == EPOCHS for one in read_training(tmp_path).members)


def test_members_that_are_finished_stay_so(
    tmp_path: Path, images: ImageSet, undisturbed: KFoldEnsemble
) -> None:
    stop, checkpoints = tmp_path / "stop", tmp_path / "checkpoints"

    def ask(done: int, *_: object) -> None:
        if done == EPOCHS:
            stop.touch()

    with pytest.raises(StoppedError):
        _ensemble(1).fit_members(
            images, checkpoints=checkpoints, on_progress=ask, stop_request=stop
        )
    members = read_training(tmp_path).members
    assert [one.is_finished for one in members] == [True, False]
