"""What of a map the user wants left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_adapters.sky.masks import mask_from_file, region_mask, threshold_mask, weight_mask
from data_adapters.sky.moments import moment_maps
from data_adapters.sky.sky_map import MapLike, SkyMap, as_sky_map
from equiclust.argument_types import checks_types
from equiclust.exceptions import InputError
from equiclust.progress import Progress, Update, start_stage
from equiclust.typing import BoolArray

__all__ = ["MaskOptions", "read_mask"]


@checks_types
@dataclass(frozen=True)
class MaskOptions:
    """Masks of a map, applied all together; blank pixels are masked anyway.

    Parameters
    ----------
    mask : str, optional
        FITS image ``mask.fits`` or ``mask.fits[EXT]``, or ``[EXT]`` in the map's file. Pixels that
        are not 0 are ignored.
    weights : str, optional
        FITS image of weights, written as `mask`; needs `min_weight`.
    min_weight : float, optional
        Pixels with a smaller weight are ignored; needs `weights`.
    threshold : float, optional
        Pixels that are not brighter than the sky by this many standard deviations of the noise are
        ignored.
    region : str, optional
        DS9 region file; pixels outside its regions are ignored.

    Raises
    ------
    InputError
        When one of `weights` and `min_weight` is given without the other.

    Examples
    --------
    >>> from equiclust.segmentation import MaskOptions, SegmentJob
    >>> masks = MaskOptions(mask="[FLAGS]", threshold=3.0)
    >>> job = SegmentJob("cloud.fits", "labels.fits", masks=masks)
    >>> job.masks.threshold
    3.0
    """

    mask: str | None = None
    weights: str | None = None
    min_weight: float | None = None
    threshold: float | None = None
    region: str | None = None

    def __post_init__(self) -> None:
        if self.weights is None and self.min_weight is not None:
            raise InputError("min_weight must be given together with weights")
        if self.weights is not None and self.min_weight is None:
            raise InputError("weights must be given together with min_weight")


def read_mask(
    sky: MapLike, options: MaskOptions, *, on_progress: Progress | None = None
) -> BoolArray | None:
    """All masks together.

    Parameters
    ----------
    sky : SkyMap or another of `MapLike`
        The map or cube.
    options : MaskOptions
        The masks.
    on_progress : callable, optional
        Gets the stage "masking"; see `equiclust.progress.Progress`.

    Returns
    -------
    ndarray (h, w), bool, or None
        True = ignore; None without any mask.

    Raises
    ------
    InputError
        When a mask does not fit the map, or leaves nothing of it.
    UnreadableFileError
        When a file cannot be read.
    """
    sky = as_sky_map(sky)
    update = start_stage(on_progress, "masking")
    found: list[BoolArray] = []
    if options.mask is not None:
        found.append(mask_from_file(sky, options.mask))
    if options.weights is not None and options.min_weight is not None:
        found.append(weight_mask(sky, options.weights, options.min_weight))
    if options.region is not None:
        found.append(region_mask(sky, options.region))
    if options.threshold is not None:
        found.append(_faint(sky, options.threshold, update))
    if not found:
        return None
    joined: BoolArray = np.logical_or.reduce(found)
    if joined.all():
        raise InputError("the masks together leave no pixel of the map; mask less")
    return joined


def _faint(sky: SkyMap, n_sigma: float, update: Update) -> BoolArray:
    """Faint pixels `(h, w)`; of a cube, those that are faint in every channel."""
    if sky.shape[0] == 1:
        return threshold_mask(sky.read()[0], n_sigma)
    return np.isnan(moment_maps(sky, n_sigma=n_sigma, on_progress=update).low)
