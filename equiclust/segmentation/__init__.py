"""Maps and cubes sorted by texture: which kind of structure is where, on the sky of the input."""

from equiclust.segmentation.pairs import Stretch
from equiclust.segmentation.texture_clusters import TextureClusters
from equiclust.segmentation.texture_networks import TextureNetworks

__all__ = ["Stretch", "TextureClusters", "TextureNetworks"]
