"""Settings of `make_cutouts`, checked before anything is read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import cpu_count

from data_adapters.discovery import split_part
from equiclust.cutouts.detection import Detection
from equiclust.cutouts.sizes import LARGEST_SIZE, parse_size
from equiclust.cutouts.sources import CatalogueOptions, Sources
from equiclust.cutouts.stamp_outputs import kind_of
from equiclust.cutouts.survey_images import Images, Survey
from equiclust.exceptions import InputError
from equiclust.memory import parse_bytes, readable_size, used_memory
from equiclust.processes import check_n_jobs
from equiclust.typing import IntArray, PathLike
from equiclust.validation import check_flag, check_positive, check_share, is_auto

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CutoutOptions", "Job", "Work"]

# Bytes of the stamps of a block, and of the rows of an image that are read at once.
_USUAL, _LEAST = 1 << 23, 1 << 18
# Times such a block that a process takes: as read, as values, with a mask, as stamps, as bytes.
_COPIES = 8
# Bytes of a process without pixels.
_PROCESS = 250_000_000


@dataclass(frozen=True)
class CutoutOptions:
    """What decides the stamps, besides catalogue and images.

    Parameters
    ----------
    catalogue : CatalogueOptions, optional
        How the catalogue is read.
    size : int or str, default 64
        Side, in pixels or as an angle.
    size_factor : float, default 1.0
        By which the sides of a column are multiplied.
    bands : tuple of str, default ()
        In the order of the channels.
    band_keyword : str, default ""
        Card that names the band of an image.
    mask, weight : str, default ""
        Where masks and weights are; see `open_survey`.
    resample : bool, default False
        Whether images on other pixel grids are interpolated.
    min_coverage : float, default 0.0
        Least share of the pixels of every band that must have a value.
    """

    catalogue: CatalogueOptions = field(default_factory=CatalogueOptions)
    size: int | str = 64
    size_factor: float = 1.0
    bands: tuple[str, ...] = ()
    band_keyword: str = ""
    mask: str = ""
    weight: str = ""
    resample: bool = False
    min_coverage: float = 0.0

    def check(self, output: Path) -> None:
        """Refuse what cannot work.

        Parameters
        ----------
        output : Path

        Raises
        ------
        InputError
        """
        self.catalogue.check()
        parse_size(self.size)
        check_positive("size_factor", self.size_factor)
        check_share("min_coverage", self.min_coverage)
        check_flag("resample", self.resample)
        if self.catalogue.size_column and kind_of(output) == "store":
            raise InputError(
                f"size_column {self.catalogue.size_column!r} makes stamps of many sizes, and a "
                "Zarr store holds one; write them to a folder or a .fits file, or give size"
            )

    def sides(self, sources: Sources, survey: Survey) -> IntArray:
        """Sides of all stamps in pixels; 0 where one is out of range.

        Parameters
        ----------
        sources : Sources
        survey : Survey

        Returns
        -------
        ndarray (n,), int64
        """
        scale = float(np.median([tile.scale for tile in survey.of_band(0)]))
        if sources.sizes is None:
            side = parse_size(self.size).pixels(scale)
            return np.full(len(sources), side, dtype=np.int64)
        wanted = sources.sizes * self.size_factor
        if sources.size_unit:
            from astropy import units

            wanted = wanted * units.Unit(sources.size_unit).to("deg") / scale
        sides = np.rint(np.where(np.isfinite(wanted), wanted, 0.0))
        usable = (sides >= 1) & (sides <= LARGEST_SIZE)
        return np.where(usable, sides, 0.0).astype(np.int64)


@dataclass(frozen=True)
class Work:
    """Processes and memory of the work.

    Parameters
    ----------
    n_jobs : int
        Processes.
    most_bytes : int
        Bytes of the stamps of a block.
    """

    n_jobs: int
    most_bytes: int

    @classmethod
    def of(cls, max_memory: str, n_jobs: int | None) -> Work:
        """Work within a limit.

        Parameters
        ----------
        max_memory : str
            Such as "2GB", for all processes together; "auto" sets no limit.
        n_jobs : int or None
            Processes; None is one a core.

        Returns
        -------
        Work

        Raises
        ------
        InputError
            When it is no size, or too little.
        """
        check_n_jobs(n_jobs)
        wanted = cpu_count() if n_jobs is None else n_jobs
        wanted = max(1, wanted if wanted > 0 else cpu_count() + 1 + wanted)
        if is_auto(max_memory):
            return cls(wanted, _USUAL)
        allowed, used = parse_bytes(max_memory), used_memory() or _PROCESS
        for n in range(wanted, 0, -1):
            others = _PROCESS * n if n > 1 else 0
            # What they return is held until it is written.
            most = (allowed - used - others) // (_COPIES * (4 * n + 1))
            if most >= _LEAST:
                return cls(n, min(_USUAL, most))
        needed = readable_size(used + _COPIES * 5 * _LEAST)
        raise InputError(f"max_memory is {max_memory}, but the programs need {needed}; allow more")


@dataclass(frozen=True)
class Job:
    """A call of `make_cutouts`.

    Parameters
    ----------
    catalogue : str, Path, astropy.table.Table or Detection
    images : Images
    output : Path
    options : CutoutOptions
    """

    catalogue: PathLike | Table | Detection
    images: Images
    output: Path
    options: CutoutOptions

    def description(self, survey: Survey, sources: Sources) -> dict[str, str]:
        """What decides the stamps, each with a value that is another one for other stamps.

        Parameters
        ----------
        survey : Survey
        sources : Sources

        Returns
        -------
        dict of str to str
        """
        positions = hashlib.sha256(np.ascontiguousarray(sources.positions).tobytes())
        positions.update("\0".join(sources.ids.tolist()).encode("utf-8", "surrogateescape"))
        if sources.sizes is not None:
            positions.update(sources.sizes.tobytes())
        options = asdict(self.options)
        options["catalogue"]["frame"] = ""
        return {
            "catalogue": positions.hexdigest(),
            "images": self.digest_of_images(survey),
            "options": _digest(options),
        }

    def digest_of_images(self, survey: Survey) -> str:
        """SHA-256 of the names, sizes and times of all images.

        Parameters
        ----------
        survey : Survey

        Returns
        -------
        str
        """
        beside = (
            [one.path if one is not None else "" for one in (tile.mask, tile.weight)]
            for tile in survey.tiles
        )
        images = [
            [survey.bands[tile.band], *others, *_stamp_of(tile.path)]
            for tile, others in zip(survey.tiles, beside, strict=True)
        ]
        return _digest(images)

    @cached_property
    def kind(self) -> str:
        """Kind of the output; see `kind_of`."""
        return kind_of(self.output)


def _digest(value: Sequence[Any] | Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _stamp_of(path: str) -> tuple[str, int, int]:
    """Full name, size and time of a file."""
    file, part = split_part(path)
    status = os.stat(file)
    return f"{os.path.abspath(file)}[{part}]", status.st_size, status.st_mtime_ns
