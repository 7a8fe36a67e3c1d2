"""Sequences of CBF, EDF, TIFF and FITS files, and series of any stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from data_adapters.frames import FrameSeries, open_frames
from equiclust.exceptions import InputError, UnreadableFileError

fabio = pytest.importorskip("fabio")

FRAMES = np.random.default_rng(0).integers(0, 900, (3, 20, 24)).astype(np.int32)


def write_all(folder: Path, kind: str, frames: Any = FRAMES) -> None:
    folder.mkdir(exist_ok=True)
    for number, frame in enumerate(frames):
        path = folder / f"frame_{number:03d}.{kind}"
        if kind == "fits":
            fits.writeto(path, frame)
        else:
            {"cbf": fabio.cbfimage.cbfimage, "edf": fabio.edfimage.edfimage}.get(
                kind, fabio.tifimage.tifimage
            )(data=frame).write(str(path))


def read(series: FrameSeries) -> Any:
    pieces = list(series.pieces(0, 2))
    return np.concatenate([piece.stack.read(piece.start, piece.stop) for piece in pieces])


@pytest.mark.parametrize("kind", ["cbf", "edf", "tif", "fits"])
def test_files_of_a_folder_are_frames_in_the_order_of_their_names(
    tmp_path: Path, kind: str
) -> None:
    write_all(tmp_path / "scan", kind)
    np.testing.assert_array_equal(read(open_frames(tmp_path / "scan").series), FRAMES)


def test_a_fits_cube_and_an_edf_of_several_frames_are_stacks(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "cube.fits", FRAMES)
    series = open_frames(tmp_path / "cube.fits").series
    assert len(series) == 3
    np.testing.assert_array_equal(read(series), FRAMES)
    image = fabio.edfimage.edfimage(data=FRAMES[0])
    for frame in FRAMES[1:]:
        image.append_frame(data=frame)
    image.write(str(tmp_path / "many.edf"))
    np.testing.assert_array_equal(read(open_frames(tmp_path / "many.edf").series), FRAMES)


@pytest.mark.parametrize("name", ["scan.fits", "scan.fits.gz", "scan.fits.fz"])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32])
def test_fits_frames_of_unsigned_counts_are_those_that_were_written(
    tmp_path: Path, name: str, dtype: type
) -> None:
    frames = FRAMES.astype(dtype)
    if name.endswith(".fz"):
        image = fits.CompImageHDU(frames, compression_type="GZIP_2", quantize_level=0.0)
    else:
        image = fits.PrimaryHDU(frames)
    image.writeto(tmp_path / name)
    series = open_frames(tmp_path / name).series
    assert series.stacks[0].dtype == dtype
    np.testing.assert_array_equal(series.stacks[0].read(1, 3), frames[1:])
    assert [frame.shape for _, frame in series.read_frames([0])] == [FRAMES.shape[1:]]


def test_of_many_cbf_files_only_the_first_is_opened_before_they_are_read(tmp_path: Path) -> None:
    write_all(tmp_path / "scan", "cbf")
    (tmp_path / "scan/frame_001.cbf").write_bytes(b"###CBF: nothing\r\n")
    fabio.cbfimage.cbfimage(data=FRAMES[0, 1:]).write(str(tmp_path / "scan/frame_002.cbf"))
    opened = open_frames(tmp_path / "scan")
    assert len(opened.series) == 3
    first, damaged, other = opened.series.stacks
    np.testing.assert_array_equal(first.read(0, 1)[0], FRAMES[0])
    with pytest.raises(UnreadableFileError, match=r"frame_001\.cbf"):
        damaged.read(0, 1)
    with pytest.raises(UnreadableFileError, match="19 x 24 pixels and not 20 x 24"):
        other.read(0, 1)


def test_a_damaged_file_is_rejected_and_the_others_are_read(tmp_path: Path) -> None:
    write_all(tmp_path / "scan", "edf")
    (tmp_path / "scan/frame_001.edf").write_bytes(b"{ nothing")
    opened = open_frames(tmp_path / "scan")
    np.testing.assert_array_equal(read(opened.series), FRAMES[[0, 2]])
    ((path, reason),) = opened.rejected
    assert path.endswith("frame_001.edf")
    assert "cannot read" in reason
    with pytest.raises(UnreadableFileError, match=r"frame_001\.edf"):
        open_frames(tmp_path / "scan/frame_001.edf")


def test_frames_of_another_shape_are_refused(tmp_path: Path) -> None:
    write_all(tmp_path / "scan", "edf")
    fits.writeto(tmp_path / "scan/last.fits", np.zeros((9, 9)))
    with pytest.raises(InputError, match=r"last\.fits' have 9 x 9 pixels .* have 20 x 24"):
        open_frames(tmp_path / "scan")


def test_pieces_cover_every_frame_once_from_any_start_and_agree_with_locate(
    tmp_path: Path,
) -> None:
    fits.writeto(tmp_path / "a.fits", FRAMES)
    fits.writeto(tmp_path / "b.fits", FRAMES[0])
    series = open_frames([tmp_path / "a.fits", tmp_path / "b.fits"]).series
    for start in range(len(series) + 1):
        found = [
            (piece.stack.path.name, index)
            for piece in series.pieces(start, 2)
            for index in range(piece.start, piece.stop)
        ]
        located = [series.locate(index) for index in range(start, len(series))]
        assert found == [(stack.path.name, index) for stack, index in located]


def test_names_that_are_no_frames_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="its name must end in"):
        open_frames(tmp_path / "a.txt")
