"""What an earlier version called confidence is read as stability, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equiclust.io.atomic import read_json, write_json
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.former_names import read_catalogue, read_metrics
from equiclust.io.run_folder import RunFolder
from equiclust.pipeline.run_files import RunFiles
from equiclust.report.contents import read_contents
from tests.report.ensemble_folder import make_ensemble_run


def made_former(run: RunFolder) -> RunFolder:
    """The run with the names that earlier versions wrote."""
    table = read_table(run.catalogue_ecsv)
    table.rename_column("stability", "confidence")
    write_table(table, run.catalogue_ecsv)
    metrics = read_json(run.metrics_json)
    metrics["confidence"] = metrics.pop("stability")
    write_json(run.metrics_json, metrics)
    return run


def test_the_report_of_a_former_run_has_the_content_of_a_present_one(tmp_path: Path) -> None:
    present = read_contents(make_ensemble_run(tmp_path / "run"))
    run = made_former(make_ensemble_run(tmp_path / "former"))
    former = read_contents(run)
    np.testing.assert_array_equal(former.stability, present.stability)
    assert former.metrics == present.metrics
    files = RunFiles(run)
    np.testing.assert_array_equal(files.catalogue["stability"], present.stability)
    assert files.metrics["stability"] == present.metrics["stability"]


@pytest.mark.parametrize("names", [("stability",), ("stability", "confidence"), ()])
def test_what_has_present_names_is_read_as_it_is(tmp_path: Path, names: tuple[str, ...]) -> None:
    from astropy.table import Table

    content: dict[str, Any] = {name: [0.5] for name in ("id", *names)}
    write_table(Table(content), tmp_path / "catalogue.ecsv")
    write_json(tmp_path / "metrics.json", content)
    assert read_catalogue(tmp_path / "catalogue.ecsv").colnames == ["id", *names]
    assert read_metrics(tmp_path / "metrics.json") == content
