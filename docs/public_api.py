"""The packages whose public names the reference lists; all others may change without notice."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

PACKAGES = {
    "equiclust": "Runs, images, encoders and clusterers",
    "data_adapters": "Reading and writing images",
    "data_adapters.sky": "Maps and cubes, by section",
    "data_adapters.frames": "Frames of detectors",
    "equiclust.cutouts": "Cutouts of a survey",
    "equiclust.simulation": "Simulated images with their truth",
    "equiclust.preprocessing": "Preparing images",
    "equiclust.encoders": "Latents by any network",
    "equiclust.autoencoder": "Training the equivariant autoencoder",
    "equiclust.nn": "Equivariant layers and networks",
    "equiclust.clustering": "Clusters of latents",
    "equiclust.clustering.deep": "Deep clustering",
    "ensembles": "Ensembles and their consensus",
    "ensembles.recipes": "Recipes: settings for a kind of image",
    "equiclust.teaching": "Kinds from a few labels, and anomalies",
    "equiclust.evaluation": "Scores, similarity and confounders",
    "equiclust.evaluation.metrics": "Scores against true classes",
    "equiclust.evaluation.invariance": "The certificate of invariance",
    "equiclust.evaluation.confounders": "What labels may follow",
    "equiclust.segmentation": "Label maps of the sky",
    "equiclust.filtering": "Usable frames of a detector",
    "equiclust.report": "Reports and figures",
    "equiclust.app": "The application in the browser",
}
"""Import names of the public packages, and their titles."""


def public_names(package: str) -> list[str]:
    """Names that a package exports and no package before it in `PACKAGES` does."""
    before: list[Any] = []
    for name in PACKAGES:
        members = {key: getattr(import_module(name), key) for key in import_module(name).__all__}
        if name == package:
            return [key for key, value in members.items() if not _is_in(value, before)]
        before.extend(members.values())
    raise KeyError(package)


def is_explained(member: Any) -> bool:
    """Whether a public object has a docstring of its own: a class or a function."""
    return inspect.isclass(member) or inspect.isroutine(member)


def _is_in(value: Any, others: list[Any]) -> bool:
    return is_explained(value) and any(value is other for other in others)
