"""Preprocessing: images of one size with values in [0, 1], with a record of what was done."""

from equiclust.preprocessing.batch import DEPROJECTED, Unusable
from equiclust.preprocessing.preprocessor import Preprocessor, Processed

__all__ = ["DEPROJECTED", "Preprocessor", "Processed", "Unusable"]
