"""Jobs that are killed go on to the same labels, and models that do not fit are refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from equiclust.exceptions import InputError
from equiclust.io.manifest import write_manifest
from equiclust.segmentation.job import SegmentJob, run_segment_job
from equiclust.segmentation.options import SegmentOptions
from equiclust.segmentation.segment import Segmentation
from tests.segmentation.conftest import two_textures

OPTIONS = SegmentOptions(tile=16, n_clusters=2)

KILLED = """
import os, signal, sys
from equiclust.segmentation import labelling
from equiclust.segmentation.job import SegmentJob, run_segment_job
from equiclust.segmentation.options import SegmentOptions

labelling.TILES_AT_ONCE = 64
cube, output, run, stage = sys.argv[1:]

def kill(name, done, total, remark):
    if name == stage and total is not None and 2 * done > total:
        os.kill(os.getpid(), signal.SIGKILL)

options = SegmentOptions(tile=16, n_clusters=2)
run_segment_job(SegmentJob(cube, output, options, run=run), on_progress=kill)
"""


@pytest.fixture(scope="module")
def model(segmented: Segmentation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known") / "known.model"
    shutil.copytree(segmented.model, folder)
    write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cube") / "cube.fits"
    profile = np.exp(-0.5 * ((np.arange(40) - 20.0) / 5.0) ** 2)
    noise = np.random.default_rng(0).normal(0.0, 0.1, (40, 96, 96))
    pixels = profile[:, None, None] * (two_textures() + 3.0) + noise
    fits.writeto(path, pixels.astype(np.float32))
    return path


@pytest.mark.parametrize("stage", ["reading", "encoding"])
def test_a_killed_job_goes_on_to_the_same_labels(
    cube: Path, model: Path, tmp_path: Path, stage: str
) -> None:
    whole = run_segment_job(
        SegmentJob(str(cube), str(tmp_path / "a.fits"), OPTIONS, run=str(model))
    )
    output = tmp_path / "b.fits"
    words = [str(cube), str(output), str(model), stage]
    ended = subprocess.run([sys.executable, "-c", KILLED, *words], check=False, timeout=300)
    assert ended.returncode == -signal.SIGKILL
    assert not output.exists()
    kept = set(os.listdir(f"{output}.partial"))
    assert ("moments.npz" in kept) == (stage == "encoding")
    resumed = run_segment_job(SegmentJob(str(cube), str(output), OPTIONS, run=str(model)))
    assert not Path(f"{output}.partial").exists()
    for name in ("PRIMARY", "COVERAGE", "MEMBERSHIP", "CHANNEL_LOW", "CHANNEL_HIGH"):
        one, other = (fits.getdata(job.labels, name) for job in (whole, resumed))
        np.testing.assert_array_equal(one, other, name)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tile": 64}, "tile must be 16 or left out with run, .* 16 pixels, got 64"),
        ({"tile": 16, "n_clusters": 3}, "n_clusters must be 2 or left out with run.*got 3"),
        ({"tile": 16, "encoder": "alexnet"}, "encoder must be left out with run"),
    ],
)
def test_options_that_a_model_cannot_serve_are_refused(
    cube: Path, model: Path, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    job = SegmentJob(
        str(cube), str(tmp_path / "l.fits"), SegmentOptions(**settings), run=str(model)
    )
    with pytest.raises(InputError, match=said):
        run_segment_job(job)
    assert os.listdir(tmp_path) == []


def test_a_second_cube_is_labelled_without_training(
    cube: Path, model: Path, tmp_path: Path
) -> None:
    stages: set[str] = set()
    pixels = fits.getdata(cube)
    fits.writeto(tmp_path / "second.fits", 2.0 * pixels[:, ::-1])
    job = SegmentJob(
        str(tmp_path / "second.fits"), str(tmp_path / "l.fits"), SegmentOptions(), run=str(model)
    )
    run_segment_job(job, on_progress=lambda stage, *_: stages.add(stage))
    assert {"reading", "encoding", "labelling"} <= stages
    assert "training" not in stages
    first = run_segment_job(SegmentJob(str(cube), str(tmp_path / "f.fits"), run=str(model)))
    found = fits.getdata(tmp_path / "l.fits")[::-1]
    assert np.mean(found == fits.getdata(first.labels)) > 0.97


def test_paths_are_as_good_as_their_text(cube: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.fits"
    assert SegmentJob(cube, output, run=model) == (  # type: ignore[arg-type]  # annotated as text
        SegmentJob(str(cube), str(output), run=str(model))
    )
