"""How the network learns: the terms of a step, as a Lightning module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from equiclust.autoencoder.augmentation import Augmentation
from equiclust.autoencoder.division import Division
from equiclust.autoencoder.draws import BatchPart
from equiclust.autoencoder.objectives import (
    ObjectiveWeights,
    PerceptualLoss,
    contrastive_loss,
    masked_mse,
    rotation_error,
    vicreg_terms,
    view_distance,
)
from equiclust.autoencoder.schedule import warm_cosine
from equiclust.autoencoder.training_config import TrainingConfig
from equiclust.autoencoder.training_data import epoch_generator
from equiclust.nn.network import AutoencoderNetwork

__all__ = ["AutoencoderTraining"]

# The perceptual network costs as much as all else together. The batches are shuffled, so that a
# part of one estimates the term without bias.
_PERCEPTUAL_SHARE = 4


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
    division : Division, optional
        The images of every batch of which this process takes care; by default all of them. Every
        process gets the whole batch and draws the same views.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        config: TrainingConfig,
        *,
        weights: ObjectiveWeights,
        augmentation: Augmentation,
        perceptual: PerceptualLoss | None = None,
        division: Division | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.config = config
        self.weights = weights
        self.augmentation = augmentation
        # In a list it is no submodule: it is not trained, and its weights stay out of checkpoints.
        self._perceptual = [] if perceptual is None else [perceptual]
        self.division = division or Division()
        self._views = torch.Generator()

    @property
    def perceptual(self) -> PerceptualLoss | None:
        """The perceptual term, or None where it is left out."""
        return self._perceptual[0] if self._perceptual else None

    @property
    def trains_every_weight(self) -> bool:
        """Whether every weight of the network gets a gradient from the terms."""
        weights = self.weights
        of_latents = weights.pairs or weights.variance or weights.covariance or weights.rotation
        return bool(of_latents and (weights.mse or self._perceptual))

    def on_train_epoch_start(self) -> None:
        """Draw this epoch's views from the seed and the epoch alone."""
        self._views = epoch_generator(self.config.seed + 1, self.current_epoch)
        for perceptual in self._perceptual:
            perceptual.to(self.device)

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Weighted sum of the terms."""
        reconstruction, of_latents = self._terms(*batch)
        measured = {name: self.division.total(share) for name, share in reconstruction.items()}
        measured |= of_latents
        self._log({"total": self.weights.total(measured), **measured}, n_images=len(batch[0]))
        # Over processes the mean of the gradients is taken, of which the sum is wanted.
        return self.division.size * self.weights.total(reconstruction | of_latents)

    def _terms(
        self, images: Tensor, mask: Tensor, *positive_pair: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Shares of this process of the terms of the reconstruction; terms of all latents."""
        n, weights = len(images), self.weights
        part = BatchPart(n, self.division.rows(n))
        images, mask, *pair = (batch[part.rows] for batch in (images, mask, *positive_pair))
        first, hidden = self.augmentation(images, mask, self._views, part=part)
        seen = [first]
        if weights.pairs and n > 1:
            other, apart = pair or (images, mask)
            seen.append(self.augmentation(other, apart, self._views, part=part)[0])
        if weights.rotation and n > 1:
            seen.append(self.augmentation.rotate(first, hidden, self._views, part=part)[0])
        encoded = self.network.encoder(torch.cat(seen))
        latents = self.network.head(self.network.pooling(encoded))
        by_image = latents.unflatten(0, (len(seen), len(first))).transpose(0, 1)
        return (
            self._reconstruction(first, encoded[: len(first)], hidden, n),
            self._latent_terms(self.division.whole(by_image, n).unbind(dim=1)),
        )

    def _reconstruction(
        self, images: Tensor, encoded: Tensor, hidden: Tensor, n: int
    ) -> dict[str, Tensor]:
        """What the images of this process contribute to the terms of all `n`."""
        if not self.weights.mse and not self._perceptual:
            return {}
        decoded = self.network.decode(encoded, images)
        terms = {"mse": self._masked_mse(images, decoded, hidden)}
        for perceptual in self._perceptual:
            few = max(n // _PERCEPTUAL_SHARE, 1)
            k = self.division.count(few)
            # Not every process has one of few.
            distance = (
                perceptual(images[:k], decoded[:k], hidden[:k]) if k else images.new_zeros(())
            )
            terms["perceptual"] = distance * (k / few)
        return terms

    def _masked_mse(self, images: Tensor, made: Tensor, mask: Tensor) -> Tensor:
        return masked_mse(images, made, mask, n_pixels=self.division.total((~mask).sum()))

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
        n = len(batch[0])
        images, mask = (part[self.division.rows(n)] for part in batch)
        # Of the last images not every process has one.
        made = self.network.reconstruct(images) if len(images) else images
        error = self.division.total(self._masked_mse(images, made, mask))
        self._log({"validation_mse": error}, n_images=n)

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
