"""From images as they come to images a network can take, with a record of what was done."""

from equiclust.preprocessing.batch import DEPROJECTED, Unusable
from equiclust.preprocessing.preprocessor import Preprocessor, Processed

__all__ = ["DEPROJECTED", "Preprocessor", "Processed", "Unusable"]
