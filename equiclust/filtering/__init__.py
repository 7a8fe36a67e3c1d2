"""Detector frames that cannot be used, found without labels."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.filtering.features import FrameFeatures, Measure
    from equiclust.filtering.frame_filter import FrameFilter, Judgement
    from equiclust.filtering.job import FilterResult, filter_frames
    from equiclust.filtering.watch import watch_frames

__all__ = [
    "FilterResult",
    "FrameFeatures",
    "FrameFilter",
    "Judgement",
    "Measure",
    "filter_frames",
    "watch_frames",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "FilterResult": "equiclust.filtering.job",
        "FrameFeatures": "equiclust.filtering.features",
        "FrameFilter": "equiclust.filtering.frame_filter",
        "Judgement": "equiclust.filtering.frame_filter",
        "Measure": "equiclust.filtering.features",
        "filter_frames": "equiclust.filtering.job",
        "watch_frames": "equiclust.filtering.watch",
    },
)
