"""The end of a training by patience."""

from __future__ import annotations

import logging
import math
from typing import Any

from lightning.pytorch.callbacks import Callback
from torch import Tensor

from equiclust.autoencoder.schedule import WARM_UP

__all__ = ["Patience"]

logger = logging.getLogger(__name__)

_KEPT = ("best", "best_epoch", "best_weights", "waited", "fall")


class Patience(Callback):
    """Ends a training early, with a complete schedule, and restores the best weights.

    When the reconstruction of the held-out images has not improved for `patience` epochs, the
    learning rate is multiplied by half a cosine that falls from 1 to 0 over the next `patience`
    epochs, and the training ends there, or with its schedule if that ends sooner. Epochs in which
    the learning rate rises at the beginning do not count. In the end the network gets the weights
    of the epoch with the smallest ``validation_mse``.

    Parameters
    ----------
    patience : int
        Epochs.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = math.inf
        self.best_epoch = -1
        self.best_weights: dict[str, Tensor] = {}
        self.waited = 0
        # The first epoch of the fall to 0.
        self.fall: int | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """A training that goes on from its own end has nothing left to do."""
        trainer.should_stop = self._has_ended(trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Multiply the learning rate by the ratio of the fall's factors in this step and before."""
        if self.fall is None:
            return
        per_epoch = int(trainer.num_training_batches)
        step = (trainer.current_epoch - self.fall) * per_epoch + batch_idx
        before, now = (
            1.0 + math.cos(math.pi * max(k, 0) / (self.patience * per_epoch))
            for k in (step - 1, step)
        )
        for group in trainer.optimizers[0].param_groups:
            group["lr"] *= now / before

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Keep the weights if they are the best, and decide whether to go on."""
        epoch = trainer.current_epoch
        error = float(trainer.callback_metrics["validation_mse"])
        if error < self.best:
            self.best, self.best_epoch = error, epoch
            self.best_weights = {
                name: value.detach().cpu().clone()
                for name, value in pl_module.network.state_dict().items()
            }
        rising = epoch + 1 <= WARM_UP * trainer.max_epochs
        self.waited = 0 if rising or self.best_epoch == epoch else self.waited + 1
        if self.fall is None and self.waited >= self.patience:
            self.fall = epoch + 1
        trainer.should_stop = self._has_ended(epoch + 1)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Restore the best weights."""
        if self.best_weights:
            logger.info("the weights are those of epoch %d", self.best_epoch)
            pl_module.network.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {name: getattr(self, name) for name in _KEPT}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a checkpoint kept."""
        for name in _KEPT:
            setattr(self, name, state_dict[name])

    def _has_ended(self, next_epoch: int) -> bool:
        return self.fall is not None and next_epoch >= self.fall + self.patience
