"""The latents through a deep clustering, as one moving picture."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.report.drawing import styled
from equiclust.report.palette import mark_of, name_of

__all__ = ["write_latent_animation"]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_SECONDS, _LAST_SECONDS = 0.5, 3.0
_FEWEST = 20
# Steps of the embedding: from nothing for the first frame, from the frame before for the others.
_FIRST_EPOCHS, _MORE_EPOCHS = 300, 60
_MARGIN = 0.05
_SHAPES = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "inverted_triangle": "v",
    "hex": "h",
    "star": "*",
}


class AnimationFrame(Protocol):
    """What a film is made of, such as `equiclust.clustering.deep.Frame`."""

    @property
    def step(self) -> int:
        """Step of the training."""

    @property
    def latents(self) -> npt.NDArray[np.float32]:
        """Latents `(m, d)`, of the same samples in every frame."""

    @property
    def labels(self) -> Labels:
        """Their labels `(m,)` at that step."""


def write_latent_animation(
    frames: Sequence[AnimationFrame],
    path: str | os.PathLike[str],
    *,
    classes: npt.ArrayLike | None = None,
    random_state: int = 0,
) -> None:
    """Write a GIF of where samples lie in latent space, frame by frame.

    Every frame is a UMAP embedding that begins where the one before ended, so that a sample can be
    followed. Colours and markers are the last frame's clusters, or the classes.

    Parameters
    ----------
    frames : sequence
        Such as `DeepEmbeddedClustering.frames_`.
    path : path
        Ends in .gif.
    classes : array-like (m,), int, optional
        What to colour the samples by instead.
    random_state : int

    Raises
    ------
    InputError
        When there are no frames, or too few samples in them, or the path is no GIF.
    """
    if not frames or len(frames[0].latents) < _FEWEST:
        raise InputError(
            f"frames must hold at least {_FEWEST} samples, got {len(frames)} frames; fit with "
            "n_frame_samples=500"
        )
    if not os.fspath(path).endswith(".gif"):
        raise InputError(f"path must end in .gif, got {os.fspath(path)!r}")
    marks = np.asarray(frames[-1].labels if classes is None else classes)
    if marks.shape != frames[0].labels.shape:
        raise InputError(
            f"classes must be {len(frames[0].labels)} numbers, got shape {marks.shape}"
        )
    places = _places(frames, random_state)
    limits = _limits(places)
    called = "cluster" if classes is None else "class"
    drawn = [
        _drawn(place, marks, frame.step, limits, called)
        for place, frame in zip(places, frames, strict=True)
    ]
    durations = [int(1000 * _SECONDS)] * (len(drawn) - 1) + [int(1000 * _LAST_SECONDS)]
    with atomic_path(path) as draft:
        drawn[0].save(
            draft, format="GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0
        )


def _places(frames: Sequence[AnimationFrame], seed: int) -> list[Array]:
    """Embedding `(m, 2)` of every frame, each of the same spread."""
    places: list[Array] = []
    for frame in frames:
        found = _embedded(frame.latents, places[-1] if places else None, seed)
        places.append((found - found.mean(axis=0)) / max(float(found.std()), 1e-12))
    return places


def _embedded(latents: npt.NDArray[np.float32], before: Array | None, seed: int) -> Array:
    with warnings.catch_warnings():
        # It warns of parts that are not used here, and of what it decides by itself.
        warnings.simplefilter("ignore")
        from umap import UMAP

        umap = UMAP(
            n_components=2,
            init="spectral" if before is None else before.astype(np.float32),
            n_epochs=_FIRST_EPOCHS if before is None else _MORE_EPOCHS,
            n_jobs=1,
            random_state=seed,
        )
        return np.asarray(umap.fit_transform(latents), dtype=np.float64)


def _limits(places: Sequence[Array]) -> tuple[float, float, float, float]:
    every = np.concatenate(places)
    low, high = every.min(axis=0), every.max(axis=0)
    margin = _MARGIN * (high - low)
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)


def _drawn(
    places: Array,
    marks: Labels,
    step: int,
    limits: tuple[float, float, float, float],
    called: str,
) -> Image.Image:
    with styled():
        figure = Figure(figsize=(6.4, 5.2), layout="constrained", dpi=100)
        canvas = FigureCanvasAgg(figure)
        axes: Any = figure.add_subplot()
        for label in np.unique(marks):
            mark, own = mark_of(int(label)), marks == label
            axes.scatter(
                *places[own].T,
                s=12,
                c=mark.colour,
                marker=_SHAPES[mark.marker],
                linewidths=0,
                label=name_of(int(label)).replace("cluster", called),
            )
        axes.axis(limits)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.set_title(f"step {step}", loc="left")
        axes.set_xlabel("embedding of the latents (UMAP), axes without meaning")
        figure.legend(loc="outside right upper", markerscale=1.8)
        canvas.draw()
        width, height = canvas.get_width_height()
        rgba = np.asarray(canvas.buffer_rgba()).reshape(height, width, 4)
    return Image.fromarray(rgba[..., :3].copy())
