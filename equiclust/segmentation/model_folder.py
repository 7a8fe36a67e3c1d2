"""The model of an earlier segmentation, and whether it fits a new one."""

from __future__ import annotations

from pathlib import Path

from ensembles.recipes.tables import AUTO, OWN
from equiclust.exceptions import InputError
from equiclust.io.atomic import read_json
from equiclust.io.manifest import check_manifest
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.texture_clusters import TextureClusters

__all__ = ["check_model", "model_folder"]


def model_folder(run: str) -> Path:
    """Folder of the networks and clusters of an earlier job.

    Parameters
    ----------
    run : str
        Its label map, or the folder itself.

    Returns
    -------
    Path
        It need not exist.
    """
    return Path(run) if Path(run).is_dir() else Path(run).with_suffix(".model")


def check_model(run: str, options: SegmentOptions) -> Path:
    """Folder of the networks and clusters of an earlier job, if they fit.

    Parameters
    ----------
    run : str
        Its label map, or the folder itself.
    options : SegmentOptions
        Of the job that uses them.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        When there are none, or they were changed, or an option asks for others.
    """
    if isinstance(options.encoder, str) and options.encoder not in (AUTO, OWN):
        raise InputError(
            f"encoder must be left out with run, which has its own, got {options.encoder!r}"
        )
    folder = model_folder(run)
    if not (folder / "textures.json").is_file():
        raise InputError(
            f"run must be a label map of `equiclust segment` with its .model folder, got {run!r}"
        )
    check_manifest(folder)
    _check_fits(options, folder)
    return folder


def _check_fits(options: SegmentOptions, folder: Path) -> None:
    """Refuse options by which nothing of a model would be done."""
    tile, n_clusters = read_json(folder / "textures.json").get("tile"), options.n_clusters
    if options.tile not in (SegmentOptions.tile, "auto", tile):
        raise InputError(
            f"tile must be {tile} or left out with run, whose networks look at tiles of "
            f"{tile} pixels, got {options.tile}"
        )
    if n_clusters == "auto":
        return
    known = TextureClusters.load(folder).n_clusters
    if n_clusters != known:
        raise InputError(
            f"n_clusters must be {known} or left out with run, which has {known} clusters, "
            f"got {n_clusters}"
        )
