"""What makes latents of the tiles of a map, as it lies in the folder of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from ensembles.member_estimators import MemberEstimator
from equiclust.io.atomic import read_json
from equiclust.segmentation.texture_axes import AXES_FORMAT, TextureAxes
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.typing import PathLike

__all__ = ["TextureModel", "load_textures"]

TextureModel: TypeAlias = TextureNetworks | TextureAxes
"""Networks, an encoder in their place, or combined statistics."""


def load_textures(folder: PathLike, *, encoder: MemberEstimator | None = None) -> TextureModel:
    """Read what makes the latents, whatever it is.

    Parameters
    ----------
    folder : path-like
        Where `save` wrote it.
    encoder : WhitenedEncoder or EquivariantAutoencoder, optional
        The fitted encoder that was saved, for one that cannot be read again.

    Returns
    -------
    TextureNetworks or TextureAxes

    Raises
    ------
    InputError
        When the folder holds none, or damaged ones, or `encoder` is another one.
    """
    if encoder is None and read_json(Path(folder) / "textures.json").get("format") == AXES_FORMAT:
        return TextureAxes.load(folder)
    return TextureNetworks.load(folder, encoder=encoder)
