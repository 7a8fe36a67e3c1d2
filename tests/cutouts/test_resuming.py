"""A job that was killed goes on to the same bytes, and nothing of a user is overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from equiclust.cutouts import make_cutouts
from equiclust.exceptions import InputError, OutputError
from equiclust.io.staging import digest_of
from tests.cutouts.surveys import Survey, make_survey

OUTPUTS = ("stamps.zarr", "stamps.fits", "stamps")
# Ends itself, as a killed process does, when this number of stamps is cut.
KILLED = """
import os, sys
import equiclust.cutouts.options as options
from equiclust.cutouts import make_cutouts

catalogue, output, most, *images = sys.argv[1:]
options._USUAL = 20000

def on_progress(stage, done, total, remark):
    if stage == "cutting stamps" and done >= int(most):
        os._exit(9)

make_cutouts(catalogue, images, output, size=16, n_jobs=1, on_progress=on_progress)
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return make_survey(tmp_path_factory.mktemp("survey"))


def cut(survey: Survey, output: Path, **options: Any) -> Any:
    return make_cutouts(survey.catalogue, survey.images, output, size=16, n_jobs=1, **options)


def killed(survey: Survey, output: Path, most: int) -> None:
    words = [str(survey.catalogue), str(output), str(most), *survey.images]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], check=False, capture_output=True)
    assert done.returncode == 9, done.stderr.decode()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_killed_job_goes_on_to_the_same_bytes(
    survey: Survey, output: str, tmp_path: Path
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    expected = cut(survey, whole / output)
    killed(survey, again / output, 20)
    assert not (again / output).exists()
    assert len(names(again)) >= 2
    calls: list[int] = []
    found = cut(survey, again / output, on_progress=lambda *one: calls.append(one[1]))
    assert found.headline == expected.headline
    assert digest_of(again / output) == digest_of(whole / output)
    for one, other in ((found.table, expected.table), (found.rejected, expected.rejected)):
        assert one.read_bytes() == other.read_bytes()
    assert names(again) == names(whole) == sorted([output, "stamps.ecsv", "stamps.rejected.ecsv"])
    # What was cut is not cut again.
    assert min(done for done in calls if done) >= 16


def test_a_chunk_that_was_being_written_is_no_part_of_a_store(
    survey: Survey, tmp_path: Path
) -> None:
    output = tmp_path / "stamps.zarr"
    killed(survey, output, 20)
    left = tmp_path / ".stamps.zarr.partial" / "images" / "c" / "0.abc.partial"
    left.write_text("half of a chunk")
    cut(survey, output)
    assert not list(output.rglob("*.partial"))


def test_the_same_command_again_does_nothing(survey: Survey, tmp_path: Path) -> None:
    first = cut(survey, tmp_path / "stamps.zarr")
    before = digest_of(tmp_path)
    assert cut(survey, tmp_path / "stamps.zarr") == first
    assert digest_of(tmp_path) == before
    with pytest.raises(OutputError, match="was not written by this command"):
        cut(survey, tmp_path / "stamps.zarr", bands=("r", "g"))
    assert digest_of(tmp_path) == before


@pytest.mark.parametrize("taken", ["stamps.fits", "stamps.ecsv", "stamps.rejected.ecsv"])
def test_what_a_user_made_is_kept(survey: Survey, taken: str, tmp_path: Path) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(OutputError, match=taken):
        cut(survey, tmp_path / "stamps.fits")
    assert names(tmp_path) == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_what_a_user_made_meanwhile_is_kept(survey: Survey, tmp_path: Path) -> None:
    output = tmp_path / "stamps.fits"
    killed(survey, output, 20)
    (tmp_path / "stamps.ecsv").write_text("mine")
    with pytest.raises(OutputError, match="something else is there; move it away"):
        cut(survey, output)
    assert (tmp_path / "stamps.ecsv").read_text() == "mine"
    (tmp_path / "stamps.ecsv").unlink()
    assert cut(survey, output).n_stamps > 40


def test_a_folder_with_files_is_no_output(survey: Survey, tmp_path: Path) -> None:
    (tmp_path / "stamps").mkdir()
    cut(survey, tmp_path / "stamps")
    os.rename(tmp_path / "stamps", tmp_path / "other")
    (tmp_path / "stamps").mkdir()
    (tmp_path / "stamps" / "mine.fits").write_text("mine")
    with pytest.raises(OutputError, match="stamps"):
        cut(survey, tmp_path / "stamps")


def test_unfinished_work_of_another_job_is_kept(survey: Survey, tmp_path: Path) -> None:
    output = tmp_path / "stamps.fits"
    killed(survey, output, 20)
    with pytest.raises(OutputError, match=r"unfinished work of another job \(options changed\)"):
        cut(survey, output, min_coverage=0.5)
    (tmp_path / ".stamps.fits.partial").unlink()
    with pytest.raises(OutputError, match="is gone; remove"):
        cut(survey, output)


def test_nothing_is_left_of_a_job_that_is_refused(survey: Survey, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        make_cutouts(survey.catalogue, "no.fits", tmp_path / "out" / "stamps.fits")
    assert not names(tmp_path)
