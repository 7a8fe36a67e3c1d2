"""Maps and cubes of the sky: opening, masks, moments, tiles and patches."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from data_adapters.sky.masks import (
        Noise,
        blank_mask,
        mask_from_file,
        region_mask,
        robust_noise,
        threshold_mask,
        weight_mask,
    )
    from data_adapters.sky.moments import Moments, channel_groups, channel_noise, moment_maps
    from data_adapters.sky.overlap_average import OverlapAverage, blend_tiles
    from data_adapters.sky.patches import Patches, cut_patches
    from data_adapters.sky.sky_map import SkyMap, SpectralAxis, open_sky_map
    from data_adapters.sky.tiling import Tiling, masked_fractions

__all__ = [
    "Moments",
    "Noise",
    "OverlapAverage",
    "Patches",
    "SkyMap",
    "SpectralAxis",
    "Tiling",
    "blank_mask",
    "blend_tiles",
    "channel_groups",
    "channel_noise",
    "cut_patches",
    "mask_from_file",
    "masked_fractions",
    "moment_maps",
    "open_sky_map",
    "region_mask",
    "robust_noise",
    "threshold_mask",
    "weight_mask",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "Moments": "data_adapters.sky.moments",
        "Noise": "data_adapters.sky.masks",
        "OverlapAverage": "data_adapters.sky.overlap_average",
        "Patches": "data_adapters.sky.patches",
        "SkyMap": "data_adapters.sky.sky_map",
        "SpectralAxis": "data_adapters.sky.sky_map",
        "Tiling": "data_adapters.sky.tiling",
        "blank_mask": "data_adapters.sky.masks",
        "blend_tiles": "data_adapters.sky.overlap_average",
        "channel_groups": "data_adapters.sky.moments",
        "channel_noise": "data_adapters.sky.moments",
        "cut_patches": "data_adapters.sky.patches",
        "mask_from_file": "data_adapters.sky.masks",
        "masked_fractions": "data_adapters.sky.tiling",
        "moment_maps": "data_adapters.sky.moments",
        "open_sky_map": "data_adapters.sky.sky_map",
        "region_mask": "data_adapters.sky.masks",
        "robust_noise": "data_adapters.sky.masks",
        "threshold_mask": "data_adapters.sky.masks",
        "weight_mask": "data_adapters.sky.masks",
    },
)
