"""`TextureNetworks`: networks to which neighbouring patches of a map look alike."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ensembles import KFoldEnsemble
from ensembles.consensus_files import member_folder
from ensembles.member_estimators import MemberEstimator, read_member
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.progress import Update
from equiclust.segmentation.latent_grid import SMOOTHING
from equiclust.segmentation.pairs import (
    Pairs,
    Stretch,
    check_enough,
    network_size,
    normalised,
)
from equiclust.segmentation.tile_encoder import (
    as_images,
    fit_to_pairs,
    tile_encoder_record,
)
from equiclust.typing import Float32Array
from equiclust.validation import shown

__all__ = ["LATENT_DIM", "TextureNetworks"]

LATENT_DIM = 16
"""Numbers that describe a tile to one network."""

# Of networks that were trained, as in version 0.1, and of an encoder in their place.
_FORMAT, _FORMAT_OF_ENCODER = 1, 2
_FILE = "textures.json"
# The augmentations that objects need would make textures alike that differ.
_AS_IT_IS = dict.fromkeys(
    ("angle", "scale", "shear", "smoothing", "contrast", "gain", "mirror", "noise"), 0.0
)
# Nothing is reconstructed; what is left is VICReg (Bardes, Ponce & LeCun 2022).
_OBJECTIVE = {
    "mse": 0.0,
    "perceptual": 0.0,
    "variance": 50.0,
    "covariance": 2.0,
    "invariance": 25.0,
    "rotation": 0.0,
}


@dataclass(frozen=True, eq=False)
class TextureNetworks:
    """What makes invariant latents of the tiles of a map.

    The networks learn from pairs of patches that lie side by side, which are given like latents
    while the latents of all patches are spread out: what neighbours have in common is the texture,
    and what they do not is which piece of it they show (the idea of Tile2Vec, Jean et al. 2019,
    with VICReg in place of triplets). No label and no brightness enters.

    Parameters
    ----------
    tile : int
        Side of a tile in pixels.
    stretch : Stretch
        Of the map that they learned from.
    members : list of EquivariantAutoencoder or WhitenedEncoder
        Fitted.
    trained : bool, default True
        False where there is one member that was not trained on pairs; see `of_encoder`.
    """

    tile: int
    stretch: Stretch
    members: list[MemberEstimator]
    trained: bool = True

    smoothing: ClassVar[float] = SMOOTHING
    """Standard deviation of the Gaussian over which latents are averaged, in tiles."""

    coherence: ClassVar[float] = 0.0
    """Of neighbouring tiles, see `coherent_memberships`."""

    @classmethod
    def train(
        cls,
        pairs: Pairs,
        stretch: Stretch,
        *,
        group: str = "D8",
        latent_dim: int = LATENT_DIM,
        n_networks: int = 2,
        max_epochs: int = 10,
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: int = 0,
        checkpoints: Path | None = None,
        on_progress: Update | None = None,
    ) -> Self:
        """Train networks, each without some of the pairs.

        Parameters
        ----------
        pairs : Pairs
            Stretched patches and their neighbours.
        stretch : Stretch
            Their stretch.
        group : str, default "D8"
            Rotations and mirrors built into the networks.
        latent_dim : int, default 16
            Length of a latent.
        n_networks : int, default 2
            Number of networks.
        max_epochs : int, default 10
            Passes over the pairs.
        device : {"auto", "cpu", "cuda", "mps"}, default "auto"
            Device on which they are trained.
        n_jobs : int, optional
            Networks trained at a time; default one per core.
        random_state : int, default 0
            Seed.
        checkpoints : Path, optional
            Where a training that is stopped keeps its state.
        on_progress : callable, optional
            Gets the steps done, their total and a remark.

        Returns
        -------
        TextureNetworks
            Trained.

        Raises
        ------
        InputError
            When there are too few pairs, or a parameter cannot be used.
        """
        check_enough(len(pairs.first))
        tile = pairs.first.shape[-1]
        size = network_size(tile)
        recipe = EquivariantAutoencoder(
            group,
            latent_dim=latent_dim,
            size=size,
            annuli=1,
            objective=_OBJECTIVE,
            augmentation=_AS_IT_IS,
            perceptual=None,
            pretrained=False,
            preprocess=False,
            max_epochs=max_epochs,
            batch_size=128,
            learning_rate=3e-3,
            device=device,
        )
        ensemble = KFoldEnsemble(
            recipe, n_folds=n_networks, n_jobs=n_jobs, random_state=random_state
        ).fit_members(
            normalised(pairs.first, size=size),
            positive_pairs=normalised(pairs.second, size=size),
            checkpoints=checkpoints,
            on_progress=on_progress,
        )
        return cls(tile, stretch, ensemble.members_)

    @classmethod
    def of_encoder(
        cls,
        encoder: MemberEstimator,
        pairs: Pairs,
        stretch: Stretch,
        *,
        on_progress: Update | None = None,
    ) -> Self:
        """An encoder in the place of trained networks, with axes learned from pairs of patches.

        Parameters
        ----------
        encoder : WhitenedEncoder or EquivariantAutoencoder
            From `tile_encoder`. One that is fitted learns nothing.
        pairs : Pairs
            Stretched patches and their neighbours.
        stretch : Stretch
            Their stretch.
        on_progress : callable, optional
            Gets the number of tiles encoded, their total and a remark.

        Returns
        -------
        TextureNetworks

        Raises
        ------
        InputError
            When there are too few pairs, or the encoder does not take them.
        """
        check_enough(len(pairs.first))
        fit_to_pairs(encoder, pairs, on_progress=on_progress)
        return cls(pairs.first.shape[-1], stretch, [encoder], trained=False)

    @property
    def step(self) -> int:
        """Distance of neighbouring tiles in pixels where none is given."""
        return max(self.tile // 4, 1)

    @property
    def histories(self) -> list[Any]:
        """Losses of the training, network by network."""
        return [member.history_ for member in self.members] if self.trained else []

    @property
    def record(self) -> dict[str, Any] | None:
        """What the encoder is, see `tile_encoder_record`; None for trained networks."""
        return None if self.trained else tile_encoder_record(self.members[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Networks, and the length of a latent."""
        return len(self.members), int(self.members[0].latent_dim)

    def encode(self, patches: Float32Array) -> Float32Array:
        """Latents of patches.

        Parameters
        ----------
        patches : ndarray (n, tile, tile), float32
            Stretched and `usable`; masked pixels are NaN.

        Returns
        -------
        ndarray (n, n_networks, latent_dim), float32
        """
        if not self.trained:
            (encoder,) = self.members
            return encoder.transform(as_images(encoder, patches))[:, None]
        shown = normalised(patches, size=network_size(self.tile))
        return np.stack([member.transform(shown) for member in self.members], axis=1)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the networks as JSON and safetensors, a folder for each.

        Parameters
        ----------
        folder : path-like
            Where they go.
        """
        for number, member in enumerate(self.members):
            member.save(member_folder(folder, number))
        content = {
            "format": _FORMAT if self.trained else _FORMAT_OF_ENCODER,
            "tile": self.tile,
            "stretch": [self.stretch.level, self.stretch.scale],
            "n_networks": len(self.members),
        }
        if not self.trained:
            content["encoder"] = self.record
        write_json(Path(folder) / _FILE, content)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, encoder: MemberEstimator | None = None
    ) -> Self:
        """Networks that `save` wrote.

        Parameters
        ----------
        folder : path-like
            Where they lie.
        encoder : WhitenedEncoder or EquivariantAutoencoder, optional
            The fitted encoder that was saved, for one that cannot be read again.

        Raises
        ------
        InputError
            When the folder holds none, or damaged ones, or `encoder` is another one.
        """
        path = Path(folder) / _FILE
        content = read_json(path)
        try:
            trained = content["format"] == _FORMAT
            if not trained and content["format"] != _FORMAT_OF_ENCODER:
                raise ValueError(f"format {content['format']!r}")
            level, scale = map(float, content["stretch"])
            tile, count = int(content["tile"]), int(content["n_networks"])
            record = None if trained else dict(content["encoder"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{str(path)!r} does not describe networks: {error}") from error
        if encoder is not None:
            _check_same(encoder, record, path)
            return cls(tile, Stretch(level, scale), [encoder], trained)
        members = [read_member(member_folder(folder, k), {}) for k in range(count)]
        if not _fit(members, trained, tile):
            raise InputError(f"{str(path)!r} does not fit the networks beside it")
        return cls(tile, Stretch(level, scale), members, trained)


def _fit(members: list[MemberEstimator], trained: bool, tile: int) -> bool:
    if not trained:
        return len(members) == 1
    return bool(members) and all(
        isinstance(member, EquivariantAutoencoder) and member.size == network_size(tile)
        for member in members
    )


def _check_same(encoder: MemberEstimator, record: dict[str, Any] | None, path: Path) -> None:
    if json.loads(json.dumps(tile_encoder_record(encoder))) != record:
        raise InputError(
            f"encoder must be the one that {str(path)!r} describes, fitted as it was then, "
            f"got {shown(encoder)}"
        )
