"""`simulate` writes files that `run` reads back, and their truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from astropy.io import fits

from data_adapters import read
from equiclust.cli import main
from equiclust.io.catalogue import read_table
from equiclust.io.locks import exclusive
from equiclust.simulation.cloud_maps import simulate_cloud_map
from equiclust.simulation.cloud_scene import MAP_CLASSES
from equiclust.simulation.discs import simulate_discs


def simulate(folder: Path, *more: str) -> int:
    words = ["simulate", "discs", "-n", "7", "--size", "24", "--seed", "5"]
    return main([*words, "--output", str(folder), *more])


def test_files_hold_the_simulated_images(tmp_path: Path) -> None:
    folder = tmp_path / "discs"
    assert simulate(folder, "--max-inclination", "20") == 0
    images, truth = simulate_discs(7, size=24, max_inclination=20, random_state=5)
    found = read(folder).images
    assert found.ids == images.ids
    np.testing.assert_array_equal(found.pixels, images.pixels)
    written = read_table(folder / "truth.ecsv")
    assert written["kind"].tolist() == truth["kind"].tolist()
    assert max(written["inclination"]) <= 20


def test_json_tells_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(tmp_path / "discs", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert Path(record["truth"]).is_file()
    assert record["n_images"] == 7


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "mine.fits").write_text("mine")
    words = ("simulate", "discs", "-n", "2", "--size", "24", "--output", str(tmp_path))
    assert "mine.fits" in refused(*words)
    assert (tmp_path / "mine.fits").read_text() == "mine"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_a_stopped_simulation_left_is_completed(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert simulate(tmp_path) == 0
    whole = contents(tmp_path)
    (tmp_path / "truth.ecsv").unlink()
    (tmp_path / "disc_00003.fits").unlink()
    assert simulate(tmp_path) == 0
    assert contents(tmp_path) == whole
    words = ("simulate", "discs", "-n", "7", "--size", "24", "--output", str(tmp_path))
    assert "truth.ecsv" in refused(*words)


@pytest.mark.parametrize("name", ["disc_00003.fits", "cloud_0001.fits", "cloud_0001.truth.fits"])
def test_files_of_the_user_are_never_overwritten(
    tmp_path: Path, refused: Callable[..., str], name: str
) -> None:
    (tmp_path / name).write_text("mine")
    discs = ["simulate", "discs", "-n", "7", "--size", "24", "--output", str(tmp_path)]
    assert name in refused(*(discs if name.startswith("disc") else clouds(tmp_path)))
    assert contents(tmp_path) == {name: b"mine"}


def test_images_of_another_simulation_are_never_overwritten(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert simulate(tmp_path) == 0
    (tmp_path / "truth.ecsv").unlink()
    before = contents(tmp_path)
    words = ["simulate", "discs", "-n", "9", "--size", "24", "--seed", "6"]
    assert "disc_00000.fits" in refused(*words, "--output", str(tmp_path))
    assert contents(tmp_path) == before


def test_a_second_process_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    held, done = Event(), Event()

    def hold() -> None:
        with exclusive(tmp_path / "new", inside=True):
            held.set()
            done.wait()

    # The thread that holds a lock may take it again, so that another one holds it.
    holder = Thread(target=hold)
    holder.start()
    held.wait()
    try:
        assert "another process" in refused(*clouds(tmp_path / "new"))
        discs = ("simulate", "discs", "-n", "2", "--size", "24")
        assert "another process" in refused(*discs, "--output", str(tmp_path / "new"))
    finally:
        done.set()
        holder.join()


def test_what_cannot_be_simulated(tmp_path: Path, refused: Callable[..., str]) -> None:
    words = ("simulate", "discs", "--output", str(tmp_path / "discs"))
    assert "arguments are required: -n" in refused(*words)
    assert "n must be a whole number of at least 1" in refused(*words, "-n", "0")
    assert "size" in refused(*words, "-n", "1", "--size", "3")
    assert "--max-inclination must" in refused(*words, "-n", "1", "--max-inclination", "90")
    assert "must be one of discs, clouds" in refused("simulate", "dogs", *words[2:], "-n", "1")
    assert not (tmp_path / "discs").exists()


def clouds(folder: Path, *more: str) -> list[str]:
    words = ["simulate", "clouds", "-n", "2", "--size", "48", "--seed", "5", "--scale", "8"]
    return [*words, "--output", str(folder), *more]


def test_maps_of_clouds_have_their_truth_beside_them(tmp_path: Path) -> None:
    options = ("--snr", "20", "--beam", "4", "--slope", "2.8", "--angle", "37")
    assert main(clouds(tmp_path, *options)) == 0
    table = read_table(tmp_path / "truth.ecsv")
    assert table["id"].tolist() == ["cloud_0000", "cloud_0001"]
    assert all(table[name].description for name in table.colnames)
    for row in table:
        image, truth = simulate_cloud_map(
            (48, 48),
            scale=8.0,
            snr=row["snr"],
            beam_fwhm=row["beam_fwhm"],
            slope=row["slope"][0],
            angle=row["angle"],
            random_state=int(row["seed"]),
        )
        assert row["kinds"].split(",") == list(MAP_CLASSES)
        np.testing.assert_allclose(row["shares"], np.bincount(truth.ravel()) / truth.size)
        values = fits.getdata(tmp_path / f"{row['id']}.fits")
        np.testing.assert_array_equal(values, image.pixels[0])
        np.testing.assert_array_equal(fits.getdata(tmp_path / f"{row['id']}.truth.fits"), truth)
    assert (table["snr"][0], table["beam_fwhm"][0], table["slope"][0][0]) == (20.0, 4.0, 2.8)
    assert np.isnan(table["slope"][0][1:]).all()


def test_cubes_of_clouds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(clouds(tmp_path, "--channels", "6", "--json")) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["n_images"] == 2
    assert Path(record["truth"]).is_file()
    assert fits.getdata(tmp_path / "cloud_0001.fits").shape == (6, 48, 48)
    assert fits.getdata(tmp_path / "cloud_0001.truth.fits").shape == (48, 48)


def test_stopped_clouds_are_completed_and_finished_ones_kept(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert main(clouds(tmp_path)) == 0
    assert "truth.ecsv" in refused(*clouds(tmp_path))
    (tmp_path / "truth.ecsv").unlink()
    (tmp_path / "cloud_0001.fits").unlink()
    assert main(clouds(tmp_path)) == 0
    assert len(list(tmp_path.iterdir())) == 5


def test_what_does_not_go_together_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    folder = tmp_path / "new"
    discs = ("simulate", "discs", "-n", "2", "--output", str(folder))
    for flag in ("--channels", "--scale", "--slope", "--beam", "--snr", "--angle"):
        assert f"{flag} is for clouds and cannot be given for discs" in refused(*discs, flag, "9")
    assert "--views is for discs" in refused(*clouds(folder, "--views", "2"))
    assert "--max-inclination is for discs" in refused(*clouds(folder, "--max-inclination", "9"))
    assert "--channels must be at least 2, got 1" in refused(*clouds(folder, "--channels", "1"))
    assert "--beam must lie between" in refused(*clouds(folder, "--beam", "1"))
    assert "--size must be" in refused(*clouds(folder, "--size", "8"))
    assert "n must be a whole number of at least 1" in refused(*clouds(folder, "-n", "0"))
    assert "--seed must" in refused(*clouds(folder, "--seed", "-1"))
    assert not folder.exists()


def test_views_are_written_with_their_system(tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    assert simulate(folder, "--views", "2") == 0
    truth = read_table(folder / "truth.ecsv")
    assert len(read(folder).images) == len(truth) == 14
    assert truth["system"].tolist()[:3] == ["disc_00000", "disc_00000", "disc_00001"]
