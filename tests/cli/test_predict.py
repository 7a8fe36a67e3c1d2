"""`predict` repeats the labels of the run, takes anything readable, and overwrites nothing else."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from equiclust.cli import main
from equiclust.io.atomic import read_json
from equiclust.io.catalogue import read_table
from tests.cli.conftest import N_DISCS


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".vot", ".csv", ".parquet"])
def test_the_same_files_get_the_same_labels(
    finished: Path, discs: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"again{suffix}"
    assert main(["predict", str(finished), str(discs), "--output", str(target)]) == 0
    again, first = read_table(target), read_table(finished / "catalogue.ecsv")
    # Whether a network has seen an image in training is known of those of the run alone.
    first.remove_column("agreement_held_out")
    assert again.colnames == first.colnames
    for name in ("id", "path", "label"):
        assert again[name].tolist() == first[name].tolist()
    np.testing.assert_allclose(again["stability"], first["stability"], rtol=1e-6)
    assert not (tmp_path / "again.rejected.ecsv").exists()


def test_turned_files_get_the_same_labels(finished: Path, discs: Path, tmp_path: Path) -> None:
    for path in discs.iterdir():
        values = fits.getdata(path)
        fits.PrimaryHDU(np.ascontiguousarray(np.rot90(values)[::-1])).writeto(tmp_path / path.name)
    target = tmp_path / "turned.ecsv"
    assert main(["predict", str(finished), str(tmp_path), "--output", str(target)]) == 0
    rotated, first = read_table(target), read_table(finished / "catalogue.ecsv")
    assert rotated["id"].tolist() == first["id"].tolist()
    assert rotated["label"].tolist() == first["label"].tolist()


def test_one_image_of_another_size_and_colour(finished: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.random.default_rng(0).random((1, 3, 70, 51)))
    target = tmp_path / "one.csv"
    assert main(["predict", str(finished), str(tmp_path / "big.npy"), "--output", str(target)]) == 0
    assert len(read_table(target)) == 1


def test_what_cannot_be_read_is_listed_beside_the_catalogue(
    finished: Path, discs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.fits").write_text("no image")
    target = tmp_path / "out" / "more.ecsv"
    words = ["predict", str(finished), str(discs), str(tmp_path / "bad.fits")]
    assert main([*words, "--output", str(target), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_rejected"] == 1
    assert record["n_images"] == N_DISCS
    rejected = read_table(target.with_name("more.rejected.ecsv"))
    assert rejected["path"].tolist() == [str(tmp_path / "bad.fits")]


def test_only_catalogues_are_replaced(
    finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = ["predict", str(finished), str(discs), "--output"]
    target = tmp_path / "more.ecsv"
    assert main([*words, str(target)]) == 0
    assert main([*words, str(target)]) == 0
    image = discs / "disc_00000.fits"
    before = image.read_bytes()
    assert "was not written by this command" in refused(*words, str(image))
    assert image.read_bytes() == before
    assert "folder of the run" in refused(*words, str(finished / "catalogue.ecsv"))


def test_outputs_that_have_no_format(
    finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    for name in ("table", "table.xls"):
        sentence = refused("predict", str(finished), str(discs), "--output", str(tmp_path / name))
        assert "must end in one of .ecsv" in sentence


def test_runs_that_are_none_or_not_finished(
    finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    target = str(tmp_path / "more.ecsv")
    assert "not the folder of a run" in refused(
        "predict", str(discs), str(discs), "--output", target
    )
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "catalogue.ecsv").unlink()
    assert "not finished" in refused("predict", str(copy), str(discs), "--output", target)


@pytest.mark.parametrize(
    "name",
    [
        "preprocessing.json",
        "ensemble.json",
        "jury.safetensors",
        "member_00/autoencoder.json",
        "member_00/clusterer.json",
    ],
)
def test_a_damaged_model_is_named(
    name: str, finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (copy / "model" / name).write_text('{"unknown": 1}')
    target = str(tmp_path / "more.ecsv")
    assert name.split(".")[0] in refused("predict", str(copy), str(discs), "--output", target)


def test_the_model_folder_is_all_that_is_needed(
    finished: Path, discs: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy, ignore=shutil.ignore_patterns("checkpoints", "*.fits", "*.npz"))
    target = tmp_path / "more.ecsv"
    assert main(["predict", str(copy), str(discs), "--output", str(target)]) == 0
    assert read_json(copy / "model" / "preprocessing.json")["channels"] == 1


def test_killed_it_goes_on_with_the_same_command(
    finished: Path, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equiclust.pipeline.block_prediction.BATCHES", 1)
    values = np.stack([fits.getdata(path) for path in sorted(discs.iterdir())] * 12)
    np.save(tmp_path / "many.npy", values)
    words = ["predict", str(finished), str(tmp_path / "many.npy"), "--output"]
    code = (
        "import os, signal, sys; from equiclust.cli import main; "
        "from equiclust.io.table_parts import TableParts; append = TableParts.append\n"
        "def killing(*arguments):\n"
        "    append(*arguments)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "TableParts.append = killing\n"
        "import equiclust.pipeline.block_prediction as blocks; blocks.BATCHES = 1\n"
        "main(sys.argv[1:])"
    )
    target, once = tmp_path / "again.ecsv", tmp_path / "once.ecsv"
    killed = subprocess.run([sys.executable, "-c", code, *words, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    assert (tmp_path / "again.ecsv.partial" / "000000.part").exists()
    assert main([*words, str(target)]) == 0
    assert main([*words, str(once)]) == 0
    assert target.read_bytes() == once.read_bytes()
    assert len(read_table(once)) == 12 * N_DISCS
    assert not (tmp_path / "again.ecsv.partial").exists()


def test_a_list_and_a_limit_of_memory(
    finished: Path, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "list.txt").write_text("\n".join(map(str, sorted(discs.iterdir())[:3])))
    words = ["predict", str(finished), f"@{tmp_path}/list.txt", "--output", str(tmp_path / "a.csv")]
    assert main([*words, "--max-memory", "8GB"]) == 0
    assert len(read_table(tmp_path / "a.csv")) == 3
    assert "--max-memory is 1MB, but" in refused(*words, "--max-memory", "1MB")
