"""The commands: signatures are flags, docstrings are help.

What a command needs is imported when it is called, so that help is fast.
"""

from __future__ import annotations

from typing import Annotated, Literal

from equiclust.cli.parser import Command, Device
from equiclust.cli.segment import segment
from equiclust.cli.session import Outcome, Session
from equiclust.cli.simulate import simulate

__all__ = ["COMMANDS"]

Inputs = Annotated[tuple[str, ...], "INPUT"]
RunPath = Annotated[str, "RUN"]
Method = Literal["auto", "spectral", "kmeans", "gmm", "manifold", "dec", "idec", "dcec"]


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
