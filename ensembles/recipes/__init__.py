"""Recipes: all settings that decide the result of a run, in a TOML file."""

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
