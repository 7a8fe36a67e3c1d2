"""The learning rate over a training, and what `patience` does to it and to the weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equiclust import EquivariantAutoencoder
from equiclust.autoencoder.objectives import masked_mse
from equiclust.autoencoder.schedule import warm_cosine
from equiclust.exceptions import EquiclustWarning

IMPATIENT: dict[str, Any] = {
    "size": 32,
    "fields": (2, 4),
    "latent_dim": 4,
    "max_epochs": 16,
    "batch_size": 8,
    "learning_rate": 0.02,
    "perceptual": None,
    "preprocess": False,
    "pretrained": False,
    "device": "cpu",
    "random_state": 0,
    "patience": 2,
}
N_EPOCHS = 16


def _pixels() -> np.ndarray:
    """Dark images to train on, and bright ones that are held out: their error soon rises."""
    values = np.random.default_rng(0).random((20, 1, 32, 32), dtype=np.float32)
    values[:16] *= 0.05
    return values


HELD_OUT = np.arange(20) >= 16


def _fit(**more: Any) -> EquivariantAutoencoder:
    arguments = {k: more.pop(k) for k in ("checkpoints", "on_epoch") if k in more}
    return EquivariantAutoencoder(**IMPATIENT | more).fit(_pixels(), held_out=HELD_OUT, **arguments)


def _column(autoencoder: EquivariantAutoencoder, name: str) -> list[float]:
    return [record[name] for record in autoencoder.history_]


@pytest.fixture(scope="module")
def stopped() -> EquivariantAutoencoder:
    return _fit()


@pytest.fixture(scope="module")
def whole() -> EquivariantAutoencoder:
    return _fit(patience=None)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 7, 8, 10, 50, 1000])
def test_the_schedule_is_a_linear_rise_and_half_a_cosine(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=0.005)
    schedule = warm_cosine(optimizer, steps)
    rise = max(round(0.2 * steps), 1)
    for step in range(steps + 1):
        share = (step - rise) / max(steps - rise, 1)
        expected = (step + 1) / rise if step < rise else 0.5 * (1 + math.cos(math.pi * share))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.005 * expected, rel=0, abs=5e-15)
        optimizer.step()
        schedule.step()


def test_patience_keeps_the_weights_of_the_best_epoch(stopped: EquivariantAutoencoder) -> None:
    errors = _column(stopped, "validation_mse")
    assert min(errors) < 0.95 * errors[-1]
    images = torch.from_numpy(_pixels()[HELD_OUT])
    with torch.no_grad():
        made = stopped.network_.reconstruct(images)
    error = masked_mse(images, made, torch.zeros(4, 1, 32, 32, dtype=torch.bool))
    assert float(error) == pytest.approx(min(errors), rel=1e-5)


def test_when_patience_runs_out_the_learning_rate_falls_to_zero_before_the_end(
    stopped: EquivariantAutoencoder, whole: EquivariantAutoencoder
) -> None:
    rates, usual = (_column(one, "learning_rate") for one in (stopped, whole))
    errors = _column(stopped, "validation_mse")
    assert len(rates) < len(usual) == N_EPOCHS
    fall = len(rates) - 2
    assert int(np.argmin(errors[:fall])) == fall - 3
    np.testing.assert_allclose(rates[:fall], usual[:fall], rtol=1e-12)
    assert usual[fall - 1] > rates[fall] > rates[-1]
    assert rates[-1] < 0.1 * usual[fall - 1]


@pytest.mark.slow
def test_patience_that_does_not_run_out_changes_no_epoch(whole: EquivariantAutoencoder) -> None:
    patient = _fit(patience=N_EPOCHS)
    for name in ("learning_rate", "validation_mse", "total"):
        assert _column(patient, name) == _column(whole, name)


@pytest.mark.parametrize("before_the_end", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_stopped_training_with_patience_goes_on_to_the_same_end(
    stopped: EquivariantAutoencoder, tmp_path: Path, before_the_end: int
) -> None:
    class Killed(Exception):
        pass

    def kill(record: Any) -> None:
        if record["epoch"] == len(stopped.history_) - before_the_end:
            raise Killed

    with pytest.raises(Killed):
        _fit(checkpoints=tmp_path, on_epoch=kill)
    for _ in range(2):
        resumed = _fit(checkpoints=tmp_path)
        assert _column(resumed, "learning_rate") == _column(stopped, "learning_rate")
        np.testing.assert_array_equal(resumed.transform(_pixels()), stopped.transform(_pixels()))


def test_patience_without_held_out_images_is_said_to_do_nothing() -> None:
    with pytest.warns(EquiclustWarning, match="patience"):
        EquivariantAutoencoder(**IMPATIENT | {"max_epochs": 1, "validation_fraction": 0.0}).fit(
            _pixels()
        )
