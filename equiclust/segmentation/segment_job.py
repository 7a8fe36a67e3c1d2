"""What a segmentation from files to files is asked for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_adapters.discovery import split_part
from ensembles.member_estimators import MemberEstimator
from equiclust import __version__
from equiclust.io.output_checks import output_path
from equiclust.segmentation.mask_options import MaskOptions
from equiclust.segmentation.model_folder import model_folder
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.outputs import SegmentFiles
from equiclust.segmentation.tile_encoder import tile_encoder_record

__all__ = ["SegmentJob"]


@dataclass(frozen=True)
class SegmentJob:
    """One map to segment: what is read, what is written, and how.

    Parameters
    ----------
    map : str or path
        FITS map or cube; ``file.fits[EXT]`` for an extension.
    output : str or path
        FITS file for the label map. The other results have its name with other endings, see
        `SegmentFiles`; unfinished work is kept in the folder ``OUTPUT.partial``.
    options : SegmentOptions, optional
        Everything that decides the result beside the inputs.
    masks : MaskOptions, optional
        What of the map is left out.
    run : str or path, optional
        Label map of an earlier job, or its ``.model`` folder, whose networks and clusters label
        this map; nothing is learned.
    max_memory : str, default "auto"
        Such as "2GB"; a job that needs more is refused. "auto" sets no limit.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        Device on which the networks are trained.
    n_jobs : int, optional
        Processes at a time that train networks and choose the number of clusters; default one per
        core.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``, whose workers train the networks
        and encode the tiles.
    stokes : str, default ""
        Stokes parameter of the map that is segmented, such as ``Q``; by default I where the map has
        an axis of them.

    Examples
    --------
    >>> from equiclust.segmentation import MaskOptions, SegmentJob, SegmentOptions
    >>> job = SegmentJob(
    ...     "map.fits",
    ...     "out/labels.fits",
    ...     options=SegmentOptions(tile=16, n_clusters=3),
    ...     masks=MaskOptions(threshold=3.0),
    ...     max_memory="4GB",
    ... )
    >>> job.files.labels.name, job.files.model.name
    ('labels.fits', 'labels.model')
    """

    map: str
    output: str
    options: SegmentOptions = field(default_factory=SegmentOptions)
    masks: MaskOptions = field(default_factory=MaskOptions)
    run: str | None = None
    max_memory: str = "auto"
    device: str = "auto"
    n_jobs: int | None = None
    scheduler: str | None = None
    stokes: str = ""

    def __post_init__(self) -> None:
        for name in ("map", "output", "run"):
            if isinstance(path := getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(path))

    @property
    def files(self) -> SegmentFiles:
        """Paths of the results; raises `InputError` when `output` does not end in ``.fits``."""
        return SegmentFiles(output_path(self.output), with_model=self.run is None)

    @property
    def inputs(self) -> dict[str, list[Path]]:
        """Files and folders that are read, by argument."""
        found = {argument: [Path(file)] for argument, (file, _) in self._images.items()}
        if self.masks.region is not None:
            found["region"] = [Path(self.masks.region)]
        if self.run is not None:
            found["run"] = [Path(self.run), model_folder(self.run)]
        return found

    def settings(self, options: SegmentOptions) -> dict[str, Any]:
        """Options as plain values; of the latents the model decides where one is given.

        Parameters
        ----------
        options : SegmentOptions
            Those of the job, made definite for the map.

        Returns
        -------
        dict
        """
        decided = {} if self.run is None else {"encoder": self.options.encoder}
        if not isinstance(decided.get("encoder", ""), str):
            decided = {}
        return options.settings | decided

    @property
    def _images(self) -> dict[str, tuple[str, str]]:
        """File and extension of every image that is read, by argument."""
        given = {"map": self.map, "mask": self.masks.mask, "weights": self.masks.weights}
        file = split_part(self.map)[0]
        # "[EXT]" alone is an extension of the map's file.
        return {
            argument: split_part(file + name if name.startswith("[") else name)
            for argument, name in given.items()
            if name is not None
        }

    def describe(
        self, options: SegmentOptions, encoder: MemberEstimator | None = None
    ) -> dict[str, Any]:
        """Everything that decides the result, as JSON returns it.

        Parameters
        ----------
        options : SegmentOptions
            Those of the job, made definite for the map.
        encoder : WhitenedEncoder or EquivariantAutoencoder, optional
            What makes latents of the tiles without being trained on them.

        Returns
        -------
        dict
            Equal for two jobs if they have the same result.
        """
        files = {argument: _fingerprint(paths[-1]) for argument, paths in self.inputs.items()}
        for argument, (_, extension) in self._images.items():
            files[argument]["extension"] = extension
        content = {
            "version": __version__,
            "files": files,
            "options": self.settings(options),
            "masks": {"min_weight": self.masks.min_weight, "threshold": self.masks.threshold},
        }
        if self.stokes:
            content["stokes"] = self.stokes.upper()
        if encoder is not None:
            content["encoder"] = tile_encoder_record(encoder)
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


def _fingerprint(path: Path) -> dict[str, Any]:
    """Path, bytes and time of a file, or of all files in a folder."""
    parts = [path] if path.is_file() else sorted(path.rglob("*"))
    stats = [part.stat() for part in parts if part.is_file()]
    return {
        "path": os.path.realpath(path),
        "size": sum(stat.st_size for stat in stats),
        "modified": max((stat.st_mtime_ns for stat in stats), default=0),
    }
