"""Learn what views of a disc share: ``python -m equiclust.encoders.distillation.make_disc_views``.

Of the features of "small_alexnet", averaged over D8, those linear combinations are kept that vary
least between two views of one disc for their variance over all discs, each in units of what it
varies between views (relevant components: Bar-Hillel et al. 2003, ICML 20, 11; Fisher 1936). The
views are simulated: other inclinations, angles on the sky, beams and noise. Classes are not used.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from safetensors.torch import save_file
from torch import Tensor

from equiclust.encoders.registry import get_encoder
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.io.atomic import atomic_path
from equiclust.nn.disc_views import N_AXES, DiscViews
from equiclust.preprocessing import Preprocessor
from equiclust.simulation.discs import simulate_views
from equiclust.typing import Float32Array

__all__ = ["learn_axes"]

_FILE = Path(sys.modules[DiscViews.__module__].__file__ or "").parent / "weights"
_BLOCKS, _PER_BLOCK = range(30), 100
# Far from the seeds of tests and benchmarks.
_SEED = 9_100_000
_SIDES, _SHOWN = (64, 96, 128), 128
_BEAMS, _SNRS, _MOST_TILTED = (0.02, 0.06), (15.0, 100.0), 75.0
_N_COMBINED = 128


def learn_axes(
    first: Float32Array, second: Float32Array, *, n_axes: int = N_AXES
) -> tuple[Tensor, Tensor]:
    """Learn the linear layer of a `DiscViews`.

    Parameters
    ----------
    first, second : ndarray (n, 512), float32
        Features of two views of each of `n` discs.
    n_axes : int, default 24

    Returns
    -------
    weight : Tensor (n_axes, 512)
    bias : Tensor (n_axes,)
    """
    encoder = WhitenedEncoder(get_encoder("small_alexnet"), latent_dim=n_axes, random_state=0)
    encoder.fit_feature_pairs(first, second, n_combined=_N_COMBINED)
    differences = encoder.whiten(first) - encoder.whiten(second)
    spread = np.sqrt(np.square(differences.astype(np.float64)).mean(axis=0) / 2)
    weight = encoder.components_ / spread[:, None]
    bias = -weight @ encoder.mean_.astype(np.float64)
    return torch.from_numpy(weight).float(), torch.from_numpy(bias).float()


def _features(block: int, n: int) -> Float32Array:
    """Features `(2, n, 512)` of two views of each of some discs, all through one telescope."""
    rng = np.random.default_rng(_SEED + block)
    images, _ = simulate_views(
        n,
        n_views=2,
        size=_SIDES[block % len(_SIDES)],
        max_inclination=_MOST_TILTED,
        outer_radius=(0.3, 0.95),
        max_offset=0.03,
        beam_fwhm=math.exp(rng.uniform(*np.log(_BEAMS))),
        snr=_SNRS,
        random_state=_SEED + block,
    )
    shown = Preprocessor(size=_SHOWN, canonical="affine").fit_transform(images)
    features = get_encoder("small_alexnet", group="D8").transform(shown)
    return np.asarray(features.reshape(n, 2, -1).swapaxes(0, 1))


def _simulated(blocks: Iterable[int], n: int, n_jobs: int) -> Float32Array:
    found = Parallel(n_jobs=n_jobs, verbose=5)(delayed(_features)(block, n) for block in blocks)
    return np.concatenate(found, axis=1)


def main() -> int:
    """Learn the layer and write its weights."""
    parser = argparse.ArgumentParser(
        prog="python -m equiclust.encoders.distillation.make_disc_views"
    )
    parser.add_argument("--output", type=Path, default=_FILE, metavar="FOLDER")
    parser.add_argument("--n-jobs", type=int, default=os.cpu_count(), metavar="N")
    chosen = parser.parse_args()
    weight, bias = learn_axes(*_simulated(_BLOCKS, _PER_BLOCK, chosen.n_jobs))
    chosen.output.mkdir(parents=True, exist_ok=True)
    target = chosen.output / "disc_views.safetensors"
    with atomic_path(target) as draft:
        save_file({"axes.weight": weight.contiguous(), "axes.bias": bias}, draft)
    print(f"-> {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
