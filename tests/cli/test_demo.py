"""`demo`, made small: it compares with the truth, and can be called again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equiclust.cli import demo, main


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_N_DISCS", 12)
    monkeypatch.setattr(demo, "_SIZE", 32)
    monkeypatch.setattr(demo, "_EPOCHS", 2)
    monkeypatch.setattr(demo, "_N_FOLDS", 2)
    monkeypatch.setattr(demo, "_N_KINDS", 2)


def test_the_demo_compares_with_the_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["demo", "--output", str(tmp_path / "demo")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Agreement of the labels with the truth: accuracy" in said
    assert str(tmp_path / "demo" / "run" / "report.html") in said
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert 0 <= record["acc"] <= 1
    assert record["n_images"] == 12
