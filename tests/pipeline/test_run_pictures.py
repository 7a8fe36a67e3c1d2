"""The images of a run again: from previews or files, they are the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import equiclust
from data_adapters import read
from equiclust.exceptions import InputError
from equiclust.images import ImageSet
from equiclust.io.atomic import write_json
from equiclust.pipeline.results import Run
from equiclust.pipeline.run_pictures import RunPictures
from tests.report.folders import make_run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Run:
    return equiclust.open_run(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def without_previews(run: Run) -> RunPictures:
    run.folder.previews_npz.unlink()
    return RunPictures(run)


def test_originals_are_those_of_the_files(run: Run, discs: Path) -> None:
    pictures = RunPictures(run)
    images = {image.id: image for image in read(discs).images}
    for row, name in enumerate(run.catalogue["id"]):
        np.testing.assert_array_equal(pictures.original(row).pixels, images[name].pixels)


def test_previews_and_files_show_the_same(run: Run, without_previews: RunPictures) -> None:
    model = run.model
    for row in range(3):
        from_file = without_previews.preprocessed(row)
        image = ImageSet((without_previews.original(row),))
        np.testing.assert_array_equal(from_file, model.preprocessor.transform(image).pixels[0])
        assert 0 <= from_file.min() <= from_file.max() <= 1


def test_reconstructions_are_the_mean_of_all_networks(
    finished: Path, without_previews: RunPictures
) -> None:
    pictures = RunPictures(equiclust.open_run(finished))
    rows = [row for row in range(12) if pictures._ids[row] in pictures._preview_index]
    assert rows
    for row in rows:
        np.testing.assert_allclose(
            pictures.preprocessed(row), without_previews.preprocessed(row), atol=1e-6
        )
        np.testing.assert_allclose(
            pictures.reconstruction(row), without_previews.reconstruction(row), atol=1e-5
        )


def test_a_damaged_file_of_previews_is_done_without(run: Run) -> None:
    expected = RunPictures(run).preprocessed(1)
    run.folder.previews_npz.write_bytes(b"PK damaged")
    np.testing.assert_allclose(RunPictures(run).preprocessed(1), expected, atol=1e-6)


def test_images_that_cannot_be_had_are_named(without_previews: RunPictures) -> None:
    without_previews._paths[2] = "/no such/file.fits"
    with pytest.raises(InputError, match="no such/file"):
        without_previews.original(2)
    assert without_previews.preprocessed_or_none(2) is None
    assert without_previews.preprocessed_or_none(3) is not None


def test_images_from_memory_are_known_by_their_previews(tmp_path: Path) -> None:
    run = equiclust.open_run(make_run(tmp_path / "run", pictured=[0, 1]).path)
    pictures = RunPictures(run)
    assert pictures.preprocessed(1).shape == (1, 16, 16)
    assert pictures.reconstruction(1).shape == (1, 16, 16)
    with pytest.raises(InputError, match="came from memory and has no file"):
        pictures.original(1)
    assert pictures.preprocessed_or_none(5) is None


def test_a_preprocessor_that_is_none_is_named(run: Run) -> None:
    write_json(run.folder.model / "preprocessing.json", {"no such option": 1})
    with pytest.raises(InputError, match=r"preprocessing\.json' does not describe"):
        _ = RunPictures(run).preprocessor
