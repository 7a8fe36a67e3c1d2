"""From a map or cube to a segment map, in steps whose results are kept for a resumed call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_adapters.sky.sky_map import MapLike, SkyMap, as_sky_map
from data_adapters.sky.tiling import Tiling
from ensembles.member_estimators import MemberEstimator
from equiclust.clustering import Choice
from equiclust.processes import at_most
from equiclust.progress import Progress, start_stage
from equiclust.segmentation.labelling import (
    Labelled,
    encode_planes,
    label_planes,
    masked_plane,
)
from equiclust.segmentation.latent_grid import LatentGrid
from equiclust.segmentation.options import STATISTICS, SegmentOptions
from equiclust.segmentation.pairs import Pairs, Stretch, draw_pairs
from equiclust.segmentation.planes import Planes, open_planes
from equiclust.segmentation.segment_map import SegmentMap
from equiclust.segmentation.texture_axes import TextureAxes
from equiclust.segmentation.texture_clusters import TextureClusters
from equiclust.segmentation.texture_models import TextureModel, load_textures
from equiclust.segmentation.texture_networks import TextureNetworks
from equiclust.segmentation.tile_encoder import is_kept
from equiclust.typing import BoolArray, Float32Array, PathLike

__all__ = ["Segmentation", "segment_sky_map"]

Backend = Callable[[], AbstractContextManager[None]]

_MODEL = "model"
# From more planes of a cube than these nothing more is learned.
_MOST_LEARNED = 16
# Pixels of the planes that statistics are combined by, all together.
_MOST_PIXELS = 1 << 22
# Tiles of one of these planes; of larger ones they lie farther apart.
_MOST_TILES = 1 << 16
# Pairs that the axes of an encoder are learned from.
_MOST_WHITENED = 1024
_SAMPLE = 4000


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of a map and the model that made them, as `segment_sky_map` returns them.

    Parameters
    ----------
    segment_map : SegmentMap
        The labels and the memberships.
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
    encoder : dict, optional
        What made the latents, see `tile_encoder_record`; None for statistics and for networks
        trained on a map.

    Examples
    --------
    >>> from pathlib import Path
    >>> from equiclust.segmentation import SegmentOptions, segment_sky_map, write_segment_map
    >>> from equiclust.simulation import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((64, 64), scale=16.0, random_state=0)
    >>> Path("kept").mkdir()
    >>> options = SegmentOptions(tile=16, step=4, n_clusters=2)
    >>> found = segment_sky_map((image.pixels[0], image.wcs), options, "kept", n_jobs=1)
    >>> found.counts["n_tiles"], found.choice.n_clusters
    (289, 2)
    >>> write_segment_map(found.segment_map, "labels.fits")
    """

    segment_map: SegmentMap
    planes: Planes
    model: Path
    choice: Choice | None
    counts: dict[str, int]
    histories: list[Any] = field(default_factory=list)
    encoder: dict[str, Any] | None = None


def segment_sky_map(
    sky: MapLike,
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
    sky : SkyMap or another of `MapLike`
        Map or cube, read by section.
    options : SegmentOptions
        How it is segmented.
    folder : path-like
        Existing folder for intermediate results. The same call again resumes from them; a call
        with other arguments needs another folder. `run_segment_job` takes care of that.
    mask : ndarray (h, w), bool, optional
        True = ignore; blank pixels are ignored anyway.
    model : path-like, optional
        Folder of the networks and clusters of another map, which label this one; nothing is
        learned. An encoder whose module is in memory alone is handed over once more in `options`,
        as a fitted `WhitenedEncoder`.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Device on which the networks are trained, and on which a named encoder computes.
    n_jobs : int, optional
        Processes at a time that train networks and choose the number of clusters; default one per
        core.
    on_progress : callable, optional
        Gets ``(stage, done, total, remark)`` with the stages "reading", "training" (of an encoder
        or statistics "whitening"), "encoding", "clustering" and "labelling"; see
        `equiclust.progress.Progress`.
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

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from equiclust.segmentation import SegmentOptions, segment_sky_map
    >>> from equiclust.simulation import simulate_cloud_map
    >>> image, truth = simulate_cloud_map((64, 64), scale=16.0, random_state=0)
    >>> Path("work").mkdir()
    >>> sky = (image.pixels[0], image.wcs)
    >>> found = segment_sky_map(sky, SegmentOptions(tile=16, n_clusters=2), "work", n_jobs=1)
    >>> found.segment_map.labels.shape, np.unique(found.segment_map.labels)
    ((64, 64), array([0, 1], dtype=int16))
    """
    sky = as_sky_map(sky)
    options = options.for_shape(sky.shape[1:])
    folder = Path(folder)
    encoder = options.tile_encoder(device)
    place = folder / _MODEL if model is None else Path(model)
    # Before the map is read: it may be damaged.
    networks = _known_networks(place, options, encoder, is_given=model is not None)
    planes = open_planes(
        sky,
        options.cube,
        group=options.channel_group,
        folder=folder,
        on_progress=start_stage(on_progress, "reading"),
    )
    if networks is None:
        with backend():
            networks = _learn_networks(
                planes, mask, options, encoder, folder, device, n_jobs, on_progress
            )
        networks.save(place)
    grid = _latent_grid(networks, options, sky, planes, folder)
    update = start_stage(on_progress, "encoding")
    source = place if networks.trained else networks
    with backend():
        encode_planes(planes, mask, source, grid, on_progress=update)
    start_stage(on_progress, "clustering")
    known = None if model is None else TextureClusters.load(place)
    with at_most(n_jobs):
        clusters = known or _find_clusters(grid, networks, options, place)
    labelled = _labelled(planes, mask, grid, networks, clusters, options, on_progress)
    return Segmentation(
        _as_segment_map(labelled, planes, sky),
        planes,
        place,
        clusters.choice,
        {"n_tiles": grid.n_tiles, "n_tiles_left_out": grid.n_left_out},
        networks.histories,
        networks.record,
    )


def _labelled(
    planes: Planes,
    mask: BoolArray | None,
    grid: LatentGrid,
    networks: TextureModel,
    clusters: TextureClusters,
    options: SegmentOptions,
    on_progress: Progress | None,
) -> Labelled:
    update = start_stage(on_progress, "labelling")
    return label_planes(
        planes,
        mask,
        grid,
        clusters,
        networks.shape[0],
        min_membership=options.min_membership,
        coherence=networks.coherence,
        on_progress=update,
    )


def _known_networks(
    place: Path, options: SegmentOptions, encoder: MemberEstimator | None, *, is_given: bool
) -> TextureModel | None:
    """What a given model has, or that of a stopped call; None where there is none to be read."""
    if is_given:
        handed_over = None if isinstance(options.encoder, str) else encoder
        return load_textures(place, encoder=handed_over)
    if not (place / "textures.json").is_file() or not (encoder is None or is_kept(encoder)):
        return None
    return load_textures(place)


def _learn_networks(
    planes: Planes,
    mask: BoolArray | None,
    options: SegmentOptions,
    encoder: MemberEstimator | None,
    folder: Path,
    device: str,
    n_jobs: int | None,
    on_progress: Progress | None,
) -> TextureModel:
    if options.used_encoder == STATISTICS:
        return _learn_axes(planes, mask, options, on_progress)
    if encoder is not None:
        update = start_stage(on_progress, "whitening")
        pairs, stretch = _drawn(planes, mask, options, min(options.n_pairs, _MOST_WHITENED))
        return TextureNetworks.of_encoder(encoder, pairs, stretch, on_progress=update)
    update = start_stage(on_progress, "training")
    pairs, stretch = _drawn(planes, mask, options, options.n_pairs)
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


def _learn_axes(
    planes: Planes, mask: BoolArray | None, options: SegmentOptions, on_progress: Progress | None
) -> TextureAxes:
    """Combinations of the statistics of texture."""
    update = start_stage(on_progress, "whitening")
    tiling = _sparse(options.tiling(masked_plane(planes, 0, mask).shape))
    most = max(_MOST_PIXELS // (tiling.shape[0] * tiling.shape[1]), 1)
    chosen = _spread(planes.count, min(most, _MOST_LEARNED))
    stretch = _stretch_of(planes, mask, chosen)

    def stretched() -> Iterator[Float32Array]:
        for done, number in enumerate(chosen):
            if update is not None:
                update(done, len(chosen), "planes")
            yield stretch(masked_plane(planes, number, mask))

    return TextureAxes.fit(stretched(), stretch, tiling)


def _sparse(tiling: Tiling) -> Tiling:
    """The tiles, or, where they are too many, tiles at a multiple of their distance."""
    while len(tiling) > _MOST_TILES and 2 * tiling.step <= tiling.tile:
        tiling = replace(tiling, step=2 * tiling.step)
    return tiling


def _stretch_of(planes: Planes, mask: BoolArray | None, chosen: list[int]) -> Stretch:
    """Of all planes one stretch: between channels brightness is comparable."""
    return Stretch.of(np.concatenate([masked_plane(planes, number, mask) for number in chosen]))


def _drawn(
    planes: Planes, mask: BoolArray | None, options: SegmentOptions, n_pairs: int
) -> tuple[Pairs, Stretch]:
    """Pairs of patches to learn from, and their stretch."""
    chosen = _spread(planes.count, _MOST_LEARNED)
    stretch = _stretch_of(planes, mask, chosen)
    generator = np.random.default_rng(options.seed)
    share = -(-n_pairs // len(chosen))
    drawn = [
        draw_pairs(
            stretch(masked_plane(planes, number, mask)),
            share,
            tile=int(options.tile),
            generator=generator,
        )
        for number in chosen
    ]
    return Pairs(*(np.concatenate(parts) for parts in zip(*drawn, strict=True))), stretch


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spaced."""
    return sorted({round(number) for number in np.linspace(0, count - 1, min(count, most))})


def _find_clusters(
    grid: LatentGrid, networks: TextureModel, options: SegmentOptions, place: Path
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
    networks: TextureModel, options: SegmentOptions, sky: SkyMap, planes: Planes, folder: Path
) -> LatentGrid:
    """The file of the latents of all tiles."""
    step = networks.step if options.step is None else options.step
    return LatentGrid(
        folder / "latents.bin",
        Tiling(sky.shape[1:], tile=networks.tile, step=step),
        n_planes=planes.count,
        n_values=int(np.prod(networks.shape)),
        smoothing=networks.smoothing,
    )


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
