"""One image turned, mirrored, scaled, blurred and with noise: what latent and label make of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from equiclust.evaluation.invariance.transforms import (
    Element,
    rotate_exactly,
    rotate_spline,
    taper_corners,
)
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.typing import Array, Float32Array, Float64Array

if TYPE_CHECKING:
    from equiclust.app.run_view import RunView

__all__ = ["Bench", "Change", "Tried"]

_MOST_PAIRS = 2000
_SCALES, _BLURS, _NOISES = (0.5, 2.0), (0.0, 10.0), (0.0, 0.5)


@dataclass(frozen=True)
class Change:
    """What is done to an image, in this order.

    Parameters
    ----------
    mirror : bool, default False
        Left to right.
    angle : float, default 0.0
        Degrees, in the sense of position angles; exact for quarter turns, else by a cubic spline.
    scale : float, default 1.0
        Magnification, 0.5 to 2.
    blur : float, default 0.0
        Standard deviation of a Gaussian in pixels, 0 to 10.
    noise : float, default 0.0
        Standard deviation of Gaussian noise, as a share of the range of brightness, 0 to 0.5.

    Raises
    ------
    InputError
        When a value is out of range.
    """

    mirror: bool = False
    angle: float = 0.0
    scale: float = 1.0
    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        ranges = {"scale": _SCALES, "blur": _BLURS, "noise": _NOISES, "angle": (-360.0, 360.0)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} must be {low:g} to {high:g}, got {value:g}")

    def apply(self, pixels: Float32Array) -> Float32Array:
        """Change one image.

        Parameters
        ----------
        pixels : ndarray (c, h, w), float32
            From 0 to 1.

        Returns
        -------
        ndarray (c, h, w), float32
            From 0 to 1.
        """
        changed: Array
        if self.angle % 90.0 == 0.0:
            changed = rotate_exactly(pixels, Element(self.angle % 360.0, self.mirror))
        else:
            changed = rotate_spline(pixels[None], self.angle, mirror=self.mirror)[0]
        if self.scale != 1.0:
            changed = np.stack([_scaled(plane, self.scale) for plane in changed])
        if self.blur:
            changed = ndimage.gaussian_filter(changed, (0.0, self.blur, self.blur), mode="nearest")
        if self.noise:
            changed = changed + np.random.default_rng(0).normal(0.0, self.noise, changed.shape)
        return np.clip(changed, 0.0, 1.0).astype(np.float32)


def _scaled(plane: Float32Array, scale: float) -> Float64Array:
    centre = (np.array(plane.shape) - 1) / 2
    level = float(np.median(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])))
    found = ndimage.affine_transform(
        plane.astype(np.float64), np.eye(2) / scale, centre - centre / scale, order=3,
        mode="constant", cval=level,
    )  # fmt: skip
    return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Tried:
    """What became of a changed image.

    Parameters
    ----------
    pixels : ndarray (c, h, w), float32
        As the networks see it.
    latent, latent_before : ndarray (d,), float32
    record : dict
        "change" (distance between both latents), "share" (of the median distance of two images),
        "label" and "label_before", "kind" (where labels teach kinds), "position" on the map of the
        principal components, before and now.
    """

    pixels: Float32Array
    latent: Float32Array
    latent_before: Float32Array
    record: dict[str, Any]


class Bench:
    """Tries changes on the images of a run.

    Parameters
    ----------
    view : RunView
    """

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._known: tuple[int, Float32Array, Float32Array] | None = None

    def try_change(self, row: int, change: Change) -> Tried:
        """Encode a changed image.

        Parameters
        ----------
        row : int
            Of the image.
        change : Change

        Returns
        -------
        Tried

        Raises
        ------
        InputError
            When the row is not there, or the image cannot be had or encoded.
        """
        self._view.check_rows([row])
        with self._view.pictures.networks:
            tapered, before = self._unchanged(row)
            pixels = change.apply(tapered)
            latent = self._encode(pixels)
            label, label_before = self._label(pixels, latent), self._label(tapered, before)
        distance = float(np.linalg.norm(latent - before))
        record = {
            "change": distance,
            "share": distance / self._spread if self._spread > 0 else None,
            "label": label,
            "label_before": label_before,
            "position": self._place(latent),
            "position_before": self._place(before),
            **self._kind(latent),
        }
        return Tried(pixels, latent, before, record)

    def reconstruction(self, pixels: Float32Array) -> Float32Array:
        """Mean reconstruction of a changed image by the networks.

        Parameters
        ----------
        pixels : ndarray (c, h, w), float32

        Returns
        -------
        ndarray (c, h, w), float32

        Raises
        ------
        InputError
            When no network of the run reconstructs.
        """
        return self._view.pictures.reconstruct(pixels)

    def _unchanged(self, row: int) -> tuple[Float32Array, Float32Array]:
        """The image with its corners faded out, and its latent; that of the last one is kept."""
        if self._known is None or self._known[0] != row:
            tapered = taper_corners(self._view.pictures.preprocessed(row)[None])[0]
            self._known = row, tapered, self._encode(tapered)
        return self._known[1:]

    def _encode(self, pixels: Float32Array) -> Float32Array:
        images = ImageSet.from_array(pixels[None])
        model = self._view.run.model
        found: Float32Array = model.latents(images, lambda done, total, remark: None)[0]
        return found

    def _label(self, pixels: Float32Array, latent: Float32Array) -> int:
        images = ImageSet.from_array(pixels[None])
        model = self._view.run.model
        return int(model.predict_transformed(latent[None], model.confounders(images, images))[0])

    def _kind(self, latent: Float32Array) -> dict[str, Any]:
        classifier = self._view.teacher.taught.classifier
        if classifier is None:
            return {}
        kinds = classifier.predict_kinds(latent[None])
        return {"kind": kinds.kinds[0], "probability": float(kinds.probability[0])}

    @cached_property
    def _spread(self) -> float:
        """Median distance of two images."""
        latents = self._view.run.latents
        random = np.random.default_rng(0)
        first, second = random.integers(0, len(latents), (2, _MOST_PAIRS))
        apart = first != second
        distances = np.linalg.norm(latents[first[apart]] - latents[second[apart]], axis=1)
        return float(np.median(distances)) if len(distances) else 0.0

    @cached_property
    def _axes(self) -> Float64Array:
        """From latents to the map of the principal components, an affine map `(d + 1, 2)`."""
        latents = self._view.run.latents.astype(np.float64)
        positions = self._view.projection("pca").positions
        ones = np.ones((len(latents), 1))
        return np.asarray(np.linalg.lstsq(np.hstack([latents, ones]), positions, rcond=None)[0])

    def _place(self, latent: Float32Array) -> list[float]:
        place: Float64Array = np.append(latent.astype(np.float64), 1.0) @ self._axes
        return [float(one) for one in place]
