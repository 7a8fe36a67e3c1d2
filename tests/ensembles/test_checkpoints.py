"""Members on disk belong to one fit: the same fit reads them again, any other is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensembles import KFoldEnsemble
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import OutputError
from equiclust.images import ImageSet

RECIPE: dict[str, Any] = {
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


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((12, 1, 32, 32), dtype=np.float32)


def _another_mask() -> ImageSet:
    mask = np.zeros((12, 32, 32), dtype=bool)
    mask[3, :4] = True
    return ImageSet.from_array(_pixels(), mask=mask)


def _ensemble(recipe: dict[str, Any] | None = None, **more: Any) -> KFoldEnsemble:
    chosen = {"n_folds": 3, "held_out_folds": 1, "n_jobs": 1, "random_state": 0} | more
    return KFoldEnsemble(EquivariantAutoencoder(**RECIPE | (recipe or {})), **chosen)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of a fit whose members are all finished."""
    path = tmp_path_factory.mktemp("checkpoints")
    _ensemble().fit_members(_pixels(), positive_pairs=_pixels(5), checkpoints=path)
    return path


@pytest.mark.parametrize(
    ("recipe", "settings", "arguments", "named"),
    [
        ({"learning_rate": 1e-3}, {}, {}, r"estimator\['learning_rate'\] was 0.005 and is now"),
        ({"objective": {"covariance": 1.0}}, {}, {}, "objective"),
        ({}, {"random_state": 1}, {}, "seed"),
        ({}, {"n_folds": 2}, {}, "n_folds was 3 and is now 2"),
        ({}, {"held_out_folds": 2}, {}, "held_out_folds was 1 and is now 2"),
        ({}, {}, {"images": _pixels(1)}, "images changed"),
        ({}, {}, {"images": _another_mask()}, "images changed"),
        ({}, {}, {"positive_pairs": _pixels(6)}, "positive_pairs changed"),
        ({}, {}, {"positive_pairs": None}, "positive_pairs changed"),
    ],
)
def test_members_of_another_fit_are_refused(
    folder: Path,
    recipe: dict[str, Any],
    settings: dict[str, Any],
    arguments: dict[str, Any],
    named: str,
) -> None:
    given = {"images": _pixels(), "positive_pairs": _pixels(5)} | arguments
    before = _contents(folder)
    with pytest.raises(OutputError, match=named) as refusal:
        _ensemble(recipe, **settings).fit_members(**given, checkpoints=folder)
    assert repr(str(folder)) in str(refusal.value)
    assert "choose another folder" in str(refusal.value)
    assert _contents(folder) == before


def test_a_member_whose_held_out_images_are_others_is_refused(tmp_path: Path) -> None:
    _ensemble().fit_members(_pixels(), checkpoints=tmp_path)
    (tmp_path / "member_00").rename(tmp_path / "aside")
    (tmp_path / "member_01").rename(tmp_path / "member_00")
    with pytest.raises(OutputError, match="held_out changed"):
        _ensemble().fit_members(_pixels(), checkpoints=tmp_path)


def test_only_what_decides_the_members_is_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []
    loaded: list[Path] = []
    load = EquivariantAutoencoder.load

    def noting(path: Path) -> EquivariantAutoencoder:
        loaded.append(path)
        return load(path)

    monkeypatch.setattr(EquivariantAutoencoder, "load", noting)
    again = _ensemble({"device": "auto"}, n_clusters=2, reliability=0.0).fit_members(
        _pixels(),
        positive_pairs=_pixels(5),
        checkpoints=folder,
        on_progress=lambda done, *_: began.append(done),
    )
    assert not began
    assert len(loaded) == len(set(loaded)) == 3, "a member was not read once"
    assert again.latents_.shape == (3, 12, 4)


def test_a_fit_without_a_seed_resumes_with_the_seed_it_had(tmp_path: Path) -> None:
    first = _ensemble(random_state=None).fit_members(_pixels(), checkpoints=tmp_path)
    again = _ensemble(random_state=None).fit_members(_pixels(), checkpoints=tmp_path)
    np.testing.assert_array_equal(again.latents_, first.latents_)
    np.testing.assert_array_equal(again.held_out_, first.held_out_)
    with pytest.raises(OutputError, match="images changed"):
        _ensemble(random_state=None).fit_members(_pixels(1), checkpoints=tmp_path)


def test_members_without_a_record_are_refused(tmp_path: Path) -> None:
    _ensemble().fit_members(_pixels(), checkpoints=tmp_path)
    (tmp_path / "fit.json").unlink()
    with pytest.raises(OutputError, match="earlier version"):
        _ensemble().fit_members(_pixels(), checkpoints=tmp_path)


def test_a_relative_folder_is_that_of_the_caller_also_in_workers_that_began_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        _ensemble({"max_epochs": 1}, n_folds=2, n_jobs=2).fit_members(_pixels(), checkpoints="kept")
    first, second = (
        {path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*")}
        for name in ("first", "second")
    )
    assert first == second
