"""What the documentation of the conversion shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "escnn.md"


def test_the_examples_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for example in re.findall(r"```{code-cell} python3\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(example, str(PAGE), "exec"), names)
    types, difference, passed = capsys.readouterr().out.splitlines()
    assert types.count("on_R2") == 3
    assert float(difference) <= 1e-5
    assert passed == "True"
    assert (tmp_path / "network.pt2").stat().st_size > 0
