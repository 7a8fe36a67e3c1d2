"""One training as it is handed to the processes over which it is divided."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.utils.data import TensorDataset

from equiclust.autoencoder.divided_norm import divide_norms
from equiclust.autoencoder.division import Division
from equiclust.autoencoder.training import AutoencoderTraining
from equiclust.autoencoder.training_config import EpochRecord
from equiclust.autoencoder.training_data import ImageData
from equiclust.autoencoder.training_loop import train_here
from equiclust.nn.allocator import keep_freed_memory
from equiclust.nn.device import choose_device
from equiclust.nn.network import AutoencoderNetwork
from equiclust.typing import Array

__all__ = ["TrainingResult", "TrainingTask"]

_SETS = ("training", "validation")


@dataclass(frozen=True)
class TrainingResult:
    """What a training has made.

    Attributes
    ----------
    records : list of dict
        One for each epoch.
    weights : dict of str to ndarray
        Of the network, by their names in it.
    """

    records: list[dict[str, float]]
    weights: dict[str, Array]


@dataclass(frozen=True)
class TrainingTask:
    """Everything that a process needs to take part in a training; the images are in files.

    Parameters
    ----------
    network : AutoencoderNetwork
    options : dict of str to object
        The other arguments of `AutoencoderTraining`.
    batches : dict of str to object
        Arguments of `ImageData` but the images.
    folder : path
        Where the images are, and where the processes find each other.
    checkpoints, stop_request : path or None
        As in `train_here`.
    n_threads : int
        Threads of a process.
    """

    network: AutoencoderNetwork
    options: dict[str, Any]
    batches: dict[str, Any]
    folder: Path
    checkpoints: Path | None
    stop_request: Path | None
    n_threads: int

    @classmethod
    def of(
        cls,
        module: AutoencoderTraining,
        data: ImageData,
        folder: Path,
        *,
        checkpoints: Path | None,
        stop_request: Path | None,
    ) -> TrainingTask:
        """Write the images, which the processes then share, and gather the rest.

        Parameters
        ----------
        module : AutoencoderTraining
        data : ImageData
        folder : path
            An empty one.
        checkpoints, stop_request : path or None
            As in `train_here`.

        Returns
        -------
        TrainingTask
        """
        for name, images in zip(_SETS, (data.training, data.validation), strict=True):
            (folder / name).mkdir()
            for k, tensor in enumerate(images.tensors):
                np.save(folder / name / f"{k}.npy", tensor.numpy())
        return cls(
            network=module.network,
            options={
                "config": module.config,
                "weights": module.weights,
                "augmentation": module.augmentation,
                "perceptual": module.perceptual,
            },
            batches={"rows": data.rows, "batch_size": data.batch_size, "seed": data.seed},
            folder=folder,
            checkpoints=checkpoints,
            stop_request=stop_request,
            n_threads=max(torch.get_num_threads() // module.config.devices, 1),
        )

    def run(self, rank: int, on_epoch: Callable[[EpochRecord], None] | None) -> TrainingResult:
        """Take part in the training, in a process of its own.

        Parameters
        ----------
        rank : int
            Number of the process.
        on_epoch : callable or None
            Gets each epoch's record.

        Returns
        -------
        TrainingResult
            The same in every process.
        """
        config = self.options["config"]
        self._prepare_process(rank)
        self._join(rank, config.devices, choose_device(config.device))
        network = self.network
        divide_norms(network)
        module = AutoencoderTraining(
            network, **self.options, division=Division(rank, config.devices)
        )
        data = ImageData(*(self._images(name) for name in _SETS), **self.batches)
        records = train_here(
            module,
            data,
            checkpoints=self.checkpoints,
            on_epoch=on_epoch,
            stop_request=self.stop_request,
        )
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        distributed.destroy_process_group()
        return TrainingResult(records, weights)

    def _prepare_process(self, rank: int) -> None:
        """Set what belongs to the whole process, which is ours."""
        keep_freed_memory()
        torch.set_num_threads(self.n_threads)
        # Lightning would set the number of threads itself, and start the processes.
        os.environ.update(OMP_NUM_THREADS=str(self.n_threads), LOCAL_RANK=str(rank), NODE_RANK="0")
        if sys.platform == "linux":
            # All are on this machine, whatever its name resolves to.
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")

    def _join(self, rank: int, size: int, device: torch.device) -> None:
        """Meet the other processes by a file, since a port that is free now may soon be taken."""
        if device.type == "cuda":
            torch.cuda.set_device(rank)
        meeting = str(self.folder / "meeting")
        store = distributed.FileStore(meeting, size)  # type: ignore[attr-defined]  # it is public
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size)

    def _images(self, name: str) -> TensorDataset:
        paths = sorted((self.folder / name).iterdir())
        # "c" because torch wants arrays that can be written; what is only read stays shared.
        return TensorDataset(*(torch.from_numpy(np.load(path, mmap_mode="c")) for path in paths))
