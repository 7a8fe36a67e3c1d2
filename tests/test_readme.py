"""What the README promises runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_example_of_inclinations_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(compile(_examples()[1], "README.md", "exec"), names)
    assert "disc_00002_view_1" in capsys.readouterr().out
    assert len(names["face_on"]) == 6  # type: ignore[arg-type]


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


def test_the_example_of_a_removal_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(_examples()[2], "README.md", "exec"), {})
    assert 0 < float(capsys.readouterr().out) < 1


@pytest.mark.filterwarnings("ignore::equiclust.exceptions.EquiclustWarning")
def test_the_deep_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(_examples()[3], "README.md", "exec"), {})
    assert (tmp_path / "latents.gif").stat().st_size > 0


def test_every_link_leads_somewhere() -> None:
    text = (ROOT / "README.md").read_text()
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
    assert targets
    assert all((ROOT / target).exists() for target in targets)
