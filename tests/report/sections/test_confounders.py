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
        {"nuisances": "nonsense", "perturbation": "nonsense"},
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
