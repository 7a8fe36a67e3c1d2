"""A folder that comes from elsewhere has nothing moved that is not in it."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from equiclust.exceptions import InputError
from equiclust.io.moving_journal import is_plain, read_journal
from equiclust.io.staging import recover

MINE = "what somebody else wrote"
DIGEST = hashlib.sha256(MINE.encode()).hexdigest()


def unfinished(home: Path, **journal: Any) -> Path:
    """What a process leaves that was killed after it had moved `file` away."""
    room = home / ".partial-abcdefgh"
    for name in ("new", "old"):
        (room / name).mkdir(parents=True)
    (room / ".equiclust-unfinished").touch()
    (room / "new" / "later").write_text("new")
    (room / "old" / "file").write_text("old")
    content = {"folder": ".", "parts": {"file": DIGEST, "later": "0" * 64}} | journal
    (room / ".equiclust-moving.json").write_text(json.dumps(content))
    return room


def everything(folder: Path) -> dict[str, str]:
    """Paths and contents, without following links."""
    found = {}
    for path in folder.rglob("*"):
        is_file = path.is_file() and not path.is_symlink()
        found[str(path.relative_to(folder))] = path.read_text() if is_file else ""
    return found


def stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """What the log says when nothing is touched."""
    before = everything(tmp_path)
    with caplog.at_level(logging.WARNING):
        recover(tmp_path / "run")
    assert everything(tmp_path) == before
    return caplog.text


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / "run").mkdir()
    (folder / "file").write_text(MINE)
    return folder


@pytest.mark.parametrize("folder", [".", "near"])
def test_what_a_killed_process_moved_away_is_put_back(tmp_path: Path, folder: str) -> None:
    unfinished(tmp_path, folder=folder)
    (tmp_path / folder).mkdir(exist_ok=True)
    recover(tmp_path)
    assert (tmp_path / folder / "file").read_text() == "old"
    assert not list(tmp_path.glob(".partial-*"))


def test_a_folder_under_another_name_is_recovered_too(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    unfinished(tmp_path / "there")
    recover(tmp_path / "link")
    assert everything(tmp_path / "there") == {"file": "old"}


def test_a_folder_that_is_a_link_is_left_alone(
    tmp_path: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run" / "lnk").symlink_to("../elsewhere")
    room = unfinished(tmp_path / "run", folder="lnk")
    (room / "old" / "evil.desktop").write_text("evil")
    assert "symbolic link" in stays(tmp_path, caplog)


@pytest.mark.parametrize("link", ["sub", ".partial-abcdefgh/new/sub", ".partial-abcdefgh/old"])
def test_links_on_the_way_are_not_followed(
    tmp_path: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture, link: str
) -> None:
    room = unfinished(tmp_path / "run", parts={"sub/file": DIGEST, "later": "0" * 64})
    (room / "old" / "file").unlink()
    if link.endswith("old"):
        (room / "old").rmdir()
    else:
        (room / "old" / "sub").mkdir()
        (room / "old" / "sub" / "evil").write_text("evil")
    if link != "sub":
        (tmp_path / "run" / "sub").mkdir()
        (tmp_path / "run" / "sub" / "file").write_text(MINE)
    (tmp_path / "run" / link).symlink_to(elsewhere)
    assert "symbolic link" in stays(tmp_path, caplog)


def test_nothing_is_put_back_through_a_link_that_no_part_names(
    tmp_path: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    room = unfinished(tmp_path / "run")
    (room / "old" / "sub").mkdir()
    (room / "old" / "sub" / "evil").write_text("evil")
    (tmp_path / "run" / "sub").symlink_to(elsewhere)
    assert "symbolic link" in stays(tmp_path, caplog)


@pytest.mark.parametrize(
    "journal",
    [
        {"folder": ".."},
        {"folder": "../elsewhere"},
        {"folder": "sub/deep"},
        {"folder": "/tmp"},
        {"folder": ""},
        {"folder": 3},
        {"folder": "a\0b"},
        {"parts": {"../elsewhere/file": DIGEST, "later": ""}},
        {"parts": {"/etc/passwd": DIGEST, "later": ""}},
        {"parts": {"a\0b": DIGEST, "later": ""}},
        {"parts": {"": DIGEST, "later": ""}},
        {"parts": ["file", "later"]},
        {"parts": "later"},
    ],
)
def test_names_outside_of_the_folder_are_refused(
    tmp_path: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture, journal: dict[str, Any]
) -> None:
    room = unfinished(tmp_path / "run", **journal)
    assert str(room) in stays(tmp_path, caplog)
    with pytest.raises(InputError, match=r"equiclust-moving\.json.*remove it"):
        read_journal(room / ".equiclust-moving.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["file", ".partial-abcdefgh/.equiclust-moving.json"])
def test_a_named_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    unfinished(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    work = threading.Thread(target=recover, args=(tmp_path,), daemon=True)
    work.start()
    work.join(10)
    assert not work.is_alive()
    assert (tmp_path / ".partial-abcdefgh" / "old" / "file").read_text() == "old"


def test_folders_nested_without_end_are_left_alone(tmp_path: Path) -> None:
    deep = unfinished(tmp_path) / "old"
    for _ in range(1200):
        deep /= "d"
        deep.mkdir()
    try:
        recover(tmp_path)
        assert (tmp_path / ".partial-abcdefgh" / "old" / "file").read_text() == "old"
        assert deep.is_dir()
    finally:
        # Whoever clears up later could not go that deep either.
        while deep.name == "d":
            deep.rmdir()
            deep = deep.parent


def test_plain_names_stay_in_their_folder() -> None:
    assert all(map(is_plain, ("a", "a/b", ".hidden", "a..b")))
    assert not any(map(is_plain, ("", ".", "..", "a/../b", "/a", "a\0")))
