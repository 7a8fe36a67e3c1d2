"""Where similar images are looked for: in a part of the sky, in several runs, by ids."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import equiclust
from equiclust.exceptions import InputError
from equiclust.io.catalogue import write_table
from equiclust.pipeline.sky_field import SkyField, rows_within
from tests.cli.conftest import N_DISCS


@pytest.fixture(scope="module")
def run(finished: Path) -> equiclust.Run:
    return equiclust.open_run(finished)


def test_an_id_asks_for_what_its_file_asks_for(run: equiclust.Run, discs: Path) -> None:
    by_id = run.similar(ids=["disc_00003"], n=4)
    by_file = run.similar(str(discs / "disc_00003.fits"), n=4)
    assert by_id["similar"].tolist() == by_file["similar"].tolist()
    assert "disc_00003" not in by_id["similar"]
    np.testing.assert_allclose(by_id["distance"], by_file["distance"], rtol=1e-4)


def test_another_run_is_searched_by_its_own_model(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "copy")
    copy = equiclust.open_run(tmp_path / "copy")
    alone = run.similar(str(discs / "disc_00003.fits"), n=4)
    both = run.similar(str(discs / "disc_00003.fits"), n=4, others=[copy])
    assert both["run"].tolist() == [str(run.path)] * 4 + [str(copy.path)] * 4
    assert both["similar"].tolist() == 2 * alone["similar"].tolist()
    assert both["rank"].tolist() == [1, 2, 3, 4] * 2
    assert "run" not in alone.colnames


def test_a_part_of_the_sky_holds_what_lies_in_it(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "copy")
    table = run.catalogue.copy()
    # Across the meridian where right ascension begins anew.
    table["ra"] = (359.9 + 0.02 * np.arange(N_DISCS)) % 360
    table["dec"] = 60.0
    for path in (tmp_path / "copy" / "catalogue.ecsv", tmp_path / "copy" / "catalogue.fits"):
        write_table(table, path)
    copy = equiclust.open_run(tmp_path / "copy")
    found = copy.similar(
        str(discs / "disc_00003.fits"), n=N_DISCS, near=(0.0, 60.0), radius="0.021deg"
    )
    # Degrees of right ascension are half as long there.
    inside = [k for k in range(N_DISCS) if abs(0.02 * k - 0.1) * 0.5 <= 0.021]
    assert {*found["similar"]} == {f"disc_{k:05d}" for k in inside if k != 3}
    with pytest.raises(InputError, match=r"no image of .* lies within 0.1 degrees of 180 0"):
        copy.similar(ids=["disc_00003"], near=(180.0, 0.0), radius="0.1deg")


def test_wrong_questions_are_refused(run: equiclust.Run, discs: Path) -> None:
    name = str(discs / "disc_00003.fits")
    with pytest.raises(InputError, match="either inputs or ids"):
        run.similar(name, ids=["disc_00003"])
    with pytest.raises(InputError, match="either inputs or ids"):
        run.similar()
    with pytest.raises(InputError, match="got 'disc'"):
        run.similar(ids=["disc"])
    with pytest.raises(InputError, match="name the files as inputs"):
        run.similar(ids=["disc_00003"], others=[run])
    with pytest.raises(InputError, match="near and radius must be given together"):
        run.similar(name, near=(1.0, 2.0))
    with pytest.raises(InputError, match="near must be right ascension"):
        run.similar(name, near=(1.0, 91.0), radius="1deg")
    with pytest.raises(InputError, match="radius must be"):
        run.similar(name, near=(1.0, 2.0), radius="0deg")
    places = run.catalogue.copy()
    places.keep_columns(["id"])
    with pytest.raises(InputError, match="have no places on the sky"):
        rows_within(places, SkyField(0, 0, 1), run.path)
