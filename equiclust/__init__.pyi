# Types of the lazy names; a test compares it with them.
from data_adapters import read as read
from equiclust.autoencoder.estimator import EquivariantAutoencoder as EquivariantAutoencoder
from equiclust.clustering import LatentClusterer as LatentClusterer
from equiclust.clustering import SpectralClustering as SpectralClustering
from equiclust.clustering import make_clusterer as make_clusterer
from equiclust.clustering.deep import DeepEmbeddedClustering as DeepEmbeddedClustering
from equiclust.clustering.deep import SelfLabelling as SelfLabelling
from equiclust.encoders import GroupAveraged as GroupAveraged
from equiclust.encoders import get_encoder as get_encoder
from equiclust.evaluation.invariance import assert_invariant as assert_invariant
from equiclust.evaluation.invariance import certify as certify
from equiclust.evaluation.similarity import LatentIndex as LatentIndex
from equiclust.images import Image as Image
from equiclust.images import ImageSet as ImageSet
from equiclust.pipeline.execution import run as run
from equiclust.pipeline.results import Run as Run
from equiclust.pipeline.results import open_run as open_run
from equiclust.preprocessing import Preprocessor as Preprocessor
from equiclust.preprocessing.inclination import measure_inclinations as measure_inclinations
from equiclust.simulation.cloud_cubes import simulate_cloud_cube as simulate_cloud_cube
from equiclust.simulation.cloud_maps import simulate_cloud_map as simulate_cloud_map
from equiclust.simulation.discs import simulate_discs as simulate_discs
from equiclust.simulation.discs import simulate_views as simulate_views
from equiclust.simulation.shapes import simulate_shapes as simulate_shapes
from equiclust.simulation.textures import simulate_cloud_patches as simulate_cloud_patches

__version__: str
