"""`run`: from images to catalogue, model and report, in one call that can be resumed."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ensembles.recipes import Recipe, read_recipe, write_recipe
from equiclust.argument_types import checks_types
from equiclust.cutouts.for_runs import check_stamps, cut_for_run, stamps_of_run
from equiclust.encoders.latent_files import LATENT_ENDINGS, is_latent_file
from equiclust.exceptions import InputError
from equiclust.io.fit_record import array_digest
from equiclust.io.locks import exclusive
from equiclust.io.log_file import LogFile, logged
from equiclust.io.output_checks import check_writable, output_path
from equiclust.io.run_folder import RunFolder
from equiclust.io.staging import recover
from equiclust.pipeline.inputs import Inputs, load_images
from equiclust.pipeline.results import Run
from equiclust.pipeline.run_reporter import RunReporter, reported
from equiclust.pipeline.sampling_record import SamplingRecord
from equiclust.pipeline.settings import MAX_SAMPLES, RunSettings
from equiclust.pipeline.timing import write_timing
from equiclust.progress import Progress, start_stage
from equiclust.typing import PathLike
from equiclust.validation import shown

__all__ = ["run"]

logger = logging.getLogger(__name__)


@partial(checks_types, but=("inputs", "output", "latents", "recipe"))
def run(
    inputs: Inputs = (),
    output: PathLike = "",
    *,
    latents: PathLike | None = None,
    catalogue: PathLike | None = None,
    cutout_size: int | str | None = None,
    recipe: PathLike | Recipe | None = None,
    n_clusters: int | Literal["auto"] | None = None,
    n_folds: int | None = None,
    size: int | None = None,
    method: str | None = None,
    remove: str | None = None,
    encoder: str | None = None,
    layer: str | None = None,
    pooling: str | None = None,
    encoder_group: str | None = None,
    random_state: int | None = None,
    latent_dim: int | None = None,
    max_epochs: int | Literal["auto"] | None = None,
    group: str | None = None,
    stretch: str | None = None,
    percentiles: tuple[float, float] | None = None,
    center: str | None = None,
    canonical: str | None = None,
    equalize: str | None = None,
    reliability: float | None = None,
    pretrained: bool | None = None,
    device: str = "auto",
    n_jobs: int | None = None,
    scheduler: str | None = None,
    axes: str = "",
    max_samples: int = MAX_SAMPLES,
    max_memory: str = "auto",
    on_progress: Progress | None = None,
) -> Run:
    """Sort images into clusters that do not depend on the orientation of the images.

    Reads the images, trains the networks, clusters their latents, certifies that rotating an image
    does not change them, tests whether the labels follow a confounder, and writes catalogue,
    latents, model and report. The same call resumes a run that was stopped, and reads one that is
    finished. A parameter that is None has the value of the recipe.

    Parameters
    ----------
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them, default ()
        Files (FITS, PNG, JPEG, GIF, WebP, BMP, TIFF, NumPy), folders or globs; ``file.fits[1]`` for
        an extension; or images in memory. None are needed where `latents` are given.
    output : str or path, default ""
        Folder for everything that the run writes, which must be named: new, empty, or of the same
        run.
    latents : str or path, optional
        File of vectors that another program made of the images, one a row, in place of `encoder`:
        .parquet, .npy, .npz, .fits, .ecsv, .vot or .csv, see `equiclust.encoders.read_latents`.
        Images, where they are given too, are those that its column ``id`` names; without them
        nothing is known of confounders, and there are no pictures. `Run.predict` then takes another
        such file.
    catalogue : str or path, optional
        Table of sources, whose stamps are cut out of the inputs, mosaics or tiles as in
        `equiclust.cutouts.make_cutouts`, into ``OUTPUT.stamps.fits``, and sorted.
    cutout_size : int or str, optional
        Side of these stamps: pixels, or an angle such as "10arcsec"; 64 pixels by default.
    recipe : str, path or Recipe, optional
        Built-in recipe ("digits", "discs", "gas_clouds", "micrographs", "radio_galaxies",
        "upright"), TOML file, or `ensembles.recipes.Recipe`; default ``Recipe()``, whose values are
        the defaults below.
    n_clusters : int or "auto", default "auto"
        Number of clusters; "auto" estimates it from the latents.
    n_folds : int, default 10
        Number of networks, each trained without some of the images.
    size : int, default 128
        Side of the images that the network takes, in pixels: 32, 64, 128 or 256.
    method : str, default "manifold"
        Clustering method: "gmm", "kmeans", "spectral", "manifold", or "auto", the one of these that
        is most stable; "dec", "idec" and "dcec" train the networks further with their clusters.
    remove : str, default "none"
        Confounders that are taken out of the latents before these are clustered: "elongation",
        "brightness", "signal_to_noise", "size", "edge", or several with commas between; "auto" are
        those that the clusters follow otherwise.
    encoder : str, default "auto"
        What turns images into vectors: "own", the autoencoder that is trained on them; a network
        trained on photographs, such as "alexnet" (see `equiclust.encoders`); an ONNX file; a table
        of vectors made elsewhere; or several of them with commas between. "auto" is
        "own,small_alexnet" where that can be.
    layer : str, default "auto"
        Layer of a network trained on photographs, or one of several outputs of an ONNX file.
    pooling : {"auto", "mean", "max", "mean+max", "token"}, default "auto"
        How the features of such a layer become one vector.
    encoder_group : str, default "D8"
        Group over which the features of an encoder that is not trained are averaged, or "none".
    random_state : int, default 0
        Seed of everything random.
    latent_dim : int, default 32
        Length of the latent of one network.
    max_epochs : int or "auto", default "auto"
        Passes over the images; "auto" chooses by their number and size.
    group : str, default "D8"
        Rotations and mirrors built into the network: "D8", "C8", "D4", "C4", or "trivial".
    stretch : {"linear", "sqrt", "asinh", "log"}, default "linear"
        Curve from pixel values to brightness.
    percentiles : (float, float), default (1.0, 99.9)
        Percentiles of the pixel values that become black and white.
    center : {"none", "centroid", "peak"}, default "none"
        What is moved to the middle of the image.
    canonical : {"none", "scale", "inclination", "affine"}, default "scale"
        What is removed before images are compared: nothing, the apparent size, the inclination of
        flat discs, or both.
    equalize : {"none", "clahe"}, default "none"
        Evens out the contrast within an image.
    reliability : float, default 0.9
        Mean stability to keep, 0 to 1: the least stable labels become -1. 0 labels all.
    pretrained : bool, default True
        Whether the networks start from the weights that come with the package.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Device on which the networks are trained.
    n_jobs : int, optional
        Processes at a time that train networks and cluster; default one per core.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers train the networks,
        and encode the images of sets that are learned from in part.
    axes : str, default ""
        Letters for the axes of NumPy and TIFF arrays in their order: `n` images, `c` channels, `h`
        rows, `w` columns, such as "nhwc"; by default their shapes decide.
    max_samples : int, default 20,000
        Images to learn from. Of more, as many are drawn at random, and all are labelled: their
        labels are in ``all_images.fits``, while `Run.catalogue` and all else is about those drawn.
        Images in memory are all learned from.
    max_memory : str, default "auto"
        Memory for images, such as "4GB": a quarter is for the pixels of those to learn from, of
        which fewer are drawn where they take more, and the others are read and labelled in what is
        left. "auto" is half the memory of the machine for the former. Networks in training take 1
        to 2 GB each besides. A run that goes on keeps the draw that it began with.
    on_progress : callable, optional
        Gets ``(stage, done, total, remark)``; see `equiclust.progress.Progress`.

    Returns
    -------
    Run
        Labels, latents, catalogue, and what can be done with them.

    Raises
    ------
    InputError
        When an argument or the images cannot be used.
    OutputError
        When the folder cannot be written, holds something else, or another process is writing it.
    StoppedError
        When the file ``stop`` appears in the folder; the same call goes on from there.

    Warns
    -----
    EquiclustWarning
        When inputs are rejected, or something limits the result.

    Examples
    --------
    >>> import equiclust
    >>> import numpy as np
    >>> from ensembles.recipes import Recipe
    >>> from equiclust.evaluation import clustering_accuracy
    >>> images, truth = equiclust.simulate_shapes(
    ...     40, size=32, classes=("star", "bar"), random_state=0
    ... )
    >>> quick = Recipe().with_(encoder="own", size=32, n_folds=2, max_epochs=1, perceptual=0)
    >>> run = equiclust.run(images, "sorted", recipe=quick, n_clusters=2, n_jobs=1)
    >>> clustering_accuracy(truth["kind_index"], run.labels)
    1.0
    >>> turned = np.rot90(images.pixels, axes=(2, 3))
    >>> bool((run.predict(turned)["label"] == run.labels).all())
    True
    """
    given = {
        "n_clusters": n_clusters,
        "n_folds": n_folds,
        "size": size,
        "method": method,
        "remove": remove,
        "encoder": encoder,
        "layer": layer,
        "pooling": pooling,
        "encoder_group": encoder_group,
        "seed": random_state,
        "latent_dim": latent_dim,
        "max_epochs": max_epochs,
        "group": group,
        "stretch": stretch,
        "percentiles": percentiles,
        "center": center,
        "canonical": canonical,
        "equalize": equalize,
        "reliability": reliability,
        "pretrained": pretrained,
    }
    if latents is not None:
        given["encoder"] = _latent_file(latents, encoder)
    output = output_path(output)
    check_stamps(catalogue, cutout_size)
    settings = RunSettings(
        inputs if catalogue is None else stamps_of_run(output),
        output,
        *(_recipe(recipe, given), device, n_jobs, scheduler, axes, max_samples, max_memory),
    )
    settings.check()
    check_writable(output)
    if catalogue is not None:
        cut_for_run(
            catalogue, inputs, output, size=cutout_size, n_jobs=n_jobs, on_progress=on_progress
        )
    with exclusive(output), logged() as log, reported(settings, on_progress) as report:
        return _run(settings, log, report)


def _recipe(recipe: PathLike | Recipe | None, given: dict[str, Any]) -> Recipe:
    if recipe is None:
        base = Recipe()
    else:
        if not isinstance(recipe, Recipe | str | os.PathLike):
            raise InputError(f"recipe must be a name, a file or a Recipe, got {shown(recipe)}")
        base = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    # The recipe names it otherwise than this function does.
    seed = given.pop("seed")
    try:
        base = base if seed is None else base.with_(seed=seed)
    except InputError as error:
        raise InputError(f"random_state{str(error).removeprefix('seed')}") from error
    return base.with_(**{name: value for name, value in given.items() if value is not None})


def _latent_file(latents: PathLike, encoder: str | None) -> str:
    """Absolute name of the file of vectors, as an encoder is named."""
    name = os.path.abspath(os.path.expanduser(os.fspath(latents)))
    if encoder is not None:
        raise InputError(f"latents take the place of encoder, got encoder {encoder!r} beside them")
    if not is_latent_file(name) or "," in name:
        raise InputError(
            f"latents must be a file of vectors that ends in {', '.join(LATENT_ENDINGS)}, without "
            f"a comma in its name, got {name!r}"
        )
    return name


def _run(settings: RunSettings, log: LogFile, report: RunReporter) -> Run:
    folder = RunFolder(Path(settings.output))
    recover(folder.path, below=True)
    resumed = folder.path.is_dir() and bool(os.listdir(folder.path))
    if resumed:
        folder = RunFolder.create(folder.path, settings.config)
        log.write_to(folder.run_log)
        if folder.is_finished:
            logger.info("the run in %s is finished already", folder.path)
            return _with_report(folder, report.on_progress)
        folder.outputs.check_free()
        report.write_to(folder)
        logger.info("resuming the run in %s", folder.path)
    if not folder.is_fitted:
        folder = _fit(folder, settings, log, report)
    if not folder.is_finished:
        from equiclust.pipeline.all_images import label_all_images

        label_all_images(folder, settings, report.on_progress)
    finished = _with_report(folder, report.on_progress)
    write_timing(folder, report.clock.record(resumed=resumed))
    return finished


def _fit(folder: RunFolder, settings: RunSettings, log: LogFile, report: RunReporter) -> RunFolder:
    """Read the images, or some of them, learn from them and write what was learned."""
    if not settings.has_images:
        return _fit_latents(folder, settings, log, report)
    started = datetime.now(UTC)
    known = SamplingRecord.read(folder)
    if known is not None:
        known.check_inputs(folder, settings)
    record = known or SamplingRecord.of(settings, settings.draw)
    loaded = load_images(
        settings.inputs,
        settings.recipe.preprocessing,
        axes=settings.axes,
        draw=record.draw,
        on_progress=report.on_progress,
    )
    different = len({array_digest(image.pixels) for image in loaded.images})
    _check_enough(len(loaded.images), different, settings.recipe)
    folder = RunFolder.create(folder.path, settings.config)
    log.write_to(folder.run_log)
    report.write_to(folder)
    if not folder.recipe_toml.exists():
        write_recipe(settings.recipe, folder.recipe_toml)
    if loaded.n_left and known is None:
        record.write(folder)
    # torch takes seconds to import, which a finished run does not need.
    from equiclust.pipeline.fitting import fit_and_write

    fit_and_write(folder, settings, loaded, started, report.on_progress)
    return folder


def _fit_latents(
    folder: RunFolder, settings: RunSettings, log: LogFile, report: RunReporter
) -> RunFolder:
    """Read the vectors, or some of them, learn from them and write what was learned."""
    from equiclust.pipeline.latent_fitting import LatentSample, fit_latents

    started = datetime.now(UTC)
    known = SamplingRecord.read(folder)
    if known is not None:
        known.check_inputs(folder, settings)
    start_stage(report.on_progress, "reading")
    sample = LatentSample.drawn(settings)
    vectors = sample.found.latents
    _check_enough(len(vectors), len(np.unique(vectors, axis=0)), settings.recipe)
    folder = RunFolder.create(folder.path, settings.config)
    log.write_to(folder.run_log)
    report.write_to(folder)
    if not folder.recipe_toml.exists():
        write_recipe(settings.recipe, folder.recipe_toml)
    if sample.n_left and known is None:
        SamplingRecord.of(settings, settings.draw).write(folder)
    fit_latents(folder, settings, sample, started, report.on_progress)
    return folder


def _with_report(folder: RunFolder, on_progress: Progress | None) -> Run:
    finished = Run(folder)
    if not folder.report_html.is_file():
        finished.report(on_progress=on_progress)
    return finished


def _check_enough(n: int, different: int, recipe: Recipe) -> None:
    n_folds = recipe.ensemble.n_folds
    if n < 2:
        raise InputError(f"a run needs at least 2 images that can be used, got {n}")
    n_clusters = recipe.clusters.n_clusters
    if isinstance(n_clusters, int) and n_clusters > different:
        raise InputError(
            f"n_clusters must be at most the number of different images, got {n_clusters} "
            f"for {n} images, {different} of them different"
        )
    if different < 2:
        raise InputError(f"a run needs at least 2 different images, got {n} copies of one")
    if n_folds > 1 and n < 2 * n_folds:
        raise InputError(
            f"n_folds must be at most half the number of images, got {n_folds} for {n} images; "
            f"use {max(n // 2, 1)} or fewer"
        )
