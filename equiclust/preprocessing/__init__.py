"""Preprocessing: images of one size with values in [0, 1], with a record of what was done."""

from equiclust.preprocessing.batch import DEPROJECTED, Unusable
from equiclust.preprocessing.inclination import INCLINATION_COLUMNS, measure_inclinations
from equiclust.preprocessing.preprocessor import Preprocessor, Processed

__all__ = [
    "DEPROJECTED",
    "INCLINATION_COLUMNS",
    "Preprocessor",
    "Processed",
    "Unusable",
    "measure_inclinations",
]
