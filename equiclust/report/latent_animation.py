"""Latents through a deep clustering, as an animated GIF."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from equiclust.clustering.umap_embedding import umap_embedding
from equiclust.exceptions import InputError
from equiclust.io.atomic import atomic_path
from equiclust.report.figures.latent_plot import POINT_MARKERS
from equiclust.report.figures.palette import mark_of, name_of
from equiclust.report.figures.style import styled
from equiclust.typing import Array, Float32Array, Float64Array, IntArray, PathLike

__all__ = ["AnimationFrame", "write_latent_animation"]

_FRAMES_PER_SECOND = 2
# The last frame stays for three seconds.
_LAST_FRAMES = 6
_DPI = 100
_FEWEST = 20
# Epochs of the embedding: of the first frame, and of those that begin where another one ended.
_FIRST_EPOCHS, _MORE_EPOCHS = 300, 60
_MARGIN = 0.05


class AnimationFrame(Protocol):
    """Latents and labels at one step, such as `equiclust.clustering.deep.Frame`."""

    @property
    def step(self) -> int:
        """Step of the training."""

    @property
    def latents(self) -> Float32Array:
        """Latents `(m, d)`, of the same samples in every frame."""

    @property
    def labels(self) -> IntArray:
        """Their labels `(m,)` at that step."""


def write_latent_animation(
    frames: Sequence[AnimationFrame],
    path: PathLike,
    *,
    classes: npt.ArrayLike | None = None,
    random_state: int = 0,
) -> None:
    """Write a GIF of where samples lie in latent space, frame by frame.

    Every frame is a UMAP embedding that begins where that of the frame before ended, so that
    samples can be followed. Colours and markers show the clusters of the last frame, or the
    classes.

    Parameters
    ----------
    frames : sequence of AnimationFrame
        Such as `DeepEmbeddedClustering.frames_`, with at least 20 samples.
    path : path-like
        Ends in .gif.
    classes : array-like (m,), int, optional
        Classes to colour the samples by. Default: the labels of the last frame.
    random_state : int, default 0
        Seed of the embeddings.

    Raises
    ------
    InputError
        When there are no frames or too few samples, `classes` has another length, or the path does
        not end in .gif.
    OutputError
        When the file cannot be written.

    Examples
    --------
    >>> from equiclust import DeepEmbeddedClustering, simulate_shapes
    >>> from equiclust.report import write_latent_animation
    >>> images, truth = simulate_shapes(40, size=32, classes=("star", "bar"), random_state=0)
    >>> dec = DeepEmbeddedClustering(
    ...     2, pretrain_epochs=2, max_iter=20, n_frame_samples=40, random_state=0
    ... )
    >>> write_latent_animation(dec.fit(images).frames_, "training.gif", classes=truth["kind_index"])
    """
    _check(frames, path)
    marks = np.asarray(frames[-1].labels if classes is None else classes)
    if marks.shape != frames[0].labels.shape:
        raise InputError(
            f"classes must be {len(frames[0].labels)} numbers, got shape {marks.shape}"
        )
    noun = "cluster" if classes is None else "class"
    positions = _embeddings(frames, random_state)
    with atomic_path(path) as draft:
        _write(draft, positions, marks, [frame.step for frame in frames], noun)


def _check(frames: Sequence[AnimationFrame], path: PathLike) -> None:
    if not frames or len(frames[0].latents) < _FEWEST:
        raise InputError(
            f"frames must hold at least {_FEWEST} samples, got {len(frames)} frames; fit with "
            "n_frame_samples=500"
        )
    if not os.fspath(path).endswith(".gif"):
        raise InputError(f"path must end in .gif, got {os.fspath(path)!r}")


def _write(
    path: PathLike, positions: Sequence[Float64Array], marks: Array, steps: list[int], noun: str
) -> None:
    writer = PillowWriter(fps=_FRAMES_PER_SECOND)
    with styled():
        figure = Figure(figsize=(6.4, 5.2), layout="constrained")
        axes: Any = figure.add_subplot()
        groups = _scatter(axes, positions[0], marks, noun)
        axes.axis(_limits(positions))
        figure.legend(loc="outside right upper", markerscale=1.8)
        with writer.saving(figure, os.fspath(path), _DPI):
            for points, step in zip(positions, steps, strict=True):
                for label, group in groups.items():
                    group.set_offsets(points[marks == label])
                axes.set_title(f"step {step}", loc="left")
                writer.grab_frame()
            for _ in range(_LAST_FRAMES - 1):
                writer.grab_frame()


def _scatter(axes: Any, points: Float64Array, marks: Array, noun: str) -> dict[int, Any]:
    """Points of every label in its colour, with the axes around them."""
    axes.set(xticks=[], yticks=[], xlabel="UMAP embedding of the latents, axes without meaning")
    axes.grid(visible=False)
    groups = {}
    for label in np.unique(marks).tolist():
        mark = mark_of(label)
        groups[label] = axes.scatter(
            *points[marks == label].T,
            s=12,
            c=mark.colour,
            marker=POINT_MARKERS[mark.marker],
            linewidths=0,
            label=name_of(label).replace("cluster", noun),
        )
    return groups


def _embeddings(frames: Sequence[AnimationFrame], seed: int) -> list[Float64Array]:
    """Embedding `(m, 2)` of every frame, all of the same spread."""
    found: list[Float64Array] = []
    for frame in frames:
        points = _embed(frame.latents, found[-1] if found else None, seed)
        found.append((points - points.mean(axis=0)) / max(float(points.std()), 1e-12))
    return found


def _embed(latents: Float32Array, start: Float64Array | None, seed: int) -> Float64Array:
    return umap_embedding(
        latents,
        n_components=2,
        init="spectral" if start is None else start.astype(np.float32),
        n_epochs=_FIRST_EPOCHS if start is None else _MORE_EPOCHS,
        random_state=seed,
    )


def _limits(positions: Sequence[Float64Array]) -> tuple[float, float, float, float]:
    points = np.concatenate(positions)
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * (high - low)
    (left, bottom), (right, top) = low - margin, high + margin
    return float(left), float(right), float(bottom), float(top)
