"""`similar` finds the rotated copy of an image of the run, and shows what it found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image as Picture

from equiclust.cli import main
from equiclust.io.catalogue import read_table, write_table


def similar(finished: Path, *words: str) -> int:
    return main(["similar", str(finished), *words])


@pytest.fixture
def rotated_copy(discs: Path, tmp_path: Path) -> Path:
    """One image of the run, rotated by a quarter turn and mirrored."""
    path = tmp_path / "twin.fits"
    with fits.open(discs / "disc_00003.fits") as hdus:
        fits.writeto(path, np.rot90(hdus[0].data[:, ::-1]).copy(), hdus[0].header)
    return path


def test_a_rotated_image_finds_itself(
    finished: Path, rotated_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    assert similar(finished, str(rotated_copy), "-n", "3", "--output", str(sheet), "--json") == 0
    record = json.loads(capsys.readouterr().out)
    nearest, *others = record["similar"]["twin"]
    assert nearest["id"] == "disc_00003"
    assert nearest["distance"] < 1e-3
    assert len(others) == 2
    assert min(other["distance"] for other in others) > 10 * nearest["distance"]
    table = read_table(tmp_path / "sheet.ecsv")
    assert table["similar"][0] == "disc_00003"
    assert table["rank"].tolist() == [1, 2, 3]
    with Picture.open(sheet) as picture:
        assert picture.width > 3 * picture.height / 2
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 100


def test_an_image_of_the_run_is_not_its_own_neighbour(
    finished: Path, discs: Path, tmp_path: Path
) -> None:
    assert similar(finished, str(discs), "-n", "20", "--output", str(tmp_path / "all.png")) == 0
    table = read_table(tmp_path / "all.ecsv")
    assert not np.any(table["id"] == table["similar"])
    assert len(table) == 12 * 11
    for group in table.group_by("id").groups:
        assert (np.diff(group["distance"]) >= 0).all()


def test_a_picture_that_is_gone_costs_only_the_picture(
    finished: Path, rotated_copy: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    with np.load(run / "previews.npz") as arrays:
        kept = {name: arrays[name][:2] for name in arrays.files}
    np.savez(run / "previews.npz", **kept)
    catalogue = read_table(run / "catalogue.ecsv")
    catalogue["path"] = [str(tmp_path / "gone.fits")] * len(catalogue)
    catalogue.write(run / "catalogue.ecsv", overwrite=True)
    assert similar(run, str(rotated_copy), "--output", str(tmp_path / "sheet.png")) == 0
    assert (tmp_path / "sheet.png").is_file()
    (run / "previews.npz").write_bytes(b"PK\x03\x04 damaged")
    assert similar(run, str(rotated_copy), "--output", str(tmp_path / "other.png")) == 0


def test_the_only_image_of_a_file_is_itself_whatever_it_was_named(
    finished: Path, discs: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for name in ("catalogue.ecsv", "latents.fits"):
        table = read_table(run / name)
        table["id"] = [f"folder/{one}" for one in table["id"]]
        write_table(table, run / name)
    sheet = str(tmp_path / "sheet.png")
    assert similar(run, str(discs / "disc_00003.fits"), "-n", "11", "--output", sheet) == 0
    assert "folder/disc_00003" not in set(read_table(tmp_path / "sheet.ecsv")["similar"])


def test_nothing_else_is_written_over(
    finished: Path, rotated_copy: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ("similar", str(finished), str(rotated_copy), "--output")
    assert "in the folder of the run" in refused(*words, str(finished / "catalogue.png"))
    mine = tmp_path / "mine.ecsv"
    shutil.copy(finished / "catalogue.ecsv", mine)
    assert "was not written by this command" in refused(*words, str(tmp_path / "mine.png"))
    assert not (tmp_path / "mine.png").exists()
    assert "label_fold_00" in mine.read_text()


def test_what_cannot_be_done_is_said_in_one_sentence(
    finished: Path, rotated_copy: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ("similar", str(finished), str(rotated_copy))
    assert "-n must be a whole number of at least 1, got 0" in refused(*words, "-n", "0")
    assert "--output must end in .png" in refused(*words, "--output", str(tmp_path / "a.jpg"))
    assert "not the folder of a run" in refused("similar", str(tmp_path), str(rotated_copy))
    missing = str(tmp_path / "missing.fits")
    assert "missing.fits" in refused("similar", str(finished), missing)
