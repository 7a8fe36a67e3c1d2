"""A whole run as a library call: images in, clusters, catalogue, model and report out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.pipeline.execution import run
    from equiclust.pipeline.results import Run, open_run

__all__ = ["Run", "open_run", "run"]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Run": "equiclust.pipeline.results",
        "open_run": "equiclust.pipeline.results",
        "run": "equiclust.pipeline.execution",
    },
)
