"""What Lightning writes checkpoints with."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from equiclust.autoencoder.checkpoints import LAST
from equiclust.io.atomic import atomic_path

__all__ = ["AtomicCheckpoints", "keep_last_checkpoint"]


class AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints written whole or not at all."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; called by Lightning.

        Parameters
        ----------
        checkpoint : dict
        path : path-like
        storage_options : object, optional
            Not used.
        """
        # In memory first: what a full disk makes of torch's writer is no error of the system.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic_path(path) as draft:
            draft.write_bytes(content.getbuffer())


def keep_last_checkpoint(folder: Path) -> ModelCheckpoint:
    """The callback that writes a checkpoint after every epoch, in place of the one before.

    Parameters
    ----------
    folder : path
        Made when missing.

    Returns
    -------
    lightning.pytorch.callbacks.ModelCheckpoint
    """
    return ModelCheckpoint(
        dirpath=folder,
        filename=LAST,
        save_top_k=1,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
