"""Simulated images, maps, cubes and detector frames whose true classes are known."""

from typing import TYPE_CHECKING

from equiclust._lazy import lazy_names

if TYPE_CHECKING:
    from equiclust.simulation.cloud_cubes import CloudCube, simulate_cloud_cube
    from equiclust.simulation.cloud_files import truth_path, write_cloud_cube, write_cloud_map
    from equiclust.simulation.cloud_maps import simulate_cloud_map
    from equiclust.simulation.cloud_scene import MAP_CLASSES
    from equiclust.simulation.disc_classes import DISC_CLASSES
    from equiclust.simulation.disc_drawing import draw_disc
    from equiclust.simulation.disc_model import DiscParameters, render
    from equiclust.simulation.discs import simulate_discs, simulate_views
    from equiclust.simulation.frames import FRAME_CLASSES, simulate_frames
    from equiclust.simulation.shapes import (
        ShapeParameters,
        draw_shape,
        render_shape,
        simulate_shapes,
    )
    from equiclust.simulation.signed_distance import SHAPE_CLASSES
    from equiclust.simulation.textures import (
        CLOUD_CLASSES,
        fractal_field,
        simulate_cloud_patches,
        texture,
    )

__all__ = [
    "CLOUD_CLASSES",
    "DISC_CLASSES",
    "FRAME_CLASSES",
    "MAP_CLASSES",
    "SHAPE_CLASSES",
    "CloudCube",
    "DiscParameters",
    "ShapeParameters",
    "draw_disc",
    "draw_shape",
    "fractal_field",
    "render",
    "render_shape",
    "simulate_cloud_cube",
    "simulate_cloud_map",
    "simulate_cloud_patches",
    "simulate_discs",
    "simulate_frames",
    "simulate_shapes",
    "simulate_views",
    "texture",
    "truth_path",
    "write_cloud_cube",
    "write_cloud_map",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    __all__,
    {
        "CLOUD_CLASSES": "equiclust.simulation.textures",
        "CloudCube": "equiclust.simulation.cloud_cubes",
        "DISC_CLASSES": "equiclust.simulation.disc_classes",
        "DiscParameters": "equiclust.simulation.disc_model",
        "FRAME_CLASSES": "equiclust.simulation.frames",
        "MAP_CLASSES": "equiclust.simulation.cloud_scene",
        "SHAPE_CLASSES": "equiclust.simulation.signed_distance",
        "ShapeParameters": "equiclust.simulation.shapes",
        "draw_disc": "equiclust.simulation.disc_drawing",
        "draw_shape": "equiclust.simulation.shapes",
        "fractal_field": "equiclust.simulation.textures",
        "render": "equiclust.simulation.disc_model",
        "render_shape": "equiclust.simulation.shapes",
        "simulate_cloud_cube": "equiclust.simulation.cloud_cubes",
        "simulate_cloud_map": "equiclust.simulation.cloud_maps",
        "simulate_cloud_patches": "equiclust.simulation.textures",
        "simulate_discs": "equiclust.simulation.discs",
        "simulate_frames": "equiclust.simulation.frames",
        "simulate_shapes": "equiclust.simulation.shapes",
        "simulate_views": "equiclust.simulation.discs",
        "texture": "equiclust.simulation.textures",
        "truth_path": "equiclust.simulation.cloud_files",
        "write_cloud_cube": "equiclust.simulation.cloud_files",
        "write_cloud_map": "equiclust.simulation.cloud_files",
    },
)
