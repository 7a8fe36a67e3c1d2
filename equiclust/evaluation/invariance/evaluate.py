"""From the latents of transformed images to figures, and the reasons not to pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from equiclust.evaluation.invariance import error_measures
from equiclust.evaluation.invariance.certificate import D4_TOLERANCE, FamilyError, Measurement
from equiclust.evaluation.invariance.experiment import LIE_STEP, Families
from equiclust.evaluation.invariance.transforms import Element
from equiclust.exceptions import InputError
from equiclust.typing import Array, Float64Array

__all__ = ["Predict", "failures", "measured", "scale_of"]

Predict = Callable[[Array], npt.ArrayLike]


@dataclass(frozen=True)
class Scale:
    """Units of displacement.

    Attributes
    ----------
    norm : float
        Root mean square length of the latents.
    norms : ndarray (n,), float64
        Length of every latent; of a latent 0, `norm`.
    spread : float
        Root mean square distance of the latents to their mean.
    """

    norm: float
    norms: Float64Array
    spread: float


def scale_of(latents: Array) -> Scale:
    """Units in which the displacements of latents are given.

    Parameters
    ----------
    latents : ndarray (n, d)

    Returns
    -------
    Scale
    """
    values = latents.astype(np.float64)
    norm = error_measures.rms_norm(values)
    norms = np.linalg.norm(values, axis=1)
    # An empty image may well have the latent 0, which has no length to compare with.
    return Scale(norm, np.where(norms > 0.0, norms, norm), error_measures.rms_spread(values))


def measured(families: Families, predict: Predict | None, *, name: str) -> Measurement:
    """All measures of one embedding.

    Parameters
    ----------
    families : mapping of str to list of ndarray
        Latents by family of transforms, from `latents_by_family`.
    predict : callable or None
        From latents `(n, d)` to labels `(n,)`.
    name : str
        What the errors call `predict`.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        When `predict` does not give one integer for each latent.
    """
    original, reference = families["original"][0], families["reference"][0]
    scale = scale_of(original)

    def under(family: str, origin: Array) -> FamilyError:
        changes: tuple[float | None, float | None] = (None, None)
        if predict is not None:
            changes = _label_changes(families[family], origin, predict, name)
        return _family_error(_stacked(families[family]), origin, scale, changes)

    interpolated = "there_and_back" in families
    forward, backward = _stacked(families["lie"])
    slope = error_measures.lie_derivative(forward, backward, step=LIE_STEP)
    return Measurement(
        latent_dim=original.shape[1],
        dtype=str(original.dtype),
        norm=scale.norm,
        spread=scale.spread,
        d4=under("d4", original),
        diagonal=under("diagonal", reference),
        random=under("random", reference),
        there_and_back=under("there_and_back", reference) if interpolated else None,
        equivariance_db=error_measures.equivariance_db(
            _stacked(families["random"]), reference.astype(np.float64)
        ),
        lie_derivative=error_measures.summarise(slope / scale.spread) if scale.spread else None,
    )


def failures(
    measurement: Measurement, families: Families, exact: Sequence[Element]
) -> tuple[str, ...]:
    """Reasons why an embedding does not pass.

    Parameters
    ----------
    measurement : Measurement
    families : mapping of str to list of ndarray
        Latents by family of transforms.
    exact : sequence of Element
        The elements of the family `d4`.

    Returns
    -------
    tuple of str
        One sentence each; empty when the embedding passes.
    """
    if measurement.collapsed:
        return (
            "the latents have collapsed: they are equal for all images (spread "
            f"{measurement.spread:.1e} at a norm of {measurement.norm:.1e}), and a constant is "
            "perfectly invariant and worthless",
        )
    original = families["original"][0]
    lengths = error_measures.displacements(_stacked(families["d4"]), original.astype(np.float64))
    errors = lengths / scale_of(original).norms
    if errors[0].max() > D4_TOLERANCE:
        return (
            f"the same images gave different latents the second time, by {errors[0].max():.1e} of "
            "their norm: the embedding is not deterministic (dropout or training mode left on?)",
        )
    if errors.max() <= D4_TOLERANCE:
        return ()
    element, image = divmod(int(errors.argmax()), len(original))
    return (
        f"quarter turns move latents by up to {errors.max():.1e} of their norm, more than "
        f"{D4_TOLERANCE:.0e}: worst for image {image}, {exact[element]}",
    )


def _family_error(
    moved: Float64Array,
    origin: Array,
    scale: Scale,
    changes: tuple[float | None, float | None],
) -> FamilyError:
    lengths = error_measures.displacements(moved, origin.astype(np.float64))
    return FamilyError(
        len(moved),
        error_measures.summarise(lengths / scale.norms) if scale.norm else None,
        error_measures.summarise(lengths / scale.spread) if scale.spread else None,
        *changes,
    )


def _label_changes(
    moved: Sequence[Array], origin: Array, predict: Predict, name: str
) -> tuple[float, float]:
    before = _labelled(predict, origin, name)
    after = np.stack([_labelled(predict, latents, name) for latents in moved])
    return error_measures.flip_rate(after, before), error_measures.agreement(after, before)


def _labelled(predict: Predict, latents: Array, name: str) -> Array:
    labels = np.asarray(predict(latents))
    if labels.shape != latents.shape[:1] or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name} must give {len(latents)} integer labels, "
            f"got dtype {labels.dtype} and shape {labels.shape}"
        )
    return labels


def _stacked(latents: Sequence[Array]) -> Float64Array:
    """`(k, n, d)` in double precision."""
    return np.stack(latents).astype(np.float64)
