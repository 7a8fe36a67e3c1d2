"""`equiclust run`: images sorted into clusters."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated, Literal

from equiclust.cli.parser import Device, EncoderGroup, EncoderPooling, Inputs, Layer, RunPath
from equiclust.cli.session import Outcome, Session

__all__ = ["run"]

Method = Literal["auto", "spectral", "kmeans", "gmm", "manifold", "dec", "idec", "dcec"]


def run(
    session: Session,
    inputs: Inputs = (),
    *,
    output: RunPath,
    latents: Annotated[str | None, "VECTORS"] = None,
    catalogue: Annotated[str | None, "TABLE"] = None,
    cutout_size: Annotated[str | None, "PX|ANGLE"] = None,
    recipe: Annotated[str | None, "NAME|FILE.toml"] = None,
    n_clusters: Annotated[int | Literal["auto"], "auto|K"] = "auto",
    n_folds: Annotated[int, "K"] = 10,
    size: Annotated[int, "PX"] = 128,
    method: Method = "manifold",
    remove: Annotated[str, "none|auto|NAME[,...]"] = "none",
    encoder: Annotated[str, "NAME|FILE[,...]"] = "auto",
    layer: Layer = "auto",
    pooling: EncoderPooling = "auto",
    encoder_group: EncoderGroup = "D8",
    seed: Annotated[int, "S"] = 0,
    latent_dim: Annotated[int, "D"] = 32,
    max_epochs: Annotated[int | Literal["auto"], "auto|N"] = "auto",
    group: Annotated[str, "GROUP"] = "D8",
    stretch: Literal["linear", "sqrt", "asinh", "log"] = "linear",
    percentiles: Annotated[tuple[float, float], "LOW HIGH"] = (1.0, 99.9),
    center: Literal["none", "centroid", "peak"] = "none",
    canonical: Literal["none", "scale", "inclination", "affine"] = "scale",
    equalize: Literal["none", "clahe"] = "none",
    reliability: Annotated[float, "P"] = 0.9,
    pretrained: bool = True,
    device: Device = "auto",
    n_jobs: Annotated[int | None, "N"] = None,
    scheduler: Annotated[str | None, "ADDRESS"] = None,
    axes: Annotated[str, "LETTERS"] = "",
    max_samples: Annotated[int, "N"] = 20_000,
    max_memory: Annotated[str, "SIZE"] = "auto",
    watch: bool = False,
) -> Outcome:
    """Sort images into clusters that do not depend on the orientation of the images.

    Reads the images, trains the networks, clusters their latents, certifies that rotating an image
    does not change them, tests whether the labels follow a confounder, and writes catalogue,
    latents, model and report. The same command resumes a run that was stopped.

    Parameters
    ----------
    inputs
        Files (FITS, PNG, JPEG, GIF, WebP, BMP, TIFF, NumPy), folders or globs; file.fits[1] for an
        extension.
    output
        Folder for everything that the run writes: new, empty, or of the same run.
    latents
        File of vectors that another program made of the images, one a row, in place of --encoder:
        .parquet, .npy, .npz, .fits, .ecsv, .vot or .csv, with a column id and one of vectors, or
        FILE[COLUMN]. INPUT may be left out: there are no pictures then, and nothing is known of
        brightness, size and the like.
    catalogue
        Table of sources, whose stamps are cut out of the inputs, mosaics or tiles as for
        `equiclust cutouts`, into RUN.stamps.fits, and sorted.
    cutout_size
        Side of these stamps: pixels, or an angle such as 10arcsec; 64 pixels by default.
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
    remove
        Confounders that are taken out of the latents before these are clustered: elongation,
        brightness, signal_to_noise, size, edge, or several with commas between; auto takes those
        that the clusters follow otherwise.
    encoder
        What turns images into vectors: own, the autoencoder that is trained on them;
        small_alexnet and, for discs shown face-on, disc_views, whose weights come with the
        package; a network trained on photographs (alexnet, vgg16, resnet18, ...,
        efficientnet_lite0); an ONNX file; a table of vectors made elsewhere (.npy, .npz, .fits,
        .parquet, ...); or several with commas between, which take turns in the ensemble, each with
        the same weight. auto is own,small_alexnet, and own alone for a single network, deep methods
        and the group trivial.
    layer
        Layer of a network trained on photographs, such as features.10 of alexnet; or one of several
        outputs of an ONNX file.
    pooling
        How the features of such a layer become one vector.
    encoder_group
        Mirrors, and quarter turns (D4), eighth turns (D8) or finer ones (D16), over which the
        features of an encoder that is not trained are averaged; none leaves them as they are.
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
    equalize
        clahe evens out the contrast within an image, for textures under uneven light.
    reliability
        Mean stability to keep, 0 to 1: the least stable labels become -1, "don't know", until the
        others reach it. 0 labels every image. The stability of a label is the probability that one
        more clustering gives it too, not that it is the class you have in mind.
    pretrained
        Start from the weights that come with equiclust; false for random weights.
    device
        Device on which the networks are trained.
    n_jobs
        Processes at a time that train networks and cluster; by default one per core.
    scheduler
        Address of a Dask scheduler, such as tcp://host:8786, whose workers train the networks.
    axes
        What the axes of NumPy and TIFF arrays hold, in their order: n images, c channels, h rows,
        w columns, such as nhwc; by default their shapes decide.
    max_samples
        Images to learn from. Of more, as many are drawn at random, and all are labelled: see
        all_images.fits in the folder, where the catalogue and the report are about those drawn.
    max_memory
        Memory for images, such as 4GB: a quarter is for the pixels of those to learn from, of
        which fewer are drawn where they take more, and the others are read and labelled in what is
        left. auto is half the memory of the machine for the former. Networks in training take 1 to
        2 GB each besides.
    watch
        Show the run in the browser while it goes on: losses, reconstructions, latents; then its
        images, to be labelled, until Ctrl-C. The same page as `equiclust explore`.

    Examples
    --------
    equiclust run images/ --output sorted --n-clusters 6
    equiclust run --latents zoobot.parquet --output galaxies
    """
    from equiclust.cli.messages import describe_run
    from equiclust.cli.watched_run import WatchedRun
    from equiclust.pipeline.execution import run as run_pipeline

    watched = WatchedRun(session, output) if watch else None
    with watched or nullcontext():
        finished = run_pipeline(
            inputs,
            output,
            latents=latents,
            catalogue=catalogue,
            cutout_size=cutout_size,
            recipe=recipe,
            n_clusters=n_clusters,
            n_folds=n_folds,
            size=size,
            method=method,
            remove=remove,
            encoder=None if latents is not None and encoder == "auto" else encoder,
            layer=layer,
            pooling=pooling,
            encoder_group=encoder_group,
            random_state=seed,
            latent_dim=latent_dim,
            max_epochs=max_epochs,
            group=group,
            stretch=stretch,
            percentiles=(percentiles[0], percentiles[1]),
            center=center,
            canonical=canonical,
            equalize=equalize,
            reliability=reliability,
            pretrained=pretrained,
            device=device,
            n_jobs=n_jobs,
            scheduler=scheduler,
            axes=axes,
            max_samples=max_samples,
            max_memory=max_memory,
            on_progress=(watched or session).on_progress,
        )
    outcome = describe_run(finished)
    return outcome if watched is None else replace(outcome, afterwards=watched.stay)
