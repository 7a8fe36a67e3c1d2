"""Checkpoints belong to one fit: the same fit goes on from them, any other is refused."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equiclust import EquivariantAutoencoder, ImageSet
from equiclust.autoencoder import checkpoint_callbacks
from equiclust.autoencoder.checkpoint_callbacks import AtomicCheckpoints
from equiclust.exceptions import EquiclustWarning, OutputError

SMALL: dict[str, Any] = {
    "size": 32,
    "fields": (2, 4),
    "latent_dim": 4,
    "max_epochs": 2,
    "batch_size": 8,
    "perceptual": None,
    "preprocess": False,
    "device": "cpu",
}


class Killed(Exception):
    """Stands for the end of the process."""


def _pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((12, 1, 32, 32), dtype=np.float32)


def _autoencoder(**more: Any) -> EquivariantAutoencoder:
    return EquivariantAutoencoder(**SMALL | {"random_state": 0} | more)


def _kill_in(epoch: int) -> Any:
    def on_epoch(record: Any) -> None:
        if record["epoch"] == epoch:
            raise Killed

    return on_epoch


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    return np.arange(12) < 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, held_out: np.ndarray) -> Path:
    """Checkpoints of a finished fit."""
    path = tmp_path_factory.mktemp("checkpoints")
    _autoencoder().fit(_pixels(), held_out=held_out, positive_pairs=_pixels(5), checkpoints=path)
    return path


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _another_mask() -> ImageSet:
    mask = np.zeros((12, 32, 32), dtype=bool)
    mask[3, :4] = True
    return ImageSet.from_array(_pixels(), mask=mask)


@pytest.mark.parametrize(
    ("parameters", "arguments", "named"),
    [
        ({"learning_rate": 1e-3}, {}, "learning_rate was 0.005 and is now 0.001"),
        ({"max_epochs": 3}, {}, "max_epochs was 2 and is now 3"),
        ({"objective": {"covariance": 1.0}}, {}, "objective"),
        ({"augmentation": {"scale": 0.0}}, {}, "augmentation"),
        ({"precision": "bf16-mixed"}, {}, "precision"),
        ({"random_state": 1}, {}, "the seed drawn from random_state was"),
        ({"latent_dim": 5}, {}, "latent_dim was 4 and is now 5"),
        ({}, {"images": _pixels(1)}, "images"),
        ({}, {"images": _another_mask()}, "images"),
        ({}, {"held_out": np.arange(12) >= 10}, "held_out"),
        ({}, {"positive_pairs": _pixels(6)}, "positive_pairs"),
        ({}, {"positive_pairs": None}, "positive_pairs"),
    ],
)
def test_checkpoints_of_another_fit_are_refused(
    folder: Path,
    held_out: np.ndarray,
    parameters: dict[str, Any],
    arguments: dict[str, Any],
    named: str,
) -> None:
    given = {"images": _pixels(), "held_out": held_out, "positive_pairs": _pixels(5)} | arguments
    before = _contents(folder)
    with pytest.raises(OutputError, match=named) as refusal:
        _autoencoder(**parameters).fit(given.pop("images"), checkpoints=folder, **given)
    assert repr(str(folder)) in str(refusal.value)
    assert "choose another folder" in str(refusal.value)
    assert _contents(folder) == before


def test_what_does_not_decide_the_result_may_change(folder: Path, held_out: np.ndarray) -> None:
    records: list[Any] = []
    again = _autoencoder(device="auto" if not torch.cuda.is_available() else "cpu").fit(
        _pixels(),
        held_out=held_out,
        positive_pairs=_pixels(5),
        checkpoints=folder,
        on_epoch=records.append,
    )
    assert not records
    assert len(again.history_) == 2


@pytest.mark.parametrize("epoch", [0, 1])
def test_the_same_fit_goes_on_after_a_kill_to_the_same_weights(tmp_path: Path, epoch: int) -> None:
    """In epoch 0 no checkpoint has been written yet, in epoch 1 there is one."""
    undisturbed = _autoencoder().fit(_pixels())
    with pytest.raises(Killed):
        _autoencoder().fit(_pixels(), checkpoints=tmp_path, on_epoch=_kill_in(epoch))
    resumed = _autoencoder().fit(_pixels(), checkpoints=tmp_path)
    np.testing.assert_array_equal(resumed.transform(_pixels()), undisturbed.transform(_pixels()))


def test_a_folder_without_a_checkpoint_serves_any_fit(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _autoencoder().fit(_pixels(), checkpoints=tmp_path, on_epoch=_kill_in(0))
    assert not list(tmp_path.glob("*.ckpt"))
    other = _autoencoder(random_state=1).fit(_pixels(1), checkpoints=tmp_path)
    expected = _autoencoder(random_state=1).fit(_pixels(1))
    np.testing.assert_array_equal(other.transform(_pixels()), expected.transform(_pixels()))


def test_a_fit_without_a_seed_goes_on_with_the_seed_it_had(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        _autoencoder(random_state=None).fit(_pixels(), checkpoints=tmp_path, on_epoch=_kill_in(1))
    resumed = _autoencoder(random_state=None).fit(_pixels(), checkpoints=tmp_path)
    assert [record["epoch"] for record in resumed.history_] == [0, 1]
    with pytest.raises(OutputError, match="images"):
        _autoencoder(random_state=None).fit(_pixels(1), checkpoints=tmp_path)


def test_checkpoints_that_do_not_say_whose_they_are_are_refused(tmp_path: Path) -> None:
    _autoencoder().fit(_pixels(), checkpoints=tmp_path)
    (tmp_path / "fit.json").unlink()
    with pytest.raises(OutputError, match="earlier version"):
        _autoencoder().fit(_pixels(), checkpoints=tmp_path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _empty_of_weights(path: Path) -> None:
    torch.save({"state_dict": {}}, path)


@pytest.mark.parametrize(
    "damage", [_cut, _flip, _empty_of_weights, lambda path: path.write_text("")]
)
def test_a_damaged_checkpoint_is_set_aside_and_the_training_starts_anew(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    whole = _autoencoder().fit(_pixels(), checkpoints=tmp_path)
    damage(tmp_path / "last.ckpt")
    with pytest.warns(EquiclustWarning, match=r"last\.ckpt' was damaged"):
        again = _autoencoder().fit(_pixels(), checkpoints=tmp_path)
    assert (tmp_path / "last.ckpt.damaged").is_file()
    np.testing.assert_array_equal(again.transform(_pixels()), whole.transform(_pixels()))


class _FullDisk(io.RawIOBase):
    """A file whose disk is full after some bytes."""

    left = 1000

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)


class _OnFullDisk(type(Path())):  # type: ignore[misc]
    def open(self, *_: Any, **__: Any) -> Any:
        return _FullDisk()


def test_a_full_disk_is_no_bug_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def on_full_disk(path: Any) -> Iterator[Path]:
        yield _OnFullDisk(path)

    monkeypatch.setattr(checkpoint_callbacks, "atomic_path", on_full_disk)
    weights = [torch.zeros(1000) for _ in range(100)]
    with pytest.raises(OSError, match="No space left"):
        AtomicCheckpoints().save_checkpoint({"weights": weights}, "last.ckpt")
