"""`certify` fails a plain network, passes an averaged one, and overwrites nothing of the user's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from equiclust.cli import main
from equiclust.evaluation.invariance import Certificate
from equiclust.io.atomic import read_json

CHEAP = ("--layer", "features.2", "--weights", "random", "--size", "32", "--n-images", "2")


def _certify(discs: Path, *more: str) -> int:
    return main(["certify", "alexnet", str(discs), *CHEAP, *more])


def test_a_network_fails_and_its_average_passes_with_files(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "certified"
    assert _certify(discs, "--json") == 1
    plain = json.loads(capsys.readouterr().out)
    assert not plain["passed"]
    assert plain["ours"]["d4"]["relative_to_norm"]["max"] > 1e-3
    assert _certify(discs, "--group", "D4", "--output", str(output)) == 0
    said = capsys.readouterr().out
    assert "Invariance PASSED" in said
    assert "the baseline is the same network, not averaged" in said
    record = read_json(output / "certificate.json")
    assert record["encoder"]["parameters"]["group"] == "D4"
    record = {name: record[name] for name in record if name not in ("encoder", "n_rejected")}
    certificate = Certificate.from_dict(record)
    assert certificate.shape == (1, 32, 32)
    assert certificate.baseline == Certificate.from_dict({k: plain[k] for k in record}).ours
    assert (output / "invariance.png").read_bytes().startswith(b"\x89PNG")
    assert (output / "invariance.pdf").read_bytes().startswith(b"%PDF")


def test_what_the_user_made_is_not_overwritten_and_what_it_wrote_is(
    discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "certified"
    assert _certify(discs, "--output", str(output)) == 1
    assert _certify(discs, "--output", str(output)) == 1
    (output / "invariance.png").write_text("mine")
    capsys.readouterr()
    assert _certify(discs, "--output", str(output)) == 2
    assert "invariance.png' " in capsys.readouterr().err.replace("':", "' ")
    assert (output / "invariance.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lenet"], "encoder must be one of alexnet"),
        (["alexnet", "--layer", "roof"], "--layer must name a node of alexnet"),
        (["alexnet", "--group", "C3"], "--group must have 1, 2 or a multiple of 4 rotations"),
        (["alexnet", "--statistic", "max"], "--statistic is one over a group"),
        (["alexnet", "--size", "3"], "--size must be a whole number of at least 16, got 3"),
        (["nothing.onnx"], "cannot read 'nothing.onnx': No such file"),
        (["vectors.npz"], "encoder must look at the pixels to be certified"),
        (["."], "the folder '.'; for a run there is equiclust check"),
    ],
)
def test_bad_usage_is_one_line(
    discs: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["certify", words[0], str(discs), *words[1:]]
    given += ["--weights", "random"] if words[0] == "alexnet" else []
    assert main(given) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "error" in one]
    assert message in line
