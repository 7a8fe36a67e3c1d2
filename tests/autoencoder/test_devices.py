"""Several processes train the network of one, and end together."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from itertools import chain
from multiprocessing import active_children
from multiprocessing.context import SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from equiclust import EquivariantAutoencoder, ImageSet
from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.division import Division
from equiclust.autoencoder.objectives import ObjectiveWeights, PerceptualLoss
from equiclust.autoencoder.training import AutoencoderTraining
from equiclust.autoencoder.training_config import TrainingConfig
from equiclust.autoencoder.training_data import ImageData
from equiclust.autoencoder.training_processes import _Failure, _first_error, train
from equiclust.exceptions import EquiclustError, InputError, StoppedError
from equiclust.nn.device import seeded
from equiclust.nn.network import AutoencoderNetwork, NetworkConfig

N, SIZE = 40, 32

# Their gradient is zero but for rounding, which Adam scales up to whole steps: a shift before a
# normalisation is taken away by it, and no term sees a shift of all latents.
# In double precision gradients of 1e-13 are next to the 1e-8 that Adam adds to their size: 8 steps
# of 0.02 add up to 2e-6 at most.
WALKED = 2e-6
WITHOUT_GRADIENT = (
    "head.norm.bias",
    "head.hidden.bias",
    "head.hidden_norm.running_mean",
    "head.last.bias",
)


def _images(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(N, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0), dtype=dtype)
    mask = torch.zeros(N, 1, SIZE, SIZE, dtype=torch.bool)
    mask[::3, :, :5] = True
    return images.masked_fill(mask, 0.0), mask


def _write_perceptual_weights(folder: Path) -> None:
    from torchvision.models import alexnet

    with seeded(0):
        state = alexnet().features.state_dict()
    save_file(
        {f"features.{k}": v for k, v in state.items()}, folder / "alexnet_features.safetensors"
    )


def _double_training(
    devices: int, perceptual: PerceptualLoss, weights: ObjectiveWeights
) -> tuple[AutoencoderTraining, ImageData]:
    """In double precision, with batches of thirteen and a last held-out image that is alone."""
    with seeded(0):
        network = AutoencoderNetwork(
            NetworkConfig(group="D8", size=SIZE, fields=(2, 4), latent_dim=4)
        ).double()
    config = TrainingConfig(
        max_epochs=8, batch_size=13, learning_rate=0.02, patience=1, seed=3,
        device="cpu", devices=devices, precision="64-true",  # type: ignore[arg-type]  # users need none
    )  # fmt: skip
    module = AutoencoderTraining(
        network, config, weights=weights, augmentation=Augmentation(), perceptual=perceptual
    )
    images, mask = _images(torch.float64)
    pairs = images.flip(0), mask.flip(0)
    held_out = torch.arange(N) >= N - 14
    return module, ImageData.split(
        images, mask, held_out, positive_pairs=pairs, batch_size=13, seed=3
    )


def _without_seconds(records: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in record.items() if k != "seconds"} for record in records]


def test_two_processes_train_the_network_of_one(tmp_path: Path) -> None:
    """In double precision, where rounding by 1e-16 is far from anything that is divided wrongly.

    A thousandfold of it is allowed for its growth in a few epochs, and tenfold is seen.
    """
    _write_perceptual_weights(tmp_path)
    perceptual = PerceptualLoss("alexnet", weights=tmp_path).double()
    weights = ObjectiveWeights(contrastive=1.0)
    results = []
    for devices in (1, 2):
        module, data = _double_training(devices, perceptual, weights)
        seen: list[Any] = []
        records = train(module, data, on_epoch=seen.append)
        assert seen == records
        assert set(asdict(weights)) | {"total", "validation_mse"} <= set(records[0])
        results.append((_without_seconds(records), module.network.state_dict()))
        assert not module.network.training
    (one, of_one), (two, of_two) = results
    assert len(one) == len(two) < 8
    for left, right in zip(one, two, strict=True):
        assert left == pytest.approx(right, rel=1e-12, abs=1e-13)
    assert of_one.keys() == of_two.keys()
    for name, value in of_one.items():
        atol = WALKED if name in WITHOUT_GRADIENT else 1e-12
        torch.testing.assert_close(of_two[name], value, rtol=1e-12, atol=atol, msg=name)


def _autoencoder(devices: int, **more: Any) -> EquivariantAutoencoder:
    chosen: dict[str, Any] = {"size": SIZE, "fields": (2, 4), "latent_dim": 4, "max_epochs": 3}
    chosen |= {"batch_size": 7, "perceptual": None, "pretrained": False, "preprocess": False}
    chosen |= {"device": "cpu", "devices": devices, "random_state": 0}
    return EquivariantAutoencoder(**(chosen | more))


def _image_set() -> ImageSet:
    images, mask = _images(torch.float32)
    return ImageSet.from_array(images.numpy(), mask=mask[:, 0].numpy())


def _assert_same(found: EquivariantAutoencoder, wanted: EquivariantAutoencoder) -> None:
    """A step rounds by 1e-7; a thousandfold is allowed for its growth, and tenfold is seen."""
    for left, right in zip(found.history_, wanted.history_, strict=True):
        assert left.keys() == right.keys()
        for name in left.keys() - {"seconds"}:
            assert left[name] == pytest.approx(right[name], rel=1e-4, abs=1e-6), name
    known = wanted.network_.state_dict()
    for name, value in found.network_.state_dict().items():
        if name not in WITHOUT_GRADIENT:
            torch.testing.assert_close(value, known[name], rtol=1e-4, atol=1e-5, msg=name)


class Killed(Exception):
    """Stands for the end of the process."""


def test_two_processes_go_on_with_the_training_of_one(tmp_path: Path) -> None:
    """The perceptual term sees one image of a batch of seven, of which one process has none."""

    def end(record: Any) -> None:
        if record["epoch"] == 1:
            raise Killed

    _write_perceptual_weights(tmp_path)
    more = {"perceptual": "alexnet", "perceptual_weights": str(tmp_path)}
    folder = tmp_path / "fit"
    undisturbed = _autoencoder(1, **more).fit(_image_set())
    with pytest.raises(Killed):
        _autoencoder(1, **more).fit(_image_set(), checkpoints=folder, on_epoch=end)
    resumed = _autoencoder(2, **more).fit(_image_set(), checkpoints=folder)
    _assert_same(resumed, undisturbed)
    lines = (folder / "epochs.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3


def test_both_processes_stop_when_asked_and_one_goes_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a reconstruction, so that the decoder has no gradient."""
    objective = {"mse": 0.0, "perceptual": 0.0}
    undisturbed = _autoencoder(1, objective=objective).fit(_image_set())
    request = tmp_path / "stop"
    # The processes meet there.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a %20 name"))
    (tmp_path / "a %20 name").mkdir()
    images, mask = (part.numpy() for part in _images(torch.float32))
    with pytest.raises(StoppedError, match="was stopped, as"):
        _autoencoder(2, objective=objective).fit_prepared(
            images,
            mask[:, 0],
            checkpoints=tmp_path / "fit",
            on_epoch=lambda record: request.touch(),
            stop_request=request,
        )
    assert not _started()
    resumed = _autoencoder(1, objective=objective).fit(_image_set(), checkpoints=tmp_path / "fit")
    _assert_same(resumed, undisturbed)
    said = capfd.readouterr()
    assert said.out + said.err == ""


def _started() -> list[BaseProcess]:
    """Processes of a training; joblib's, which other work has started, wait for more."""
    return [one for one in active_children() if isinstance(one, SpawnProcess)]


def test_a_killed_process_is_an_error_and_ends_the_other(tmp_path: Path) -> None:
    def kill_one(record: Any) -> None:
        victim = _started()[0].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)

    with pytest.raises(EquiclustError, match=r"devices=2 was killed by signal 9"):
        _autoencoder(2, max_epochs=10_000).fit(_image_set(), on_epoch=kill_one)
    assert not _started()


def test_rows_are_divided_evenly_and_without_a_rest() -> None:
    for n in range(1, 12):
        for size in range(1, n + 1):
            divisions = [Division(rank, size) for rank in range(size)]
            rows = [list(range(n)[one.rows(n)]) for one in divisions]
            assert sorted(chain.from_iterable(rows)) == list(range(n))
            assert [len(some) for some in rows] == [one.count(n) for one in divisions]
            assert max(map(len, rows)) - min(map(len, rows)) <= 1


@pytest.mark.parametrize(
    ("devices", "device", "message"),
    [
        (0, "cpu", "devices must be"),
        (8, "cpu", r"devices must be at most batch_size \(7\), got 8"),
        (2, "cuda", "devices must be at most 1, the cuda devices of this machine, got 2"),
        (6, "cpu", "devices must be at most 5, the images in a batch, got 6"),
    ],
)
def test_devices_that_are_not_there_are_refused(
    monkeypatch: pytest.MonkeyPatch, devices: int, device: str, message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=message):
        _autoencoder(devices, device=device).fit(_image_set()[:6], held_out=np.arange(6) < 1)


def test_what_went_wrong_first_is_said() -> None:
    """Whoever waits for a process that has failed fails after it."""
    missing = _Failure(OSError(28, "No space left on device"), 2.0)
    lost = _Failure(RuntimeError("Connection closed by peer"), 3.0)
    ended = [SimpleNamespace(exitcode=1), SimpleNamespace(exitcode=1)]
    assert _first_error(ended, [lost, missing]) is missing.error  # type: ignore[arg-type]  # enough
    killed = [SimpleNamespace(exitcode=1), SimpleNamespace(exitcode=-9)]
    assert "signal 9" in str(_first_error(killed, [lost, None]))  # type: ignore[arg-type]  # enough
