"""The certificate of a trained model, beside a non-equivariant network of the same cost."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ensembles import KFoldEnsemble
from equiclust.autoencoder.baseline import non_equivariant_baseline
from equiclust.autoencoder.estimator import EquivariantAutoencoder
from equiclust.clustering import make_clusterer
from equiclust.encoders.group_averaged import GroupAveraged
from equiclust.encoders.whitened import WhitenedEncoder
from equiclust.evaluation.invariance import Certificate, Element, certify, quarter_turns
from equiclust.evaluation.invariance.transforms import rotate_exactly
from equiclust.exceptions import EquiclustWarning, InputError
from equiclust.images import Image, ImageSet
from equiclust.io.atomic import read_json, write_json
from equiclust.io.output_checks import check_writable
from equiclust.io.run_folder import RunFolder
from equiclust.nn.groups import Group
from equiclust.pipeline.inputs import (
    Inputs,
    LoadedImages,
    load_images,
    preprocess,
    sample_indices,
)
from equiclust.pipeline.model import Model
from equiclust.progress import Progress, Update, start_stage
from equiclust.typing import Float32Array

__all__ = ["ModelCertificate", "certify_model", "certify_run"]

_MAX_IMAGES = 64
_MAX_FILES = 8
# Every member of an ensemble encodes every image at every rotation.
_MAX_ENCODED = 320
# A pass of a large network takes as long as several of ours.
_ENCODER_COST = 4
# Enough for a trained network; the baseline need not be a good one.
_BASELINE_EPOCHS = 10

# Images whose features give the baseline its principal axes.
_MAX_WHITENED = 256

Embed = Callable[[Any], Float32Array]
Predict = Callable[[Any], npt.ArrayLike]


@dataclass(frozen=True)
class ModelCertificate:
    """The certificate of a model, and the conditions under which it was made.

    Parameters
    ----------
    certificate : Certificate
    conditions : dict
        `n_images`, the images that were rotated; `baseline_epochs`, the epochs of the
        non-equivariant network, 0 where it is the encoder without averaging; `files`, the images
        that were rotated before preprocessing;
        `files_d4_error`, the largest change of their latents under quarter turns and mirrors,
        relative to the latent's norm.
    """

    certificate: Certificate
    conditions: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """Conditions and summary, for `metrics.json`."""
        return {**self.conditions, "sentence": self.summary}

    @property
    def baseline_name(self) -> str:
        """What the baseline is."""
        if self.conditions["baseline_epochs"]:
            return "a non-equivariant network"
        return "the encoder without averaging"

    @property
    def summary(self) -> str:
        """Result in one line."""
        ours, baseline = self.certificate.ours, self.certificate.baseline
        clauses = [f"Invariance {'passed' if self.certificate.passed else 'FAILED'}"]
        if ours.d4.relative_to_norm is not None:
            worst = ours.d4.relative_to_norm.max
            clauses.append(f"quarter turns change latents by at most {worst:.1e} of their norm")
        if ours.random.relative_to_spread is not None:
            share = _percent(ours.random.relative_to_spread.median)
            clause = f"other rotations by {share} of the spread between images (median)"
            if baseline is not None and baseline.random.relative_to_spread is not None:
                share = _percent(baseline.random.relative_to_spread.median)
                clause += f", those of {self.baseline_name} by {share}"
            clauses.append(clause)
        return "; ".join(clauses)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def certify_model(
    model: Model,
    originals: ImageSet,
    images: ImageSet,
    *,
    random_state: int,
    on_progress: Progress | None = None,
) -> ModelCertificate:
    """Certify a model on a sample of images.

    Parameters
    ----------
    model : Model
    originals, images : ImageSet
        As read, and preprocessed by the model's preprocessor.
    random_state : int
        Draws the sample and the random angles.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    ModelCertificate

    Raises
    ------
    InputError
        When there are not two different images.
    """
    most = min(_MAX_IMAGES, _MAX_ENCODED // _cost(model.ensemble))
    chosen = sample_indices(len(images), max(most, _MAX_FILES), random_state)
    pixels = images.take(chosen).pixels
    ensemble = model.ensemble
    mirror = all(Group(member.group).name.startswith("D") for member in ensemble.members_)
    trained = any(isinstance(one, EquivariantAutoencoder) for one in ensemble.members_)
    stage = "baseline network" if trained else "encoder without averaging"
    baseline = _baseline(ensemble, images, pixels, start_stage(on_progress, stage))
    start_stage(on_progress, "rotation")
    # Those of the images as they are, since what is rotated has been preprocessed.
    known = model.confounders(originals.take(chosen), images.take(chosen))
    certificate = certify(
        ensemble.transform,
        pixels,
        predict=partial(model.predict_transformed, confounders=known),
        baseline=baseline,
        baseline_predict=_baseline_clusters(model, baseline(pixels)),
        mirror=mirror,
        random_state=random_state,
    )
    files = originals.take(chosen[:_MAX_FILES])
    conditions = {
        "n_images": len(pixels),
        "baseline_epochs": _BASELINE_EPOCHS if trained else 0,
        "files": len(files),
        "files_d4_error": _files_error(model, files, quarter_turns(mirror=mirror)),
    }
    return ModelCertificate(certificate, conditions)


def certify_run(
    folder: RunFolder,
    model: Model,
    inputs: Inputs | None = None,
    *,
    on_progress: Progress | None = None,
) -> ModelCertificate:
    """Certify the model of a finished run and replace the certificate in its folder.

    Parameters
    ----------
    folder : RunFolder
    model : Model
        The model of the run.
    inputs : str, path, sequence of them, or ImageSet, optional
        Images to rotate; default those of the run.
    on_progress : callable, optional
        See `equiclust.progress.Progress`.

    Returns
    -------
    ModelCertificate

    Raises
    ------
    InputError
        When the images of the run are no longer where they were, no image can be used, or the
        latents are from a table.
    OutputError
        When the folder cannot be written, or the user has changed one of these files.
    """
    if not model.sees_pixels:
        raise InputError(
            f"the run in {str(folder.path)!r} is of vectors from a table, whose change under "
            "rotations cannot be measured"
        )
    check_writable(folder.path)
    replaced = [path for path in (folder.invariance_json, folder.metrics_json) if path.is_file()]
    folder.adopt_version_0_1(*replaced)
    folder.check_free(*replaced)
    loaded = _images_to_rotate(folder, model, inputs, on_progress)
    certified = certify_model(
        model,
        loaded.originals,
        loaded.images,
        random_state=int(folder.read_config()["seed"]),
        on_progress=on_progress,
    )
    _replace_certificate(folder, certified)
    return certified


def _replace_certificate(folder: RunFolder, certified: ModelCertificate) -> None:
    names = (folder.metrics_json.name, folder.invariance_json.name)
    with folder.outputs.replaced(names) as drafts:
        draft = RunFolder(drafts)
        write_json(draft.invariance_json, certified.certificate.to_dict())
        if folder.metrics_json.is_file():
            metrics = read_json(folder.metrics_json)
            write_json(draft.metrics_json, {**metrics, "check": certified.record})


def _images_to_rotate(
    folder: RunFolder, model: Model, inputs: Inputs | None, on_progress: Progress | None
) -> LoadedImages:
    preprocessing = model.preprocessor.get_params()
    config = folder.read_config()
    if inputs is not None:
        return load_images(inputs, preprocessing, axes=folder.axes, on_progress=on_progress)
    own = config.get("inputs")
    if not isinstance(own, list) or not isinstance(config.get("seed"), int):
        raise InputError(f"{str(folder.config_json)!r} has no inputs or no seed; restore the file")
    if len(own) == 1 and " images in memory, sha256:" in str(own[0]):
        raise InputError(
            f"the run in {str(folder.path)!r} was made from {own[0]}; give them as inputs"
        )
    try:
        return load_images(own, preprocessing, axes=folder.axes, on_progress=on_progress)
    except InputError as error:
        raise InputError(
            f"the images of the run are no longer where they were ({error}); name the images to "
            f"rotate besides {str(folder.path)!r}"
        ) from error


def _cost(ensemble: KFoldEnsemble) -> int:
    """Times that the members encode an image together."""
    encoders = {
        id(one.used_encoder): Group(one.group).order
        for one in ensemble.members_
        if isinstance(one, WhitenedEncoder)
    }
    n_own = sum(isinstance(one, EquivariantAutoencoder) for one in ensemble.members_)
    return n_own + _ENCODER_COST * sum(encoders.values())


def _baseline(
    ensemble: KFoldEnsemble, images: ImageSet, pixels: Float32Array, update: Update
) -> Embed:
    """A network that is not equivariant: ours without the group, or the encoder not averaged."""
    for member in ensemble.members_:
        if isinstance(member, EquivariantAutoencoder):
            embed: Embed = _fitted_baseline(member, pixels, update).transform
            return embed
    encoder: Any = ensemble.members_[0].used_encoder
    plain = encoder.encoder if isinstance(encoder, GroupAveraged) else encoder
    shown = images.take(np.arange(min(len(images), _MAX_WHITENED)))
    whitened = WhitenedEncoder(plain, latent_dim=ensemble.members_[0].latent_dim, random_state=0)
    fitted: WhitenedEncoder = whitened.fit(shown)
    return fitted.transform


def _fitted_baseline(
    autoencoder: EquivariantAutoencoder, pixels: Float32Array, update: Update
) -> EquivariantAutoencoder:
    baseline = non_equivariant_baseline(autoencoder).set_params(
        max_epochs=_BASELINE_EPOCHS, perceptual=None, validation_fraction=0.0
    )
    with warnings.catch_warnings():
        # The certificate itself reports collapsed latents of so short a training.
        warnings.simplefilter("ignore", EquiclustWarning)
        fitted: EquivariantAutoencoder = baseline.fit(
            pixels, on_epoch=lambda record: update(int(record["epoch"]) + 1, _BASELINE_EPOCHS, "")
        )
    return fitted


def _baseline_clusters(model: Model, latents: Float32Array) -> Predict | None:
    """The same clusterer on the baseline's latents; None where these are all equal."""
    consensus = model.ensemble.consensus_
    n_clusters = min(consensus.n_clusters, len(latents))
    clusterer = make_clusterer(consensus.method_, n_clusters, random_state=0)
    try:
        predict: Predict = clusterer.fit(latents).predict
    except InputError:
        return None
    return predict


def _files_error(model: Model, originals: ImageSet, turns: tuple[Element, ...]) -> float:
    """Largest relative change of a latent when images are rotated before preprocessing."""
    still, *moved = [_latents(model, originals, element).astype(np.float64) for element in turns]
    norms = np.maximum(np.linalg.norm(still, axis=1), np.finfo(np.float32).tiny)
    return float(max(np.max(np.linalg.norm(other - still, axis=1) / norms) for other in moved))


def _latents(model: Model, originals: ImageSet, element: Element) -> Float32Array:
    rotated = ImageSet(tuple(_rotated(image, element) for image in originals))
    _, images, _ = preprocess(rotated, model.preprocessor)
    latents: Float32Array = model.ensemble.transform(images)
    return latents


def _rotated(image: Image, element: Element) -> Image:
    mask = rotate_exactly(image.mask.astype(np.float32), element) > 0
    return replace(image, pixels=rotate_exactly(image.pixels, element), mask=mask)
