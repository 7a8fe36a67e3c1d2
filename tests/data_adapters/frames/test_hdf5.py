"""Which data set of an HDF5 file holds the frames, and what is said when none does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_adapters.frames import open_frames
from equiclust.exceptions import InputError, UnreadableFileError

h5py = pytest.importorskip("h5py")
hdf5plugin = pytest.importorskip("hdf5plugin")

FRAMES = np.random.default_rng(0).integers(0, 900, (7, 20, 24)).astype(np.uint16)


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return path


def read(path: Path, dataset: str | None = None) -> Any:
    series = open_frames(path, dataset=dataset).series
    pieces = list(series.pieces(0, 3))
    for stack in series.stacks:
        assert stack.n_frames
    found = np.concatenate([piece.stack.read(piece.start, piece.stop) for piece in pieces])
    for stack in series.stacks:
        stack.close()
    return found


def test_the_default_signal_of_nexus_comes_before_larger_data_sets(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nxs", other=np.zeros((9, 40, 40)), entry__data__raw=FRAMES)
    with h5py.File(path, "a") as file:
        file.attrs["default"] = "entry"
        file["entry"].attrs["default"] = "data"
        file["entry/data"].attrs["signal"] = "raw"
        file["entry/data/saturation_value"] = 5000
    series = open_frames(path).series
    assert series.stacks[0].part == "/entry/data/raw"
    assert series.stacks[0].saturation == 5000
    np.testing.assert_array_equal(read(path), FRAMES)


@pytest.mark.parametrize("odd", [h5py.Empty("f4"), np.dtype("u2"), "high", None, -1, 0.0, np.nan])
def test_a_saturation_that_is_no_number_is_passed_over(tmp_path: Path, odd: Any) -> None:
    path = write(tmp_path / "a.h5", entry__data__raw=FRAMES)
    with h5py.File(path, "a") as file:
        if odd is None:
            file.create_group("entry/data/saturation_value")
        else:
            file["entry/data/saturation_value"] = odd
    assert open_frames(path).series.stacks[0].saturation is None


def test_else_the_largest_stack_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", small=FRAMES[:2], large=FRAMES, table=np.zeros((90, 90)))
    np.testing.assert_array_equal(read(path), FRAMES)
    np.testing.assert_array_equal(read(path, "/small"), FRAMES[:2])


def test_equally_large_stacks_must_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", one=FRAMES, two=FRAMES)
    with pytest.raises(InputError, match="several equally large data sets: /one, /two"):
        open_frames(path)


def test_pieces_behind_external_links_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path / "data_1.h5", stack=FRAMES[:4])
    write(tmp_path / "data_2.h5", stack=FRAMES[4:])
    with h5py.File(tmp_path / "master.h5", "w") as file:
        group = file.create_group("entry/data")
        for number in (1, 2):
            link = h5py.ExternalLink(f"data_{number}.h5", "/stack")
            group[f"data_00000{number}"] = link
    np.testing.assert_array_equal(read(tmp_path / "master.h5"), FRAMES)
    np.testing.assert_array_equal(
        read(tmp_path / "master.h5", "/entry/data/data_000002"), FRAMES[4:]
    )
    (tmp_path / "data_2.h5").unlink()
    with pytest.raises(InputError, match="data_000002"):
        open_frames(tmp_path / "master.h5")


def test_a_virtual_data_set_is_read_and_refused_when_a_source_is_missing(tmp_path: Path) -> None:
    write(tmp_path / "source.h5", stack=FRAMES)
    layout = h5py.VirtualLayout(FRAMES.shape, FRAMES.dtype)
    layout[:] = h5py.VirtualSource("source.h5", "stack", FRAMES.shape)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("frames", layout)
    np.testing.assert_array_equal(read(tmp_path / "virtual.h5"), FRAMES)
    (tmp_path / "source.h5").unlink()
    with pytest.raises(UnreadableFileError, match=r"source 'source\.h5' is missing"):
        open_frames(tmp_path / "virtual.h5")


def test_a_missing_data_set_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", frames=FRAMES)
    with pytest.raises(InputError, match=r"'/entry/no' is missing .* holds /frames"):
        open_frames(path, dataset="/entry/no")


def test_frames_of_a_scan_on_a_grid_follow_each_other(tmp_path: Path) -> None:
    grid = FRAMES[:6].reshape(2, 3, *FRAMES.shape[1:])
    path = write(tmp_path / "a.h5", frames=grid, colours=np.zeros((90, 20, 24, 3)), large=FRAMES[0])
    np.testing.assert_array_equal(read(path), FRAMES[:6])
    np.testing.assert_array_equal(read(path, "/large"), FRAMES[:1])
    one_axis_more = write(tmp_path / "b.h5", frames=FRAMES[:, None])
    np.testing.assert_array_equal(read(one_axis_more), FRAMES)


def test_scaled_numbers_are_counts(tmp_path: Path) -> None:
    numbers = FRAMES.copy()
    numbers[1, 2, 3], numbers[2, 0, 0] = 65535, 7
    path = write(tmp_path / "a.h5", frames=numbers, saturation_value=1000)
    with h5py.File(path, "a") as file:
        file["frames"].attrs["scale_factor"] = np.array([0.5])
        file["frames"].attrs["add_offset"] = 10
    expected = np.where(numbers == 65535, np.nan, 10 + 0.5 * numbers)
    np.testing.assert_allclose(read(path), expected)
    assert open_frames(path).series.stacks[0].saturation == 510
    with h5py.File(path, "a") as file:
        file["frames"].attrs["_FillValue"] = np.uint16(7)
    np.testing.assert_allclose(read(path), np.where(numbers == 7, np.nan, 10 + 0.5 * numbers))


@pytest.mark.parametrize("values", [np.zeros((2, 3, 4, 3)), np.zeros(9), np.zeros((0, 4, 4))])
def test_other_axes_are_refused(tmp_path: Path, values: Any) -> None:
    path = write(tmp_path / "a.h5", frames=values)
    with pytest.raises(InputError, match="frame, height and width"):
        open_frames(path, dataset="/frames")


def test_a_file_without_frames_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set of three axes"):
        open_frames(write(tmp_path / "a.h5", table=np.zeros((9, 9))))


def test_a_truncated_file_and_one_that_is_no_hdf5_are_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", frames=FRAMES)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UnreadableFileError, match=r"a\.h5': the HDF5 file is truncated"):
        open_frames(path)
    path.write_text("no HDF5 at all")
    with pytest.raises(UnreadableFileError, match="it is not an HDF5 file"):
        open_frames(path)


def test_a_compression_without_a_plugin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("frames", data=FRAMES, chunks=(1, 20, 24), **hdf5plugin.Bitshuffle())
    np.testing.assert_array_equal(read(tmp_path / "a.h5"), FRAMES)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    with pytest.raises(InputError, match=r"HDF5 filter 32008 \(bitshuffle"):
        open_frames(tmp_path / "a.h5")


def test_damage_within_a_file_names_the_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("frames", data=FRAMES, chunks=(1, 20, 24), compression="gzip")
        place = file["frames"].id.get_chunk_info(3).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 60] = bytes(60)
    path.write_bytes(content)
    stack = open_frames(path).series.stacks[0]
    np.testing.assert_array_equal(stack.read(0, 3), FRAMES[:3])
    with pytest.raises(UnreadableFileError, match="frames 3 to 3"):
        stack.read(3, 4)
    stack.close()


@pytest.mark.parametrize("place", [100, 300, 700, 900, 1000])
def test_damage_of_the_structure_is_one_sentence(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "a.h5", frames=FRAMES)
    content = bytearray(path.read_bytes())
    content[place : place + 60] = bytes(range(60))
    path.write_bytes(content)
    assert "\n" not in fault_of(path)


def fault_of(path: Path) -> str:
    """Why a file cannot be opened; empty where it can."""
    try:
        open_frames(path).series.stacks[0].close()
    except InputError as error:
        return str(error)
    return ""


def test_the_result_of_a_filter_is_no_input(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", frames=FRAMES)
    with h5py.File(path, "a") as file:
        file.attrs["creator"] = "equiclust filter"
    with pytest.raises(UnreadableFileError, match="result of a filter"):
        open_frames(path)


def test_without_h5py_the_sentence_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.h5", frames=FRAMES)
    monkeypatch.setitem(__import__("sys").modules, "hdf5plugin", None)
    with pytest.raises(ImportError, match=r"hdf5plugin.*equiclust\[frames\]"):
        open_frames(path)
