"""Section "Reconstruction": originals, reconstructions and residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from equiclust.report.contents import Contents
from equiclust.report.figures.pictures import COLOUR_MAP, RESIDUAL_MAP, picture, residual_picture
from equiclust.report.figures.style import colour_bar
from equiclust.typing import Float32Array, IntArray

__all__ = ["ReconstructionSection", "Triple", "make_reconstruction"]

_SHOWN_OF_EACH = 4
_PICTURE_SIDE = 160
_SMALLEST_LIMIT = 0.01


@dataclass(frozen=True)
class Triple:
    """An image with its reconstruction.

    Parameters
    ----------
    id : str
    original, reconstruction, residual : str
        Data URIs; the residual is original minus reconstruction.
    mse : float
        Mean squared error.
    """

    id: str
    original: str
    reconstruction: str
    residual: str
    mse: float


@dataclass(frozen=True)
class ReconstructionSection:
    """Scores of all images, and examples from the smallest to the largest error.

    Parameters
    ----------
    scores : mapping
        "mse", "psnr" in dB and "ms_ssim", as far as they were recorded.
    groups : tuple of (str, tuple of Triple)
        Name of each group, and its images by rising error.
    n_measured : int
        Previews that were compared to find them.
    image_bar, residual_bar : str
        Data URIs of the colour bars.
    """

    scores: Mapping[str, Any]
    groups: tuple[tuple[str, tuple[Triple, ...]], ...]
    n_measured: int
    image_bar: str
    residual_bar: str


def make_reconstruction(contents: Contents) -> ReconstructionSection:
    """Choose and draw the best, median and worst reconstructions among the previews.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    ReconstructionSection
        Without groups when there are no reconstructions.
    """
    scores = contents.section("reconstruction")
    rows = sorted(contents.preview_index) if len(contents.previews.reconstructions) else []
    if not rows:
        return ReconstructionSection(scores, (), 0, "", "")
    errors = np.array([_mse(contents, row) for row in rows])
    chosen = _chosen(np.argsort(errors, kind="stable"))
    shown = [rows[i] for _, indices in chosen for i in indices]
    limit = _limit(contents, shown)
    groups = tuple(
        (name, tuple(_triple(contents, rows[i], float(errors[i]), limit) for i in indices))
        for name, indices in chosen
    )
    brightness = "preprocessed brightness (0 to 1, no unit)"
    difference = "original minus reconstruction (same unit)"
    return ReconstructionSection(
        scores,
        groups,
        len(rows),
        colour_bar(COLOUR_MAP, 0.0, 1.0, brightness),
        colour_bar(RESIDUAL_MAP, -limit, limit, difference),
    )


def _chosen(order: IntArray) -> list[tuple[str, list[int]]]:
    """Names of the groups and the indices in each; every image at most once."""
    n = _SHOWN_OF_EACH
    if len(order) <= 3 * n:
        return [("All images with a preview, smallest error first", order.tolist())]
    middle = (len(order) - n) // 2
    return [
        ("Smallest error", order[:n].tolist()),
        ("Median error", order[middle : middle + n].tolist()),
        ("Largest error", order[-n:].tolist()),
    ]


def _pair(contents: Contents, row: int) -> tuple[Float32Array, Float32Array]:
    index = contents.preview_index[row]
    return contents.previews.images[index], contents.previews.reconstructions[index]


def _mse(contents: Contents, row: int) -> float:
    original, reconstruction = _pair(contents, row)
    return float(np.mean(np.square(original - reconstruction, dtype=np.float64)))


def _limit(contents: Contents, rows: list[int]) -> float:
    """One scale for all residuals, to compare them; 0.5 % of the pixels may saturate."""
    pairs = [_pair(contents, row) for row in rows]
    sizes = np.concatenate([np.abs(a - b).mean(axis=0).ravel() for a, b in pairs])
    return float(max(np.ceil(np.percentile(sizes, 99.5) * 100.0) / 100.0, _SMALLEST_LIMIT))


def _triple(contents: Contents, row: int, mse: float, limit: float) -> Triple:
    original, reconstruction = _pair(contents, row)
    return Triple(
        contents.ids[row],
        picture(original, side=_PICTURE_SIDE),
        picture(reconstruction, side=_PICTURE_SIDE),
        residual_picture(original - reconstruction, side=_PICTURE_SIDE, limit=limit),
        mse,
    )
