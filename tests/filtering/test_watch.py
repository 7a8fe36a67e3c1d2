"""Frames are judged as they come, once each, also when the watch is stopped in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from equiclust.exceptions import InputError, OutputError
from equiclust.filtering import FrameFilter, watch_frames
from equiclust.io.catalogue import read_table
from tests.filtering.conftest import Simulated

h5py = pytest.importorskip("h5py")

Make = Callable[..., Simulated]


@pytest.fixture(scope="module")
def model(simulated: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    one = simulated(500, 0.5)
    place = tmp_path_factory.mktemp("model") / "kept.model"
    FrameFilter().fit(one.features, one.measure).save(place)
    return place


def copy_frames(one: Simulated, path: Path, start: int, stop: int) -> None:
    with h5py.File(one.path) as source, h5py.File(path, "a") as file:
        frames = source["entry/data/data"][start:stop]
        if "frames" not in file:
            file.create_dataset("frames", data=frames, maxshape=(None, 64, 64))
        else:
            file["frames"].resize(stop, axis=0)
            file["frames"][start:] = frames


def test_new_files_and_further_frames_are_judged_once(
    simulated: Make, model: Path, tmp_path: Path
) -> None:
    one = simulated(500, 0.1)
    folder, table = tmp_path / "incoming", tmp_path / "live.csv"
    folder.mkdir()
    copy_frames(one, folder / "a.h5", 0, 100)
    later = Timer(0.4, shutil.copy, (folder / "a.h5", folder / "b.h5"))
    later.start()
    watched = watch_frames(folder, model, table, poll=0.1, timeout=1.2)
    later.join()
    assert sum(watched.labels.values()) == 200
    # What a stopped watch was writing, and a file that has grown.
    with table.open("a") as stream:
        stream.write("half a li")
    copy_frames(one, folder / "a.h5", 100, 130)
    again = watch_frames(folder, model, table, poll=0.05, timeout=0.4)
    assert sum(again.labels.values()) == 30
    rows = read_table(table)
    assert len(rows) == 230
    grown = rows[[name.endswith("a.h5") for name in rows["file"]]]
    assert grown["index"].tolist() == list(range(130))
    assert np.mean((grown["usable"] == 1) == one.usable[:130]) > 0.98


def test_files_that_cannot_be_read_wait_until_they_can(
    simulated: Make, model: Path, tmp_path: Path
) -> None:
    one = simulated(500, 0.1)
    (tmp_path / "incoming").mkdir()
    copy_frames(one, tmp_path / "whole.h5", 0, 20)
    target = tmp_path / "incoming/a.h5"
    target.write_bytes((tmp_path / "whole.h5").read_bytes()[:-3000])
    later = Timer(0.3, shutil.copy, (tmp_path / "whole.h5", target))
    later.start()
    watched = watch_frames(
        tmp_path / "incoming", model, tmp_path / "live.csv", poll=0.1, timeout=0.9
    )
    later.join()
    assert sum(watched.labels.values()) == 20


def test_what_cannot_be_watched_is_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="watch must be a folder"):
        watch_frames(tmp_path / "no", model, tmp_path / "live.csv")
    with pytest.raises(InputError, match=r"\.csv"):
        watch_frames(tmp_path, model, tmp_path / "live.h5")
    (tmp_path / "live.csv").write_text("mine\n")
    with pytest.raises(OutputError, match="no table of a watch"):
        watch_frames(tmp_path, model, tmp_path / "live.csv")
    assert (tmp_path / "live.csv").read_text() == "mine\n"
