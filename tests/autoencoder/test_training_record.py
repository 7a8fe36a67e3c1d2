"""A training that is watched is the same training, and what it leaves can be read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.autoencoder.objectives import ObjectiveWeights
from equiclust.autoencoder.training_record import TrainingRecord, _latent_schedule, spaced
from equiclust.exceptions import OutputError, StoppedError
from equiclust.io.training_record import (
    MemberRecord,
    read_shown_images,
    read_snapshot,
    read_training,
)
from equiclust.typing import Float32Array

N = 20


def _pixels() -> Float32Array:
    return np.random.default_rng(0).random((N, 1, 32, 32), dtype=np.float32)


def _autoencoder(**more: Any) -> EquivariantAutoencoder:
    chosen: dict[str, Any] = {"size": 32, "fields": (2, 4), "latent_dim": 4, "batch_size": 8}
    chosen |= {"max_epochs": 4, "perceptual": None, "pretrained": False, "preprocess": False}
    chosen |= {"random_state": 0}
    return EquivariantAutoencoder(**(chosen | more))


def _fit(folder: Path | None, **more: Any) -> EquivariantAutoencoder:
    return _autoencoder(**more).fit(_pixels(), checkpoints=folder)


def _member(run: Path) -> MemberRecord:
    return read_training(run).members[0]


def _folder(run: Path) -> Path:
    return run / "checkpoints" / "member_00"


def _without_seconds(records: list[dict[str, float]]) -> list[dict[str, float]]:
    return [
        {name: value for name, value in record.items() if name != "seconds"} for record in records
    ]


@pytest.mark.parametrize("more", [{}, {"patience": 1, "max_epochs": 8}])
def test_the_training_is_the_same_with_and_without_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    torch.manual_seed(5)
    watched = _fit(_folder(tmp_path), **more)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    alone = _fit(None, **more)
    assert torch.equal(drawn, torch.rand(3))
    assert _without_seconds(watched.history_) == _without_seconds(alone.history_)
    for name, value in alone.network_.state_dict().items():
        assert torch.equal(value, watched.network_.state_dict()[name]), name
    assert _member(tmp_path).snapshots


def test_every_mode_of_the_network_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[list[bool]] = []
    write = TrainingRecord._write_snapshot

    def noting(self: Any, epoch: int, network: Any, *rest: Any) -> None:
        # One part is frozen, as a caller may have done.
        network.head.norm.eval()
        modes.append([module.training for module in network.modules()])
        write(self, epoch, network, *rest)
        modes.append([module.training for module in network.modules()])
        assert torch.is_grad_enabled()

    monkeypatch.setattr(TrainingRecord, "_write_snapshot", noting)
    _fit(_folder(tmp_path))
    assert len(modes) == 8
    assert all(before == after for before, after in zip(modes[::2], modes[1::2], strict=True))
    assert 0 < sum(modes[0]) < len(modes[0])


def test_what_is_written_is_what_the_network_makes(tmp_path: Path) -> None:
    held_out = np.arange(N) % 5 == 0
    fitted = _autoencoder().fit(_pixels(), held_out=held_out, checkpoints=_folder(tmp_path))
    member = _member(tmp_path)
    assert _without_seconds(member.epochs) == _without_seconds(fitted.history_)
    assert member.max_epochs == 4
    assert member.n_training == 16
    assert dict(member.weights) == asdict(ObjectiveWeights())
    assert member.snapshots == (0, 1, 2, 3)
    shown = read_shown_images(member)
    rows = np.flatnonzero(~held_out)
    assert shown.rows.tolist() == rows[[0, 3, 6, 9, 12, 15]].tolist()
    assert set(shown.latent_rows) <= set(rows)
    np.testing.assert_allclose(shown.images / 255, _pixels()[shown.rows], atol=0.5 / 255 + 1e-6)
    last = read_snapshot(member, 3)
    with torch.no_grad():
        images = torch.from_numpy(_pixels())
        latents = fitted.network_.encode(images[torch.from_numpy(shown.latent_rows)])
        made = fitted.network_.reconstruct(images[torch.from_numpy(shown.rows)])
    np.testing.assert_allclose(last.latents, latents.numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(last.reconstructions / 255, made.clamp(0, 1), atol=0.6 / 255)


def test_after_a_resume_the_record_is_that_of_an_undisturbed_training(tmp_path: Path) -> None:
    undisturbed = _fit(None)
    folder = _folder(tmp_path)
    stop = tmp_path / "stop"

    def stop_after_two(record: Any) -> None:
        if record["epoch"] == 1:
            stop.touch()

    with pytest.raises(StoppedError):
        _autoencoder().fit_prepared(
            _pixels(),
            np.zeros((N, 32, 32), bool),
            checkpoints=folder,
            on_epoch=stop_after_two,
            stop_request=stop,
        )
    assert [record["epoch"] for record in _member(tmp_path).epochs] == [0, 1]
    # As a process that is killed between the record and the checkpoint leaves them.
    with (folder / "epochs.jsonl").open("a") as file:
        file.write('{"epoch": 2, "total": 99.0}\n{"epoch": 3, "to')
    (folder / "snapshots" / "000003.npz").write_bytes(b"")
    (folder / "snapshots" / "mine.txt").write_text("kept")
    stop.unlink()
    resumed = _fit(folder)
    assert _without_seconds(resumed.history_) == _without_seconds(undisturbed.history_)
    assert _without_seconds(_member(tmp_path).epochs) == _without_seconds(undisturbed.history_)
    assert _member(tmp_path).snapshots == (0, 1, 2, 3)
    assert (folder / "snapshots" / "mine.txt").read_text() == "kept"
    for name, value in undisturbed.network_.state_dict().items():
        assert torch.equal(value, resumed.network_.state_dict()[name]), name


def test_a_record_that_cannot_be_written_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OutputError("no space")

    monkeypatch.setattr("equiclust.autoencoder.training_record._write_npz", full)
    assert len(_fit(_folder(tmp_path)).history_) == 4
    told = [one for one in caplog.records if "incomplete" in one.getMessage()]
    assert len(told) == 1


@pytest.mark.parametrize("n_images", [2, 20, 162, 1000, 5000])
@pytest.mark.parametrize("max_epochs", [1, 10, 37, 60, 300])
def test_the_latents_of_a_training_cost_little(n_images: int, max_epochs: int) -> None:
    every = -(-max_epochs // 60)
    interval, n_latents = _latent_schedule(n_images, max_epochs, every)
    assert interval % every == 0
    assert min(24, n_images) <= n_latents <= min(300, n_images)
    assert n_latents <= max(interval * n_images / 7, 24)
    assert max_epochs / interval >= min(6, max_epochs) / 2


def test_spaced_positions_are_different_and_reach_both_ends() -> None:
    for n in (1, 2, 5, 6, 7, 1000):
        found = spaced(n, 6)
        assert len(found) == min(n, 6)
        assert (found[0], found[-1]) == (0, n - 1)
        assert (np.diff(found) > 0).all()
