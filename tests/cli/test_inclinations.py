"""A run that undoes inclinations tells them, and is as invariant as any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_adapters import read
from equiclust.cli import main
from equiclust.io.catalogue import read_table
from equiclust.preprocessing.inclination import INCLINATION_COLUMNS, measure_inclinations
from tests.cli.conftest import run_arguments


@pytest.mark.usefixtures("hurried")
def test_inclinations_are_in_the_catalogue_of_run_and_predict(discs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(run_arguments(discs, run, "--canonical", "inclination")) == 0
    assert main(["predict", str(run), str(discs), "--output", str(tmp_path / "new.ecsv")]) == 0
    expected = measure_inclinations(read(discs).images)
    for path in (run / "catalogue.ecsv", run / "catalogue.fits", tmp_path / "new.ecsv"):
        table = read_table(path)
        for name in INCLINATION_COLUMNS:
            if name == "inclination_note":
                assert list(table[name]) == list(expected[name])
            else:
                np.testing.assert_allclose(table[name], expected[name])
                assert str(table[name].unit) == "deg"
    invariance = json.loads((run / "invariance.json").read_text())
    assert invariance["passed"]


def test_other_runs_do_not_speak_of_inclinations(finished: Path) -> None:
    assert not set(INCLINATION_COLUMNS) & set(read_table(finished / "catalogue.ecsv").colnames)
