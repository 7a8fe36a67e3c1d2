"""How the network learns: a Lightning module, its data, and the loop around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.checkpoint_callbacks import AtomicCheckpoints, keep_last_checkpoint
from equiclust.autoencoder.checkpoints import find_checkpoint
from equiclust.autoencoder.objectives import (
    ObjectiveWeights,
    PerceptualLoss,
    contrastive_loss,
    masked_mse,
    rotation_error,
    vicreg_terms,
    view_distance,
)
from equiclust.autoencoder.patience import Patience
from equiclust.autoencoder.quiet_lightning import quiet_lightning
from equiclust.autoencoder.schedule import warm_cosine
from equiclust.autoencoder.training_config import EpochRecord, TrainingConfig
from equiclust.autoencoder.training_record import StopWhenAsked, TrainingRecord
from equiclust.nn.network import AutoencoderNetwork

__all__ = [
    "AutoencoderTraining",
    "ImageData",
    "train",
]

# The perceptual network costs as much as all else together. The batches are shuffled, so that a
# part of one estimates the term without bias.
_PERCEPTUAL_SHARE = 4


class _Shuffled(Sampler[int]):
    """A new order in every epoch, the same after a resume."""

    def __init__(self, data: Sized, seed: int) -> None:
        self.length = len(data)
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        generator = _generator(self.seed, self.epoch)
        return iter(torch.randperm(self.length, generator=generator).tolist())


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)


class ImageData(lightning.LightningDataModule):
    """Images and masks in memory, in batches.

    Parameters
    ----------
    images : Tensor (n, c, h, w)
    mask : Tensor (n, 1, h, w), bool
        `True` = ignore.
    held_out : Tensor (n,), bool
        Images that only validate.
    positive_pairs : tuple of two Tensors, optional
        Images and masks of the same shapes: an image and its pair should have the same latent.
    batch_size : int
        Images in a batch.
    seed : int
        Of the order of the images.
    """

    def __init__(
        self,
        images: Tensor,
        mask: Tensor,
        held_out: Tensor,
        *,
        positive_pairs: tuple[Tensor, Tensor] | None = None,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        shown = [part[~held_out] for part in (images, mask, *(positive_pairs or ()))]
        self.rows = torch.nonzero(~held_out).flatten().numpy()
        self.training = TensorDataset(*shown)
        self.validation = TensorDataset(images[held_out], mask[held_out])
        self.batch_size = min(batch_size, len(self.training))
        self.seed = seed

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Shuffled batches; a last one that is not full waits for the next epoch's order."""
        return DataLoader(
            self.training,
            batch_size=self.batch_size,
            sampler=_Shuffled(self.training, self.seed),
            drop_last=True,
            generator=torch.Generator().manual_seed(self.seed),
        )

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]] | list[Any]:
        """Held-out images in order."""
        if not len(self.validation):
            return []
        return DataLoader(
            self.validation,
            batch_size=self.batch_size,
            generator=torch.Generator().manual_seed(self.seed),
        )


class AutoencoderTraining(lightning.LightningModule):
    """One step: two views of every image, one reconstructed, both given a latent.

    Where an image has a partner, the second view is one of the partner.

    Parameters
    ----------
    network : AutoencoderNetwork
    config : TrainingConfig
    weights : ObjectiveWeights
    augmentation : Augmentation
    perceptual : PerceptualLoss, optional
        Without it the term is left out.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        config: TrainingConfig,
        *,
        weights: ObjectiveWeights,
        augmentation: Augmentation,
        perceptual: PerceptualLoss | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.weights = weights
        self.augmentation = augmentation
        # In a list it is no submodule: it is not trained, and its weights stay out of checkpoints.
        self._perceptual = [] if perceptual is None else [perceptual]
        self._views = torch.Generator()

    @property
    def perceptual(self) -> PerceptualLoss | None:
        """The perceptual term, or None where it is left out."""
        return self._perceptual[0] if self._perceptual else None

    def on_train_epoch_start(self) -> None:
        """Draw this epoch's views from the seed and the epoch alone."""
        self._views = _generator(self.config.seed + 1, self.current_epoch)
        for perceptual in self._perceptual:
            perceptual.to(self.device)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Weighted sum of the terms."""
        terms = self._terms(*batch)
        total = self.weights.total(terms)
        self._log({"total": total, **terms}, n_images=len(batch[0]))
        return total

    def _terms(self, images: Tensor, mask: Tensor, *positive_pair: Tensor) -> dict[str, Tensor]:
        n = len(images)
        weights = self.weights
        first, hidden = self.augmentation(images, mask, self._views)
        seen = [first]
        if weights.pairs and n > 1:
            other, apart = positive_pair or (images, mask)
            seen.append(self.augmentation(other, apart, self._views)[0])
        if weights.rotation and n > 1:
            seen.append(self.augmentation.rotate(first, hidden, self._views)[0])
        encoded = self.network.encoder(torch.cat(seen))
        latents = self.network.head(self.network.pooling(encoded)).split(n)
        return self._reconstruction(first, encoded[:n], hidden) | self._latent_terms(latents)

    def _reconstruction(self, images: Tensor, encoded: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        if not self.weights.mse and not self._perceptual:
            return {}
        decoded = self.network.decode(encoded, images)
        terms = {"mse": masked_mse(images, decoded, hidden)}
        for perceptual in self._perceptual:
            few = max(len(images) // _PERCEPTUAL_SHARE, 1)
            terms["perceptual"] = perceptual(images[:few], decoded[:few], hidden[:few])
        return terms

    def _latent_terms(self, latents: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Terms of the views' latents: the first, the second if asked for, the rotated first."""
        first, weights = latents[0], self.weights
        if len(first) < 2:
            return {}
        terms: dict[str, Tensor] = {}
        independent = latents[: 1 + weights.pairs]
        if weights.variance or weights.covariance:
            terms |= _mean_terms([vicreg_terms(view) for view in independent])
        if weights.invariance:
            terms["invariance"] = view_distance(*independent)
        if weights.contrastive:
            terms["contrastive"] = contrastive_loss(*independent)
        if weights.rotation:
            terms["rotation"] = rotation_error(first, latents[-1])
        return terms

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Reconstruction of held-out images as they are."""
        images, mask = batch
        error = masked_mse(images, self.network.reconstruct(images), mask)
        self._log({"validation_mse": error}, n_images=len(images))

    def _log(self, values: Mapping[str, Tensor], *, n_images: int) -> None:
        self.log_dict(dict(values), on_step=False, on_epoch=True, batch_size=n_images)

    def configure_optimizers(self) -> Any:
        """AdamW with warm-up and cosine decay over the whole training."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.config.learning_rate, weight_decay=1e-4
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": warm_cosine(optimizer, steps), "interval": "step"},
        }


def _mean_terms(views: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([view[name] for view in views]).mean() for name in views[0]}


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


def train(
    module: AutoencoderTraining,
    data: ImageData,
    *,
    checkpoints: Path | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    stop_request: Path | None = None,
) -> list[dict[str, float]]:
    """Train to the end of the plan, or go on from the last checkpoint in the folder.

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
    last = None
    if stop_request is not None:
        callbacks.append(StopWhenAsked(stop_request))
    if checkpoints is not None:
        # After Patience, which knows whether this is the last epoch.
        callbacks.append(_training_record(checkpoints, history, module, data))
        callbacks.append(keep_last_checkpoint(checkpoints))
        last = find_checkpoint(checkpoints)
    with quiet_lightning():
        trainer = lightning.Trainer(
            max_epochs=config.max_epochs,
            accelerator=config.device,
            devices=1,
            precision=config.precision,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=checkpoints is not None,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            plugins=[AtomicCheckpoints()],
        )
        trainer.fit(module, data, ckpt_path=last, weights_only=True)
    module.network.to("cpu").eval()
    return history.records


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
