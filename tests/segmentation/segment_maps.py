"""Segment maps for the tests: blobs on a sky of choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from scipy import ndimage

from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap


def sky(
    longitude: str = "RA---TAN", latitude: str = "DEC--TAN", *, side: float = 2e-3, **cards: Any
) -> fits.Header:
    header = fits.Header()
    header["WCSAXES"] = 2
    header["CTYPE1"], header["CTYPE2"] = longitude, latitude
    header["CRVAL1"], header["CRVAL2"] = 52.123456789012, 31.2
    header["CRPIX1"], header["CRPIX2"] = 20.5, 17.0
    header["CDELT1"], header["CDELT2"] = -side, side
    header["CUNIT1"], header["CUNIT2"] = "deg", "deg"
    header.update(cards)
    return header


def cube_sky(**cards: Any) -> fits.Header:
    header = sky(CTYPE3="VRAD", CRVAL3=4000.0, CRPIX3=1.0, CDELT3=-500.0, CUNIT3="m/s")
    header["WCSAXES"] = 3
    header.update(cards)
    return header


def blobs(shape: tuple[int, ...], seed: int = 0, n_clusters: int = 3) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 3.0)
    cuts = np.quantile(field, np.linspace(0.0, 1.0, n_clusters + 1)[1:-1])
    labels = np.digitize(field, cuts).astype(np.int16)
    labels[..., :2, :] = MASKED
    labels[..., -2:, :3] = UNSURE
    return labels


def make_map(
    labels: npt.NDArray[np.int16], header: fits.Header | None = None, **changes: Any
) -> SegmentMap:
    rng = np.random.default_rng(1)
    membership = rng.random(labels.shape).astype(np.float32)
    membership[labels == MASKED] = np.nan
    coverage = rng.integers(1, 9, labels.shape).astype(np.int32)
    return SegmentMap(labels.copy(), membership, coverage, header or fits.Header(), **changes)
