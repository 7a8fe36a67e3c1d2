"""Images of a training, in batches whose order depends on the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, Self

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from equiclust.typing import IntArray

__all__ = ["ImageData", "epoch_generator"]


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """Random numbers of one epoch, the same after a resume.

    Parameters
    ----------
    seed, epoch : int

    Returns
    -------
    torch.Generator
        On the CPU.
    """
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)


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
        generator = epoch_generator(self.seed, self.epoch)
        return iter(torch.randperm(self.length, generator=generator).tolist())


class ImageData(lightning.LightningDataModule):
    """Images and masks in memory, in batches.

    Parameters
    ----------
    training : TensorDataset
        Images `(n, c, h, w)` and masks `(n, 1, h, w)`, `True` = ignore; and images and masks of
        their positive pairs, of the same shapes, where there are some.
    validation : TensorDataset
        Images and masks that only validate; there may be none.
    rows : ndarray (n,), int
        Numbers of the training's images among all.
    batch_size : int
        Images in a batch; fewer where there are not as many.
    seed : int
        Of the order of the images.
    """

    def __init__(
        self,
        training: TensorDataset,
        validation: TensorDataset,
        *,
        rows: IntArray,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.training = training
        self.validation = validation
        self.rows = rows
        self.batch_size = min(batch_size, len(training))
        self.seed = seed

    @classmethod
    def split(
        cls,
        images: Tensor,
        mask: Tensor,
        held_out: Tensor,
        *,
        positive_pairs: tuple[Tensor, Tensor] | None = None,
        batch_size: int,
        seed: int,
    ) -> Self:
        """Images of which some are held out.

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

        Returns
        -------
        ImageData
        """
        shown = [part[~held_out] for part in (images, mask, *(positive_pairs or ()))]
        return cls(
            TensorDataset(*shown),
            TensorDataset(images[held_out], mask[held_out]),
            rows=torch.nonzero(~held_out).flatten().numpy(),
            batch_size=batch_size,
            seed=seed,
        )

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
