"""Recipes: everything that decides what a run does, in a file that can be kept and shared."""

from ensembles.recipes.recipe import Recipe
from ensembles.recipes.recipe_files import builtin_recipes, read_recipe, write_recipe
from ensembles.recipes.tables import Clusters, Ensemble, Images, Network, Training

__all__ = [
    "Clusters",
    "Ensemble",
    "Images",
    "Network",
    "Recipe",
    "Training",
    "builtin_recipes",
    "read_recipe",
    "write_recipe",
]
