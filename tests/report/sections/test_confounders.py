"""What the audit recorded is what the reader sees, and nothing recorded is said to be so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from equiclust.evaluation.confounders import audit
from equiclust.report.contents import read_contents
from equiclust.report.page import make_environment
from equiclust.report.sections.confounders import ConfounderSection, make_confounders
from tests.report.folders import make_run

PERTURBATION = {"ari": 0.9712, "changed": 1, "n": 55, "what": "turned by any angle"}


def section_of(path: Path, **metrics: Any) -> ConfounderSection:
    return make_confounders(read_contents(make_run(path / "run", metrics=metrics)))


def shown(section: ConfounderSection) -> str:
    page = make_environment().get_template("confounders.html.j2").render(confounders=section)
    return " ".join(page.split())


def planted() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    columns = {
        "orientation": rng.uniform(0.0, 180.0, 60),
        "signal_to_noise": np.full(60, np.nan),
        "size": labels + 0.1 * rng.normal(size=60),
    }
    return audit(labels, Table(columns), random_state=0)


def test_an_audit_is_shown_with_the_accused_first(tmp_path: Path) -> None:
    records = planted()
    section = section_of(tmp_path, nuisances=records)
    assert [row.name for row in section.rows] == ["Orientation", "Signal to noise", "Size"]
    assert [row.state for row in section.rows] == ["", "", "bad"]
    assert section.is_suspect
    assert "sizes, not shapes" in section.sentences[0]
    assert set(section.sentences) == {record["sentence"] for record in records}
    assert section.rows[1].share == section.rows[1].p_value == "–"
    assert section.rows[2].p_value == "0.0010"
    assert section.rows[2].p_adjusted == "0.0020"
    page = shown(section)
    assert all(sentence in page for sentence in section.sentences)
    assert "Small changes" not in page


@pytest.mark.parametrize(
    ("eta_squared", "p_value", "p_adjusted", "state"),
    [
        (0.2, 0.01, 0.05, "bad"),
        (0.2, 0.01, 0.06, ""),
        (0.1, 0.001, 0.005, ""),
        (0.2, 0.01, None, "bad"),
        (None, None, None, ""),
    ],
)
def test_only_what_is_large_and_significant_is_bad(
    tmp_path: Path,
    eta_squared: float | None,
    p_value: float | None,
    p_adjusted: float | None,
    state: str,
) -> None:
    entry = {"name": "mine", "eta_squared": eta_squared, "p_value": p_value}
    section = section_of(tmp_path, nuisances=[{**entry, "p_adjusted": p_adjusted}])
    assert section.rows[0].state == state
    assert section.is_suspect is bool(state)
    assert ('class="number bad"' in shown(section)) is bool(state)


def test_perturbation_is_counted(tmp_path: Path) -> None:
    section = section_of(tmp_path, perturbation=PERTURBATION)
    assert "turned by any angle: 1 of 55 labels changed" in section.perturbation
    assert "is 0.971." in section.perturbation
    assert not section.is_empty
    assert " ".join(section.perturbation.split()) in shown(section)
    assert "<table>" not in shown(section)


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"nuisances": [], "perturbation": {}},
        {"nuisances": ["nonsense", {"sentence": "without a name"}], "perturbation": {"ari": "?"}},
        {"nuisances": "nonsense", "perturbation": "nonsense", "removal": "nonsense"},
        {"removal": {"sentence": 5}},
    ],
)
def test_nothing_recorded_is_not_measured(tmp_path: Path, metrics: dict[str, Any]) -> None:
    section = section_of(tmp_path, **metrics)
    assert section.is_empty
    assert "Not measured." in shown(section)


def test_text_from_the_record_cannot_become_markup(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    entry = {"name": hostile, "sentence": hostile}
    record = {**PERTURBATION, "what": hostile}
    page = shown(section_of(tmp_path, nuisances=[entry], perturbation=record))
    assert "<script" not in page


REMOVAL: dict[str, Any] = {
    "asked": "auto",
    "removed": ["size", "signal_to_noise"],
    "explained_variance_ratio": 0.31,
    "sentence": "What size explained was taken out of the latents: 31 % of the variance",
    "without": {
        "n_clusters": 2,
        "method": "gmm",
        "nuisances": [{"name": "size", "eta_squared": 0.81}],
    },
    "adjusted_rand_index": 0.523,
    "labels_without": [-1, 0, 1],
    "labels": [0, 1],
    "counts": [[3, 4], [1200, 0], [5, 6]],
}


def test_both_partitions_are_shown_where_they_differ(tmp_path: Path) -> None:
    page = shown(section_of(tmp_path, nuisances=planted(), removal=REMOVAL))
    assert f"{REMOVAL['sentence']}." in page
    assert "there would be 2 clusters; the adjusted Rand index of both partitions is 0.52" in page
    assert '<th scope="row">don&#39;t know</th><td class="number">3</td>' in page
    assert '<td class="number">1,200</td><td class="number">0</td>' in page
    assert page.count("81 %") == 1


def test_the_same_partitions_are_not_shown_twice(tmp_path: Path) -> None:
    record = {**REMOVAL, "adjusted_rand_index": 1.0}
    section = section_of(tmp_path, nuisances=planted(), removal=record)
    assert not section.removal.rows
    page = shown(section)
    assert f"{REMOVAL['sentence']}." in page
    assert "Without that the labels are the same." in page
    assert "1,200" not in page


@pytest.mark.parametrize("name", ["without", "adjusted_rand_index", "labels", "counts", "asked"])
def test_a_damaged_record_of_the_removal_is_shown_as_far_as_it_goes(
    tmp_path: Path, name: str
) -> None:
    for value in (None, "nonsense", [], [["a"]]):
        page = shown(section_of(tmp_path / repr(value), removal={**REMOVAL, name: value}))
        assert "taken out of the latents" in page
