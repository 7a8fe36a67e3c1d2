"""A whole run as a library call: images in, clusters, catalogue, model and report out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiclust.pipeline.execution import run
    from equiclust.pipeline.results import Run, open_run

__all__ = ["Run", "open_run", "run"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, which only a run should cost.
    if name == "run":
        from equiclust.pipeline.execution import run

        return run
    if name in __all__:
        from equiclust.pipeline import results

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
