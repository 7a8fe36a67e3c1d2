"""Folders as they are: duplicates, links, our own outputs, names of any bytes, many files."""

from __future__ import annotations

import logging
import os
import socket
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image as Picture

from data_adapters import read
from data_adapters.discovery import discover
from data_adapters.reading import _with_unique_ids
from equiclust.exceptions import InputError
from equiclust.images import Image
from equiclust.io.atomic import write_json
from equiclust.segmentation.label_maps import _primary
from tests.data_adapters.test_reading import put


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, logger="data_adapters")
    return caplog


def test_a_file_is_used_once_under_whatever_name_and_it_is_said(
    tmp_path: Path, warned: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "a.fits")
    (tmp_path / "b.fits").symlink_to("a.fits")
    (tmp_path / "c.fits").hardlink_to(tmp_path / "a.fits")
    put(tmp_path / "d.fits")
    again = tmp_path / "deep" / ".." / "d.fits"
    (tmp_path / "deep").mkdir()
    assert read([tmp_path, tmp_path / "d.fits", again]).images.ids == ("a", "d")
    (line,) = warned.messages
    assert line.startswith("inputs that are named before, under this or another name,")
    assert line.endswith("(4 in all)")
    assert "b.fits" in line
    assert "c.fits" in line


def test_equal_content_in_two_files_is_two_images(tmp_path: Path) -> None:
    put(tmp_path / "a.fits")
    put(tmp_path / "b.fits")
    assert read(tmp_path).images.ids == ("a", "b")


def test_parts_of_one_file_are_no_duplicates(tmp_path: Path) -> None:
    planes = [fits.PrimaryHDU(np.eye(3)), fits.ImageHDU(np.eye(3), name="B")]
    fits.HDUList(planes).writeto(tmp_path / "x.fits")
    named = [f"{tmp_path}/x.fits", f"{tmp_path}/x.fits[B]", f"{tmp_path}/x.fits[B]"]
    assert read(named).images.ids == ("x", "x[B]")


def test_links_in_a_circle_are_walked_once(
    tmp_path: Path, warned: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "in" / "a.fits")
    put(tmp_path / "far" / "b.fits")
    (tmp_path / "in" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "far").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self").symlink_to("self")
    assert read(tmp_path / "in").images.ids == ("a", "b")
    (line,) = [line for line in warned.messages if line.startswith("passed over links")]
    assert line.count(str(tmp_path)) == 1 + 2


def test_what_is_no_regular_file_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.fits")
    os.mkfifo(tmp_path / "pipe.fits")
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "null.tif").symlink_to("/dev/null")
    # Addresses of sockets are short.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.npy")
        result = read([tmp_path, tmp_path / "pipe.fits"])
    assert result.images.ids == ("a",)
    assert stat.S_ISFIFO((tmp_path / "pipe.fits").stat().st_mode)
    assert {Path(path).name: reason for path, reason in result.rejected} == {
        "gone.png": "it is a link to a file that does not exist",
        "null.tif": "it is not a regular file",
        "pipe.fits": "it is not a regular file",
        "s.npy": "it is not a regular file",
    }


def segmentation(folder: Path, name: str) -> None:
    """Some outputs of a segmentation, as `equiclust segment` names them."""
    header = fits.Header([("OBJECT", "M 42")] * 40)
    header["CREATOR"] = "equiclust 1.0"
    fits.writeto(folder / f"{name}.fits", np.eye(4, dtype=np.int16), header)
    Picture.fromarray(np.eye(4, dtype=np.uint8)).save(folder / f"{name}.png")
    (folder / f"{name}.fits.partial").mkdir()
    np.savez(folder / f"{name}.fits.partial" / "moments.npz", np.eye(4))


def run_folder(path: Path) -> None:
    path.mkdir()
    write_json(path / "config.json", {"equiclust": "1.0", "config": {}})
    np.savez(path / "previews.npz", images=np.ones((3, 4, 4)))
    fits.writeto(path / "latents.fits", np.eye(4))


def test_a_label_map_is_known_by_a_card_that_segment_writes() -> None:
    assert 'header["CREATOR"] = f"equiclust' in Path(_primary.__code__.co_filename).read_text()


@pytest.mark.parametrize("named", ["", "*", "**", "**/*"])
def test_outputs_of_equiclust_are_passed_over_and_it_is_said(
    tmp_path: Path, named: str, warned: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "m42.fits")
    Picture.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / "m42.png")
    segmentation(tmp_path, "k")
    run_folder(tmp_path / "sorted")
    result = read(os.path.join(tmp_path, named) if named else tmp_path)
    assert {Path(str(image.path)).name for image in result.images} == {"m42.fits", "m42.png"}
    assert result.rejected == ()
    (line,) = [line for line in warned.messages if "outputs of equiclust" in line]
    assert line.startswith("passed over outputs of equiclust")
    assert line.endswith("(4 in all)")


def test_a_label_map_is_refused_by_its_name(tmp_path: Path) -> None:
    segmentation(tmp_path, "k")
    result = read([tmp_path / "k.fits", tmp_path / "k.png"])
    assert [reason for _, reason in result.rejected] == [
        "it is a label map of equiclust, or a picture of one"
    ] * 2


def test_a_folder_of_a_run_is_no_folder_of_images(tmp_path: Path) -> None:
    run_folder(tmp_path / "sorted")
    with pytest.raises(InputError, match=r"sorted' is one that equiclust wrote"):
        read(tmp_path / "sorted")


def test_a_part_of_a_label_map_may_be_asked_for(tmp_path: Path) -> None:
    segmentation(tmp_path, "k")
    assert len(read(f"{tmp_path}/k.fits[0]").images) == 1


def test_names_of_any_bytes_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "x.fits")
    names = [b"M\xfcller", b"M\xf6ller", b"a\nb", b"a\rb", b"c\x1b[31m", b"long" * 60, "ü".encode()]
    for name in names:
        with open(os.fsencode(tmp_path) + b"/" + name + b".fits", "wb") as file:
            file.write((tmp_path / "x.fits").read_bytes())
    with open(os.fsencode(tmp_path) + b"/bad\xff.fits", "wb") as file:
        file.write(b"no FITS")
    result = read(tmp_path)
    assert len(set(result.images.ids)) == len(names) + 1
    for image in result.images:
        assert (image.id + str(image.path)).isprintable()
    assert sum("M\ufffdller" in id for id in result.images.ids) == 2
    assert result.rejected[0].path.endswith("bad\ufffd.fits")


@pytest.mark.parametrize("name", ["a\0b.fits", "a" * 300, "x/" * 3000])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"does not exist|null character"):
        read(name)


def test_thousands_of_equal_names_take_no_more_time() -> None:
    frame = np.zeros((1, 2, 2), np.float32)
    mask = np.zeros((2, 2), bool)
    images = [Image(frame, mask, "x", path="/d/x.fits") for _ in range(4000)]
    start = time.process_time()
    ids = [image.id for image in _with_unique_ids(images)]
    assert time.process_time() - start < 2
    assert ids[:3] == ["d/x", "d/x-2", "d/x-3"]
    assert len(set(ids)) == 4000


def test_files_are_found_without_a_word_for_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(300):
        (tmp_path / f"{number:03d}.npy").touch()
        (tmp_path / f"{number:03d}.txt").touch()
    with caplog.at_level(logging.INFO):
        found = discover([tmp_path], (".npy",))
    assert [item.path.name for item in found] == [f"{number:03d}.npy" for number in range(300)]
    [line] = caplog.messages
    first = f"passed over files in {tmp_path} that are no images: {tmp_path}/000.txt"
    assert line.startswith(first)
    assert line.endswith("(300 in all)")


def test_a_list_names_one_input_a_line(tmp_path: Path) -> None:
    for name in ("a.npy", "b c.npy", "in/d.npy", "in/e.npy"):
        put(tmp_path / name)
    lines = ["b c.npy", "", "in", "gone.npy", f"{tmp_path}/a.npy", "b c.npy", "*.npz"]
    (tmp_path / "list.txt").write_text("\r\n".join(lines))
    found = discover([f"@{tmp_path}/list.txt"], (".npy",))
    names = [item.path.relative_to(tmp_path).as_posix() for item in found]
    assert names == ["b c.npy", "in/d.npy", "in/e.npy", "gone.npy", "a.npy", "*.npz"]
    assert [item.reason for item in found if item.reason] == [
        f"listed in list.txt: input '{tmp_path}/gone.npy' does not exist",
        f"listed in list.txt: input '{tmp_path}/*.npz' matches no file",
    ]


def test_a_file_whose_name_begins_like_a_list_is_a_file(tmp_path: Path) -> None:
    put(tmp_path / "@x.npy")
    assert read(f"{tmp_path}/@x.npy").images.ids == ("@x",)


@pytest.mark.parametrize("named", ["", "*.npy"])
def test_the_time_grows_with_the_number_of_files(tmp_path: Path, named: str) -> None:
    def seconds(n: int) -> float:
        folder = tmp_path / str(n)
        folder.mkdir()
        for number in range(n):
            (folder / f"{number:05d}.npy").touch()
        start = time.process_time()
        assert len(discover([folder / named], (".npy",))) == n
        return time.process_time() - start

    few = min(seconds(500), seconds(501))
    assert seconds(5000) < 30 * max(few, 0.02)


def test_unfinished_catalogues_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "a.npy")
    for suffix in (".fits", ".parquet", ".ecsv"):
        put(tmp_path / f"k{suffix}.partial" / "x.npy")
    assert read(tmp_path).images.ids == ("a",)
