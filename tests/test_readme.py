"""What the README promises runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_example_runs_and_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # The example is the same with and without a network; here it must not look for one.
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path))
    code = _examples()[0].replace("max_epochs=10", "max_epochs=1")
    monkeypatch.setattr("equiclust.pipeline.model_certificate._BASELINE_EPOCHS", 1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    with pytest.warns(match="perceptual term is off"):
        exec(compile(code, "README.md", "exec"), {})
    assert len(capsys.readouterr().out.strip(" []\n").split()) == 60


def test_every_link_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
    assert targets
    assert all((ROOT / target).exists() for target in targets)
