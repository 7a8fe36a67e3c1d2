"""A map or cube in, a segment map out, in steps that a stopped run need not take again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from data_adapters.sky.sky_map import SkyMap
from data_adapters.sky.tiling import Tiling
from equiclust.clustering import Choice
from equiclust.exceptions import InputError
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
from equiclust.validation import check_choice, check_share, check_whole

__all__ = ["SegmentOptions", "Segmentation", "segment_sky_map"]

BoolArray = npt.NDArray[np.bool_]
Update = Callable[[int, int, str], None]
Stage = Callable[[str], AbstractContextManager[Update]]
Engine = Callable[[], AbstractContextManager[None]]

_MODEL = "model"
# From more planes of a cube than these nothing more is learned.
_MOST_LEARNED = 16
_SAMPLE = 4000


@dataclass(frozen=True)
class SegmentOptions:
    """How a map is segmented; everything that decides the result.

    Parameters
    ----------
    tile : int
        Side of the tiles in pixels, 8 or more.
    step : int, optional
        From one tile to the next; a quarter of a tile by default.
    cube : {"integrated", "peak", "channels"}
        What of a cube is segmented.
    channel_group : int
        Channels of one plane, with "channels".
    n_clusters : int or "auto"
    method : str
        As in `ConsensusClustering`.
    min_confidence : float
        Pixels that are less sure get -1.
    group : str
        Rotations and mirrors built into the networks.
    n_networks, n_pairs, max_epochs, seed : int
    """

    tile: int = 32
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
        if not 8 <= self.tile <= 256:
            raise InputError(f"tile must be from 8 to 256 pixels, got {self.tile}")
        if self.step is not None and not 1 <= self.step <= self.tile:
            raise InputError(f"step must be from 1 to the tile's {self.tile}, got {self.step}")
        check_choice("cube", self.cube, CUBE_WAYS)
        check_share("min_confidence", self.min_confidence)
        if self.n_clusters != "auto":
            check_whole("n_clusters", self.n_clusters)
        for name in ("channel_group", "n_networks", "n_pairs", "max_epochs"):
            check_whole(name, getattr(self, name))
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")

    def tiling(self, shape: tuple[int, int]) -> Tiling:
        """Tiles of a map of this height and width."""
        step = max(self.tile // 4, 1) if self.step is None else self.step
        return Tiling(shape, tile=self.tile, step=step)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What came out.

    Parameters
    ----------
    segment_map : SegmentMap
    planes : Planes
        What was segmented.
    model : path
        Networks and clusters, in the working folder.
    choice : Choice or None
        How the number of clusters came about; `None` for a model that was given.
    counts : dict
        Tiles and how many of them were left out.
    histories : list
        Of the networks' training.
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
    folder: Path,
    *,
    mask: BoolArray | None = None,
    model: Path | None = None,
    device: str = "auto",
    n_jobs: int | None = None,
    stage: Stage | None = None,
    engine: Engine = nullcontext,
) -> Segmentation:
    """Learn the textures of a map, and say which is where.

    Parameters
    ----------
    sky : SkyMap
    options : SegmentOptions
    folder : path
        Existing; everything on the way is kept here. The same call again goes on where it was.
    mask : ndarray (h, w), bool, optional
        `True` = ignore, besides what is blank.
    model : path, optional
        Networks and clusters of another map, by which this one is labelled; nothing is learned.
    device, n_jobs
        As in `KFoldEnsemble`.
    stage : callable, optional
        Gives a context for a step of this name, which gives a function for its progress.
    engine : callable
        Gives the context in which networks are trained and tiles encoded.

    Raises
    ------
    InputError
        When an option does not fit the map, or too little of it can be used.
    UnreadableFileError
        When the file is damaged.
    """
    stages = stage or _silent
    with stages("reading") as update:
        planes = open_planes(
            sky, options.cube, group=options.channel_group, folder=folder, on_progress=update
        )
    place = folder / _MODEL if model is None else model
    if model is None and not (place / "textures.json").is_file():
        with stages("training") as update, engine():
            _learn_networks(planes, mask, options, folder, device, n_jobs, update).save(place)
    networks = TextureNetworks.load(place)
    tiling = replace(options, tile=networks.tile).tiling(sky.shape[1:])
    n_values = int(np.prod(networks.shape))
    grid = LatentGrid(folder / "latents.bin", tiling, n_planes=planes.count, n_values=n_values)
    with stages("encoding") as update, engine():
        encode_planes(planes, mask, place, grid, on_progress=update)
    with stages("clustering"):
        known = None if model is None else TextureClusters.load(model)
        clusters = known or _find_clusters(grid, networks, options, place)
    with stages("labelling") as update:
        labelled = label_planes(
            planes,
            mask,
            grid,
            clusters,
            networks.shape[0],
            min_confidence=options.min_confidence,
            on_progress=update,
        )
    return Segmentation(
        _as_segment_map(labelled, planes, sky),
        planes,
        place,
        clusters.choice,
        {"n_tiles": grid.n_tiles, "n_tiles_left_out": grid.n_left_out},
        [member.history_ for member in networks.members],
    )


def _silent(title: str) -> AbstractContextManager[Update]:
    return nullcontext(lambda done, total, note: None)


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
            tile=options.tile,
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
    """At most so many of `count` places, evenly."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


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
        }
    return SegmentMap(
        **labelled._asdict(), header=planes.header, unit=planes.unit, beam=sky.beam, **more
    )
