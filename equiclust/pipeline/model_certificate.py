"""The certificate of a trained model, beside a network that is not equivariant."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ensembles import KFoldEnsemble
from ensembles.member_estimators import MemberEstimator
from equiclust.autoencoder.baseline import plain_autoencoder, pretrained_plain_autoencoder
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
    sample_indices,
)
from equiclust.pipeline.known_latents import KnownLatents
from equiclust.pipeline.model import Model
from equiclust.pipeline.preprocessing import preprocess
from equiclust.pipeline.sampling_record import SamplingRecord
from equiclust.progress import Progress, Update, start_stage
from equiclust.typing import Float32Array

__all__ = ["ModelCertificate", "certify_model", "certify_run"]

_MAX_IMAGES = 64
_MAX_FILES = 8
# Every member of an ensemble encodes every image at every rotation.
_MAX_ENCODED = 320
# A pass of a large network takes as long as several of ours.
_ENCODER_COST = 4
# Of a plain network where none comes with the package; it need not be a good one.
_BASELINE_EPOCHS = 10
# Where quarter turns and mirrors are exact, the other diagonals say the same.
_ONE_DIAGONAL, _DIAGONALS = (45.0,), (45.0, 135.0, 225.0, 315.0)

# Images whose features give the baseline its principal axes.
_MAX_WHITENED = 256

Embed = Callable[[Any], Float32Array]
Predict = Callable[[Any], npt.ArrayLike]


class _Baseline(NamedTuple):
    """What the model is compared with.

    Attributes
    ----------
    embed : callable
        From pixels to latents.
    what : str
        What it is, for a sentence.
    epochs : int
        Passes over the images that are rotated.
    """

    embed: Embed
    what: str
    epochs: int


@dataclass(frozen=True)
class ModelCertificate:
    """The certificate of a model, and the conditions under which it was made.

    Parameters
    ----------
    certificate : Certificate
    conditions : dict
        `n_images`, the images that were rotated; `baseline`, what the model was compared with;
        `baseline_epochs`, the epochs for which that was trained on these images; `files`, the
        images that were rotated before preprocessing; `files_d4_error`, the largest change of
        their latents under quarter turns and mirrors, relative to the latent's norm.
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
        return str(self.conditions["baseline"])

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
    latents = KnownLatents(ensemble)
    certificate = certify(
        latents.encode,
        pixels,
        predict=partial(model.predict_transformed, confounders=known),
        baseline=baseline.embed,
        baseline_predict=_baseline_clusters(model, baseline.embed(pixels)),
        angles=_ONE_DIAGONAL if all(map(_has_quarter_turns, ensemble.members_)) else _DIAGONALS,
        mirror=mirror,
        random_state=random_state,
    )
    files = originals.take(chosen[:_MAX_FILES])
    conditions = {
        "n_images": len(pixels),
        "baseline": baseline.what,
        "baseline_epochs": baseline.epochs,
        "files": len(files),
        "files_d4_error": _files_error(model, latents, files, quarter_turns(mirror=mirror)),
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
    inputs : str, path, ImageSet, another of `ImagesLike`, or sequence of them, optional
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
    record = SamplingRecord.read(folder)
    own = config.get("inputs")
    if not isinstance(own, list) or not isinstance(config.get("seed"), int):
        raise InputError(f"{str(folder.config_json)!r} has no inputs or no seed; restore the file")
    held = [one for one in own if " in memory, sha256:" in str(one)]
    if held:
        raise InputError(
            f"the run in {str(folder.path)!r} was made from {held[0]}; give them as inputs"
        )
    try:
        return load_images(
            own,
            preprocessing,
            axes=folder.axes,
            draw=record and record.draw,
            on_progress=on_progress,
        )
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


def _has_quarter_turns(member: MemberEstimator) -> bool:
    return Group(member.group).n_rotations % 4 == 0


def _baseline(
    ensemble: KFoldEnsemble, images: ImageSet, pixels: Float32Array, update: Update
) -> _Baseline:
    """A plain network where the members were trained, else the encoder not averaged."""
    for member in ensemble.members_:
        if isinstance(member, EquivariantAutoencoder):
            return _plain_network(member, pixels, update)
    encoder: Any = ensemble.members_[0].used_encoder
    plain = encoder.encoder if isinstance(encoder, GroupAveraged) else encoder
    shown = images.take(np.arange(min(len(images), _MAX_WHITENED)))
    whitened = WhitenedEncoder(plain, latent_dim=ensemble.members_[0].latent_dim, random_state=0)
    return _Baseline(whitened.fit(shown).transform, "the encoder without averaging", 0)


def _plain_network(
    member: EquivariantAutoencoder, pixels: Float32Array, update: Update
) -> _Baseline:
    known = pretrained_plain_autoencoder(member.size, pixels.shape[1])
    if known is not None:
        what = "a non-equivariant network trained on simulated images"
        return _Baseline(known.transform, what, 0)
    plain = plain_autoencoder(member.size).set_params(
        max_epochs=_BASELINE_EPOCHS, device=member.device, random_state=member.random_state
    )
    with warnings.catch_warnings():
        # The certificate itself reports collapsed latents of so short a training.
        warnings.simplefilter("ignore", EquiclustWarning)
        plain.fit(
            pixels, on_epoch=lambda record: update(int(record["epoch"]) + 1, _BASELINE_EPOCHS, "")
        )
    what = "a non-equivariant network trained on these images"
    return _Baseline(plain.transform, what, _BASELINE_EPOCHS)


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


def _files_error(
    model: Model, latents: KnownLatents, originals: ImageSet, turns: tuple[Element, ...]
) -> float:
    """Largest relative change of a latent when images are rotated before preprocessing."""
    still, *moved = [
        latents.look_up(_preprocessed(model, originals, element)).astype(np.float64)
        for element in turns
    ]
    norms = np.maximum(np.linalg.norm(still, axis=1), np.finfo(np.float32).tiny)
    return float(max(np.max(np.linalg.norm(other - still, axis=1) / norms) for other in moved))


def _preprocessed(model: Model, originals: ImageSet, element: Element) -> ImageSet:
    """The images, rotated as they were read and then preprocessed."""
    rotated = ImageSet(tuple(_rotated(image, element) for image in originals))
    return preprocess(rotated, model.preprocessor)[1]


def _rotated(image: Image, element: Element) -> Image:
    mask = rotate_exactly(image.mask.astype(np.float32), element) > 0
    return replace(image, pixels=rotate_exactly(image.pixels, element), mask=mask)
