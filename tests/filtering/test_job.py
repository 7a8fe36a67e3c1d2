"""A whole filtering: files of the result, resuming, and frames that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_adapters.frames import open_frames
from equiclust.exceptions import EquiclustWarning, InputError, OutputError, UnreadableFileError
from equiclust.filtering import filter_frames
from equiclust.filtering import job as job_module
from equiclust.filtering.job import KeptFiles
from equiclust.filtering.measuring import Measured, measure_series
from equiclust.io.catalogue import read_table
from tests.filtering.conftest import Simulated

h5py = pytest.importorskip("h5py")

Make = Callable[..., Simulated]


@pytest.fixture(scope="module")
def hdf5_result(simulated: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Simulated]:
    one = simulated(500, 0.5)
    output = tmp_path_factory.mktemp("kept") / "kept.h5"
    return filter_frames(one.path, output), one


def test_the_mask_lies_beside_and_the_kept_frames_are_links(
    hdf5_result: tuple[Any, Simulated],
) -> None:
    result, one = hdf5_result
    with h5py.File(one.path) as source, h5py.File(result.files.main) as file:
        entry = file["entry"]
        keep = entry["keep"][()].astype(bool)
        assert np.mean(keep == one.usable) >= 0.99
        np.testing.assert_array_equal(keep, entry["label"][()] == 1)
        np.testing.assert_array_equal(entry["index"][()], np.arange(500))
        np.testing.assert_allclose(entry["flux"][()], one.features.flux, rtol=1e-5)
        assert entry["data/kept"].is_virtual
        assert entry["data/kept"].shape == (keep.sum(), 64, 64)
        np.testing.assert_array_equal(entry["data/kept"][()], source["entry/data/data"][()][keep])
    # But for the frames, which are links, nothing is large.
    assert result.files.main.stat().st_size < one.path.stat().st_size / 10


def test_the_report_shows_the_classes(hdf5_result: tuple[Any, Simulated]) -> None:
    result, _ = hdf5_result
    page = result.files.report.read_text()
    assert result.headline in page
    assert "Flux over time" in page
    assert "too little flux" in page
    assert page.count("data:image/svg+xml") == 2
    assert "Confusion matrix" not in page


@pytest.mark.usefixtures("hurried")
def test_a_model_judges_further_frames_alike_and_other_shapes_are_refused(
    hdf5_result: tuple[Any, Simulated], simulated: Make, tmp_path: Path
) -> None:
    result, one = hdf5_result
    again = filter_frames(one.path, tmp_path / "again.ecsv", model=result.files.model)
    np.testing.assert_array_equal(again.judgement.label, result.judgement.label)
    np.testing.assert_array_equal(again.judgement.probability, result.judgement.probability)
    small = write_frames(tmp_path / "small.h5", np.zeros((3, 8, 8), np.uint16))
    with pytest.raises(InputError, match="is for frames of 64 x 64 pixels, got 8 x 8"):
        filter_frames(small, tmp_path / "small.csv", model=result.files.model)


def write_frames(path: Path, frames: Any) -> Path:
    with h5py.File(path, "w") as file:
        file["frames"] = frames
    return path


def test_a_table_names_every_frame_and_the_confusion_is_that_of_the_labels(
    simulated: Make, tmp_path: Path
) -> None:
    one = simulated(500, 0.1)
    known = np.concatenate([np.flatnonzero(one.usable)[:30], np.flatnonzero(~one.usable)[:20]])
    lines = [f"{one.path.name},{index},{int(one.usable[index])}" for index in known]
    labels = tmp_path / "labels.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(one.path.parent)
        labels.write_text("\n".join(["file,index,usable", *lines]))
        result = filter_frames(one.path, tmp_path / "kept.csv", labels=labels)
    table = read_table(tmp_path / "kept.csv")
    assert len(table) == 500
    assert set(table["file"]) == {str(one.path)}
    np.testing.assert_array_equal(table["usable"] == 1, result.judgement.label == 1)
    (right, missed, _), (kept, dropped, _) = result.confusion.counts
    assert (missed, kept) == (0, 0)
    assert right + dropped >= 48
    assert result.record["confusion"] == [list(row) for row in result.confusion.counts]
    assert "Confusion matrix" in result.files.report.read_text()


@pytest.mark.usefixtures("hurried")
def test_kept_frames_of_several_files_are_linked_with_their_scale(
    simulated: Make, tmp_path: Path
) -> None:
    one = simulated(500, 0.1)
    with h5py.File(one.path) as file:
        frames = file["entry/data/data"][:120]
    parts = [write_frames(tmp_path / f"{n}.h5", frames[n : n + 60]) for n in (0, 60)]
    for path in parts:
        with h5py.File(path, "a") as file:
            file["frames"].attrs["scale_factor"] = 0.5
    result = filter_frames(parts, tmp_path / "kept.h5")
    keep = result.judgement.label == 1
    assert 0 < keep.sum() < 120
    with h5py.File(result.files.main) as file:
        np.testing.assert_array_equal(file["entry/data/kept"], frames[keep])
        assert file["entry/data/kept"].attrs["scale_factor"] == 0.5
    usual = np.median(one.features.flux[:120][keep])
    found = np.median(_flux(result.files.main)[keep])
    assert found == pytest.approx(usual / 2, rel=0.01)
    grid = write_frames(tmp_path / "grid.h5", frames.reshape(10, 12, 64, 64))
    again = filter_frames(grid, tmp_path / "grid_kept.h5")
    assert np.mean((again.judgement.label == 1) == one.usable[:120]) >= 0.98
    with h5py.File(again.files.main) as file:
        assert "data" not in file["entry"]


def _flux(path: Path) -> Any:
    with h5py.File(path) as file:
        return file["entry/flux"][()]


class _Killed(BaseException):
    pass


@pytest.mark.usefixtures("hurried")
def test_a_call_that_was_stopped_goes_on_and_ends_with_the_same_mask(
    simulated: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = simulated(500, 0.1)
    whole = filter_frames(one.path, tmp_path / "whole.h5")
    starts = []

    def measured(series: Any, measure: Any, *, start: int = 0) -> Iterator[Measured]:
        starts.append(start)
        for number, found in enumerate(_short_pieces(series, measure, start)):
            if len(starts) == 1 and number == 3:
                raise _Killed
            yield found

    monkeypatch.setattr(job_module, "measure_series", measured)
    files = KeptFiles(tmp_path / "again.h5")
    with pytest.raises(_Killed):
        filter_frames(one.path, files.main)
    assert not files.main.exists()
    # Half a row, as a killed process leaves it.
    with (files.working / "features.bin").open("ab") as stream:
        stream.write(b"abc")
    resumed = filter_frames(one.path, files.main)
    assert starts == [0, 150]
    np.testing.assert_array_equal(resumed.judgement.probability, whole.judgement.probability)
    assert not files.working.exists()
    with h5py.File(files.main) as first, h5py.File(tmp_path / "whole.h5") as second:
        np.testing.assert_array_equal(first["entry/keep"], second["entry/keep"])


@pytest.mark.usefixtures("hurried")
def test_a_frame_that_ended_the_call_before_is_named(
    simulated: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, **__: Any) -> Iterator[Measured]:
        raise _Killed
        yield

    one = simulated(500, 0.1)
    files = KeptFiles(tmp_path / "kept.h5")
    monkeypatch.setattr(job_module, "measure_series", ended)
    with pytest.raises(_Killed):
        filter_frames(one.path, files.main)
    tried = []

    def survived(tasks: Any) -> tuple[int, str]:
        tried.append([frames for _, _, frames in tasks])
        return (1 if tasks[0][2] is None else 7), "crashes"

    monkeypatch.setattr("data_adapters.frames.crashes._survived", survived)
    with pytest.raises(UnreadableFileError, match=r"cannot read frame 7 of .*HDF5 library crashes"):
        filter_frames(one.path, files.main)
    assert tried[0] == [None]
    assert tried[1] == [[index] for index in range(500)]


def _short_pieces(series: Any, measure: Any, start: int) -> Iterator[Measured]:
    """Features of 50 frames at a time."""
    for piece in series.pieces(start, 50):
        frames = piece.stack.read(piece.start, piece.stop)
        yield Measured(measure(frames), piece.offset + len(frames), "")


@pytest.mark.usefixtures("hurried")
def test_features_of_other_frames_are_not_taken_up(simulated: Make, tmp_path: Path) -> None:
    one = simulated(500, 0.1)
    files = KeptFiles(tmp_path / "kept.h5")
    files.working.mkdir()
    (files.working / "job.json").write_text('{"digest": "other"}')
    (files.working / "features.bin").write_bytes(bytes(500 * 1040))
    found = filter_frames(one.path, files.main)
    assert np.mean((found.judgement.label == 1) == one.usable) >= 0.99


@pytest.mark.usefixtures("hurried")
def test_frames_full_of_the_mask_value_are_listed_and_the_others_judged(
    simulated: Make, tmp_path: Path
) -> None:
    one = simulated(500, 0.0)
    with h5py.File(one.path) as file:
        frames = file["entry/data/data"][:200]
    frames[[7, 30]] = 65535
    result = filter_frames(write_frames(tmp_path / "a.h5", frames), tmp_path / "kept.ecsv")
    table = read_table(tmp_path / "kept.ecsv")
    assert np.flatnonzero(table["usable"] == 0).tolist() == [7, 30]
    assert set(table["reason"][[7, 30]]) == {"unreadable or all masked"}
    assert result.record["reasons"]["unreadable or all masked"] == 2


def test_damaged_frames_are_unusable_and_the_report_says_why(
    simulated: Make, tmp_path: Path
) -> None:
    one = simulated(500, 0.0)
    path = tmp_path / "a.h5"
    with h5py.File(one.path) as source, h5py.File(path, "w") as file:
        frames = source["entry/data/data"][:100]
        file.create_dataset("frames", data=frames, chunks=(1, 64, 64), compression="gzip")
        place = file["frames"].id.get_chunk_info(42).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 200] = bytes(200)
    path.write_bytes(content)
    result = filter_frames(path, tmp_path / "kept.csv")
    assert np.flatnonzero(result.judgement.label != 1).tolist() == [42]
    assert "cannot read frames" in result.files.report.read_text()


@pytest.mark.usefixtures("hurried")
def test_when_all_frames_are_empty_it_is_said(tmp_path: Path) -> None:
    frames = np.zeros((30, 64, 64), np.uint16)
    with pytest.warns(EquiclustWarning, match="are empty"):
        result = filter_frames(write_frames(tmp_path / "a.h5", frames), tmp_path / "kept.csv")
    assert result.record["n_unusable"] == 0


def test_series_are_measured_alike_from_any_start(simulated: Make) -> None:
    one = simulated(500, 0.1)
    series = open_frames(one.path).series
    found = [m.features.values for m in measure_series(series, one.measure, start=123)]
    np.testing.assert_array_equal(np.concatenate(found), one.features.values[123:])


def test_nothing_of_the_user_is_written_over(simulated: Make, tmp_path: Path) -> None:
    one = simulated(500, 0.1)
    content = one.path.read_bytes()
    with pytest.raises(OutputError, match="there already"):
        filter_frames(one.path, one.path)
    assert one.path.read_bytes() == content
    with pytest.raises(InputError, match="output must end in"):
        filter_frames(one.path, tmp_path / "kept.txt")


def test_unusable_inputs_are_one_sentence(simulated: Make, tmp_path: Path) -> None:
    one = simulated(500, 0.1)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(one.path.read_bytes()[:-5000])
    with pytest.raises(UnreadableFileError, match="truncated"):
        filter_frames(cut, tmp_path / "kept.h5")
    with pytest.raises(InputError, match="'/no' is missing"):
        filter_frames(one.path, tmp_path / "kept.h5", dataset="/no")
    with pytest.raises(InputError, match=r"reference '900' must be below 500"):
        filter_frames(one.path, tmp_path / "kept.h5", reference=900)
    with pytest.raises(InputError, match="must be a frame of the inputs"):
        filter_frames(one.path, tmp_path / "kept.h5", reference="other.h5:3")
    for wrong in (-5.0, 0.0, np.inf):
        with pytest.raises(InputError, match="saturation must be"):
            filter_frames(one.path, tmp_path / "kept.h5", saturation=wrong)
    with pytest.raises(InputError, match="mask_value must be finite, got inf"):
        filter_frames(one.path, tmp_path / "kept.h5", mask_value=np.inf)
    labels = tmp_path / "labels.csv"
    labels.write_text("index,usable\n3,perhaps\n")
    with pytest.raises(InputError, match="usable or unusable"):
        filter_frames(one.path, tmp_path / "kept.h5", labels=labels)
    labels.write_text("number,usable\n3,1\n")
    with pytest.raises(InputError, match="column 'index'"):
        filter_frames(one.path, tmp_path / "kept.h5", labels=labels)
    assert not (tmp_path / "kept.h5").exists()
