"""Stamps of the sources of a catalogue, cut from the images of a survey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.cutouts.detection import Detection
    from equiclust.cutouts.job import Cutouts, make_cutouts

__all__ = ["Cutouts", "Detection", "make_cutouts"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Cutouts": "equiclust.cutouts.job",
        "Detection": "equiclust.cutouts.detection",
        "make_cutouts": "equiclust.cutouts.job",
    },
)
