"""The commands of a run: signatures are flags, docstrings are help.

What a command needs is imported when it is called, so that help is fast.
"""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import Command
from equiclust.cli.session import Outcome, Session

__all__ = ["COMMANDS"]

Inputs = Annotated[tuple[str, ...], "INPUT"]
RunPath = Annotated[str, "RUN"]
Method = Literal["auto", "spectral", "kmeans", "gmm", "manifold", "dec", "idec", "dcec"]
Device = Literal["auto", "cpu", "cuda", "mps"]


def run(
    session: Session,
    inputs: Inputs,
    *,
    output: RunPath,
    recipe: Annotated[str | None, "NAME|FILE.toml"] = None,
    n_clusters: Annotated[int | Literal["auto"], "auto|K"] = "auto",
    n_folds: Annotated[int, "K"] = 10,
    size: Annotated[int, "PX"] = 128,
    method: Method = "auto",
    seed: Annotated[int, "S"] = 0,
    latent_dim: Annotated[int, "D"] = 32,
    max_epochs: Annotated[int | Literal["auto"], "auto|N"] = "auto",
    group: Annotated[str, "GROUP"] = "D8",
    stretch: Literal["linear", "sqrt", "asinh", "log"] = "linear",
    percentiles: Annotated[tuple[float, float], "LOW HIGH"] = (1.0, 99.9),
    center: Literal["none", "centroid", "peak"] = "none",
    canonical: Literal["none", "scale", "inclination", "affine"] = "scale",
    reliability: Annotated[float, "P"] = 0.9,
    pretrained: bool = True,
    device: Device = "auto",
    n_jobs: Annotated[int | None, "N"] = None,
    scheduler: Annotated[str | None, "ADDRESS"] = None,
) -> Outcome:
    """Sort images into clusters that do not depend on the orientation of the images.

    Reads the images, trains the networks, clusters their latents, certifies that rotating an image
    does not change them, tests whether the labels follow a confounder, and writes catalogue,
    latents, model and report. The same command resumes a run that was stopped.

    Parameters
    ----------
    inputs
        Files (FITS, PNG, JPEG, TIFF, NumPy), folders or globs; file.fits[1] for an extension.
    output
        Folder for everything that the run writes: new, empty, or of the same run.
    recipe
        Settings that replace the defaults below: digits, discs, gas_clouds, micrographs,
        radio_galaxies, upright, or a TOML file, such as the recipe.toml of another run. Flags win.
    n_clusters
        Number of clusters; auto estimates it from the latents.
    n_folds
        Number of networks, each trained without some of the images.
    size
        Side of the images that the network takes, in pixels: 32, 64, 128 or 256.
    method
        Clustering method; auto takes the most stable of gmm, kmeans, spectral and manifold. dec,
        idec and dcec train the networks further with their clusters.
    seed
        Seed of everything random.
    latent_dim
        Length of the latent of one network.
    max_epochs
        Passes over the images; auto chooses by their number and size.
    group
        Rotations and mirrors built into the network: D8, C8, D4, C4, or trivial for none.
    stretch
        Curve from pixel values to brightness.
    percentiles
        Percentiles of the pixel values that become black and white.
    center
        What is moved to the middle of the image.
    canonical
        What is removed before images are compared: nothing; scale, the apparent size of objects on
        a sky; inclination, so that flat discs are seen face-on; or affine, which is both. The last
        two write inclinations and position angles into the catalogue.
    reliability
        Mean confidence to keep, 0 to 1: the least certain images get the label -1, "don't know",
        until the others reach it. 0 labels every image.
    pretrained
        Start from the weights that come with equiclust; false for random weights.
    device
        Device on which the networks are trained.
    n_jobs
        Networks trained at a time; by default one per core.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786, whose workers train the networks.

    Examples
    --------
    equiclust run images/ --output sorted --n-clusters 6
    """
    from equiclust.cli.messages import describe_run
    from equiclust.pipeline.execution import run as run_pipeline

    finished = run_pipeline(
        inputs,
        output,
        recipe=recipe,
        n_clusters=n_clusters,
        n_folds=n_folds,
        size=size,
        method=method,
        random_state=seed,
        latent_dim=latent_dim,
        max_epochs=max_epochs,
        group=group,
        stretch=stretch,
        percentiles=(percentiles[0], percentiles[1]),
        center=center,
        canonical=canonical,
        reliability=reliability,
        pretrained=pretrained,
        device=device,
        n_jobs=n_jobs,
        scheduler=scheduler,
        on_progress=session.on_progress,
    )
    return describe_run(finished)


def predict(
    session: Session,
    run: RunPath,
    inputs: Inputs,
    *,
    output: Annotated[str, "CATALOGUE"],
) -> Outcome:
    """Sort new images into the clusters of a run; nothing is fitted.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Files, folders or globs.
    output
        Catalogue to write: .ecsv, .fits, .vot or .csv. Rejected inputs are listed beside it, in a
        file that ends in .rejected.ecsv.

    Examples
    --------
    equiclust predict sorted more/*.fits --output more.ecsv
    """
    from equiclust.cli.messages import describe_prediction
    from equiclust.pipeline.prediction import predict_catalogue
    from equiclust.pipeline.results import open_run

    opened = open_run(run)
    found = predict_catalogue(opened, inputs, output=output, on_progress=session.on_progress)
    return describe_prediction(found, opened.n_clusters, output)


def check(session: Session, run: RunPath, inputs: Inputs = ()) -> Outcome:
    """Measure how much the latents and labels of a run change when images are rotated or mirrored.

    Quarter turns and mirrors must change nothing beyond rounding: exit status 1 when they do. Other
    angles are reported, beside a non-equivariant network of the same cost.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Images to rotate; by default those of the run.

    Examples
    --------
    equiclust check sorted
    """
    from equiclust.cli.messages import describe_certificate
    from equiclust.pipeline.results import open_run

    certified = open_run(run).check(inputs or None, on_progress=session.on_progress)
    return describe_certificate(certified)


def similar(
    session: Session,
    run: RunPath,
    inputs: Annotated[tuple[str, ...], "IMAGE"],
    *,
    n: Annotated[int, "N"] = 10,
    output: Annotated[str, "SHEET.png"] = "similar.png",
) -> Outcome:
    """Find the images of a run that are most similar to given ones, at any orientation.

    Writes a contact sheet with every image in front of its neighbours, and a table of them beside
    it, with the distances between the latents. An image of the run is not its own neighbour. Among
    a million images or more the search is approximate.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.
    inputs
        Files, folders or globs.
    n
        Number of neighbours per image.
    output
        The contact sheet; the table is written beside it as .ecsv.

    Examples
    --------
    equiclust similar sorted new/disc.fits -n 10
    """
    from equiclust.cli.messages import describe_similar
    from equiclust.pipeline.results import open_run
    from equiclust.pipeline.similar import check_sheet_output, find_similar, write_similar

    opened = open_run(run)
    check_sheet_output(output, opened.path)
    found = find_similar(opened, inputs, n=n, on_progress=session.on_progress)
    table = write_similar(found, output)
    return describe_similar(found, output, table)


def report(session: Session, run: RunPath) -> Outcome:
    """Write the HTML report of a run again.

    Parameters
    ----------
    run
        Folder that `equiclust run` has written.

    Examples
    --------
    equiclust report sorted
    """
    from equiclust.pipeline.results import open_run

    path = open_run(run).report(on_progress=session.on_progress)
    return Outcome({"report": str(path)}, f"Report: {path}")


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
    mask: Annotated[str | None, "FITS"] = None,
    weights: Annotated[str | None, "FITS"] = None,
    min_weight: Annotated[float | None, "W"] = None,
    threshold: Annotated[float | None, "SIGMA"] = None,
    region: Annotated[str | None, "FILE.reg"] = None,
    min_confidence: Annotated[float, "P"] = 0.0,
    method: Literal["kmeans", "gmm", "spectral", "manifold"] = "kmeans",
    max_memory: Annotated[str, "SIZE"] = "auto",
    seed: Annotated[int, "S"] = 0,
    n_pairs: Annotated[int, "N"] = 8192,
    max_epochs: Annotated[int, "N"] = 10,
    device: Device = "auto",
    n_jobs: Annotated[int | None, "N"] = None,
    scheduler: Annotated[str | None, "ADDRESS"] = None,
) -> Outcome:
    """Label the textures of a map or cube: a label map on the same sky.

    Cuts the map into overlapping tiles, trains networks to recognise the texture of a tile whatever
    its orientation, clusters the tiles, and gives every pixel the label on which its tiles agree
    most. Writes the labels with their confidence and coverage as one FITS file, and beside it a
    table of the segments, their outlines for DS9, a picture, and the model. Labels are from 0; -1
    means "don't know" and -2 masked. The same command again resumes one that was stopped.

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
        Distance from one tile to the next in pixels; by default a quarter of a tile.
    cube
        What of a cube is segmented: its integrated or peak intensity, with the range of velocities
        behind every pixel, or its channels, each by itself.
    channel_group
        Number of channels that are averaged first, with --cube channels.
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
    min_confidence
        Pixels with a lower confidence get -1; 0 labels all that a tile covers.
    method
        How the tiles are clustered.
    max_memory
        Limit such as 2GB; work that needs more is refused before it starts.
    seed
        Seed of everything random.
    n_pairs
        Pairs of neighbouring tiles to learn from.
    max_epochs
        Passes over these pairs.
    device
        Where to train.
    n_jobs
        Networks to train at a time; by default one per core.
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
    from equiclust.segmentation.segment import SegmentOptions

    options = SegmentOptions(
        tile=tile,
        step=step,
        cube=cube,
        channel_group=channel_group,
        n_clusters=n_clusters,
        method=method,
        min_confidence=min_confidence,
        n_pairs=n_pairs,
        max_epochs=max_epochs,
        seed=seed,
    )
    masks = MaskOptions(mask, weights, min_weight, threshold, region)
    job = SegmentJob(map, output, options, masks, run, max_memory, device, n_jobs, scheduler)
    return describe_segmentation(run_segment_job(job, on_progress=session.on_progress))


def simulate(
    session: Session,
    what: Literal["discs", "clouds"],
    *,
    n: Annotated[int, "N"],
    size: Annotated[int | None, "PX"] = None,
    seed: Annotated[int, "S"] = 0,
    output: Annotated[str, "DIR"],
    max_inclination: Annotated[float | None, "DEG"] = None,
    views: Annotated[int | None, "K"] = None,
    channels: Annotated[int | None, "K"] = None,
    scale: Annotated[float | None, "PX"] = None,
    slope: Annotated[float | None, "SLOPE"] = None,
    beam: Annotated[float | None, "PX"] = None,
    snr: Annotated[float | None, "RATIO"] = None,
    angle: Annotated[float | None, "DEG"] = None,
) -> Outcome:
    """Simulate discs, or maps and cubes of gas clouds, with known classes.

    Every image of discs holds one disc of one class. Every map of clouds holds regions of four
    textures, equally bright: a fractal, filaments, clumps and shells; the true map beside it,
    cloud_0000.truth.fits by cloud_0000.fits, holds the class of every pixel.

    Parameters
    ----------
    what
        discs: protoplanetary discs of six classes, smooth, rings and gaps, cavity, spiral,
        crescent, planet. clouds: maps of gas clouds, or cubes with --channels.
    n
        Number of discs, maps or cubes.
    size
        Side in pixels; by default 128 for discs and 512 for clouds.
    seed
        The same seed gives the same images.
    output
        New or empty folder for one FITS file per image or map, and truth.ecsv.
    max_inclination
        Discs: highest inclination in degrees, 60 by default; 0 is face-on.
    views
        Discs: number of images of every disc, each from another direction; the column system of
        the truth names the disc.
    channels
        Clouds: make cubes with this number of velocity channels of 0.2 km/s, in K; without it,
        maps in K km/s.
    scale
        Clouds: size of the structures in pixels, 32 by default; a square of this side shows a
        handful of filaments, clumps or shells.
    slope
        Clouds: slope of the power spectrum of the fractal, 2.2 by default; steeper is smoother.
    beam
        Clouds: full width of the beam at half maximum in pixels, 3 by default.
    snr
        Clouds: mean of the map, or typical peak of a cube's lines, over the rms of the noise; 10 by
        default.
    angle
        Clouds: rotation of the camera in degrees, 0 by default; another angle with the same seed
        shows the same sky, rotated.

    Examples
    --------
    equiclust simulate discs -n 120 --size 64 --seed 1 --output discs
    equiclust simulate discs -n 100 --views 2 --size 64 --output pairs
    equiclust simulate clouds -n 3 --size 512 --seed 1 --output clouds
    equiclust simulate clouds -n 1 --size 256 --channels 40 --output cubes
    """
    from equiclust.cli.simulate import simulate_files

    options = {
        "max_inclination": max_inclination,
        "views": views,
        "channels": channels,
        "scale": scale,
        "slope": slope,
        "beam": beam,
        "snr": snr,
        "angle": angle,
    }
    return simulate_files(
        what, options, n=n, size=size, seed=seed, output=output, on_progress=session.on_progress
    )


def demo(session: Session, *, output: Annotated[str, "DIR"] = "demo") -> Outcome:
    """Simulate discs of six classes, sort them, and compare with the truth; takes some minutes.

    Trains four networks, fewer than a run, to finish sooner.

    Parameters
    ----------
    output
        Folder for the images, in discs, and for the run, in run.

    Examples
    --------
    equiclust demo
    """
    from equiclust.cli.messages import describe_demo
    from equiclust.pipeline.demo import run_demo

    return describe_demo(run_demo(output, on_progress=session.on_progress))


COMMANDS = tuple(
    Command(function.__name__, function)
    for function in (run, predict, similar, check, segment, report, simulate, demo)
)
