"""What the README promises runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_example_runs_and_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # The example is the same with and without a network; here it must not look for one.
    monkeypatch.setenv("EQUICLUST_WEIGHTS", str(tmp_path))
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    with pytest.warns(match="perceptual term is off"):
        exec(compile(code, "README.md", "exec"), {})
    assert len(capsys.readouterr().out.strip(" []\n").split()) == 60


@pytest.mark.filterwarnings("ignore::equiclust.exceptions.EquiclustWarning")
def test_the_deep_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "latents.gif").stat().st_size > 0


def test_every_link_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
    assert targets
    assert all((ROOT / target).exists() for target in targets)
