"""`export` writes and sends, `match` finds, and `teach` takes the kinds of any table."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import equiclust
from equiclust.cli import main
from equiclust.io.catalogue import read_table, write_table
from equiclust.io.ucds import ucd_of
from tests.app.label_map_files import flat_map


@pytest.fixture(scope="module")
def on_sky(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, with places on the sky."""
    folder = tmp_path_factory.mktemp("on_sky") / "run"
    shutil.copytree(finished, folder)
    table = read_table(folder / "catalogue.ecsv")
    table["ra"] = (359.99 + 0.003 * np.arange(len(table))) % 360.0
    table["dec"] = 10.0 + 0.002 * np.arange(len(table))
    table["ra"].unit = table["dec"].unit = "deg"
    write_table(table, folder / "catalogue.ecsv")
    return folder


def survey(run: Path) -> Table:
    """A catalogue of another survey: other names, order and units, and objects of its own."""
    table = read_table(run / "catalogue.ecsv")
    order = np.random.default_rng(0).permutation(len(table))
    found = Table({"OBJ": [f"S{k}" for k in order]})
    found["RA_ICRS"] = (table["ra"][order] + 1e-5) / 15.0
    found["RA_ICRS"].unit = "h"
    found["DE_ICRS"] = table["dec"][order]
    found["CLASS"] = [("ring", "bar", "")[k % 3] for k in order]
    found.add_row(("S99", 5.0, -80.0, "ring"))
    return found


def test_a_run_is_exported_and_counted(
    on_sky: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.vot"
    assert main(["export", str(on_sky), "--output", str(path), "--label", "0", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {"files": [str(path)], "n_rows": len(read_table(path)), "sent_to": []}
    assert set(read_table(path)["label"]) == {0}
    assert all(map(ucd_of, read_table(path).itercols()))


def test_a_label_map_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, path = flat_map(tmp_path)[0], tmp_path / "segments.csv"
    words = ["export", str(labels), "--output", str(path), "--rows", "segments", "--each"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "segments.label_0.csv" in said
    assert "segments.label_2.csv" in said


def test_flags_of_the_other_sort_are_refused(
    on_sky: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    labels, path = str(flat_map(tmp_path)[0]), str(tmp_path / "x.csv")
    assert "--rows is for a label map" in refused(
        "export", str(on_sky), "--output", path, "--rows", "segments"
    )
    for flag in ("--min-stability", "--min-probability"):
        assert f"{flag} is for a run" in refused("export", labels, "--output", path, flag, "0.5")
    assert "--output is needed" in refused("export", str(on_sky))
    for label in ("0", "1"):
        said = refused("export", labels, "--samp", "ds9", "--label", label)
        assert f"--label is for a file, got {label}" in said


def test_matches_are_counted(
    on_sky: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, path = tmp_path / "survey.fits", tmp_path / "matched.parquet"
    write_table(survey(on_sky), table)
    words = ["match", str(on_sky), str(table), "--radius", "1arcsec", "--output", str(path)]
    assert main([*words, "--one-to-one", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = read_table(path)
    assert record["n_matched"] == record["n_images"] == len(found)
    assert record["n_by_chance"] == 0.0
    assert (found["OBJ"] == [f"S{k}" for k in range(len(found))]).all()
    np.testing.assert_allclose(found["separation"], 0.036 * np.cos(np.radians(10.0)), rtol=1e-3)


def test_kinds_of_a_survey_teach_as_the_same_labels_by_hand(on_sky: Path, tmp_path: Path) -> None:
    run, table = equiclust.open_run(on_sky), survey(on_sky)
    ids = [str(name) for name in run.catalogue["id"]]
    by_hand = {name: ("ring", "bar")[k % 3] for k, name in enumerate(ids) if k % 3 < 2}
    named = Table({"id": ids, "CLASS": [by_hand.get(name, "") for name in ids]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = run.teach(by_hand, output=tmp_path / "by_hand").catalogue
        taught = {
            "by position": run.teach(
                table, kind_column="CLASS", radius="1arcsec", output=tmp_path / "position"
            ).catalogue,
            "by id": run.teach([named], kind_column="CLASS", output=tmp_path / "id").catalogue,
        }
        write_table(table, tmp_path / "survey.vot")
        words = ["teach", str(on_sky), str(tmp_path / "survey.vot"), "--kind-column", "CLASS"]
        assert main([*words, "--radius", "1arcsec", "--output", str(tmp_path / "command")]) == 0
    taught["by the command"] = equiclust.open_run(tmp_path / "command").catalogue
    assert (expected["given"] != "").sum() == len(by_hand)
    assert all(map(ucd_of, expected.itercols()))
    for how, found in taught.items():
        for name in expected.colnames:
            assert found[name].tolist() == expected[name].tolist(), (how, name)


def test_kinds_that_cannot_be_found_are_refused(
    on_sky: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    table, target = tmp_path / "survey.ecsv", ["--output", str(tmp_path / "taught")]
    write_table(survey(on_sky), table)
    words = ["teach", str(on_sky), str(table), *target]
    assert "--kind-column must be one of OBJ, RA_ICRS" in refused(*words, "--kind-column", "TYPE")
    assert "--kind-column is needed" in refused(*words, "--radius", "1arcsec")
    assert "must have one column 'id'" in refused(*words)
    too_near = ["--kind-column", "CLASS", "--radius", "1e-3arcsec"]
    assert "none of the 9 rows with a 'CLASS' lies within" in refused(*words, *too_near)
    assert "one column 'id' where no radius is given" in refused(*words, "--kind-column", "CLASS")
    both = ["teach", str(on_sky), str(table), str(table), *target, "--kind-column", "CLASS"]
    assert "must be one table" in refused(*both)
    assert not (tmp_path / "taught").exists()
