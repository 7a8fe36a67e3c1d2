"""Nothing that a stranger puts in the place of a file is waited for, or fills the memory."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from equiclust.exceptions import InputError
from equiclust.io.atomic import read_arrays, read_json
from equiclust.io.previews import read_previews
from equiclust.io.regular_files import open_regular, read_regular
from equiclust.io.training_record import MemberRecord, read_shown_images, read_training

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture(autouse=True)
def _never_waits() -> Iterator[None]:
    """Reading that waits fails instead."""

    def late(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make(path: Path, kind: str) -> Path:
    if kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        # Addresses of sockets are short, paths of tests are not.
        with socket.socket(socket.AF_UNIX) as one:
            before = Path.cwd()
            os.chdir(path.parent)
            one.bind(path.name)
            os.chdir(before)
    return path


KINDS = ("a named pipe", "a folder", "a device", "a socket")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_named_with_its_kind(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "odd.json", kind)
    before = len(os.listdir("/dev/fd"))
    for read in (open_regular, lambda one: read_regular(one, 10), read_json):
        with pytest.raises(InputError, match=rf"odd\.json': it is {kind}, not a regular file"):
            read(path)
    assert len(os.listdir("/dev/fd")) == before


def test_a_file_and_a_link_to_it_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_regular(tmp_path / name, 5) == b"12345"
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"12345"


def test_larger_files_than_asked_for_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    for read in (read_regular, lambda one, most: open_regular(one, most_bytes=most)):
        with pytest.raises(InputError, match=r"file': it holds 5 bytes or more, and at most 4"):
            read(path, 4)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such files here")
def test_a_file_that_does_not_tell_its_size_is_read_up_to_the_limit() -> None:
    path = Path("/proc/self/status")
    assert path.stat().st_size == 0
    assert read_regular(path, 10**5).startswith(b"Name:")
    with pytest.raises(InputError, match="at most 4"):
        read_regular(path, 4)


@pytest.mark.parametrize("name", ["none", "no\0name", "n" * 300])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        open_regular(tmp_path / name)


def test_a_pipe_that_takes_the_place_of_a_file_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, looked = tmp_path / "file", os.stat
    path.touch()

    def look(one: Path) -> os.stat_result:
        found = looked(one)
        path.unlink()
        os.mkfifo(path)
        return found

    with monkeypatch.context() as patch, pytest.raises(InputError, match="a named pipe"):
        patch.setattr(os, "stat", look)
        open_regular(path)


def test_json_larger_than_any_of_ours_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(InputError, match=r"large\.json': it holds 268435457 bytes"):
        read_json(tmp_path / "large.json")


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_of_a_run_is_waited_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=f"it is {kind}"):
        read_arrays(make(tmp_path / "a.safetensors", kind))
    with pytest.raises(InputError, match=f"it is {kind}.*remove it"):
        read_previews(make(tmp_path / "previews.npz", kind))
    folder = tmp_path / "checkpoints" / "member_00"
    (folder / "snapshots").mkdir(parents=True)
    for name in ("plan.json", "epochs.jsonl", "snapshots/images.npz"):
        make(folder / name, kind)
    assert read_training(tmp_path).members[0].epochs == []
    assert len(read_shown_images(MemberRecord(0, folder)).images) == 0


def test_previews_larger_than_any_of_ours_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "previews.npz").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(InputError, match="at most 1073741824 are read"):
        read_previews(tmp_path / "previews.npz")


def test_limits_leave_ordinary_files_alone(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"text": "x" * 2**21}))
    assert len(read_json(tmp_path / "x.json")["text"]) == 2**21
