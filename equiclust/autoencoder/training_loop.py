"""The loop of a training in one process: epochs, their records, checkpoints and the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import lightning
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy

from equiclust.autoencoder.checkpoint_callbacks import AtomicCheckpoints, keep_last_checkpoint
from equiclust.autoencoder.checkpoints import find_checkpoint
from equiclust.autoencoder.patience import Patience
from equiclust.autoencoder.quiet_lightning import quiet_lightning
from equiclust.autoencoder.training import AutoencoderTraining
from equiclust.autoencoder.training_config import EpochRecord
from equiclust.autoencoder.training_data import ImageData
from equiclust.autoencoder.training_record import StopWhenAsked, TrainingRecord

__all__ = ["train_here"]


class _History(Callback):
    """Collects one record an epoch, and survives a resume."""

    def __init__(self, on_epoch: Callable[[EpochRecord], None] | None) -> None:
        self.records: list[dict[str, float]] = []
        self.on_epoch = on_epoch
        self._started = perf_counter()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self._started = perf_counter()

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.records.append(
            {
                "epoch": trainer.current_epoch,
                **measured,
                "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
                "seconds": perf_counter() - self._started,
            }
        )
        if self.on_epoch is not None:
            self.on_epoch(self.records[-1])

    def state_dict(self) -> dict[str, Any]:
        return {"records": self.records}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # In place: others read the same list.
        self.records[:] = state_dict["records"]


def train_here(
    module: AutoencoderTraining,
    data: ImageData,
    *,
    checkpoints: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    stop_request: Path | None = None,
) -> list[dict[str, float]]:
    """Train in this process; where `module.division` is of several, each of them calls this.

    Parameters
    ----------
    module : AutoencoderTraining
        Its network is trained in place.
    data : ImageData
    checkpoints : path, optional
        Folder for one checkpoint an epoch. If it holds one, training goes on from there. What
        `TrainingRecord` writes lies there too.
    on_epoch : callable, optional
        Gets each epoch's record.
    stop_request : path, optional
        File that ends the training before its next epoch.

    Returns
    -------
    list of dict
        Means over each epoch: the terms, `total`, `validation_mse`, `learning_rate`, `seconds`.

    Raises
    ------
    StoppedError
        When `stop_request` is there.
    """
    config = module.config
    history = _History(on_epoch)
    callbacks: list[Callback] = [history]
    if config.patience is not None and len(data.validation):
        callbacks.append(Patience(config.patience))
    if stop_request is not None:
        callbacks.append(StopWhenAsked(stop_request))
    if checkpoints is not None:
        # After Patience, which knows whether this is the last epoch.
        if module.division.rank == 0:
            callbacks.append(_training_record(checkpoints, history, module, data))
        callbacks.append(keep_last_checkpoint(checkpoints))
    with quiet_lightning():
        trainer = lightning.Trainer(
            max_epochs=config.max_epochs,
            accelerator=config.device,
            precision=config.precision,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=checkpoints is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **_several(module),
        )
        last = None if checkpoints is None else find_checkpoint(checkpoints)
        trainer.fit(module, data, ckpt_path=last, weights_only=True)
    module.network.to("cpu").eval()
    return history.records


def _several(module: AutoencoderTraining) -> dict[str, Any]:
    """Arguments of `lightning.Trainer` for the processes that train together."""
    size = module.division.size
    if size == 1:
        return {"devices": 1, "plugins": [AtomicCheckpoints()]}
    strategy = DDPStrategy(
        find_unused_parameters=not module.trains_every_weight, broadcast_buffers=False
    )
    return {
        "devices": size,
        "strategy": strategy,
        # Every process gets whole batches, and divides them itself.
        "use_distributed_sampler": False,
        "plugins": [AtomicCheckpoints(), LightningEnvironment()],
    }


def _training_record(
    folder: Path, history: _History, module: AutoencoderTraining, data: ImageData
) -> TrainingRecord:
    plan = {"n_training": len(data.training), "weights": asdict(module.weights)}
    return TrainingRecord(
        folder,
        history.records,
        images=data.training.tensors[0],
        rows=data.rows,
        plan=plan,
        max_epochs=module.config.max_epochs,
    )
