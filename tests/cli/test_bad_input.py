"""Whatever is wrong: one sentence, exit status 2, nothing lost, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from tests.cli.conftest import run_arguments


def write_truncated(path: Path) -> None:
    fits.PrimaryHDU(np.random.default_rng(0).random((60, 60))).writeto(path)
    path.write_bytes(path.read_bytes()[:4000])


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "all-nan": lambda path: fits.PrimaryHDU(np.full((20, 20), np.nan)).writeto(path),
    "constant": lambda path: fits.PrimaryHDU(np.ones((20, 20))).writeto(path),
    "zero-size": lambda path: path.write_bytes(b""),
    "no pixels": lambda path: fits.PrimaryHDU(np.zeros((0, 20), np.float32)).writeto(path),
    "truncated": write_truncated,
    "text": lambda path: path.write_text("this is no FITS file\n" * 200),
    "table": lambda path: Table({"a": [1, 2]}).write(path),
    "no data": lambda path: fits.PrimaryHDU().writeto(path),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_alone_is_named(kind: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "bad.fits"
    BAD_FILES[kind](path)
    before = path.read_bytes()
    sentence = refused(*run_arguments(path, tmp_path / "run"))
    assert "bad.fits: " in sentence
    assert not (tmp_path / "run").exists()
    assert path.read_bytes() == before


def test_no_images(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "empty").mkdir()
    run = tmp_path / "run"
    assert "holds no file" in refused(*run_arguments(tmp_path / "empty", run))
    assert "does not exist" in refused(*run_arguments(tmp_path / "missing", run))
    assert "matches no file" in refused(*run_arguments(tmp_path / "*.fits", run))
    assert "INPUT must name images, or latents" in refused("run", "--output", str(run))
    assert not run.exists()


def test_one_image(discs: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    sentence = refused(*run_arguments(discs / "disc_00000.fits", tmp_path / "run"))
    assert "at least 2 images" in sentence
    assert not (tmp_path / "run").exists()


def test_one_image_many_times(tmp_path: Path, refused: Callable[..., str]) -> None:
    image = np.random.default_rng(0).random((30, 30))
    np.save(tmp_path / "same.npy", np.stack([image] * 5))
    sentence = refused(*run_arguments(tmp_path / "same.npy", tmp_path / "run"))
    assert "different" in sentence


def test_fewer_images_than_clusters(
    discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = run_arguments(discs, tmp_path / "run", "--n-clusters", "13")
    assert "got 13 for 12 images" in refused(*words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--size", "100", "--size"),
        ("--size", "0", "--size"),
        ("--n-clusters", "0", "--n-clusters"),
        ("--n-clusters", "many", "--n-clusters"),
        ("--latent-dim", "0", "--latent-dim"),
        ("--max-epochs", "0", "--max-epochs"),
        ("--group", "E8", "--group"),
        ("--seed", "-1", "--seed"),
        ("--method", "guess", "--method"),
        ("--stretch", "cube", "--stretch"),
        ("--center", "left", "--center"),
        ("--device", "abacus", "--device"),
        ("--n-folds", "0", "--n-folds"),
        ("--reliability", "1.5", "--reliability"),
    ],
)
def test_unknown_values_of_options(
    option: str, value: str, named: str, discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    sentence = refused(*run_arguments(discs, tmp_path / "run", option, value))
    assert named in sentence
    assert value in sentence
    assert not (tmp_path / "run").exists()


def test_percentiles_the_wrong_way_round(
    discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    words = run_arguments(discs, tmp_path / "run", "--percentiles", "90", "10")
    assert "--percentiles" in refused(*words)


def test_output_that_is_a_file(discs: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    target = tmp_path / "file"
    target.write_text("mine")
    refused(*run_arguments(discs, target))
    assert "not a folder" in refused(*run_arguments(discs, target / "run"))
    assert target.read_text() == "mine"


def test_output_that_holds_something_else(
    discs: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    assert "thesis.tex" in refused(*run_arguments(discs, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_output_that_is_read_only(
    discs: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the answer is put into the system's mouth.
    monkeypatch.setattr("equiclust.io.output_checks.os.access", lambda *arguments: False)
    assert "read-only" in refused(*run_arguments(discs, tmp_path / "run"))
