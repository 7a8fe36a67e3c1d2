"""What the report states of other partitions is what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from equiclust.report.contents import read_contents
from equiclust.report.page import make_environment
from equiclust.report.sections.partitions import make_partitions
from tests.report.folders import make_run

RECORD = {
    "number": 2,
    "name": "latents of <small> alone",
    "agreement": 0.75,
    "adjusted_rand_index": 0.25,
    "findings": ["Size explains 40 % of the labels"],
    "labels_without": [0, 1],
    "labels": [0, 1],
    "counts": [[5, 1], [0, 7]],
    "decide": ["b", "no such"],
}


def page_of(path: Path, partitions: Any) -> str:
    run = make_run(path / "run", labels=(0, 1), ids=("a", "b"), metrics={"partitions": partitions})
    made = make_partitions(read_contents(run))
    shown = make_environment().get_template("partitions.html.j2").render(partitions=made)
    return " ".join(shown.split())


def test_each_is_shown_with_its_counts_and_the_images_that_decide(tmp_path: Path) -> None:
    page = page_of(tmp_path, [RECORD])
    assert "Partition 2: latents of &lt;small&gt; alone" in page
    assert "labels of the run: 0.25" in page
    assert "0.75." in page
    assert "Size explains 40 % of the labels" in page
    assert '<td class="number">5</td><td class="number">1</td>' in page
    assert page.count("<figure") == 1
    assert '<figure title="b">' in page


@pytest.mark.parametrize("damage", [{"number": None}, {"decide": 3}, {"findings": None}])
def test_a_damaged_record_costs_itself_alone(tmp_path: Path, damage: dict[str, Any]) -> None:
    page = page_of(tmp_path, [{**RECORD, **damage}, {**RECORD, "number": 3}, "nonsense"])
    assert "Partition 2" not in page
    assert "Partition 3" in page
