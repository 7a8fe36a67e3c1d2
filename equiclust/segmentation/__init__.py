"""Maps and cubes segmented by texture: label maps, segments and regions on the sky of the input."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equiclust.segmentation.figure import draw_segment_map
    from equiclust.segmentation.job import SegmentJob, SegmentResult, run_segment_job
    from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
    from equiclust.segmentation.mask_options import MaskOptions
    from equiclust.segmentation.pairs import Stretch
    from equiclust.segmentation.regions import write_regions
    from equiclust.segmentation.segment import Segmentation, SegmentOptions, segment_sky_map
    from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap
    from equiclust.segmentation.segment_table import find_segments, segments
    from equiclust.segmentation.texture_clusters import TextureClusters
    from equiclust.segmentation.texture_networks import TextureNetworks

__all__ = [
    "MASKED",
    "UNSURE",
    "MaskOptions",
    "SegmentJob",
    "SegmentMap",
    "SegmentOptions",
    "SegmentResult",
    "Segmentation",
    "Stretch",
    "TextureClusters",
    "TextureNetworks",
    "draw_segment_map",
    "find_segments",
    "read_segment_map",
    "run_segment_job",
    "segment_sky_map",
    "segments",
    "write_regions",
    "write_segment_map",
]

# Where each name is defined; a module is imported when one of its names is first used, so that
# reading a label map does not import torch.
_HOMES = {
    "MASKED": "equiclust.segmentation.segment_map",
    "MaskOptions": "equiclust.segmentation.mask_options",
    "SegmentJob": "equiclust.segmentation.job",
    "SegmentMap": "equiclust.segmentation.segment_map",
    "SegmentOptions": "equiclust.segmentation.segment",
    "SegmentResult": "equiclust.segmentation.job",
    "Segmentation": "equiclust.segmentation.segment",
    "Stretch": "equiclust.segmentation.pairs",
    "TextureClusters": "equiclust.segmentation.texture_clusters",
    "TextureNetworks": "equiclust.segmentation.texture_networks",
    "UNSURE": "equiclust.segmentation.segment_map",
    "draw_segment_map": "equiclust.segmentation.figure",
    "find_segments": "equiclust.segmentation.segment_table",
    "read_segment_map": "equiclust.segmentation.label_maps",
    "run_segment_job": "equiclust.segmentation.job",
    "segment_sky_map": "equiclust.segmentation.segment",
    "segments": "equiclust.segmentation.segment_table",
    "write_regions": "equiclust.segmentation.regions",
    "write_segment_map": "equiclust.segmentation.label_maps",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
