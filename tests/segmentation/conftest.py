"""A small sky of two textures, and what was learned from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from data_adapters.sky.sky_map import open_sky_map
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import Segmentation, segment_sky_map

SIDE = 96
SMALL = SegmentOptions(tile=16, n_clusters=2, n_networks=1, n_pairs=512, max_epochs=6, group="D4")


def two_textures(seed: int = 0) -> npt.NDArray[np.float32]:
    """Fine grain on the left, coarse grain on the right."""
    from scipy.ndimage import gaussian_filter

    grain = np.random.default_rng(seed).normal(size=(2, SIDE, SIDE))
    fine, coarse = gaussian_filter(grain[0], 0.7), gaussian_filter(grain[1], 3.0)
    plane = np.where(np.arange(SIDE) < SIDE // 2, fine / fine.std(), coarse / coarse.std())
    return plane.astype(np.float32)


def write(path: Path, plane: npt.NDArray[np.float32]) -> Path:
    fits.writeto(path, plane)
    return path


@pytest.fixture(scope="session")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> Segmentation:
    folder = tmp_path_factory.mktemp("segmented")
    sky = open_sky_map(write(folder / "sky.fits", two_textures()))
    return segment_sky_map(sky, SMALL, folder)
