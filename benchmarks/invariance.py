"""Invariance of a trained network: exact elements at every input size, and other angles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.tables import Table
from equiclust.autoencoder.baseline import non_equivariant_baseline
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.evaluation.invariance import Certificate, Measurement, certify
from equiclust.images import ImageSet
from equiclust.simulation.discs import simulate_discs

__all__ = ["angles_table", "sizes_table", "trained_pair"]

FloatArray = npt.NDArray[np.float32]

_SHAPES = (*((side, side) for side in (48, 63, 64, 65, 100, 128, 200, 256)), (96, 61))
_N_TRAINING, _N_MEASURED, _PLAIN_EPOCHS = 240, 48, 10


def trained_pair(size: int) -> tuple[EquivariantAutoencoder, EquivariantAutoencoder]:
    """Ours with its defaults and a plain network of the same cost, trained on the same discs."""
    images, _ = simulate_discs(_N_TRAINING, size=128, max_inclination=60, random_state=10)
    ours = EquivariantAutoencoder(size=size, random_state=0).fit(images)
    plain = non_equivariant_baseline(ours).set_params(max_epochs=_PLAIN_EPOCHS).fit(images)
    return ours, plain


def sizes_table(ours: EquivariantAutoencoder, plain: EquivariantAutoencoder) -> Table:
    """Largest relative change of the latent over D4, for raw images of every shape."""
    rows = []
    for height, width in _SHAPES:
        images = _cut(simulate_discs(12, size=max(height, width), random_state=11)[0], width)
        rows.append(
            {
                "input": f"{height} x {width}",
                "ours": _largest_change(ours, images),
                "plain network": _largest_change(plain, images),
            }
        )
    return Table("invariance_sizes", "Quarter turns and mirrors: largest relative change", rows)


def _cut(images: ImageSet, width: int) -> FloatArray:
    """Pixels `(n, 1, h, width)`, centred."""
    pixels = images.pixels
    left = (pixels.shape[3] - width) // 2
    return pixels[..., left : left + width]


def _largest_change(autoencoder: EquivariantAutoencoder, images: FloatArray) -> float:
    latents = autoencoder.transform(images)
    norms = np.linalg.norm(latents, axis=1)
    changes = [
        np.linalg.norm(autoencoder.transform(moved) - latents, axis=1) / norms
        for moved in _moved(images)
    ]
    return float(np.max(changes))


def _moved(images: FloatArray) -> Iterator[FloatArray]:
    for view in (images, images[..., ::-1]):
        for turns in range(4):
            yield np.rot90(view, turns, axes=(2, 3)).copy()


def angles_table(ours: EquivariantAutoencoder, plain: EquivariantAutoencoder) -> Table:
    """The certificate of discs that were not trained on, at the deployed size."""
    images, _ = simulate_discs(_N_MEASURED, size=128, max_inclination=60, random_state=12)
    seen = ours.preprocessor.transform(images)
    certificate = certify(
        _deployed(ours), seen, baseline=_deployed(plain), n_random_angles=8, random_state=0
    )
    return Table("invariance_angles", "Change of the latent of new discs", _rows(certificate))


def _deployed(
    autoencoder: EquivariantAutoencoder,
) -> Callable[[npt.ArrayLike], FloatArray]:
    """Latents of images that have been preprocessed already."""
    return copy(autoencoder).set_params(preprocess=False).transform


def _rows(certificate: Certificate) -> list[dict[str, Any]]:
    measured = {"ours": certificate.ours, "plain network": certificate.baseline}
    columns = {who: _figures(found) for who, found in measured.items() if found is not None}
    return [
        {"measure": name, **{who: figures[name] for who, figures in columns.items()}}
        for name in columns["ours"]
    ]


def _figures(found: Measurement) -> dict[str, float | None]:
    families = {"quarter turns, mirrors": found.d4, "45 degrees": found.diagonal}
    families |= {"random angles": found.random}
    medians: dict[str, float | None] = {
        f"{name}: median change in spreads": family.relative_to_spread.median
        for name, family in families.items()
        if family.relative_to_spread is not None
    }
    derivative = found.lie_derivative
    return medians | {
        "Lie derivative: median, spreads per radian": derivative.median if derivative else None,
        "invariance over random angles, dB": found.equivariance_db,
    }
