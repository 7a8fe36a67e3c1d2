"""What a training leaves for whoever watches it: losses of every epoch, pictures and latents."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from equiclust.exceptions import StoppedError
from equiclust.io.atomic import atomic_path, write_json
from equiclust.io.training_record import EPOCHS, IMAGES, PLAN, SNAPSHOTS, snapshot_name
from equiclust.nn.network import AutoencoderNetwork
from equiclust.typing import Array, IntArray

__all__ = ["StopWhenAsked", "TrainingRecord", "spaced"]

logger = logging.getLogger(__name__)

_MAX_SNAPSHOTS = 60
_N_SHOWN, _MAX_LATENTS = 6, 300
# To encode an image costs about a nineteenth of training on it for one epoch: a seventh of the
# images in every epoch is less than a hundredth of the training.
_ENCODED_PER_EPOCH = 1 / 7
# As many positions of the latents at least, though of fewer of the images, but not of too few.
_LATENT_SNAPSHOTS = 6
_FEWEST_LATENTS = 24
_BATCH = 32
_SNAPSHOT_FILE = re.compile(r"\d{6}\.npz")


def spaced(n: int, most: int) -> IntArray:
    """Evenly spaced positions in a sequence, the first and the last among them.

    Parameters
    ----------
    n : int
        Length of the sequence.
    most : int
        At least 1.

    Returns
    -------
    ndarray (min(n, most),), int
        Ascending.
    """
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, most)).round().astype(np.int64))


class StopWhenAsked(Callback):
    """Ends a training before the next epoch when a file appears.

    Parameters
    ----------
    stop_request : path
        The file. It is left there: of several trainings every one has to see it.
    """

    def __init__(self, stop_request: Path) -> None:
        self.stop_request = stop_request

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Look for the file, when the checkpoint of the last epoch is written.

        Raises
        ------
        StoppedError
            When it is there.
        """
        # Of several processes all end when one has seen it.
        if trainer.strategy.reduce_boolean_decision(self.stop_request.exists(), all=False):
            raise StoppedError(f"the training was stopped, as {str(self.stop_request)!r} asks")


class TrainingRecord(Callback):
    """Writes the record of every epoch, and some pictures and latents, beside the checkpoints.

    The training is the same with it and without it: nothing random is drawn, and the network is
    left in the mode in which it was. What cannot be written is left out.

    Parameters
    ----------
    folder : path
        Of the checkpoints.
    records : sequence of mapping
        Of the epochs that are done, also of those before a resume; it grows.
    images : Tensor (n, c, h, w)
        Those that the network is trained on, in 0 to 1.
    rows : ndarray (n,), int
        Their numbers among all images.
    plan : mapping
        What is known before the first epoch: numbers and texts.
    max_epochs : int
        Length of the training.
    """

    def __init__(
        self,
        folder: Path,
        records: Sequence[Mapping[str, float]],
        *,
        images: Tensor,
        rows: IntArray,
        plan: Mapping[str, Any],
        max_epochs: int,
    ) -> None:
        self.folder = folder
        self.records = records
        self.images = images
        self.rows = rows
        self.plan = plan
        self.max_epochs = max_epochs
        self.shown = spaced(len(images), _N_SHOWN)
        self.every = max(math.ceil(max_epochs / _MAX_SNAPSHOTS), 1)
        self.latents_every, n_latents = _latent_schedule(len(images), max_epochs, self.every)
        self.encoded = spaced(len(images), n_latents)
        self._failed = False

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Drop what is of epochs after the checkpoint, and write what the training starts with."""
        with self._allowed_to_fail():
            done = {snapshot_name(int(record["epoch"])) for record in self.records}
            (self.folder / SNAPSHOTS).mkdir(parents=True, exist_ok=True)
            for path in (self.folder / SNAPSHOTS).iterdir():
                if _SNAPSHOT_FILE.fullmatch(path.name) and path.name not in done:
                    path.unlink()
            with atomic_path(self.folder / EPOCHS) as draft:
                draft.write_text("".join(map(_line, self.records)), encoding="utf-8")
            write_json(self.folder / PLAN, {"max_epochs": self.max_epochs, **self.plan})
            _write_npz(
                self.folder / SNAPSHOTS / IMAGES,
                images=_as_bytes(self.images[torch.from_numpy(self.shown)]),
                rows=self.rows[self.shown],
                latent_rows=self.rows[self.encoded],
            )

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Append the record of the epoch, and write a snapshot when one is due."""
        epoch = int(trainer.current_epoch)
        with self._allowed_to_fail():
            # One write of one line: whoever reads it meanwhile sees it whole or its torn end.
            with (self.folder / EPOCHS).open("a", encoding="utf-8") as file:
                file.write(_line(self.records[-1]))
            ended = trainer.should_stop or epoch + 1 >= self.max_epochs
            if ended or epoch % self.every == 0:
                with_latents = ended or epoch % self.latents_every == 0
                self._write_snapshot(epoch, pl_module.network, pl_module.device, with_latents)

    def _write_snapshot(
        self, epoch: int, network: AutoencoderNetwork, device: torch.device, with_latents: bool
    ) -> None:
        arrays: dict[str, Array] = {}
        with _evaluated(network):
            shown = self.images[torch.from_numpy(self.shown)].to(device)
            arrays["reconstructions"] = _as_bytes(network.reconstruct(shown))
            if with_latents:
                encoded = self.images[torch.from_numpy(self.encoded)]
                parts = [network.encode(part.to(device)) for part in torch.split(encoded, _BATCH)]
                arrays["latents"] = torch.cat(parts).float().cpu().numpy()
        _write_npz(self.folder / SNAPSHOTS / snapshot_name(epoch), **arrays)

    @contextmanager
    def _allowed_to_fail(self) -> Iterator[None]:
        """Go on without the record where the disk is full or read-only."""
        try:
            yield
        except OSError as error:
            if not self._failed:
                logger.warning("the record of the training is incomplete: %s", error)
            self._failed = True


@contextmanager
def _evaluated(network: AutoencoderNetwork) -> Iterator[None]:
    """A network in evaluation mode and without gradients, afterwards in the modes it had."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad(), torch.autocast(next(network.parameters()).device.type, enabled=False):
            yield
    finally:
        network.train()
        for module, mode in modes:
            module.training = mode


def _latent_schedule(n_images: int, max_epochs: int, every: int) -> tuple[int, int]:
    """Epochs between two snapshots that hold latents, and how many images these are of."""
    wanted = min(_MAX_LATENTS, n_images)
    affordable = wanted / (_ENCODED_PER_EPOCH * n_images)
    longest = math.ceil(max_epochs / _LATENT_SNAPSHOTS)
    interval = max(math.ceil(min(affordable, longest) / every), 1) * every
    n_latents = max(int(interval * _ENCODED_PER_EPOCH * n_images), _FEWEST_LATENTS)
    return interval, min(n_latents, wanted)


def _line(record: Mapping[str, float]) -> str:
    finite = {name: value if math.isfinite(value) else None for name, value in record.items()}
    return json.dumps(finite) + "\n"


def _as_bytes(pixels: Tensor) -> Array:
    """Pixels in 0 to 1 as 0 to 255."""
    scaled = pixels.detach().float().nan_to_num().clamp(0, 1).mul(255).round()
    return scaled.to(torch.uint8).cpu().numpy()


def _write_npz(path: Path, **arrays: Array) -> None:
    with atomic_path(path) as draft:
        np.savez_compressed(draft, allow_pickle=False, **arrays)
