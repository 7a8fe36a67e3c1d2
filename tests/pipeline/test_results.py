"""What a finished run offers agrees with the files in its folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import equiclust
from data_adapters import read
from equiclust.exceptions import InputError, OutputError
from equiclust.io.atomic import read_json, write_json
from equiclust.io.catalogue import read_table, write_table
from equiclust.pipeline.similar import find_similar
from equiclust.pipeline.similar_sheet import write_similar
from tests.cli.conftest import N_DISCS


@pytest.fixture(scope="module")
def run(finished: Path) -> equiclust.Run:
    return equiclust.open_run(finished)


def test_results_are_those_on_disk(run: equiclust.Run, finished: Path) -> None:
    table = read_table(finished / "catalogue.ecsv")
    assert run.path == finished
    assert run.labels.tolist() == table["label"].tolist()
    assert run.latents.shape == (N_DISCS, 8)
    assert run.latents.dtype == np.float32
    assert len(run.rejected) == 0
    assert run.n_clusters == 2
    assert run.is_invariant
    assert "sorted" not in repr(run)


def test_new_images_get_the_labels_of_the_run(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    from_files = run.predict(str(discs / "*.fits"), output=tmp_path / "new.ecsv")
    assert from_files["label"].tolist() == run.labels.tolist()
    assert read_table(tmp_path / "new.ecsv")["label"].tolist() == run.labels.tolist()
    in_memory = run.predict(read(discs).images)
    assert in_memory["label"].tolist() == run.labels.tolist()


def test_a_rotated_image_finds_the_neighbours_of_the_original(
    run: equiclust.Run, discs: Path
) -> None:
    image = read(discs / "disc_00000.fits").images[0]
    rotated = equiclust.ImageSet.from_array(np.rot90(image.pixels, axes=(1, 2))[None].copy())
    original, other = run.similar(equiclust.ImageSet((image,)), n=3), run.similar(rotated, n=4)
    # The run does not know that the rotated image is one of its own.
    assert other["similar"][0] == image.id
    assert other["distance"][0] < 1e-4
    assert other["similar"][1:].tolist() == original["similar"].tolist()


def test_what_the_user_made_is_not_overwritten(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\na,1\n")
    with pytest.raises(OutputError, match=r"labels\.csv"):
        run.predict(discs, output=labels)
    rejected = tmp_path / "new.rejected.ecsv"
    rejected.write_text("my notes\n")
    with pytest.raises(OutputError, match=r"new\.rejected\.ecsv"):
        run.predict(discs, output=tmp_path / "new.ecsv")
    assert labels.read_text() == "id,label\na,1\n"
    assert rejected.read_text() == "my notes\n"


def test_the_report_is_written_again(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    copy = equiclust.open_run(tmp_path / "copy")
    copy.folder.report_html.unlink()
    assert copy.report() == copy.folder.report_html
    assert copy.folder.report_html.stat().st_size > 10_000


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        equiclust.open_run(tmp_path)


def test_an_image_in_memory_is_not_its_own_neighbour(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    images = read(discs).images
    in_memory = equiclust.ImageSet(tuple(replace(image, path=None) for image in images))
    shutil.copytree(run.path, tmp_path / "copy")
    copy = equiclust.open_run(tmp_path / "copy")
    table = copy.catalogue.copy()
    table["path"] = [""] * len(table)
    write_table(table, copy.folder.catalogue_ecsv)
    found = equiclust.open_run(tmp_path / "copy").similar(in_memory[:3], n=2)
    assert not np.any(found["id"] == found["similar"])
    # The same id alone is not the same image.
    other = equiclust.ImageSet((replace(in_memory[0], id=in_memory[1].id),))
    found = equiclust.open_run(tmp_path / "copy").similar(other, n=2)
    assert found["similar"][0] == in_memory[0].id


def test_the_picture_of_the_user_is_not_overwritten(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    found = find_similar(run, str(discs / "disc_00000.fits"), n=1)
    sheet = tmp_path / "sheet.png"
    write_similar(found, sheet)
    write_similar(found, sheet)
    Picture.new("L", (4, 4)).save(sheet)
    before = sheet.read_bytes()
    with pytest.raises(OutputError, match=r"sheet\.png"):
        write_similar(found, sheet)
    assert sheet.read_bytes() == before


def test_a_catalogue_in_another_order_is_refused_where_latents_are_needed(
    finished: Path, discs: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    copy = equiclust.open_run(tmp_path / "copy")
    write_table(copy.catalogue[::-1], copy.folder.catalogue_ecsv)
    changed = equiclust.open_run(tmp_path / "copy")
    for use in (lambda: changed.latents, lambda: changed.similar(discs, 1)):
        with pytest.raises(InputError, match="in their order"):
            use()


def test_the_catalogue_of_another_run_is_not_overwritten(
    run: equiclust.Run, discs: Path, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "other")
    before = (tmp_path / "other" / "catalogue.ecsv").read_bytes()
    with pytest.raises(OutputError, match="folder of another run"):
        run.predict(discs, output=tmp_path / "other" / "catalogue.ecsv")
    assert (tmp_path / "other" / "catalogue.ecsv").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "use"),
    [
        ("metrics.json", "{}", "n_clusters"),
        ("metrics.json", '{"clusters": 3}', "n_clusters"),
        ("invariance.json", "{}", "is_invariant"),
        ("invariance.json", '{"passed": "no"}', "is_invariant"),
    ],
)
def test_a_damaged_file_is_named(
    name: str, content: str, use: str, finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / name).write_text(content)
    with pytest.raises(InputError, match=name):
        getattr(equiclust.open_run(tmp_path / "copy"), use)


def test_arrays_are_read_by_the_axes_that_the_run_was_given(
    run: equiclust.Run, finished: Path, discs: Path, tmp_path: Path
) -> None:
    images = read(discs).images.take([0, 5])
    np.save(tmp_path / "x.npy", images.pixels.transpose(3, 2, 1, 0))
    labels = run.predict(images)["label"].tolist()
    assert run.axes == ""
    assert run.predict(tmp_path / "x.npy", axes="whcn")["label"].tolist() == labels
    shutil.copytree(finished, tmp_path / "run")
    content = read_json(finished / "config.json")
    content["config"]["axes"] = "whcn"
    write_json(tmp_path / "run" / "config.json", content)
    copy = equiclust.open_run(tmp_path / "run")
    assert copy.predict(tmp_path / "x.npy")["label"].tolist() == labels
    with pytest.raises(InputError, match="the letters of axes do not fit: 'hw'"):
        copy.predict(tmp_path / "x.npy", axes="hw")
