"""`Cutter`: cuts the stamps of a job, and goes on where a stopped call has ended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from astropy.io import fits
from joblib import delayed

from equiclust._version import __version__
from equiclust.cutouts.cutting import Block, make_blocks
from equiclust.cutouts.options import Job, Work
from equiclust.cutouts.placement import Left, Placement, place_stamps
from equiclust.cutouts.sources import Sources
from equiclust.cutouts.stamp_headers import image_cards
from equiclust.cutouts.stamp_outputs import StampOutput, StoreLayout, make_output
from equiclust.cutouts.stamp_tables import stamp_rows
from equiclust.cutouts.survey_images import Survey
from equiclust.cutouts.work import BlockWork, Worked, do_work
from equiclust.exceptions import InputError, OutputError
from equiclust.io.table_parts import TableParts
from equiclust.processes import make_calls
from equiclust.progress import Progress, start_stage

__all__ = ["Cutter", "nothing_to_cut"]

# Blocks of each process that are cut before they are written.
_BLOCKS_AT_ONCE = 2
# Stamps that are not worth the seconds that processes take to start.
_FEW = 20_000


@dataclass
class Cutter:
    """Stamps of a job; made by `of`.

    Parameters
    ----------
    job : Job
    sources : Sources
    survey : Survey
    placement : Placement
        Where the stamps lie.
    headers : mapping of int to astropy.io.fits.Header
        Cards of the stamps of every home tile.
    output : StampOutput
    n_stamps : int, default 0
        Stamps that are cut.
    """

    job: Job
    sources: Sources
    survey: Survey
    placement: Placement
    headers: Mapping[int, fits.Header]
    output: StampOutput
    n_stamps: int = 0

    @classmethod
    def of(cls, job: Job, survey: Survey, sources: Sources) -> Self:
        """Find where the stamps lie.

        Parameters
        ----------
        job : Job
        survey : Survey
        sources : Sources

        Returns
        -------
        Cutter

        Raises
        ------
        InputError
            When no source gets a stamp.
        """
        sides = job.options.sides(sources, survey)
        placement = place_stamps(sources, sides, survey, resample=job.options.resample)
        if not len(placement.rows):
            raise InputError(nothing_to_cut(placement.left, len(sources)))
        headers = _headers(survey, placement)
        layout = StoreLayout(
            len(placement.rows),
            int(placement.size[0]),
            survey.bands,
            survey.dtype,
            survey.has_weights,
            max(map(len, sources.names[placement.rows])),
            headers,
        )
        output = make_output(job.output, layout)
        return cls(job, sources, survey, placement, headers, output)

    def cut(self, parts: TableParts, work: Work, on_progress: Progress | None) -> list[Left]:
        """Cut all stamps that are not cut yet.

        Parameters
        ----------
        parts : TableParts
            Of the table of the stamps.
        work : Work
        on_progress : callable or None
            See `equiclust.progress.Progress`.

        Returns
        -------
        list of Left
            Sources without a stamp.

        Raises
        ------
        OutputError
            When the stamps cannot be written, or what was cut is gone.
        """
        known = parts.open()
        start = int(known.get("last", 0))
        self.n_stamps = int(known.get("n_stamps", 0))
        if known and not os.path.lexists(self.output.draft):
            raise OutputError(
                f"cannot go on with {str(self.job.output)!r}: what was cut, in "
                f"{str(self.output.draft)!r}, is gone; remove {str(parts.folder)!r} to begin anew"
            )
        self.output.open(known.get("output", {}))
        update = start_stage(on_progress, "cutting stamps")
        n = len(self.placement.rows)
        update(start, n, "")
        blocks = make_blocks(self.placement, self.survey, work.most_bytes, start=start)
        several = work.n_jobs > 1 and n - start > _FEW
        # What is cut is written while the next is cut.
        with ThreadPoolExecutor(1) as writer:
            writing = None
            for some in _batches(blocks, _BLOCKS_AT_ONCE * work.n_jobs):
                calls = [delayed(do_work)(self._work(block)) for block in some]
                cut = make_calls(calls, side_by_side=several)
                if writing is not None:
                    update(writing.result(), n, "")
                writing = writer.submit(self._keep_all, parts, some, cut)
            if writing is not None:
                update(writing.result(), n, "")
        blank = [Left(*one) for state in parts.states() for one in state["left"]]
        return sorted([*self.placement.left, *blank])

    def _work(self, block: Block) -> BlockWork:
        pieces, rows = block.pieces, self.placement.rows[block.places]
        tiles = {k: self.survey.tiles[k] for k in np.unique(pieces.tile).tolist()}
        moved = {*np.unique(pieces.tile[pieces.resampled]).tolist()}
        if moved:
            moved.add(block.home)
        return BlockWork(
            block,
            {number: tile.without_coordinates() for number, tile in tiles.items()},
            {number: self.survey.tiles[number].sky.wcs for number in moved},
            self.headers[block.home],
            self.survey.bands,
            self.survey.dtype,
            self.survey.has_weights,
            self.job.options.min_coverage,
            self.sources.names[rows],
            rows,
            self.sources.positions[rows],
            self.job.kind,
            self.output.draft,
        )

    def _keep_all(self, parts: TableParts, blocks: list[Block], cut: list[Worked]) -> int:
        """Write some blocks; returns where the last one ends."""
        for block, worked in zip(blocks, cut, strict=True):
            self._keep(parts, block, worked)
        return int(blocks[-1].places.stop)

    def _keep(self, parts: TableParts, block: Block, worked: Worked) -> None:
        """Write the stamps of a block, and then that they are written."""
        rows = self.placement.rows[block.places]
        kept = np.flatnonzero(worked.kept)
        chosen = rows[kept]
        state = self.output.append(
            worked, self.sources.names[chosen], block.home, block.corner[kept]
        )
        self.n_stamps += len(kept)
        files = [[self.survey.tiles[one].path for one in worked.tiles[k]] for k in kept.tolist()]
        table = stamp_rows(
            self.sources,
            chosen,
            block.size[kept],
            worked.coverage[kept],
            self.survey.bands,
            files,
            {"CREATOR": f"equiclust {__version__}"},
        )
        left = list(self._too_little(rows, worked))
        about = {
            "last": block.places.stop,
            "n_stamps": self.n_stamps,
            "output": state,
            "left": left,
        }
        parts.append(table, about)

    def _too_little(self, rows: Any, worked: Worked) -> Iterator[tuple[int, str, str]]:
        least = self.job.options.min_coverage
        for k in np.flatnonzero(~worked.kept).tolist():
            band = int(np.argmin(worked.coverage[k]))
            share = float(worked.coverage[k, band])
            few = f"{share:.3g} of its pixels have a value, less than {least:g}"
            reason = few if share > 0.0 else "only blank or masked pixels lie there"
            yield int(rows[k]), self.survey.bands[band], reason


def _batches(blocks: Iterator[Block], n: int) -> Iterator[list[Block]]:
    some: list[Block] = []
    for block in blocks:
        some.append(block)
        if len(some) == n:
            yield some
            some = []
    if some:
        yield some


def _headers(survey: Survey, placement: Placement) -> dict[int, fits.Header]:
    """Cards of the stamps of every home tile."""
    others = [survey.of_band(k)[0] for k in range(1, len(survey.bands))]
    return {
        number: image_cards(survey.tiles[number], [survey.tiles[number], *others])
        for number in np.unique(placement.home).tolist()
    }


def nothing_to_cut(left: Iterable[Left], n: int) -> str:
    """That no source gets a stamp, in one sentence.

    Parameters
    ----------
    left : iterable of Left
    n : int
        Sources.

    Returns
    -------
    str
    """
    counts = Counter(one.reason for one in left).most_common(3)
    shown = "; ".join(f"{count}: {reason}" for reason, count in counts)
    return f"none of the {n} sources gets a stamp ({shown}); check positions, frame and images"
