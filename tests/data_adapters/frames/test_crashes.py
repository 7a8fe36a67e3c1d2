"""What the HDF5 library does not survive ends another process, and is one sentence in ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_adapters.frames import open_frames
from data_adapters.frames.crashes import crashing_files, crashing_frame
from equiclust.exceptions import UnreadableFileError

h5py = pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")

FRAMES = np.random.default_rng(0).integers(0, 900, (7, 20, 24)).astype(np.uint16)
# Which bytes crash HDF5 depends on its version; this ends the other process as they do.
DAMAGED = """
import os
from data_adapters.frames import crashes, hdf5
open_hdf5, read = crashes.open_hdf5, hdf5.Hdf5Stack.read
crashes.open_hdf5 = lambda path, name: os.abort() if "bad" in path.name else open_hdf5(path, name)
def read_or_die(stack, start, stop):
    return os.abort() if start == 5 and "torn" in stack.path.name else read(stack, start, stop)
hdf5.Hdf5Stack.read = read_or_die
crashes._CPU_SECONDS = 0.1
first = crashes._first
crashes._first = lambda stack: iter(int, 1) if "endless" in stack.path.name else first(stack)
crashes._read_all()
"""


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_adapters.frames.crashes._PROGRAM", DAMAGED)


def write(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["frames"] = FRAMES
    return path


@pytest.mark.usefixtures("damaged")
def test_files_that_crash_or_never_end_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    for name in ("a_bad.h5", "b.h5", "c_endless.h5", "d.h5"):
        write(tmp_path / name)
    opened = open_frames(tmp_path, find_crashes=True)
    assert [stack.path.name for stack in opened.series.stacks] == ["b.h5", "d.h5"]
    (first, crashed), (second, endless) = opened.rejected
    assert first.endswith("a_bad.h5")
    assert "the HDF5 library crashes on it; the file is damaged" in crashed
    assert second.endswith("c_endless.h5")
    assert "the HDF5 library does not come to an end on it" in endless
    with pytest.raises(UnreadableFileError, match=r"a_bad\.h5': the HDF5 library crashes"):
        open_frames(tmp_path / "a_bad.h5", find_crashes=True)


@pytest.mark.usefixtures("damaged")
def test_the_frame_that_crashes_is_named(tmp_path: Path) -> None:
    series = open_frames([write(tmp_path / "a.h5"), write(tmp_path / "torn.h5")]).series
    assert crashing_frame(series, 0, 12) == ""
    said = crashing_frame(series, 3, 99)
    assert said.startswith(f"cannot read frame 5 of '{tmp_path / 'torn.h5'}::/frames': the HDF5")


def test_nothing_is_imported_from_where_the_user_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder may be somebody else's, and hold a module of the package's name."""
    for name in ("data_adapters", "equiclust"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("open('imported', 'w').close()")
    monkeypatch.chdir(tmp_path)
    crashing_files([write(tmp_path / "a.h5")])
    assert not (tmp_path / "imported").exists()


def test_whole_files_other_files_and_unreadable_ones_are_no_crash(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    assert crashing_files([write(tmp_path / "a.h5"), tmp_path / "text.h5"], "/frames") == {}
    assert crashing_files([]) == {}
