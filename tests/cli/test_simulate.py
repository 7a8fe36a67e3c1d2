"""`simulate` writes files that `run` reads back, and their truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_adapters import read
from equiclust.catalogue import read_table
from equiclust.cli import main
from equiclust.simulate import simulate_discs


def simulate(folder: Path, *more: str) -> int:
    words = ["simulate", "discs", "-n", "7", "--size", "24", "--seed", "5"]
    return main([*words, "--output", str(folder), *more])


def test_files_hold_the_simulated_images(tmp_path: Path) -> None:
    folder = tmp_path / "discs"
    assert simulate(folder, "--max-inclination", "20") == 0
    images, truth = simulate_discs(7, size=24, max_inclination=20, random_state=5)
    found = read(folder).images
    assert found.ids == images.ids
    np.testing.assert_array_equal(found.pixels, images.pixels)
    written = read_table(folder / "truth.ecsv")
    assert written["kind"].tolist() == truth["kind"].tolist()
    assert max(written["inclination"]) <= 20


def test_json_tells_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "discs", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert Path(record["truth"]).is_file()
    assert record["n_images"] == 7


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "mine.fits").write_text("mine")
    words = ("simulate", "discs", "-n", "2", "--size", "24", "--output", str(tmp_path))
    assert "mine.fits" in refused(*words)
    assert (tmp_path / "mine.fits").read_text() == "mine"


def test_what_a_stopped_simulation_left_is_completed(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert simulate(tmp_path) == 0
    (tmp_path / "truth.ecsv").unlink()
    (tmp_path / "disc_00003.fits").unlink()
    assert simulate(tmp_path) == 0
    assert len(read(tmp_path).images) == 7
    words = ("simulate", "discs", "-n", "7", "--size", "24", "--output", str(tmp_path))
    assert "truth.ecsv" in refused(*words)


def test_what_cannot_be_simulated(tmp_path: Path, refused: Callable[..., str]) -> None:
    words = ("simulate", "discs", "--output", str(tmp_path / "discs"))
    assert "-n must be given" in refused(*words)
    assert "n must be at least 1" in refused(*words, "-n", "0")
    assert "size" in refused(*words, "-n", "1", "--size", "3")
    assert "max_inclination" in refused(*words, "-n", "1", "--max-inclination", "90")
    assert "what must be discs" in refused("simulate", "dogs", *words[2:], "-n", "1")
    assert not (tmp_path / "discs").exists()
