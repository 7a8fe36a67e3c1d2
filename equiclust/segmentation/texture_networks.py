"""`TextureNetworks`: networks to which neighbouring patches of a map look alike."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ensembles import KFoldEnsemble
from ensembles.consensus_files import member_folder
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json, write_json
from equiclust.progress import Update
from equiclust.segmentation.pairs import Pairs, Stretch, network_size, normalised
from equiclust.typing import Float32Array

__all__ = ["LATENT_DIM", "TextureNetworks"]


LATENT_DIM = 16
"""Numbers that describe a tile to one network."""

_FORMAT = 1
_FILE = "textures.json"
_FEWEST_PAIRS = 16
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
    members : list of EquivariantAutoencoder
        Fitted.
    """

    tile: int
    stretch: Stretch
    members: list[EquivariantAutoencoder]

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
        if len(pairs.first) < _FEWEST_PAIRS:
            raise InputError(
                "too little of the map can be used: hardly a tile is varied and at most half "
                "masked; use smaller tiles or mask less"
            )
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
            "format": _FORMAT,
            "tile": self.tile,
            "stretch": [self.stretch.level, self.stretch.scale],
            "n_networks": len(self.members),
        }
        write_json(Path(folder) / _FILE, content)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Networks that `save` wrote.

        Parameters
        ----------
        folder : path-like
            Where they lie.

        Raises
        ------
        InputError
            When the folder holds none, or damaged ones.
        """
        path = Path(folder) / _FILE
        content = read_json(path)
        try:
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']!r}")
            level, scale = map(float, content["stretch"])
            tile, count = int(content["tile"]), int(content["n_networks"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{str(path)!r} does not describe networks: {error}") from error
        members = [EquivariantAutoencoder.load(member_folder(folder, k)) for k in range(count)]
        if not members or any(member.size != network_size(tile) for member in members):
            raise InputError(f"{str(path)!r} does not fit the networks beside it")
        return cls(tile, Stretch(level, scale), members)
