"""A training in this process, or divided over several, one for each device."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from time import monotonic
from traceback import format_exc
from typing import Any

import torch
from torch import distributed

from equiclust.autoencoder.training import AutoencoderTraining
from equiclust.autoencoder.training_config import EpochRecord, TrainingConfig
from equiclust.autoencoder.training_data import ImageData
from equiclust.autoencoder.training_loop import train_here
from equiclust.autoencoder.training_task import TrainingResult, TrainingTask
from equiclust.exceptions import EquiclustError, InputError
from equiclust.nn.device import choose_device

__all__ = ["train"]

# After a failure the other processes end by themselves within this time, in seconds, or never.
_GRACE = 2.0


def train(
    module: AutoencoderTraining,
    data: ImageData,
    *,
    checkpoints: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    stop_request: Path | None = None,
) -> list[dict[str, float]]:
    """Train to the end of the plan, or go on from the last checkpoint in the folder.

    With several devices every batch is divided over as many new processes by Lightning's
    `DDPStrategy`, and the network is that of one device apart from rounding.

    Parameters
    ----------
    module : AutoencoderTraining
        Its network is trained in place.
    data : ImageData
    checkpoints : path, optional
        Folder for one checkpoint an epoch. If it holds one, training goes on from there, with any
        number of devices. What `TrainingRecord` writes lies there too.
    on_epoch : callable, optional
        Gets each epoch's record, in this process.
    stop_request : path, optional
        File that ends the training before its next epoch.

    Returns
    -------
    list of dict
        Means over each epoch: the terms, `total`, `validation_mse`, `learning_rate`, `seconds`.

    Raises
    ------
    InputError
        When there are fewer devices, or fewer images in a batch, than `module.config.devices`, or
        the memory of a device does not suffice for its part of a batch.
    StoppedError
        When `stop_request` is there.
    EquiclustError
        When one of several processes was killed.
    """
    config = module.config
    try:
        if config.devices > 1:
            return _train_divided(module, data, checkpoints, on_epoch, stop_request)
        return train_here(
            module, data, checkpoints=checkpoints, on_epoch=on_epoch, stop_request=stop_request
        )
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"batch_size must be lower than {config.batch_size}, or devices higher than "
            f"{config.devices}: a device has not enough memory for its part of a batch"
        ) from error


def _train_divided(
    module: AutoencoderTraining,
    data: ImageData,
    checkpoints: Path | None,
    on_epoch: Callable[[EpochRecord], None] | None,
    stop_request: Path | None,
) -> list[dict[str, float]]:
    _check_devices(module.config, data)
    with TemporaryDirectory(prefix="equiclust-") as folder:
        task = TrainingTask.of(
            module, data, Path(folder), checkpoints=checkpoints, stop_request=stop_request
        )
        result = _run(task, module.config.devices, on_epoch)
    weights = {name: torch.from_numpy(array) for name, array in result.weights.items()}
    module.network.load_state_dict(weights)
    module.network.eval()
    return result.records


def _check_devices(config: TrainingConfig, data: ImageData) -> None:
    devices, kind = config.devices, choose_device(config.device).type
    if not distributed.is_available():
        raise InputError(
            f"devices must be 1, since this torch was built without distributed, got {devices}"
        )
    # Processes on the CPU share it.
    there = {"cpu": devices, "cuda": torch.cuda.device_count()}.get(kind, 1)
    if devices > there:
        raise InputError(
            f"devices must be at most {there}, the {kind} devices of this machine, got {devices}"
        )
    if devices > data.batch_size:
        raise InputError(
            f"devices must be at most {data.batch_size}, the images in a batch, got {devices}"
        )


def _run(
    task: TrainingTask, size: int, on_epoch: Callable[[EpochRecord], None] | None
) -> TrainingResult:
    """Run a task in processes, and end them all whatever happens."""
    context = get_context("spawn")
    processes: list[BaseProcess] = []
    connections: list[Connection] = []
    try:
        for rank in range(size):
            here, there = context.Pipe()
            connections.append(here)
            process: BaseProcess = context.Process(target=_take_part, args=(rank, there))
            process.start()
            processes.append(process)
            # Then the process has the only other end, so that its death is noticed.
            there.close()
        # By value: what torch shares with a process it would share among all of them.
        content = pickle.dumps(task)
        for connection in connections:
            with suppress(OSError):
                connection.send_bytes(content)
        return _followed(processes, connections, on_epoch)
    finally:
        for process in processes:
            process.kill()
            process.join()
        for connection in connections:
            connection.close()


@dataclass(frozen=True)
class _Failure:
    """The error of a process, and when it was raised."""

    error: Exception
    seconds: float


def _followed(
    processes: Sequence[BaseProcess],
    connections: Sequence[Connection],
    on_epoch: Callable[[EpochRecord], None] | None,
) -> TrainingResult:
    """The result of the first process, when all have ended."""
    running = dict(zip(connections, processes, strict=True))
    failures: dict[Connection, _Failure | None] = {}
    results: list[TrainingResult] = []
    while running:
        ready = wait(list(running), timeout=_GRACE if failures else None)
        if not ready:
            break
        for connection in (one for one in connections if one in ready):
            message = _received(connection)
            if isinstance(message, TrainingResult):
                results.append(message)
            elif isinstance(message, _Failure):
                failures[connection] = message
            elif message is None:
                process = running.pop(connection)
                process.join()
                if process.exitcode:
                    failures.setdefault(connection, None)
            elif on_epoch is not None:
                on_epoch(message)
    if failures:
        raise _first_error(processes, [failures.get(one) for one in connections])
    return results[0]


def _received(connection: Connection) -> Any:
    """A record, a failure or the result; None when the process has ended."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def _first_error(
    processes: Sequence[BaseProcess], failures: Sequence[_Failure | None]
) -> Exception:
    """What went wrong first: the others then only miss one of them."""
    said = sorted((one for one in failures if one is not None), key=lambda one: one.seconds)
    for process, failure in zip(processes, failures, strict=True):
        if failure is None and process.exitcode:
            return EquiclustError(
                f"a process that trained the network with devices={len(processes)} "
                f"{_end(process.exitcode)}"
            )
    return said[0].error


def _end(exit_code: int) -> str:
    if exit_code < 0:
        return (
            f"was killed by signal {-exit_code}, as the system does when memory runs out; the same "
            "call goes on from the last checkpoint, if there is one"
        )
    return (
        f"ended with exit code {exit_code} and no error of its own; a script must call this below "
        '`if __name__ == "__main__":`'
    )


def _take_part(rank: int, connection: Connection) -> None:
    """What a process does."""
    try:
        task: TrainingTask = pickle.loads(connection.recv_bytes())
        threading.Thread(target=_end_with_parent, args=(task.folder,), daemon=True).start()
        result = task.run(rank, connection.send if rank == 0 else None)
        if rank == 0:
            connection.send(result)
    except Exception as error:
        seconds = monotonic()
        error.add_note(format_exc())
        connection.send(_Failure(_portable(error), seconds))
        raise SystemExit(1) from None


def _end_with_parent(folder: Path) -> None:
    """Leave neither a process nor images behind when the process that started it was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        rmtree(folder, ignore_errors=True)
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, or what it says where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return EquiclustError(f"{type(error).__name__}: {error}")
    return error
