"""Maps and cubes sorted by texture: which kind of structure is where, on the sky of the input."""

from equiclust.segmentation.clusters import TextureClusters
from equiclust.segmentation.networks import TextureNetworks
from equiclust.segmentation.patches import Stretch

__all__ = ["Stretch", "TextureClusters", "TextureNetworks"]
