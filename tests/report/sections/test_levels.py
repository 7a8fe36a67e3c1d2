"""The tree that the report draws is the tree that was recorded."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from equiclust.report.contents import read_contents
from equiclust.report.figures.dendrogram import Node
from equiclust.report.page import make_environment
from equiclust.report.sections.levels import LevelSection, make_levels
from tests.report.folders import make_run

PARTS = [
    {"size": 4, "labels": [0], "fine": 0, "children": []},
    {"size": 3, "labels": [0], "fine": 1, "children": []},
]
SURE = {"dip": 1.234, "p": 0.0001, "words": "strong: p <= 0.0001"}
TREE = {
    "size": 14,
    "labels": [0, 1, 2],
    "n_clusters": 1,
    "evidence": SURE,
    "children": [
        {
            "size": 11,
            "labels": [0, 2],
            "n_clusters": 2,
            "evidence": {"dip": 0.3, "p": 0.85, "words": "none: p = 0.85"},
            "children": [
                {"size": 7, "labels": [0], "evidence": SURE, "children": PARTS},
                {"size": 4, "labels": [2], "fine": 3, "children": []},
            ],
        },
        {"size": 3, "labels": [1], "fine": 2, "children": []},
    ],
}
LEVELS = {
    "sentence": "Of the 3 clusters a coarser level joins them into 2",
    "n_clusters": {"coarse": 2, "label": 3, "fine": 4},
    "tree": TREE,
}


def section_of(path: Path, levels: Any) -> LevelSection:
    return make_levels(read_contents(make_run(path / "run", metrics={"levels": levels})))


def shown(section: LevelSection) -> str:
    page = make_environment().get_template("levels.html.j2").render(levels=section)
    return " ".join(page.split())


def test_nodes_are_read_with_names_sizes_and_evidence() -> None:
    root = Node.read(TREE)
    assert [(leaf.name, leaf.size) for leaf in root.leaves()] == [
        ("cluster 0, fine 0", 4),
        ("cluster 0, fine 1", 3),
        ("cluster 2, fine 3", 4),
        ("cluster 1, fine 2", 3),
    ]
    assert root.evidence == "1.23\np <= 0.0001"
    assert root.children[0].evidence == "0.30\np = 0.85"
    assert [child.n_clusters for child in root.children] == [2, None]


def test_tree_and_sentence_are_shown_the_same_every_time(tmp_path: Path) -> None:
    section = section_of(tmp_path / "one", LEVELS)
    assert (section.n_coarse, section.n_fine) == (2, 4)
    drawn = base64.b64decode(section.figure.partition(",")[2])
    assert drawn.startswith(b"<?xml")
    assert LEVELS["sentence"] in shown(section)
    assert section == section_of(tmp_path / "two", LEVELS)


@pytest.mark.parametrize(
    "tree",
    [
        {"size": 14, "labels": [0], "fine": 0, "children": []},
        None,
        {**TREE, "children": TREE["children"][:1]},
        {**TREE, "evidence": None},
    ],
)
def test_a_single_node_or_a_damaged_record_has_no_figure(tmp_path: Path, tree: object) -> None:
    section = section_of(tmp_path, {**LEVELS, "tree": tree})
    assert section.figure == ""
    assert "<img" not in shown(section)
