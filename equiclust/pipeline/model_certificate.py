"""The certificate of a trained model, beside a plain network of the same cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from equiclust.autoencoder.estimator import EquivariantAutoencoder, non_equivariant_baseline
from equiclust.cli.session import Session
from equiclust.clustering import make_clusterer
from equiclust.evaluation.invariance import Certificate, Element, certify, quarter_turns
from equiclust.evaluation.invariance.transforms import rotate_exactly
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import Image, ImageSet
from equiclust.nn.groups import Group
from equiclust.pipeline.inputs import process
from equiclust.pipeline.model import Model

__all__ = ["Certified", "certify_model"]

_MOST_IMAGES = 64
_MOST_FILES = 8
# Every member of an ensemble encodes every image in every position.
_MOST_ENCODED = 320
# Enough for the twin to be a trained network; it need not be a good one.
_BASELINE_EPOCHS = 10

FloatArray = npt.NDArray[np.float32]
Predict = Callable[[Any], npt.ArrayLike]


@dataclass(frozen=True)
class Certified:
    """The certificate, and under what conditions it was made.

    Parameters
    ----------
    certificate : Certificate
    conditions : dict
        `baseline_epochs`, how long the plain network was trained; `files`, how many images were
        turned before they were processed, and `files_d4_error`, the largest move of their latents
        under quarter turns, relative to the latent's norm.
    """

    certificate: Certificate
    conditions: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """For `metrics.json`, which has the verdict beside the conditions."""
        return {**self.conditions, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        ours, plain = self.certificate.ours, self.certificate.baseline
        verdict = "passed" if self.certificate.passed else "FAILED"
        said = [f"Invariance {verdict}"]
        if ours.d4.relative_to_norm is not None:
            worst = ours.d4.relative_to_norm.max
            said.append(f"quarter turns move latents by at most {worst:.1e} of their norm")
        if ours.random.relative_to_spread is not None:
            other = f"other turns by {_percent(ours.random.relative_to_spread.median)} of the "
            other += "spread between images (median)"
            if plain is not None and plain.random.relative_to_spread is not None:
                share = _percent(plain.random.relative_to_spread.median)
                other += f", those of a plain network by {share}"
            said.append(other)
        return "; ".join(said)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def certify_model(
    model: Model, originals: ImageSet, images: ImageSet, *, session: Session, seed: int
) -> Certified:
    """Certificate of a model on a sample of images.

    Parameters
    ----------
    model : Model
    originals, images : ImageSet
        As read, and processed by the model's preprocessor.
    session : Session
    seed : int
        Draws the sample and the random angles.

    Raises
    ------
    InputError
        When there are not two different images.
    """
    most = min(_MOST_IMAGES, _MOST_ENCODED // len(model.ensemble.members_))
    chosen = _sample(len(images), max(most, _MOST_FILES), seed)
    pixels = images.take(chosen).pixels
    ensemble, member = model.ensemble, model.ensemble.members_[0]
    mirror = Group(member.group).name.startswith("D")
    with session.stage("plain network") as update:
        baseline = _fitted_baseline(member, pixels, update)
    with session.stage("turning"):
        certificate = certify(
            ensemble.transform,
            pixels,
            predict=ensemble.predict_transformed,
            baseline=baseline.transform,
            baseline_predict=_baseline_clusters(model, baseline.transform(pixels)),
            mirror=mirror,
            random_state=seed,
        )
        files = originals.take(chosen[:_MOST_FILES])
        error = _files_error(model, files, quarter_turns(mirror=mirror))
    conditions = {
        "n_images": len(pixels),
        "baseline_epochs": _BASELINE_EPOCHS,
        "files": len(files),
        "files_d4_error": error,
    }
    return Certified(certificate, conditions)


def _sample(n: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    drawn = np.random.default_rng(seed).permutation(n)[:most]
    return np.sort(drawn)


def _fitted_baseline(
    autoencoder: EquivariantAutoencoder, pixels: FloatArray, update: Any
) -> EquivariantAutoencoder:
    baseline = non_equivariant_baseline(autoencoder).set_params(
        max_epochs=_BASELINE_EPOCHS, perceptual=None, validation_fraction=0.0
    )
    with warnings.catch_warnings():
        # Whether so short a training leaves its latents collapsed, the certificate tells.
        warnings.simplefilter("ignore", EquiclustWarning)
        fitted: EquivariantAutoencoder = baseline.fit(
            pixels, on_epoch=lambda record: update(int(record["epoch"]) + 1, _BASELINE_EPOCHS, "")
        )
    return fitted


def _baseline_clusters(model: Model, latents: FloatArray) -> Predict | None:
    """The same clusterer on the twin's latents; none if these cannot be told apart."""
    consensus = model.ensemble.consensus_
    n_clusters = min(consensus.n_clusters, len(latents))
    clusterer = make_clusterer(consensus.method_, n_clusters, random_state=0)
    try:
        predict: Predict = clusterer.fit(latents).predict
    except InputError:
        return None
    return predict


def _files_error(model: Model, originals: ImageSet, turns: tuple[Element, ...]) -> float:
    """Largest relative move of a latent when the image is turned before it is processed."""
    still, *moved = [_latents(model, originals, element).astype(np.float64) for element in turns]
    norms = np.maximum(np.linalg.norm(still, axis=1), np.finfo(np.float32).tiny)
    return float(max(np.max(np.linalg.norm(other - still, axis=1) / norms) for other in moved))


def _latents(model: Model, originals: ImageSet, element: Element) -> FloatArray:
    rotated = ImageSet(tuple(_rotated(image, element) for image in originals))
    _, images, _ = process(rotated, model.preprocessor)
    latents: FloatArray = model.ensemble.transform(images)
    return latents


def _rotated(image: Image, element: Element) -> Image:
    mask = rotate_exactly(image.mask.astype(np.float32), element) > 0
    return replace(image, pixels=rotate_exactly(image.pixels, element), mask=mask)
