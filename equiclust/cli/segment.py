"""`equiclust segment`: the textures of a map or cube, as a label map on the same sky."""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import Device, EncoderGroup, EncoderPooling, Layer
from equiclust.cli.session import Outcome, Session

__all__ = ["segment"]


def segment(
    session: Session,
    map: Annotated[str, "MAP.fits"],
    *,
    output: Annotated[str, "LABELS.fits"],
    run: Annotated[str | None, "LABELS.fits"] = None,
    n_clusters: Annotated[int | Literal["auto"], "auto|K"] = "auto",
    tile: Annotated[int | Literal["auto"], "auto|PX"] = "auto",
    step: Annotated[int | None, "PX"] = None,
    cube: Literal["integrated", "peak", "channels"] = "integrated",
    channel_group: Annotated[int, "N"] = 1,
    stokes: Annotated[str, "I|Q|U|V|..."] = "",
    mask: Annotated[str | None, "FITS"] = None,
    weights: Annotated[str | None, "FITS"] = None,
    min_weight: Annotated[float | None, "W"] = None,
    threshold: Annotated[float | None, "SIGMA"] = None,
    region: Annotated[str | None, "FILE.reg"] = None,
    min_membership: Annotated[float, "P"] = 0.0,
    method: Literal["kmeans", "gmm", "spectral", "manifold"] = "kmeans",
    encoder: Annotated[str, "NAME|FILE"] = "auto",
    layer: Layer = "auto",
    pooling: EncoderPooling = "auto",
    encoder_group: EncoderGroup = "D4",
    max_memory: Annotated[str, "SIZE"] = "auto",
    seed: Annotated[int, "S"] = 0,
    n_pairs: Annotated[int, "N"] = 8192,
    max_epochs: Annotated[int, "N"] = 10,
    device: Device = "auto",
    n_jobs: Annotated[int | None, "N"] = None,
    scheduler: Annotated[str | None, "ADDRESS"] = None,
) -> Outcome:
    """Label the textures of a map or cube: a label map on the same sky.

    Measures the texture of overlapping tiles whatever its orientation, by statistics combined as
    the map tells or by networks, clusters the tiles, and gives every pixel the label on which its
    tiles agree most. Writes labels, membership in their cluster and coverage as one FITS file, and
    beside it a table of the segments, their outlines for DS9, a picture, and the model. Labels are
    from 0; -1 means "don't know" and -2 masked. The same command again resumes one that was
    stopped.

    Parameters
    ----------
    map
        FITS map or cube, also compressed or larger than memory; file.fits[1] for an extension.
    output
        FITS file for the labels; the other results have the same name with another ending. Only
        files that this very command has written are overwritten.
    run
        Label map of another map, whose clusters label this one; nothing is learned.
    n_clusters
        Number of clusters; auto estimates it from the tiles.
    tile
        Side of the tiles in pixels: texture on smaller scales is seen. auto is 32, or 16 for maps
        narrower than 128.
    step
        Distance from one tile to the next in pixels; by default an eighth of a tile, a quarter with
        networks.
    cube
        What of a cube is segmented: its integrated or peak intensity, with the range of velocities
        behind every pixel, or its channels, each by itself.
    channel_group
        Number of channels that are averaged first, with --cube channels.
    stokes
        Stokes parameter that is segmented, where the map has an axis of them; by default I.
    mask
        Image whose pixels that are not 0 are left out; [EXT] for one in the map's file.
    weights
        Image of weights, for --min-weight.
    min_weight
        Pixels with a smaller weight are left out.
    threshold
        Pixels less than this many standard deviations of the noise above the sky are left out.
    region
        DS9 regions; what lies outside is left out.
    min_membership
        Pixels with a lower membership in their cluster, the mean over their tiles, get -1; 0 labels
        all that a tile covers.
    method
        How the tiles are clustered.
    encoder
        What turns tiles into vectors: statistics of their texture; own, networks that are trained
        on the map, which takes minutes; a network trained on photographs (alexnet, vgg16, resnet18,
        ..., efficientnet_lite0), which is shown the tiles in 0 to 1; or an ONNX file. auto is
        statistics, or own where --n-pairs or --max-epochs is given.
    layer
        Layer of a network trained on photographs, such as features.10 of alexnet.
    pooling
        How the features of such a layer become one vector.
    encoder_group
        Quarter turns and mirrors (D4), or finer turns (D8, D16), over which the features of an
        encoder that is not trained are averaged; none leaves them as they are.
    max_memory
        Limit such as 2GB; work that needs more is refused before it starts.
    seed
        Seed of everything random.
    n_pairs
        Pairs of neighbouring tiles that networks learn from; at most 1024 where only the axes of an
        encoder are learned.
    max_epochs
        Passes of the networks over these pairs.
    device
        Where to train, and where a network trained on photographs computes.
    n_jobs
        Processes at a time that train networks and choose the number of clusters; by default one
        per core.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786, whose workers train the networks and
        encode the tiles; they must see the same files.

    Examples
    --------
    equiclust segment orion.fits --output kinds.fits --n-clusters 4
    """
    from equiclust.cli.messages import describe_segmentation
    from equiclust.segmentation.job import SegmentJob, run_segment_job
    from equiclust.segmentation.mask_options import MaskOptions
    from equiclust.segmentation.options import SegmentOptions

    options = SegmentOptions(
        tile=tile,
        step=step,
        cube=cube,
        channel_group=channel_group,
        n_clusters=n_clusters,
        method=method,
        min_membership=min_membership,
        n_pairs=n_pairs,
        max_epochs=max_epochs,
        seed=seed,
        encoder=encoder,
        layer=layer,
        pooling=pooling,
        encoder_group=encoder_group,
    )
    masks = MaskOptions(mask, weights, min_weight, threshold, region)
    job = SegmentJob(
        map, output, options, masks, run, max_memory, device, n_jobs, scheduler, stokes
    )
    return describe_segmentation(run_segment_job(job, on_progress=session.on_progress))
