"""Picture of a segment map beside its data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from equiclust.io.atomic import atomic_path
from equiclust.report.figures.palette import UNKNOWN, mark_of, name_of
from equiclust.report.figures.style import styled
from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap
from equiclust.typing import BoolArray, Float32Array, Float64Array, PathLike

__all__ = ["draw_segment_map"]

_MOST_PIXELS = 1200
_COVER = 0.55
_MASKED_COLOUR = "#FFFFFF"
_WIDTH = 10.0
_NAMES = {
    "pos.eq.ra": "right ascension",
    "pos.eq.dec": "declination",
    "pos.galactic.lon": "Galactic longitude",
    "pos.galactic.lat": "Galactic latitude",
    "pos.ecliptic.lon": "ecliptic longitude",
    "pos.ecliptic.lat": "ecliptic latitude",
}
# Percentiles of the pixels that become black and white.
_LIMITS = (1.0, 99.7)
# What the PNG files say they were written by, so that they are not read as images.
_SOFTWARE = "equiclust segment"


def draw_segment_map(segment_map: SegmentMap, data: Float32Array, path: PathLike) -> None:
    """Draw the data, the labels over the data, and the membership, side by side, as PNG.

    Of a cube, the plane is drawn in which most pixels have a label.

    Parameters
    ----------
    segment_map : SegmentMap
    data : ndarray (h, w) or (n_planes, h, w), float32
        Of the shape of the labels; NaN is drawn as masked.
    path : path-like
        An older file is replaced.

    Raises
    ------
    OutputError
        When the file cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.io import fits
    >>> from equiclust.segmentation import SegmentMap, draw_segment_map
    >>> labels = np.zeros((32, 32), np.int16)
    >>> labels[:, 16:] = 1
    >>> ones = np.ones(labels.shape, np.float32)
    >>> data = np.linspace(0.0, 1.0, 32 * 32, dtype=np.float32).reshape(32, 32)
    >>> draw_segment_map(SegmentMap(labels, ones, ones, fits.Header()), data, "labels.png")
    >>> Path("labels.png").exists()
    True
    """
    labels, membership = segment_map.labels, segment_map.membership
    if labels.ndim == 3:
        plane = int(np.argmax(np.sum(labels >= 0, axis=(1, 2))))
        labels, membership, data = labels[plane], membership[plane], data[plane]
    step = max(1, -(-max(labels.shape) // _MOST_PIXELS))
    labels, membership = labels[::step, ::step], membership[::step, ::step]
    data = data[::step, ::step]
    grey = _grey(data, labels == MASKED)
    height, width = labels.shape
    with styled():
        figure = Figure(figsize=_size(height, width), layout="constrained", dpi=150)
        FigureCanvasAgg(figure)
        sky = _axes(segment_map, step)
        shown = {"data": grey, "clusters": _painted(labels, grey)}
        for position, (title, picture) in enumerate(shown.items(), start=1):
            _panel(figure, position, sky, title).imshow(picture, origin="lower")
        axes = _panel(figure, 3, sky, "membership")
        drawn = axes.imshow(membership, origin="lower", vmin=0.0, vmax=1.0, cmap="viridis")
        figure.colorbar(drawn, ax=axes, shrink=0.8, fraction=0.05)
        figure.legend(
            handles=_keys(labels, segment_map.n_clusters),
            loc="outside lower center",
            ncols=6,
            frameon=False,
        )
        with atomic_path(path) as draft:
            metadata = {"Software": _SOFTWARE}
            figure.savefig(draft, format="png", bbox_inches="tight", metadata=metadata)


def _size(height: int, width: int) -> tuple[float, float]:
    return _WIDTH, min(max(_WIDTH / 3.6 * height / width, 1.5) + 1.2, 12.0)


def _axes(segment_map: SegmentMap, step: int) -> Any:
    """World coordinates of the thinned picture, if the map has any."""
    from data_adapters.sky.geometry import celestial_wcs

    wcs = celestial_wcs(segment_map.header)
    return None if wcs is None else wcs[::step, ::step]


def _panel(figure: Figure, position: int, sky: Any, title: str) -> Any:
    axes = figure.add_subplot(1, 3, position, **({} if sky is None else {"projection": sky}))
    axes.set_title(title)
    axes.grid(False)
    if sky is not None:
        for number, coordinate in enumerate(axes.coords):
            _name(coordinate, "bl"[number], shown=position == 1 or number == 0)
    return axes


def _name(coordinate: Any, side: str, *, shown: bool) -> None:
    """Ticks and name of a coordinate on one side of the frame only."""
    coordinate.set_ticks_position(side)
    coordinate.set_ticklabel_position(side if shown else "")
    coordinate.set_axislabel_position(side)
    coordinate.set_ticklabel(size=7, exclude_overlapping=True)
    coordinate.set_ticks(number=4)
    kind = str(coordinate.default_label)
    coordinate.set_axislabel(_NAMES.get(kind, kind) if shown else "")


def _grey(data: Float32Array, masked: BoolArray) -> Float64Array:
    """The data as grey, white where it is masked, `(h, w, 3)`."""
    from astropy.visualization import AsymmetricPercentileInterval, ManualInterval, SqrtStretch

    seen = np.isfinite(data) & ~masked
    if not seen.any():
        return np.ones((*data.shape, 3))
    low, high = AsymmetricPercentileInterval(*_LIMITS).get_limits(data[seen])
    stretch = SqrtStretch() + ManualInterval(low, high)
    brightness = np.where(seen, stretch(np.where(seen, data, low)), 1.0)
    return np.repeat(brightness[..., None], 3, axis=2)


def _painted(labels: npt.NDArray[np.int16], grey: Float64Array) -> Float64Array:
    painted = grey.copy()
    for label in np.unique(labels[labels != MASKED]):
        inside = labels == label
        colour = np.array(to_rgb(mark_of(int(label)).colour))
        painted[inside] = (1.0 - _COVER) * grey[inside] + _COVER * colour
    return painted


def _keys(labels: npt.NDArray[np.int16], n_clusters: int) -> list[Patch]:
    keys = [Patch(color=mark_of(k).colour, label=name_of(k)) for k in range(n_clusters)]
    if np.any(labels == UNSURE):
        keys.append(Patch(color=UNKNOWN.colour, label=name_of(UNSURE)))
    if np.any(labels == MASKED):
        keys.append(Patch(facecolor=_MASKED_COLOUR, edgecolor="#6B7885", label="masked"))
    return keys
