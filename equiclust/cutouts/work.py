"""What a process makes of a block of stamps: pixels, and what the output holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from equiclust.cutouts.cutting import Block, CutStamps, cut_block
from equiclust.cutouts.stamp_headers import HeaderTemplate, fits_data, weight_header
from equiclust.cutouts.survey_images import Tile
from equiclust.typing import Array, BoolArray, Float64Array, IntArray

__all__ = ["BlockWork", "Worked", "do_work"]


@dataclass(frozen=True, eq=False)
class BlockWork:
    """A block with all that another process needs to cut it.

    Parameters
    ----------
    block : Block
    tiles : mapping of int to Tile
        Those of its pieces.
    coordinates : mapping of int to astropy.wcs.WCS
        Of those that are interpolated, and of the home tile.
    cards : astropy.io.fits.Header
        Of the home tile, see `image_cards`.
    bands : tuple of str
    dtype : numpy.dtype
        Type of the pixels.
    with_weights : bool
    min_coverage : float
        Least share of a band of a stamp that has values; 0 asks for one pixel.
    names : ndarray (m,), str
        Of the stamps.
    rows : ndarray (m,), int64
        Of their sources.
    positions : ndarray (m, 2), float64
        Of their sources, in degrees.
    kind : {"folder", "file", "store"}
        Of the output.
    folder : Path
        Where the files of stamps are written, of a folder.
    """

    block: Block
    tiles: Mapping[int, Tile]
    coordinates: Mapping[int, WCS | None]
    cards: fits.Header
    bands: tuple[str, ...]
    dtype: np.dtype[Any]
    with_weights: bool
    min_coverage: float
    names: Array
    rows: IntArray
    positions: Float64Array
    kind: str
    folder: Path


class Worked(NamedTuple):
    """A block that is cut.

    Attributes
    ----------
    content : list of bytes or list of ndarray
        Of a file, header and data of each stamp; of a store, its pixels; empty of a folder, whose
        files are written.
    weights : list of ndarray
        Of a store with weights.
    kept : ndarray (m,), bool
        Stamps with values enough.
    coverage : ndarray (m, c), float64
    tiles : list of list of int
        Tiles whose pixels each stamp has.
    """

    content: list[Any]
    weights: list[Array]
    kept: BoolArray
    coverage: Float64Array
    tiles: list[list[int]]


def do_work(work: BlockWork) -> Worked:
    """Cut the stamps of a block.

    Parameters
    ----------
    work : BlockWork

    Returns
    -------
    Worked
    """
    cut = cut_block(
        work.block,
        work.tiles,
        work.coordinates,
        len(work.bands),
        work.dtype,
        with_weights=work.with_weights,
    )
    lowest = cut.coverage.min(axis=1)
    kept = (lowest > 0.0) & (lowest >= work.min_coverage)
    chosen = np.flatnonzero(kept).tolist()
    if work.kind == "store":
        weights = [] if cut.weights is None else [cut.weights[k] for k in chosen]
        return Worked([cut.pixels[k] for k in chosen], weights, kept, cut.coverage, cut.tiles)
    content = _as_fits(work, cut, chosen)
    if work.kind == "folder":
        for k, one in zip(chosen, content, strict=True):
            (work.folder / f"{work.names[k]}.fits").write_bytes(one)
        content = []
    return Worked(content, [], kept, cut.coverage, cut.tiles)


def _as_fits(work: BlockWork, cut: CutStamps, chosen: list[int]) -> list[bytes]:
    extension = work.kind == "file"
    template = HeaderTemplate(work.cards, work.bands, work.dtype, extension=extension)
    content = []
    for k in chosen:
        number = work.block.places.start + k + 1
        header = template.stamp(
            str(work.names[k]),
            side=int(work.block.size[k]),
            corner=work.block.corner[k],
            row=int(work.rows[k]),
            position=work.positions[k],
            number=number,
        )
        parts = [header, fits_data(cut.pixels[k])]
        if cut.weights is not None:
            weights = cut.weights[k]
            parts += [weight_header(weights.shape, number), fits_data(weights)]
        content.append(b"".join(parts))
    return content
