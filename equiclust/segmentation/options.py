"""`SegmentOptions`: everything that decides a segmentation beside its inputs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

from data_adapters.sky.tiling import Tiling
from ensembles.member_estimators import MemberEstimator
from ensembles.recipes.tables import AUTO, OWN
from equiclust.argument_types import checks_types
from equiclust.encoders.protocol import Encoder
from equiclust.encoders.registry import named_encoder
from equiclust.exceptions import InputError
from equiclust.segmentation.planes import CUBE_WAYS
from equiclust.segmentation.texture_axes import N_AXES
from equiclust.segmentation.texture_networks import LATENT_DIM
from equiclust.segmentation.tile_encoder import ENCODER_DIM, tile_encoder
from equiclust.validation import check_choice, check_share, check_whole

__all__ = ["STATISTICS", "SegmentOptions"]

STATISTICS = "statistics"
"""Name of the statistics of texture, see `TextureAxes`."""

_TILE, _SMALL_TILE = 32, 16
# Maps narrower than this in pixels have small tiles.
_WIDE_MAP = 128
_OF_NAMED = {"layer": "auto", "pooling": "auto", "encoder_group": "D4"}
# What networks that are trained on the map have, and their defaults.
_OF_NETWORKS = {"group": "D8", "n_networks": 2, "n_pairs": 8192, "max_epochs": 10}


@checks_types
@dataclass(frozen=True)
class SegmentOptions:
    """Options of a segmentation: tiles, encoder, clusters.

    Parameters
    ----------
    tile : int or "auto", default 32
        Side of the tiles in pixels, 8 to 256; texture on smaller scales is seen. "auto" is 32, or
        16 for maps narrower than 128 pixels.
    step : int, optional
        Distance from one tile to the next in pixels; by default an eighth of a tile for statistics,
        a quarter for networks and encoders.
    cube : {"integrated", "peak", "channels"}, default "integrated"
        What of a cube is segmented: one of its moments, or its channels, each by itself.
    channel_group : int, default 1
        Channels that are averaged to one plane, with ``cube="channels"``.
    n_clusters : int or "auto", default "auto"
        Number of clusters; "auto" estimates it from the tiles.
    method : {"kmeans", "gmm", "spectral", "manifold"}, default "kmeans"
        How the tiles are clustered, see `ensembles.ConsensusClustering`.
    min_membership : float, default 0.0
        Pixels with a lower membership in their cluster, 0 to 1, get the label -1.
    group : str, default "D8"
        Rotations and mirrors built into networks, see `EquivariantAutoencoder`.
    n_networks : int, default 2
        Networks to train, each without some of the pairs.
    n_pairs : int, default 8192
        Pairs of neighbouring tiles that networks learn from.
    max_epochs : int, default 10
        Passes over the pairs.
    seed : int, default 0
        Seed of everything random, 0 to 2^32 - 1.
    encoder : str or Encoder, default "auto"
        What makes latents of the tiles. "statistics" are those of texture, combined as the map
        tells, see `TextureAxes`; "own" are networks that are trained on the map. "auto" is "own" if
        `group`, `n_networks`, `n_pairs` or `max_epochs` is given, else "statistics". Otherwise a
        network trained on photographs, such as "alexnet" (see `equiclust.encoders`), an ONNX file,
        or an encoder itself. One that is fitted is used as it is; of others those axes are learned
        along which the tiles of at most 1024 pairs are alike, see `tile_encoder`.
    layer, pooling : str, default "auto"
        Of the features of a named encoder.
    encoder_group : str, default "D4"
        Group over which the features of a named encoder are averaged, or "none".

    Raises
    ------
    InputError
        When a value cannot be used.

    Examples
    --------
    >>> from equiclust.segmentation import SegmentOptions
    >>> options = SegmentOptions(tile=16, n_clusters=4, min_membership=0.5)
    >>> options.used_encoder, options.trains
    ('statistics', False)
    >>> len(options.tiling((96, 128)))
    3185
    >>> SegmentOptions(encoder="own", n_networks=4).trains
    True
    """

    tile: int | Literal["auto"] = 32
    step: int | None = None
    cube: str = "integrated"
    channel_group: int = 1
    n_clusters: int | Literal["auto"] = "auto"
    method: str = "kmeans"
    min_membership: float = 0.0
    group: str = "D8"
    n_networks: int = 2
    n_pairs: int = 8192
    max_epochs: int = 10
    seed: int = 0
    encoder: str | Encoder = AUTO
    layer: str = "auto"
    pooling: str = "auto"
    encoder_group: str = "D4"

    def __post_init__(self) -> None:
        if self.tile != "auto" and not 8 <= self.tile <= 256:
            raise InputError(f"tile must be from 8 to 256 pixels, got {self.tile}")
        largest = 256 if self.tile == "auto" else self.tile
        if self.step is not None and not 1 <= self.step <= largest:
            raise InputError(f"step must be from 1 to the tile's {largest}, got {self.step}")
        check_choice("cube", self.cube, CUBE_WAYS)
        check_share("min_membership", self.min_membership)
        if self.n_clusters != "auto":
            check_whole("n_clusters", self.n_clusters)
        for name in ("channel_group", "n_networks", "n_pairs", "max_epochs"):
            check_whole(name, getattr(self, name))
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")
        self._check_encoder()

    def _check_encoder(self) -> None:
        if isinstance(self.encoder, str) and "," in self.encoder:
            raise InputError(f"encoder must be one encoder for a map, got {self.encoder!r}")
        for name, default in _OF_NAMED.items():
            value = getattr(self, name)
            if value != default and not self._is_named:
                raise InputError(
                    f"{name} must be left out unless encoder names a network or file, got {value!r}"
                )

        if self.encoder == STATISTICS and self._networks_asked_for:
            name = self._networks_asked_for[0]
            raise InputError(
                f"{name} must be left out with encoder 'statistics', which trains no networks, "
                f"got {getattr(self, name)!r}"
            )

    @property
    def _networks_asked_for(self) -> list[str]:
        return [name for name, default in _OF_NETWORKS.items() if getattr(self, name) != default]

    @property
    def used_encoder(self) -> str | Encoder:
        """What makes the latents, "auto" being decided."""
        if self.encoder != AUTO:
            return self.encoder
        return OWN if self._networks_asked_for else STATISTICS

    @property
    def trains(self) -> bool:
        """Whether networks are trained on the map."""
        return self.used_encoder == OWN

    @property
    def _is_named(self) -> bool:
        return isinstance(self.encoder, str) and self.encoder not in (AUTO, OWN, STATISTICS)

    @property
    def settings(self) -> dict[str, Any]:
        """All options as plain values; of an encoder that was handed over its class."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        used = self.used_encoder
        values["encoder"] = used if isinstance(used, str) else type(used).__name__
        return values

    @property
    def n_values(self) -> int:
        """Numbers by which a tile is described, all networks together."""
        if self.trains:
            return self.n_networks * LATENT_DIM
        if self.used_encoder == STATISTICS:
            return N_AXES
        if isinstance(self.encoder, MemberEstimator):
            return int(self.encoder.latent_dim)
        return ENCODER_DIM

    def tile_encoder(self, device: str = "auto") -> MemberEstimator | None:
        """What makes latents of the tiles without being trained on them.

        Parameters
        ----------
        device : {"auto", "cpu", "cuda", "mps"}, default "auto"
            Where a named network computes.

        Returns
        -------
        WhitenedEncoder, EquivariantAutoencoder or None
            None for statistics, and for networks that are trained on the map.

        Raises
        ------
        InputError
            When the encoder cannot be used for tiles.
        """
        encoder = self.used_encoder
        if encoder in (OWN, STATISTICS):
            return None
        if isinstance(encoder, str):
            encoder = named_encoder(
                encoder,
                layer=self.layer,
                pooling=self.pooling,
                group=self.encoder_group,
                device=device,
            )
        return tile_encoder(encoder, random_state=self.seed)

    def for_shape(self, shape: tuple[int, int]) -> Self:
        """The options for a map, with the tile in pixels.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the map in pixels.

        Raises
        ------
        InputError
            When `step` is longer than the tile.
        """
        if self.tile != "auto":
            return self
        return replace(self, tile=_TILE if min(shape) >= _WIDE_MAP else _SMALL_TILE)

    def tiling(self, shape: tuple[int, int]) -> Tiling:
        """Tiles of a map.

        Parameters
        ----------
        shape : (int, int)
            Height and width of the map in pixels.

        Returns
        -------
        Tiling
            Where every tile lies.
        """
        tile = int(self.for_shape(shape).tile)
        closest = 8 if self.used_encoder == STATISTICS else 4
        step = max(tile // closest, 1) if self.step is None else self.step
        return Tiling(shape, tile=tile, step=step)
