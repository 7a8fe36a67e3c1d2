"""From a map or cube to a segment map, in steps whose results are kept for a resumed call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from data_adapters.sky.sky_map import SkyMap
from data_adapters.sky.tiling import Tiling
from equiclust.argument_types import checks_types
from equiclust.clustering import Choice
from equiclust.exceptions import InputError
from equiclust.progress import Progress, Update, start_stage
from equiclust.segmentation.labelling import (
    Labelled,
    encode_planes,
    label_planes,
    masked_plane,
)
from equiclust.segmentation.latent_grid import LatentGrid
from equiclust.segmentation.pairs import Pairs, Stretch, draw_pairs
from equiclust.segmentation.planes import CUBE_WAYS, Planes, open_planes
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.texture_clusters import TextureClusters
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.typing import BoolArray, PathLike
from equiclust.validation import check_choice, check_share, check_whole

__all__ = ["SegmentOptions", "Segmentation", "segment_sky_map"]

Backend = Callable[[], AbstractContextManager[None]]

_MODEL = "model"
_TILE, _SMALL_TILE = 32, 16
# Maps narrower than this in pixels have small tiles.
_WIDE_MAP = 128
# From more planes of a cube than these nothing more is learned.
_MOST_LEARNED = 16
_SAMPLE = 4000


@checks_types
@dataclass(frozen=True)
class SegmentOptions:
    """How a map is segmented.

    Parameters
    ----------
    tile : int or "auto", default 32
        Side of the tiles in pixels, 8 to 256; texture on smaller scales is seen. "auto" is 32, or
        16 for maps narrower than 128 pixels.
    step : int, optional
        Distance from one tile to the next in pixels; default a quarter of a tile.
    cube : {"integrated", "peak", "channels"}, default "integrated"
        What of a cube is segmented: one of its moments, or its channels, each by itself.
    channel_group : int, default 1
        Channels that are averaged to one plane, with ``cube="channels"``.
    n_clusters : int or "auto", default "auto"
        Number of clusters; "auto" estimates it from the tiles.
    method : {"kmeans", "gmm", "spectral", "manifold"}, default "kmeans"
        How the tiles are clustered, see `ensembles.ConsensusClustering`.
    min_confidence : float, default 0.0
        Pixels with a lower confidence, 0 to 1, get the label -1.
    group : str, default "D8"
        Rotations and mirrors built into the networks, see `EquivariantAutoencoder`.
    n_networks : int, default 2
        Networks, each trained without some of the pairs.
    n_pairs : int, default 8192
        Pairs of neighbouring tiles to learn from.
    max_epochs : int, default 10
        Passes over the pairs.
    seed : int, default 0
        Seed of everything random, 0 to 2^32 - 1.

    Raises
    ------
    InputError
        When a value cannot be used.
    """

    tile: int | Literal["auto"] = 32
    step: int | None = None
    cube: str = "integrated"
    channel_group: int = 1
    n_clusters: int | Literal["auto"] = "auto"
    method: str = "kmeans"
    min_confidence: float = 0.0
    group: str = "D8"
    n_networks: int = 2
    n_pairs: int = 8192
    max_epochs: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tile != "auto" and not 8 <= self.tile <= 256:
            raise InputError(f"tile must be from 8 to 256 pixels, got {self.tile}")
        largest = 256 if self.tile == "auto" else self.tile
        if self.step is not None and not 1 <= self.step <= largest:
            raise InputError(f"step must be from 1 to the tile's {largest}, got {self.step}")
        check_choice("cube", self.cube, CUBE_WAYS)
        check_share("min_confidence", self.min_confidence)
        if self.n_clusters != "auto":
            check_whole("n_clusters", self.n_clusters)
        for name in ("channel_group", "n_networks", "n_pairs", "max_epochs"):
            check_whole(name, getattr(self, name))
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")

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
        step = max(tile // 4, 1) if self.step is None else self.step
        return Tiling(shape, tile=tile, step=step)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Result of `segment_sky_map`.

    Parameters
    ----------
    segment_map : SegmentMap
        The labels and their confidence.
    planes : Planes
        What was segmented.
    model : Path
        Folder of the networks and clusters.
    choice : Choice or None
        How the number of clusters was chosen; None for a model that was given.
    counts : dict of str to int
        "n_tiles", and how many of them were left out, "n_tiles_left_out".
    histories : list, optional
        Losses of the networks' training, epoch by epoch.
    """

    segment_map: SegmentMap
    planes: Planes
    model: Path
    choice: Choice | None
    counts: dict[str, int]
    histories: list[Any] = field(default_factory=list)


def segment_sky_map(
    sky: SkyMap,
    options: SegmentOptions,
    folder: PathLike,
    *,
    mask: BoolArray | None = None,
    model: PathLike | None = None,
    device: str = "auto",
    n_jobs: int | None = None,
    on_progress: Progress | None = None,
    backend: Backend = nullcontext,
) -> Segmentation:
    """Learn the textures of a map, cluster them, and label every pixel.

    Parameters
    ----------
    sky : SkyMap
        Map or cube.
    options : SegmentOptions
        How it is segmented.
    folder : path-like
        Existing folder for intermediate results. The same call again resumes from them; a call
        with other arguments needs another folder. `run_segment_job` takes care of that.
    mask : ndarray (h, w), bool, optional
        True = ignore; blank pixels are ignored anyway.
    model : path-like, optional
        Folder of the networks and clusters of another map, which label this one; nothing is
        learned.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Device on which the networks are trained.
    n_jobs : int, optional
        Networks trained at a time; default one per core.
    on_progress : callable, optional
        Gets ``(stage, done, total, remark)`` with the stages "reading", "training", "encoding",
        "clustering" and "labelling"; see `equiclust.progress.Progress`.
    backend : callable, default `contextlib.nullcontext`
        Returns the context manager in which networks are trained and tiles encoded, such as that
        of `ensembles.backend.training_backend`.

    Returns
    -------
    Segmentation
        Labels of shape (h, w), or (g, h, w) for the channels of a cube.

    Raises
    ------
    InputError
        When an option does not fit the map, or too little of it can be used.
    UnreadableFileError
        When the file is damaged.
    """
    options = options.for_shape(sky.shape[1:])
    folder = Path(folder)
    planes = open_planes(
        sky,
        options.cube,
        group=options.channel_group,
        folder=folder,
        on_progress=start_stage(on_progress, "reading"),
    )
    place = folder / _MODEL if model is None else Path(model)
    if model is None and not (place / "textures.json").is_file():
        update = start_stage(on_progress, "training")
        with backend():
            _learn_networks(planes, mask, options, folder, device, n_jobs, update).save(place)
    networks = TextureNetworks.load(place)
    grid = _latent_grid(networks, options, sky, planes, folder)
    update = start_stage(on_progress, "encoding")
    with backend():
        encode_planes(planes, mask, place, grid, on_progress=update)
    start_stage(on_progress, "clustering")
    known = None if model is None else TextureClusters.load(place)
    clusters = known or _find_clusters(grid, networks, options, place)
    labelled = label_planes(
        planes,
        mask,
        grid,
        clusters,
        networks.shape[0],
        min_confidence=options.min_confidence,
        on_progress=start_stage(on_progress, "labelling"),
    )
    return Segmentation(
        _as_segment_map(labelled, planes, sky),
        planes,
        place,
        clusters.choice,
        {"n_tiles": grid.n_tiles, "n_tiles_left_out": grid.n_left_out},
        [member.history_ for member in networks.members],
    )


def _learn_networks(
    planes: Planes,
    mask: BoolArray | None,
    options: SegmentOptions,
    folder: Path,
    device: str,
    n_jobs: int | None,
    update: Update,
) -> TextureNetworks:
    chosen = _spread(planes.count, _MOST_LEARNED)
    # Of all planes one stretch: between channels brightness is comparable.
    stretch = Stretch.of(np.concatenate([masked_plane(planes, number, mask) for number in chosen]))
    generator = np.random.default_rng(options.seed)
    share = -(-options.n_pairs // len(chosen))
    drawn = [
        draw_pairs(
            stretch(masked_plane(planes, number, mask)),
            share,
            tile=int(options.tile),
            generator=generator,
        )
        for number in chosen
    ]
    pairs = Pairs(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
    return TextureNetworks.train(
        pairs,
        stretch,
        group=options.group,
        n_networks=options.n_networks,
        max_epochs=options.max_epochs,
        device=device,
        n_jobs=n_jobs,
        random_state=options.seed,
        checkpoints=folder / "checkpoints",
        on_progress=update,
    )


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spaced."""
    return sorted({round(number) for number in np.linspace(0, count - 1, min(count, most))})


def _find_clusters(
    grid: LatentGrid, networks: TextureNetworks, options: SegmentOptions, place: Path
) -> TextureClusters:
    """Clusters of the tiles, which are saved beside the networks."""
    latents = grid.sample(_SAMPLE, seed=options.seed)
    clusters = TextureClusters.fit(
        latents.reshape(len(latents), *networks.shape),
        n_clusters=options.n_clusters,
        method=options.method,
        random_state=options.seed,
    )
    clusters.save(place)
    return clusters


def _latent_grid(
    networks: TextureNetworks, options: SegmentOptions, sky: SkyMap, planes: Planes, folder: Path
) -> LatentGrid:
    """The file of the latents of all tiles."""
    tiling = replace(options, tile=networks.tile).tiling(sky.shape[1:])
    n_values = int(np.prod(networks.shape))
    return LatentGrid(folder / "latents.bin", tiling, n_planes=planes.count, n_values=n_values)


def _as_segment_map(labelled: Labelled, planes: Planes, sky: SkyMap) -> SegmentMap:
    if planes.flat:
        labelled = Labelled(*(part[0] for part in labelled))
    velocities = planes.velocities
    more: dict[str, Any] = {}
    if velocities is not None:
        more = {
            "velocity_low": velocities.low,
            "velocity_high": velocities.high,
            "velocity_unit": velocities.unit,
            "spectral_kind": velocities.kind,
        }
    return SegmentMap(
        **labelled._asdict(), header=planes.header, unit=planes.unit, beam=sky.beam, **more
    )
