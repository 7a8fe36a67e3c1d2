"""Sections of the page, one file each: what it shows of a run, before any HTML.

A new section needs a file here with a function that makes it from `Contents`, a template of the
same name in `templates`, and an entry in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from equiclust.report.contents import Contents
from equiclust.report.sections.clusters import make_clusters
from equiclust.report.sections.confounders import make_confounders
from equiclust.report.sections.consensus import make_consensus
from equiclust.report.sections.encoders import make_encoders
from equiclust.report.sections.invariance import make_invariance
from equiclust.report.sections.latent_map import make_latent_map
from equiclust.report.sections.levels import make_levels
from equiclust.report.sections.n_clusters import make_n_clusters
from equiclust.report.sections.partitions import make_partitions
from equiclust.report.sections.reconstruction import make_reconstruction
from equiclust.report.sections.records import make_records
from equiclust.report.sections.stability import make_stability
from equiclust.report.sections.teaching import make_teaching
from equiclust.report.sections.training import make_training

__all__ = ["SECTIONS", "Section"]


@dataclass(frozen=True)
class Section:
    """One section of the page, or several that share a template.

    Parameters
    ----------
    name : str
        Of its template, and of the value of `make` in all templates.
    make : callable or None
        Takes `Contents` and returns what the template shows; `None` for a template of text only.
    links : mapping of str to str
        From the id of each heading to its title in the navigation.
    needs : callable, optional
        Takes `Contents` and returns whether the page has the section; by default it always has.
    """

    name: str
    make: Callable[[Contents], Any] | None
    links: Mapping[str, str]
    needs: Callable[[Contents], bool] | None = None


def _is_taught(contents: Contents) -> bool:
    return bool(contents.kinds)


def _is_clustered(contents: Contents) -> bool:
    return not contents.kinds


def _has_partitions(contents: Contents) -> bool:
    return _is_clustered(contents) and bool(contents.entries("partitions"))


def _has_levels(contents: Contents) -> bool:
    return _is_clustered(contents) and bool(contents.section("levels"))


SECTIONS = (
    Section("latent_map", make_latent_map, {"map": "Map"}),
    Section(
        "clusters",
        make_clusters,
        {"clusters": "Clusters", "outliers": "Outliers", "unassigned": "Don't know"},
    ),
    Section("teaching", make_teaching, {"probability": "Accuracy"}, _is_taught),
    Section("stability", make_stability, {"stability": "Stability"}, _is_clustered),
    Section("n_clusters", make_n_clusters, {"n-clusters": "Number of clusters"}, _is_clustered),
    Section("levels", make_levels, {"levels": "Levels"}, _has_levels),
    Section("partitions", make_partitions, {"partitions": "Other partitions"}, _has_partitions),
    Section("consensus", make_consensus, {"consensus": "Consensus"}, _is_clustered),
    Section("invariance", make_invariance, {"invariance": "Invariance"}),
    Section("confounders", make_confounders, {"confounders": "Confounders"}),
    Section(
        "reconstruction",
        make_reconstruction,
        {"reconstruction": "Reconstruction"},
        lambda contents: contents.is_trained,
    ),
    Section(
        "training",
        make_training,
        {"training": "Training"},
        lambda contents: contents.is_trained,
    ),
    Section(
        "encoders",
        make_encoders,
        {"encoders": "Encoders"},
        lambda contents: bool(contents.entries("encoders")),
    ),
    Section("records", make_records, {"rejected": "Rejected files", "provenance": "Provenance"}),
    Section("glossary", None, {"glossary": "Glossary"}),
)
"""In the order of the page."""
