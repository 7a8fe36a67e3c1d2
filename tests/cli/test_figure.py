"""`figure` draws the map of a run, and its command draws it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from data_adapters.own_outputs import own_output
from equiclust.cli import main
from equiclust.io.catalogue import read_table


def test_the_command_in_the_result_makes_the_same_figure(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "map.pdf"
    words = ["figure", str(finished), "--output", str(target), "--colour", "brightness", "--json"]
    assert main(words) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["figure"] == str(target)
    first = target.read_bytes()
    program, *again = shlex.split(record["command"])
    assert program == "equiclust"
    assert main(again) == 0
    assert target.read_bytes() == first


def test_labels_are_shown(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = read_table(finished / "catalogue.ecsv")["id"]
    labels = tmp_path / "labels.csv"
    labels.write_text(f"id,kind\n{ids[0]},ring\n{ids[1]},bar\n")
    target = tmp_path / "map.svg"
    words = ["figure", str(finished), "--output", str(target), "--projection", "tsne"]
    assert main([*words, "--labels", str(labels)]) == 0
    assert "Figure: " in capsys.readouterr().out
    assert b"labels.csv" in target.read_bytes()


def test_a_picture_is_known_as_an_output(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "map.png"
    assert main(["figure", str(finished), "--output", str(target)]) == 0
    assert own_output(target)


def test_nothing_of_the_user_is_replaced(
    finished: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    target = tmp_path / "map.pdf"
    target.write_text("mine")
    said = refused("figure", str(finished), "--output", str(target))
    assert "not written by this command" in said
    assert target.read_text() == "mine"
    inside = str(finished / "map.pdf")
    assert "folder of the run" in refused("figure", str(finished), "--output", inside)


def test_mistakes_get_one_sentence(
    finished: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ("figure", str(finished), "--output")
    assert "must end in .pdf" in refused(*words, str(tmp_path / "a.jpg"))
    target = str(tmp_path / "a.pdf")
    assert "--colour must be a column" in refused(*words, target, "--colour", "mass")
    assert "--width must be 4 to 60" in refused(*words, target, "--width", "1")
    assert "--projection must be one of" in refused(*words, target, "--projection", "mds")
    assert not list(tmp_path.iterdir())
