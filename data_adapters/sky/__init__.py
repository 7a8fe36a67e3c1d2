"""Maps and cubes of the sky: opening, masks, moments, tiles and patches."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

# astropy and scipy take a second to import, so each module is imported when it is first used.
_HOMES = {
    "masks": (
        *("Noise", "blank_mask", "mask_from_file", "region_mask"),
        *("robust_noise", "threshold_mask", "weight_mask"),
    ),
    "moments": ("Moments", "channel_groups", "channel_noise", "moment_maps"),
    "overlap_average": ("OverlapAverage", "blend_tiles"),
    "patches": ("Patches", "cut_patches"),
    "sky_map": ("SkyMap", "SpectralAxis", "open_sky_map"),
    "tiling": ("Tiling", "masked_fractions"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
