"""Maps and cubes segmented by texture: label maps, segments and regions on the sky of the input."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.segmentation.figure import draw_segment_map
    from equiclust.segmentation.job import SegmentResult, run_segment_job
    from equiclust.segmentation.label_maps import read_segment_map, write_segment_map
    from equiclust.segmentation.map_export import export_label_map, pixel_table
    from equiclust.segmentation.mask_options import MaskOptions
    from equiclust.segmentation.options import SegmentOptions
    from equiclust.segmentation.pairs import Stretch
    from equiclust.segmentation.regions import write_regions
    from equiclust.segmentation.segment import Segmentation, segment_sky_map
    from equiclust.segmentation.segment_job import SegmentJob
    from equiclust.segmentation.segment_map import MASKED, UNSURE, SegmentMap
    from equiclust.segmentation.segment_table import find_segments, segments
    from equiclust.segmentation.texture_axes import TextureAxes

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
    "TextureAxes",
    "draw_segment_map",
    "export_label_map",
    "find_segments",
    "pixel_table",
    "read_segment_map",
    "run_segment_job",
    "segment_sky_map",
    "segments",
    "write_regions",
    "write_segment_map",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "MASKED": "equiclust.segmentation.segment_map",
        "MaskOptions": "equiclust.segmentation.mask_options",
        "SegmentJob": "equiclust.segmentation.segment_job",
        "SegmentMap": "equiclust.segmentation.segment_map",
        "SegmentOptions": "equiclust.segmentation.options",
        "SegmentResult": "equiclust.segmentation.job",
        "Segmentation": "equiclust.segmentation.segment",
        "Stretch": "equiclust.segmentation.pairs",
        "TextureAxes": "equiclust.segmentation.texture_axes",
        "UNSURE": "equiclust.segmentation.segment_map",
        "draw_segment_map": "equiclust.segmentation.figure",
        "export_label_map": "equiclust.segmentation.map_export",
        "find_segments": "equiclust.segmentation.segment_table",
        "pixel_table": "equiclust.segmentation.map_export",
        "read_segment_map": "equiclust.segmentation.label_maps",
        "run_segment_job": "equiclust.segmentation.job",
        "segment_sky_map": "equiclust.segmentation.segment",
        "segments": "equiclust.segmentation.segment_table",
        "write_regions": "equiclust.segmentation.regions",
        "write_segment_map": "equiclust.segmentation.label_maps",
    },
)
