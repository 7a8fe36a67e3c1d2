"""Locks: one process at a time, nothing left behind, nothing held by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from equiclust.exceptions import OutputError
from equiclust.io.locks import exclusive

HOLD = """
import sys, time
from equiclust.io.locks import exclusive
with exclusive(sys.argv[1], inside=sys.argv[2] == "inside"):
    print("held", flush=True)
    time.sleep(600)
"""

COUNT = """
import sys
from pathlib import Path
from typing import Any
from equiclust.exceptions import OutputError
from equiclust.io.locks import exclusive
target, counter = sys.argv[1:]
done = 0
while done < 30:
    try:
        with exclusive(target):
            Path(counter).write_text(str(int(Path(counter).read_text()) + 1))
    except OutputError as error:
        assert "another process" in str(error), error
    else:
        done += 1
"""


@contextmanager
def held(path: Path, where: str = "beside") -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-c", HOLD, str(path), where]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_second_process_is_refused_and_removes_nothing(tmp_path: Path, where: str) -> None:
    target = tmp_path / "out"
    with held(target, where):
        before = sorted(tmp_path.rglob("*"))
        with (
            pytest.raises(OutputError, match="out': another process is writing"),
            exclusive(target, inside=where == "inside"),
        ):
            pass
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, where: str) -> None:
    target = tmp_path / "out"
    with held(target, where) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with exclusive(target, inside=where == "inside"):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == (["out"] if where == "inside" else [])


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with exclusive(tmp_path / "new" / "folder" / "out.fits"):
        assert (tmp_path / "new" / "folder").is_dir()
    with exclusive(tmp_path / "new" / "run", inside=True):
        assert (tmp_path / "new" / "run").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_were_filled_stay(tmp_path: Path) -> None:
    with exclusive(tmp_path / "new" / "out.txt"):
        (tmp_path / "new" / "out.txt").write_text("result")
    assert (tmp_path / "new" / "out.txt").read_text() == "result"


def test_the_block_may_fail_and_the_lock_is_free(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "out"):
        raise ZeroDivisionError
    with exclusive(tmp_path / "out"):
        pass


def refused_elsewhere(path: Path) -> bool:
    """Whether another thread is refused."""

    def attempt() -> bool:
        try:
            with exclusive(path):
                return False
        except OutputError as error:
            return "another process" in str(error)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(attempt).result()


def test_one_output_under_two_names_has_one_lock(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    with exclusive(tmp_path / "there" / "out.fits"):
        assert refused_elsewhere(tmp_path / "link" / ".." / "there" / "out.fits")


def test_whoever_holds_an_output_may_ask_again_and_holds_it_to_the_end(tmp_path: Path) -> None:
    with exclusive(tmp_path / "out"):
        with exclusive(tmp_path / "out"):
            assert refused_elsewhere(tmp_path / "out")
        assert refused_elsewhere(tmp_path / "out")
    assert not refused_elsewhere(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_two_outputs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a"), exclusive(tmp_path / "b"):
        assert {path.name for path in tmp_path.iterdir()} == {".a.lock", ".b.lock"}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write to"), exclusive(tmp_path / "out"):
        pass


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot write to"), exclusive(tmp_path / "file" / "out"):
        pass
    with pytest.raises(OutputError, match="cannot write to"):  # noqa: SIM117
        with exclusive(tmp_path / "file", inside=True):
            pass
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("to", ["there", "missing"])
def test_a_link_in_the_place_of_the_lock_file_is_not_followed(tmp_path: Path, to: str) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / ".out.lock").symlink_to(to)
    for _ in range(2):
        with (
            pytest.raises(OutputError, match=r"\.out\.lock' is a symbolic link; remove the link"),
            exclusive(tmp_path / "out"),
        ):
            pass
    assert (tmp_path / "there").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.lock", "there"]


def test_a_link_that_comes_between_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def late(path: Path, *arguments: Any) -> int:
        if Path(path).name == ".out.lock" and not Path(path).is_symlink():
            Path(path).symlink_to(tmp_path / "missing")
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(OutputError, match="is a symbolic link"), exclusive(tmp_path / "out"):
        pass
    assert not (tmp_path / "missing").exists()


def test_never_two_at_once(tmp_path: Path) -> None:
    """Processes that come and go as fast as they can, so that lock files vanish under others."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    words = [sys.executable, "-c", COUNT, str(tmp_path / "out"), str(counter)]
    running = [subprocess.Popen(words) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert counter.read_text() == "90"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]


def test_a_lock_file_that_its_last_holder_removed_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(FileLock):
        vanished = False

        def acquire(self, *args: Any, **settings: Any) -> Any:
            if not Overtaken.vanished:
                Overtaken.vanished = True
                held = super().acquire(*args, **settings)
                Path(self.lock_file).unlink()
                return held
            return super().acquire(*args, **settings)

    monkeypatch.setattr("equiclust.io.locks.FileLock", Overtaken)
    with exclusive(tmp_path / "out"):
        assert Overtaken.vanished
        assert refused_elsewhere(tmp_path / "out")
