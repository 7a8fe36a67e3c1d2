"""Simulated systems seen at several inclinations, and real ones, with their identities."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.table import Table as Rows
from joblib import Parallel, delayed

from data_adapters import read
from equiclust.images import ImageSet
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_views

__all__ = ["LIMITS", "Known", "n_shared", "real_sets", "simulated_pairs", "simulated_systems"]

FloatArray = npt.NDArray[np.float32]

SIZE = 64
LIMITS = (45, 60, 75)
STRUCTURED = ("rings", "spiral", "crescent")
_N_SYSTEMS = 300
# Far from one another: no system is in two of the sets.
_TEST_SEED, _TRAINING_SEED = 26_000_000, 27_000_000

_BLOCK = 100
_VIEWS = 3
_BEAMS, _SNRS = (0.02, 0.06), (15.0, 100.0)


@dataclass(frozen=True)
class Known:
    """Images as they are read, and the object that each shows."""

    name: str
    images: ImageSet
    objects: npt.NDArray[np.str_]


def simulated_systems(limit: float, *, seed: int = 0, hard: bool = False) -> tuple[Known, Rows]:
    """300 systems with rings, arms or a crescent, each seen twice, and their truth.

    The beam is 0.03 of the frame and the peak 30 to 100 times the noise; with `hard`, 0.05 and 15
    to 60, so that the structure of small discs is lost.
    """
    images, truth = simulate_views(
        _N_SYSTEMS,
        size=SIZE,
        classes=STRUCTURED,
        max_inclination=limit,
        beam_fwhm=0.05 if hard else 0.03,
        snr=(15.0, 60.0) if hard else (30.0, 100.0),
        random_state=_TEST_SEED + 1000 * seed + int(limit),
    )
    name = f"{'hard, ' if hard else ''}up to {limit:g} deg"
    return Known(name, images, np.asarray(truth["system"])), truth


def real_sets() -> list[Known]:
    """EXXA discs by their simulation, and ALMA discs by the source that was observed."""
    data = Path(os.environ["EQUICLUST_DATA"])
    exxa = read(data / "exxa_discs").images
    objects = np.array([str(fits.getheader(image.path)["OBJECT"]) for image in exxa])
    alma = read(data / "alma_discs").images
    listed = Rows.read(data / "alma_discs" / "objects.csv")
    names = dict(zip(listed.columns[0], listed.columns[1], strict=True))
    sources = np.array([names[Path(str(image.path)).name] for image in alma])
    return [Known("EXXA", exxa, objects), Known("ALMA", alma, sources)]


def n_shared(known: Known) -> int:
    """Number of images whose object is also on another image."""
    counts = Counter(known.objects.tolist())
    return sum(counts[name] > 1 for name in known.objects.tolist())


def simulated_pairs(
    n: int, canonical: str, *, n_jobs: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """Processed images `(3 n, 1, 64, 64)` for training, and as many of the same systems.

    Beams and noise vary as they do between surveys, and every inclination up to 75 degrees is as
    frequent as it is on the sky.
    """
    blocks = Parallel(n_jobs=n_jobs)(
        delayed(_block)(start, min(_BLOCK, n - start), canonical) for start in range(0, n, _BLOCK)
    )
    views = np.concatenate(blocks, axis=1)
    return np.concatenate(views), np.concatenate(np.roll(views, 1, axis=0))


def _block(start: int, n: int, canonical: str) -> FloatArray:
    """Processed views `(3, n, 1, 64, 64)` of some systems, all through one telescope."""
    rng = np.random.default_rng(_TRAINING_SEED + start)
    images, _ = simulate_views(
        n,
        n_views=_VIEWS,
        size=SIZE,
        max_inclination=75.0,
        outer_radius=(0.3, 0.95),
        max_offset=0.03,
        beam_fwhm=math.exp(rng.uniform(*np.log(_BEAMS))),
        snr=_SNRS,
        random_state=_TRAINING_SEED + start,
    )
    shown = Preprocessor(size=SIZE, canonical=canonical).transform(images).pixels
    return shown.reshape(n, _VIEWS, *shown.shape[1:]).swapaxes(0, 1)
